//! A stage without a host.
#![allow(unsafe_code, reason = "lends batches as a host does")]

use super::capture::{Capture, Collected};
use super::rows;
use super::test_log::TestLog;
use super::test_services::{TestDelivery, TestServices};
use crate::alert::Outcome;
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::kind::Kind;
use crate::proxy::{AlertOut, ErrorsOut, InMemoryMessaging, OutputPort, Plugin, ServicesHandle, Stage};
use crate::schema::Schema;
use crate::shim::array;
use crate::shim::kinds::Exported;
use crate::source::{Read, Split};
use serde_json::Value;
use std::sync::Arc;

/// A plugin with its properties, ready to be run in a test.
#[derive(Clone, Debug)]
pub struct Harness {
    plugin: Plugin,
    properties: Value,
    pub(super) input: Option<Schema>,
    pub(super) batch_rows: usize,
    wanted: bool,
    stop_after: Option<usize>,
    /// What every stage that is opened is given back.
    pub(super) state: Option<Vec<u8>>,
    pub(super) services: TestServices,
}

/// An alert for a publisher's test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestAlert {
    /// The stage that emitted it.
    pub stage: String,
    /// The payload.
    pub payload: Vec<(String, String)>,
}

impl TestAlert {
    /// An alert of the stage `stage`.
    pub fn new(stage: &str, payload: &[(&str, &str)]) -> TestAlert {
        let payload = payload.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        TestAlert { stage: stage.to_owned(), payload }
    }
}

impl Harness {
    /// An exported stage with these properties.
    pub(super) fn of<E: Exported>(properties: Value) -> Harness {
        let plugin = Plugin::linked::<E>().expect("a stage has the table of its kind");
        Harness {
            plugin,
            properties,
            input: None,
            batch_rows: usize::MAX,
            wanted: true,
            stop_after: None,
            state: None,
            services: TestServices::default(),
        }
    }

    /// What it does.
    pub fn kind(&self) -> Kind {
        self.plugin.kind()
    }

    /// The schema of the records; inferred from them where nothing is said.
    #[must_use]
    pub fn input(mut self, schema: Schema) -> Harness {
        self.input = Some(schema);
        self
    }

    /// How many records go into one batch; all where nothing is said.
    #[must_use]
    pub fn batch_rows(mut self, rows: usize) -> Harness {
        self.batch_rows = rows.max(1);
        self
    }

    /// Nobody takes the alerts.
    #[must_use]
    pub fn without_publisher(mut self) -> Harness {
        self.wanted = false;
        self
    }

    /// After so many calls of the emitter nothing more is wanted.
    #[must_use]
    pub fn stop_after(mut self, calls: usize) -> Harness {
        self.stop_after = Some(calls);
        self
    }

    /// There is a secret with this name.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Harness {
        self.services.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// There is messaging, which the test shares. The pipeline's namespace is `default`.
    #[must_use]
    pub fn messaging(mut self, messaging: &Arc<InMemoryMessaging>) -> Harness {
        self.services.messaging = Some(Arc::clone(messaging));
        self
    }

    /// What the plugin logs and counts is kept there.
    #[must_use]
    pub fn log(mut self, log: &TestLog) -> Harness {
        self.services.log = log.clone();
        self
    }

    /// The alerts of each call of [`publish`](Harness::publish) are numbered for this producer, from `first` on.
    #[must_use]
    pub fn producer(mut self, producer: &str, first: u64) -> Harness {
        self.services.delivery = Some(TestDelivery { producer: producer.to_owned(), first });
        self
    }

    /// Configures, as a validator does.
    pub fn configure(&self) -> Result<(Vec<OutputPort>, Vec<Finding>)> {
        let inputs: Vec<Schema> = self.input.iter().cloned().collect();
        self.plugin.create(&self.properties)?.configure(&inputs)
    }

