//! Save points in a test: a stage that is killed, and one that goes on.

use super::capture::Collected;
use super::harness::{Harness, process};
use super::reading::Reading;
use crate::error::Result;
use crate::mode::Mode;
use serde_json::Value;

/// A stage at a save point.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// What it had emitted.
    pub collected: Collected,
    /// What it answered to `snapshot`.
    pub state: Option<Vec<u8>>,
}

impl Harness {
    /// The run never ends by itself, and can be resumed.
    #[must_use]
    pub fn live(mut self) -> Harness {
        self.services.mode = Mode::Live;
        self
    }

    /// The run can be resumed.
    #[must_use]
    pub fn durable(mut self) -> Harness {
        self.services.mode = Mode::Durable;
        self
    }

    /// The run is resumed: every stage that is opened is given this state back.
    #[must_use]
    pub fn restored(mut self, state: &[u8]) -> Harness {
        self.state = Some(state.to_vec());
        self
    }

    /// As [`restored`](Harness::restored) with what was saved, where there is something.
    #[must_use]
    pub fn resumed(self, saved: &Saved) -> Harness {
        match &saved.state {
            Some(state) => self.restored(state),
            None => self,
        }
    }

    /// Runs a transform, a splitter or a sink over `records`, makes a save point, goes on over `lost`, and is gone as a
    /// process that is killed: nothing is finished, aborted, closed or dropped. What `lost` made is not in the answer.
    pub fn saved(
        &self,
        records: impl IntoIterator<Item = Value>,
        lost: impl IntoIterator<Item = Value>,
    ) -> Result<Saved> {
        let records: Vec<Value> = records.into_iter().collect();
        let lost: Vec<Value> = lost.into_iter().collect();
        let (mut stage, mut capture, schema) = self.open(&[&records[..], &lost[..]].concat())?;
        let rows = self.batch_rows.min(records.len().max(1));
        for (number, chunk) in records.chunks(rows).enumerate() {
            process(&mut stage, &mut capture, &schema, chunk, number * rows)?;
        }
        let state = stage.snapshot()?;
        let collected = capture.snapshot()?;
        if !lost.is_empty() {
            process(&mut stage, &mut capture, &schema, &lost, records.len())?;
        }
        // A process that is killed runs no destructor.
        std::mem::forget(stage);
        Ok(Saved { collected, state })
    }
}

impl Reading {
    /// Makes a save point: what the source emitted so far, and its state.
    pub fn saved(&mut self) -> Result<Saved> {
        Ok(Saved { state: self.stage.snapshot()?, collected: self.capture.snapshot()? })
    }
}
