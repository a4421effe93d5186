//! A plugin and its instances, on the host's side.

use crate::alert::Outcome;
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::kind::Kind;
use crate::proxy::downstream::{Downstream, lend};
use crate::proxy::services::ServicesHandle;
use crate::schema::Schema;
use crate::shim::kinds::Exported;
use crate::shim::stage::{OutputPort, Request, Response};
use crate::source::{Position, Read, Split};
use campanile_abi::load::Library;
use campanile_abi::{
    AlertPublisherV1, AlertV1, BatchV1, ErrorRecordsV1, ErrorTransformV1, ErrorsV1, FAILED, Failure, NO_POSITION, OK,
    OUTCOME_DONE, OUTCOME_REJECTED, OUTCOME_RETRY, OutcomeV1, Owned, PARALLEL, PairV1, READ_END, READ_IDLE, READ_MORE,
    STOP, SinkV1, Slice, SourceV1, StageV1, StateV1, TransformV1, id,
};
use std::ffi::c_void;

/// A plugin of a loaded library.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    kind: Kind,
    stage: &'static StageV1,
    /// None in a library that was built before there was any.
    pub(super) state: Option<&'static StateV1>,
    table: Table,
}

#[derive(Clone, Copy, Debug)]
enum Table {
    Source(&'static SourceV1),
    Transform(&'static TransformV1),
    ErrorTransform(&'static ErrorTransformV1),
    Sink(&'static SinkV1),
    AlertPublisher(&'static AlertPublisherV1),
}

impl Plugin {
    /// The plugin `index` of a library, if it is of this kind.
    pub fn new(library: &Library, index: u32, kind: Kind) -> Option<Plugin> {
        let stage = library.stage(index)?;
        // SAFETY: the id with the type that stands for it.
        let state = unsafe { library.table(index, id::STATE, 1) };
        // SAFETY: as above.
        let table = unsafe {
            match kind {
                Kind::Source => Table::Source(library.table(index, id::SOURCE, 1)?),
                Kind::Transform => Table::Transform(library.table(index, id::TRANSFORM, 1)?),
                Kind::Splitter => Table::Transform(library.table(index, id::SPLITTER, 1)?),
                Kind::ErrorTransform => Table::ErrorTransform(library.table(index, id::ERROR_TRANSFORM, 1)?),
                Kind::Sink => Table::Sink(library.table(index, id::SINK, 1)?),
                Kind::AlertPublisher => Table::AlertPublisher(library.table(index, id::ALERT_PUBLISHER, 1)?),
            }
        };
        Some(Plugin { kind, stage, state, table })
    }

    /// A plugin that is linked in.
    pub fn linked<E: Exported>() -> Option<Plugin> {
        let table = |id| E::interface(id, 1);
        // SAFETY: each id with the type that stands for it; what is linked in stays.
        unsafe {
            let stage = table(id::STAGE).cast::<StageV1>().as_ref()?;
            let state = table(id::STATE).cast::<StateV1>().as_ref();
            let table = match E::KIND {
                Kind::Source => Table::Source(table(id::SOURCE).cast::<SourceV1>().as_ref()?),
                Kind::Transform => Table::Transform(table(id::TRANSFORM).cast::<TransformV1>().as_ref()?),
                Kind::Splitter => Table::Transform(table(id::SPLITTER).cast::<TransformV1>().as_ref()?),
                Kind::ErrorTransform => {
                    Table::ErrorTransform(table(id::ERROR_TRANSFORM).cast::<ErrorTransformV1>().as_ref()?)
                }
                Kind::Sink => Table::Sink(table(id::SINK).cast::<SinkV1>().as_ref()?),
                Kind::AlertPublisher => {
                    Table::AlertPublisher(table(id::ALERT_PUBLISHER).cast::<AlertPublisherV1>().as_ref()?)
                }
            };
            Some(Plugin { kind: E::KIND, stage, state, table })
        }
    }

    /// What it does.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether several instances may work side by side.
    pub fn is_parallel(&self) -> bool {
        self.stage.flags & PARALLEL != 0
    }

    /// An instance with these properties, a JSON object.
    pub fn create(&self, properties: &serde_json::Value) -> Result<Stage> {
        let properties = serde_json::to_vec(properties)?;
        let mut instance = std::ptr::null_mut();
        let mut failure = Failure::NONE;
        let status = (self.stage.create)(Slice::new(&properties), &mut instance, &mut failure);
        told(status, failure)?;
        Ok(Stage { plugin: *self, instance })
    }
}

/// An instance of a plugin. Freed when it is dropped.
#[derive(Debug)]
pub struct Stage {
    pub(super) plugin: Plugin,
    pub(super) instance: *mut c_void,
}

// SAFETY: an instance may move between threads, one at a time inside it (`StageV1`); `&mut self` sees to that.
unsafe impl Send for Stage {}

impl Drop for Stage {
    fn drop(&mut self) {
        (self.plugin.stage.drop)(self.instance);
    }
}

pub(super) fn told(status: i32, failure: Failure) -> Result<()> {
    // SAFETY: made by the plugin by `Owned::new`, or left empty.
    let text = unsafe { failure.text.take() };
    match status {
        OK | STOP => Ok(()),
        FAILED => Err(Error::from_json(failure.kind, failure.row, &text)),
        _ => Err(Error::fatal(format!("the plugin breaks the boundary: it answered {status}, which no entry does"))),
    }
}

fn read_response(out: Owned) -> Result<(Vec<OutputPort>, Vec<Finding>)> {
    // SAFETY: made by the plugin by `Owned::new`, or left empty.
    let bytes = unsafe { out.take() };
    let response: Response = serde_json::from_slice(&bytes)
        .map_err(|error| Error::fatal(format!("its answer to `configure` cannot be read: {error}")))?;
    Ok((response.outputs, response.findings))
}

/// Error records on their way into an error transform; one for each row of the batch.
#[derive(Clone, Copy, Debug)]
pub struct ErrorsOut<'a> {
    /// The stage that emitted them.
    pub stage: &'a str,
    /// Codes.
    pub codes: &'a [i32],
    /// Ends of the messages.
    pub message_ends: &'a [u32],
    /// The messages.
    pub messages: &'a [u8],
    /// Ends of the raw bytes.
    pub raw_ends: &'a [u32],
    /// The raw bytes.
    pub raw: &'a [u8],
    /// Lines, 0 for none.
    pub lines: &'a [u64],
    /// Positions, `u64::MAX` for none.
    pub positions: &'a [u64],
    /// The file.
    pub file: &'a str,
}

/// An alert on its way to a publisher.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertOut {
    /// The id.
    pub id: String,
    /// The stage that emitted it.
    pub stage: String,
    /// The payload, in order.
    pub payload: Vec<(String, String)>,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// The groupBy keys of its stage, a JSON array, or empty.
    pub group_by: String,
    /// Further members of the envelope, a JSON object, or empty.
    pub more: String,
}

impl Stage {
    /// Whether several instances may work side by side.
    pub fn is_parallel(&self) -> bool {
        self.plugin.is_parallel()
    }

    /// Checks the properties against input schemas.
    pub fn configure(&mut self, inputs: &[Schema]) -> Result<(Vec<OutputPort>, Vec<Finding>)> {
        let request = serde_json::to_vec(&Request { inputs: inputs.to_vec() })?;
        let (mut out, mut failure) = (Owned::EMPTY, Failure::NONE);
        let status = (self.plugin.stage.configure)(self.instance, Slice::new(&request), &mut out, &mut failure);
        told(status, failure)?;
        read_response(out)
    }

    /// Gets ready for a run.
    pub fn open(
        &mut self,
        inputs: &[Schema],
        services: ServicesHandle,
        downstream: &mut dyn Downstream,
    ) -> Result<(Vec<OutputPort>, Vec<Finding>)> {
        let request = serde_json::to_vec(&Request { inputs: inputs.to_vec() })?;
        let (mut out, mut failure) = (Owned::EMPTY, Failure::NONE);
        let context = services.context();
        let status = lend(downstream, |emitter| {
            (self.plugin.stage.open)(self.instance, Slice::new(&request), &context, emitter, &mut out, &mut failure)
        });
        told(status, failure)?;
        read_response(out)
    }

    /// The input has ended.
    pub fn finish(&mut self, downstream: &mut dyn Downstream) -> Result<()> {
        let mut failure = Failure::NONE;
        let status = lend(downstream, |emitter| (self.plugin.stage.finish)(self.instance, emitter, &mut failure));
        told(status, failure)
    }

    /// The run is over.
    pub fn close(&mut self, downstream: &mut dyn Downstream) -> Result<()> {
        let mut failure = Failure::NONE;
        let status = lend(downstream, |emitter| (self.plugin.stage.close)(self.instance, emitter, &mut failure));
        told(status, failure)
    }

    fn wrong_kind(&self) -> Error {
        Error::fatal(format!("a plugin of the kind {} was called as another", self.plugin.kind))
    }

    /// Hands a batch to a transform, a splitter or a sink. False for "nothing more is wanted".
    ///
    /// # Safety
    /// The batch is laid out as the input schema of `open` says, and stays for the call.
    pub unsafe fn process(&mut self, batch: &BatchV1, downstream: &mut dyn Downstream) -> Result<bool> {
        let entry = match self.plugin.table {
            Table::Transform(table) => table.transform,
            Table::Sink(table) => table.write,
            _ => return Err(self.wrong_kind()),
        };
        let mut failure = Failure::NONE;
        let status = lend(downstream, |emitter| entry(self.instance, batch, emitter, &mut failure));
        told(status, failure).map(|()| status == OK)
    }

    /// Hands error records to an error transform.
    ///
    /// # Safety
    /// As for [`Stage::process`]; and there is an error for each row of the batch.
    pub unsafe fn process_errors(
        &mut self,
        batch: &BatchV1,
        errors: &ErrorsOut<'_>,
        downstream: &mut dyn Downstream,
    ) -> Result<bool> {
        let Table::ErrorTransform(table) = self.plugin.table else { return Err(self.wrong_kind()) };
        let records = ErrorRecordsV1 {
            size: std::mem::size_of::<ErrorRecordsV1>(),
            errors: ErrorsV1 {
                n: errors.codes.len(),
                rows: std::ptr::null(),
                codes: errors.codes.as_ptr(),
                message_ends: errors.message_ends.as_ptr(),
                messages: errors.messages.as_ptr(),
                raw_ends: errors.raw_ends.as_ptr(),
                raw: errors.raw.as_ptr(),
                lines: errors.lines.as_ptr(),
                positions: errors.positions.as_ptr(),
                file: Slice::new(errors.file.as_bytes()),
            },
            stage: Slice::new(errors.stage.as_bytes()),
        };
        let mut failure = Failure::NONE;
        let status =
            lend(downstream, |emitter| (table.transform)(self.instance, batch, &records, emitter, &mut failure));
        told(status, failure).map(|()| status == OK)
    }

    /// The splits of a source.
    pub fn splits(&mut self) -> Result<Vec<Split>> {
        let Table::Source(table) = self.plugin.table else { return Err(self.wrong_kind()) };
        let (mut out, mut failure) = (Owned::EMPTY, Failure::NONE);
        told((table.splits)(self.instance, &mut out, &mut failure), failure)?;
        // SAFETY: made by the plugin by `Owned::new`, or left empty.
        let bytes = unsafe { out.take() };
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::fatal(format!("its list of splits cannot be read: {error}")))
    }

    /// Starts a source on a split.
    pub fn begin(&mut self, split: &Split, position: Option<u64>) -> Result<()> {
        let Table::Source(table) = self.plugin.table else { return Err(self.wrong_kind()) };
        let split = serde_json::to_vec(split)?;
        let mut failure = Failure::NONE;
        let position = position.unwrap_or(NO_POSITION);
        told((table.begin)(self.instance, Slice::new(&split), position, &mut failure), failure)
    }

    /// Reads on.
    pub fn read(&mut self, rows: usize, bytes: usize, downstream: &mut dyn Downstream) -> Result<Read> {
        let Table::Source(table) = self.plugin.table else { return Err(self.wrong_kind()) };
        let mut failure = Failure::NONE;
        let status = lend(downstream, |emitter| (table.read)(self.instance, rows, bytes, emitter, &mut failure));
        match status {
            READ_MORE => Ok(Read::More),
            READ_END => Ok(Read::End),
            READ_IDLE => Ok(Read::Idle),
            status => told(status, failure).and(Err(Error::fatal(format!("`read` answered {status}")))),
        }
    }

    /// Tells a source what is safe.
    pub fn commit_positions(&mut self, positions: &[Position]) -> Result<()> {
        let Table::Source(table) = self.plugin.table else { return Err(self.wrong_kind()) };
        let positions = serde_json::to_vec(positions)?;
        let mut failure = Failure::NONE;
        told((table.commit)(self.instance, Slice::new(&positions), &mut failure), failure)
    }

    /// Makes what a sink wrote durable.
    pub fn prepare(&mut self) -> Result<()> {
        self.sink(|table| table.prepare)
    }

    /// Shows what a sink wrote.
    pub fn commit(&mut self) -> Result<()> {
        self.sink(|table| table.commit)
    }

    /// Leaves what was there before a sink wrote.
    pub fn abort(&mut self) -> Result<()> {
        self.sink(|table| table.abort)
    }

    fn sink(&mut self, entry: impl Fn(&SinkV1) -> extern "C" fn(*mut c_void, *mut Failure) -> i32) -> Result<()> {
        let Table::Sink(table) = self.plugin.table else { return Err(self.wrong_kind()) };
        let mut failure = Failure::NONE;
        told(entry(table)(self.instance, &mut failure), failure)
    }

    /// Publishes alerts: what became of each, and the error if the publisher failed.
    pub fn publish(&mut self, alerts: &[AlertOut]) -> (Vec<Outcome>, Result<()>) {
        let Table::AlertPublisher(table) = self.plugin.table else { return (Vec::new(), Err(self.wrong_kind())) };
        let slice = |text: &str| Slice::new(text.as_bytes());
        let payloads: Vec<Vec<PairV1>> = alerts
            .iter()
            .map(|alert| {
                alert.payload.iter().map(|(key, value)| PairV1 { key: slice(key), value: slice(value) }).collect()
            })
            .collect();
        let lent: Vec<AlertV1> = alerts
            .iter()
            .zip(&payloads)
            .map(|(alert, payload)| AlertV1 {
                id: slice(&alert.id),
                stage: slice(&alert.stage),
                payload: payload.as_ptr(),
                n: payload.len(),
                time_ms: alert.time_ms,
                group_by: slice(&alert.group_by),
                more: slice(&alert.more),
            })
            .collect();
        let unsaid = || OutcomeV1 { outcome: OUTCOME_RETRY, reason: Owned::EMPTY };
        let mut outcomes: Vec<OutcomeV1> = alerts.iter().map(|_| unsaid()).collect();
        let mut failure = Failure::NONE;
        let status = (table.publish)(self.instance, lent.as_ptr(), lent.len(), outcomes.as_mut_ptr(), &mut failure);
        let mut result = told(status, failure);
        let outcomes = outcomes.into_iter().map(|told| {
            // SAFETY: made by the plugin by `Owned::new`, or left empty.
            let reason = String::from_utf8_lossy(&unsafe { told.reason.take() }).into_owned();
            match told.outcome {
                OUTCOME_DONE => Outcome::Done,
                OUTCOME_REJECTED => Outcome::Rejected(reason),
                OUTCOME_RETRY => Outcome::Retry(reason),
                other => {
                    if result.is_ok() {
                        let message = format!(
                            "the plugin breaks the boundary: it answered {other} for an alert, which is no outcome"
                        );
                        result = Err(Error::fatal(message));
                    }
                    Outcome::Retry(reason)
                }
            }
        });
        (outcomes.collect(), result)
    }
}