    pub(super) fn open(&self, records: &[Value]) -> Result<(Stage, Capture, Schema)> {
        let schema = self.input.clone().unwrap_or_else(|| rows::infer(records));
        let mut stage = self.plugin.create(&self.properties)?;
        let mut capture = Capture {
            collected: Collected::default(),
            wanted: self.wanted,
            input: Vec::new(),
            input_schema: schema.clone(),
            stop_after: self.stop_after,
            broken: None,
        };
        let inputs = if self.plugin.kind() == Kind::Source || self.plugin.kind() == Kind::AlertPublisher {
            Vec::new()
        } else {
            vec![schema.clone()]
        };
        let (outputs, findings) =
            stage.open(&inputs, ServicesHandle::new(Arc::new(self.services.clone())), &mut capture)?;
        if findings.iter().any(Finding::is_error) {
            return Err(Error::findings(findings));
        }
        capture.set_ports(&outputs);
        if let Some(state) = &self.state {
            stage.restore(state)?;
        }
        Ok((stage, capture, schema))
    }

    /// Runs a transform, a splitter or a sink over these records, to the end: `finish`, and for a sink `prepare` and
    /// `commit`, then `close`.
    pub fn run(&self, records: impl IntoIterator<Item = Value>) -> Result<Collected> {
        let records: Vec<Value> = records.into_iter().collect();
        let (mut stage, mut capture, schema) = self.open(&records)?;
        let mut go_on = true;
        for (number, chunk) in records.chunks(self.batch_rows.min(records.len().max(1))).enumerate() {
            let first = number * self.batch_rows.min(records.len());
            go_on = go_on && process(&mut stage, &mut capture, &schema, chunk, first)?;
        }
        self.finish(stage, capture)
    }

    fn finish(&self, mut stage: Stage, mut capture: Capture) -> Result<Collected> {
        stage.finish(&mut capture)?;
        if self.plugin.kind() == Kind::Sink {
            stage.prepare()?;
            stage.commit()?;
        }
        Harness::end(stage, capture)
    }

    /// Runs a transform, a splitter or a sink over batches of arrow-rs, each of which is lent as it is. Their schema is the
    /// input's, where `input` said nothing.
    #[cfg(feature = "arrow")]
    pub fn run_record_batches(&self, batches: impl IntoIterator<Item = arrow_array::RecordBatch>) -> Result<Collected> {
        let batches: Vec<_> = batches.into_iter().collect();
        let mut harness = self.clone();
        if let (None, Some(batch)) = (&self.input, batches.first()) {
            harness.input = Some(crate::arrow::from_arrow_schema(batch.schema_ref())?);
        }
        let (mut stage, mut capture, schema) = harness.open(&[])?;
        let (mut go_on, mut first) = (true, 0);
        for batch in batches {
            crate::arrow::check(&schema, &batch)?;
            let rows = batch.num_rows();
            let exported = crate::shim::arrow::export_batch(batch);
            go_on = go_on && lend(&mut stage, &mut capture, &schema, exported, first)?;
            first += rows;
        }
        self.finish(stage, capture)
    }

