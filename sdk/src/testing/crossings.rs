//! How long a stage takes for a batch, and what of it is the boundary's.
#![allow(unsafe_code, reason = "lends batches as a host does")]

use super::rows;
use crate::builder::ColumnBuilder;
use crate::error::Result;
use crate::proxy::{AlertsIn, Answer, Downstream, ErrorsIn, Incoming, PatchIn, Plugin, ServicesHandle, Stage};
use crate::schema::Schema;
use crate::shim::array;
use campanile_abi::ArrowArray;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An opened transform and a batch, handed to it as often as one likes.
#[derive(Debug)]
pub struct Crossings {
    stage: Stage,
    batch: ArrowArray,
    positions: Vec<u64>,
    counted: Counted,
}

/// What came out, without being kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Records.
    pub records: u64,
    /// Alerts.
    pub alerts: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// New columns: 0 where records were only selected.
    pub columns_copied: u64,
}

impl Crossings {
    /// Opens a transform, linked in or from a library, for a batch of these columns.
    pub fn new(plugin: &Plugin, properties: &Value, schema: &Schema, columns: Vec<ColumnBuilder>) -> Result<Crossings> {
        let rows = columns.first().map_or(0, ColumnBuilder::len);
        let mut stage = plugin.create(properties)?;
        let mut counted = Counted::default();
        let services = ServicesHandle::new(Arc::new(super::test_services::TestServices::default()));
        stage.open(std::slice::from_ref(schema), services, &mut counted)?;
        let batch = array::export(columns, rows);
        Ok(Crossings { stage, batch, positions: (0..rows as u64).collect(), counted: Counted::default() })
    }

    /// Hands the batch over `times` times.
    pub fn run(&mut self, times: usize) -> Result<Duration> {
        let begun = Instant::now();
        for _ in 0..times {
            let lent = rows::lend(&self.batch, &self.positions);
            // SAFETY: the array was made by the schema that `open` was told, and is lent for the call.
            unsafe { self.stage.process(&lent, &mut self.counted)? };
        }
        Ok(begun.elapsed())
    }

    /// What has come out so far.
    pub fn counted(&self) -> Counted {
        self.counted
    }
}

impl Drop for Crossings {
    fn drop(&mut self) {
        array::discard(&mut self.batch);
    }
}

impl Downstream for Counted {
    fn alerts_wanted(&self) -> bool {
        true
    }

    fn selection(&mut self, _: u32, _: Option<&[u32]>, n: usize) -> Answer {
        self.records += n as u64;
        Answer::Go
    }

    fn patch(&mut self, _: u32, patch: PatchIn<'_>) -> Answer {
        self.records += patch.n as u64;
        self.columns_copied += patch.columns.iter().filter(|column| **column < 0).count() as u64;
        Answer::Go
    }

    fn batch(&mut self, _: u32, array: Incoming, _: Option<&[u32]>, _: Option<&[u64]>) -> Answer {
        self.records += array.0.length as u64;
        self.columns_copied += array.0.n_children as u64;
        Answer::Go
    }

    fn errors(&mut self, _: ErrorsIn<'_>) -> Answer {
        Answer::Go
    }

    fn alerts(&mut self, alerts: AlertsIn<'_>) -> Answer {
        self.alerts += alerts.n as u64;
        if let Some(payloads) = alerts.payloads {
            let pairs = (0..alerts.n).map(|alert| payloads.pairs(alert));
            self.payload_bytes += pairs.map(|pairs| payloads.bytes(pairs) as u64).sum::<u64>();
        }
        Answer::Go
    }

    fn broken(&mut self, _: String) {}
}