    /// Runs an error transform over records with a code and a message each.
    pub fn run_errors(&self, errors: impl IntoIterator<Item = (Value, i32, &'static str)>) -> Result<Collected> {
        let errors: Vec<(Value, i32, &str)> = errors.into_iter().collect();
        let records: Vec<Value> = errors.iter().map(|(record, ..)| record.clone()).collect();
        let (mut stage, mut capture, schema) = self.open(&records)?;
        let mut exported = array::export(rows::columns_of(&schema, &records)?, records.len());
        let codes: Vec<i32> = errors.iter().map(|(_, code, _)| *code).collect();
        let (mut message_ends, mut messages) = (Vec::new(), Vec::new());
        for (_, _, message) in &errors {
            messages.extend_from_slice(message.as_bytes());
            message_ends.push(messages.len() as u32);
        }
        let lent = ErrorsOut {
            stage: "failing",
            codes: &codes,
            message_ends: &message_ends,
            messages: &messages,
            raw_ends: &vec![0; codes.len()],
            raw: &[],
            lines: &vec![0; codes.len()],
            positions: &vec![u64::MAX; codes.len()],
            file: "",
        };
        capture.input = records;
        // SAFETY: the array was made by the schema that `open` was told, and is lent for the call.
        let processed = unsafe { stage.process_errors(&rows::lend(&exported, &[]), &lent, &mut capture) };
        array::discard(&mut exported);
        processed?;
        stage.finish(&mut capture)?;
        Harness::end(stage, capture)
    }

    /// Reads all splits of a source, each to its end, or until nothing comes.
    pub fn read(&self) -> Result<Collected> {
        let (mut stage, mut capture, _) = self.open(&[])?;
        for split in stage.splits()? {
            stage.begin(&split, None)?;
            while stage.read(self.batch_rows.min(8_192), 1 << 20, &mut capture)? == Read::More {}
        }
        Harness::end(stage, capture)
    }

    /// Reads one split of a source from behind a position.
    pub fn read_from(&self, split: &Split, position: u64) -> Result<Collected> {
        self.read_split(split, Some(position))
    }

    pub(super) fn read_split(&self, split: &Split, position: Option<u64>) -> Result<Collected> {
        let (mut stage, mut capture, _) = self.open(&[])?;
        stage.begin(split, position)?;
        while stage.read(self.batch_rows.min(8_192), 1 << 20, &mut capture)? == Read::More {}
        Harness::end(stage, capture)
    }

    /// The splits of a source.
    pub fn splits(&self) -> Result<Vec<Split>> {
        let (mut stage, mut capture, _) = self.open(&[])?;
        let splits = stage.splits();
        stage.close(&mut capture)?;
        splits
    }

    /// Publishes alerts, and says what became of each.
    pub fn publish(&self, alerts: &[TestAlert]) -> Result<Vec<Outcome>> {
        let (mut stage, mut capture, _) = self.open(&[])?;
        let alerts: Vec<AlertOut> = alerts
            .iter()
            .enumerate()
            .map(|(index, alert)| AlertOut {
                id: format!("run-1/{}/{index}", alert.stage),
                stage: alert.stage.clone(),
                payload: alert.payload.clone(),
                time_ms: 1_700_000_000_000 + index as i64,
                group_by: String::new(),
                more: String::new(),
            })
            .collect();
        let (outcomes, result) = stage.publish(&alerts);
        let closed = stage.close(&mut capture);
        result.and(closed).map(|()| outcomes)
    }

    /// Opens a sink, writes the records, and gives up: what was there before stays.
    pub fn abort_after(&self, records: impl IntoIterator<Item = Value>) -> Result<()> {
        let records: Vec<Value> = records.into_iter().collect();
        let (mut stage, mut capture, schema) = self.open(&records)?;
        process(&mut stage, &mut capture, &schema, &records, 0)?;
        stage.abort()?;
        stage.close(&mut capture)
    }

    pub(super) fn open_source(&self) -> Result<(Stage, Capture, usize)> {
        let (stage, capture, _) = self.open(&[])?;
        Ok((stage, capture, self.batch_rows.min(8_192)))
    }

    pub(super) fn end(mut stage: Stage, mut capture: Capture) -> Result<Collected> {
        stage.close(&mut capture)?;
        drop(stage);
        capture.snapshot()
    }
}

pub(super) fn process(
    stage: &mut Stage,
    capture: &mut Capture,
    schema: &Schema,
    records: &[Value],
    first: usize,
) -> Result<bool> {
    let exported = array::export(rows::columns_of(schema, records)?, records.len());
    capture.input = records.to_vec();
    lend_to(stage, capture, exported, first)
}

/// Lends an array of columns that no builder made; what was emitted of it is looked up in its values.
#[cfg(feature = "arrow")]
fn lend(
    stage: &mut Stage,
    capture: &mut Capture,
    schema: &Schema,
    exported: campanile_abi::ArrowArray,
    first: usize,
) -> Result<bool> {
    let values = rows::values_of(&exported, schema);
    capture.input = values.into_iter().map(|values| rows::object(schema, values)).collect();
    lend_to(stage, capture, exported, first)
}

fn lend_to(
    stage: &mut Stage,
    capture: &mut Capture,
    mut exported: campanile_abi::ArrowArray,
    first: usize,
) -> Result<bool> {
    let positions: Vec<u64> = (first as u64..).take(exported.length as usize).collect();
    // SAFETY: the array was made by the schema that `open` was told, and is lent for the call.
    let processed = unsafe { stage.process(&rows::lend(&exported, &positions), capture) };
    array::discard(&mut exported);
    processed
}
