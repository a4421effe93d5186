//! Entries of each kind, and what makes a [`Stage`] of each author's trait.

use crate::alert::{Alerts, Origin, Outcome, Parts};
use crate::alert_publisher::AlertPublisher;
use crate::batch::Record;
use crate::configure::Configure;
use crate::context::StageContext;
use crate::emitter::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::error_transform::{ErrorBatch, ErrorRecord, ErrorTransform};
use crate::kind::Kind;
use crate::shim::stage::{self, Instance, Stage, enter, status};
use crate::sink::Sink;
use crate::source::{Limits, Position, Read, Source, Split};
use crate::transform::{Splitter, Transform};
use campanile_abi::{
    AlertPublisherV1, AlertV1, BatchV1, EmitterRef, ErrorRecordsV1, ErrorTransformV1, ErrorsV1, FAILED, Failure,
    NO_POSITION, OUTCOME_DONE, OUTCOME_REJECTED, OUTCOME_RETRY, Opaque, OutcomeV1, Owned, READ_END, READ_IDLE,
    READ_MORE, STOP, SinkV1, Slice, SourceV1, StageV1, TransformV1, id,
};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::ffi::c_void;

/// A stage that can be exported: its kind, and the table of that kind.
pub trait Exported: Stage {
    /// The kind.
    const KIND: Kind;
    /// An interface by its id, or null.
    fn interface(id: u32, min_revision: u32) -> *const Opaque;
}

fn from_properties<P: DeserializeOwned>(properties: &[u8]) -> Result<P> {
    let properties = if properties.is_empty() { b"{}" } else { properties };
    serde_json::from_slice(properties).map_err(|error| Error::config(error.to_string()))
}

fn pointer<T>(table: &'static T) -> *const Opaque {
    std::ptr::from_ref(table).cast()
}

macro_rules! kind {
    (
        $stage:ident, $author:ident, $kind:expr, $id:path, $table:ident,
        parallel: $parallel:expr, open: $open:ident,
        finish: |$finish_plugin:ident, $finish_emitter:ident| $finish:expr,
        close: |$close_plugin:ident, $close_emitter:ident| $close:expr,
        { $($entry:ident),+ }
    ) => {
        #[doc(hidden)]
        pub struct $stage<P>(P);

        impl<P: $author> Stage for $stage<P> {
            const RUNS_PARALLEL: bool = $parallel;

            fn create(properties: &[u8]) -> Result<Self> {
                from_properties(properties).map($stage)
            }

            fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
                self.0.configure(stage)
            }

            fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
                self.0.$open(stage)
            }

            fn finish(&mut self, $finish_emitter: &mut Emitter<'_>) -> Result<()> {
                let $finish_plugin = &mut self.0;
                $finish
            }

            fn close(&mut self, $close_emitter: &mut Emitter<'_>) -> Result<()> {
                let $close_plugin = &mut self.0;
                $close
            }
        }

        impl<P: $author> $stage<P> {
            const STAGE: &'static StageV1 = &stage::table::<$stage<P>>();
            const TABLE: &'static $table =
                &$table { size: std::mem::size_of::<$table>(), $($entry: $entry::<P>),+ };
        }

        impl<P: $author> Exported for $stage<P> {
            const KIND: Kind = $kind;

            fn interface(id: u32, min_revision: u32) -> *const Opaque {
                match (id, min_revision) {
                    (id::STAGE, 0..=1) => pointer(Self::STAGE),
                    ($id, 0..=1) => pointer(Self::TABLE),
                    _ => std::ptr::null(),
                }
            }
        }
    };
}

kind!(TransformStage, Transform, Kind::Transform, id::TRANSFORM, TransformV1,
    parallel: P::PARALLEL, open: open,
    finish: |plugin, emitter| plugin.finish(emitter), close: |plugin, emitter| plugin.close(emitter),
    { transform });

extern "C" fn transform<P: Transform>(
    instance: *mut c_void,
    batch: *const BatchV1,
    emitter: *const EmitterRef,
    failure: *mut Failure,
) -> i32 {
    status(enter::<TransformStage<P>, _>(instance, failure, |instance| {
        instance.with_batch(batch, emitter, |stage, batch, emitter| stage.0.transform_batch(batch, emitter))
    }))
}

/// A splitter has a transform's table under an id of its own.
mod splitter {
    use super::*;

    type SplitterV1 = TransformV1;

    kind!(SplitterStage, Splitter, Kind::Splitter, id::SPLITTER, SplitterV1,
        parallel: P::PARALLEL, open: open,
        finish: |plugin, emitter| plugin.finish(emitter), close: |plugin, emitter| plugin.close(emitter),
        { transform });

    extern "C" fn transform<P: Splitter>(
        instance: *mut c_void,
        batch: *const BatchV1,
        emitter: *const EmitterRef,
        failure: *mut Failure,
    ) -> i32 {
        status(enter::<SplitterStage<P>, _>(instance, failure, |instance| {
            instance.with_batch(batch, emitter, |stage, batch, emitter| stage.0.split_batch(batch, emitter))
        }))
    }
}
pub use splitter::SplitterStage;

/// The errors that come with a batch, for one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorColumnsView<'b> {
    errors: &'b ErrorsV1,
    stage: &'b str,
}

impl<'b> ErrorColumnsView<'b> {
    /// The error of a row of the batch that the errors came with.
    pub(crate) fn record(&self, record: Record<'b>, row: usize) -> ErrorRecord<'b> {
        let errors = self.errors;
        // SAFETY: the host lends one entry for each row of the batch, and the record is of that batch; ends grow.
        unsafe {
            let text = |ends: *const u32, bytes: *const u8| -> &'b [u8] {
                let start = if row == 0 { 0 } else { *ends.add(row - 1) };
                Slice { ptr: bytes.add(start as usize), len: (*ends.add(row) - start) as usize }.bytes()
            };
            let raw = if errors.raw_ends.is_null() { &[] } else { text(errors.raw_ends, errors.raw) };
            let offset = if errors.positions.is_null() { NO_POSITION } else { *errors.positions.add(row) };
            ErrorRecord {
                record,
                code: *errors.codes.add(row),
                message: std::str::from_utf8(text(errors.message_ends, errors.messages)).unwrap_or_default(),
                stage: self.stage,
                raw: Some(raw).filter(|raw| !raw.is_empty()),
                file: std::str::from_utf8(errors.file.bytes()).unwrap_or_default(),
                line: if errors.lines.is_null() { 0 } else { *errors.lines.add(row) },
                offset: Some(offset).filter(|&offset| offset != NO_POSITION),
            }
        }
    }
}

mod error_transform {
    use super::*;

    kind!(ErrorTransformStage, ErrorTransform, Kind::ErrorTransform, id::ERROR_TRANSFORM, ErrorTransformV1,
        parallel: P::PARALLEL, open: open,
        finish: |plugin, emitter| plugin.finish(emitter), close: |plugin, emitter| plugin.close(emitter),
        { transform });

    extern "C" fn transform<P: ErrorTransform>(
        instance: *mut c_void,
        batch: *const BatchV1,
        errors: *const ErrorRecordsV1,
        emitter: *const EmitterRef,
        failure: *mut Failure,
    ) -> i32 {
        status(enter::<ErrorTransformStage<P>, _>(instance, failure, |instance| {
            instance.with_batch(batch, emitter, |stage, batch, emitter| {
                // SAFETY: the host lends the errors for this entry, one for each row.
                let records = unsafe { &*errors };
                // SAFETY: as above.
                let stage_name = unsafe { records.stage.text() };
                let columns = ErrorColumnsView { errors: &records.errors, stage: &stage_name };
                stage.0.transform_batch(&ErrorBatch { batch, columns }, emitter)
            })
        }))
    }
}
pub use error_transform::ErrorTransformStage;

kind!(SinkStage, Sink, Kind::Sink, id::SINK, SinkV1,
    parallel: P::PARALLEL, open: open,
    finish: |_plugin, _emitter| Ok(()), close: |plugin, _emitter| plugin.close(),
    { write, prepare, commit, abort });

extern "C" fn write<P: Sink>(
    instance: *mut c_void,
    batch: *const BatchV1,
    emitter: *const EmitterRef,
    failure: *mut Failure,
) -> i32 {
    status(enter::<SinkStage<P>, _>(instance, failure, |instance| {
        instance.with_batch(batch, emitter, |stage, batch, emitter| stage.0.write_batch(batch, emitter))
    }))
}

extern "C" fn prepare<P: Sink>(instance: *mut c_void, failure: *mut Failure) -> i32 {
    status(enter::<SinkStage<P>, _>(instance, failure, |instance| instance.stage.0.prepare()))
}

extern "C" fn commit<P: Sink>(instance: *mut c_void, failure: *mut Failure) -> i32 {
    status(enter::<SinkStage<P>, _>(instance, failure, |instance| instance.stage.0.commit()))
}

extern "C" fn abort<P: Sink>(instance: *mut c_void, failure: *mut Failure) -> i32 {
    status(enter::<SinkStage<P>, _>(instance, failure, |instance| instance.stage.0.abort()))
}

mod source {
    use super::*;

    kind!(SourceStage, Source, Kind::Source, id::SOURCE, SourceV1,
        parallel: P::PARALLEL, open: open,
        finish: |_plugin, _emitter| Ok(()), close: |plugin, emitter| plugin.close(emitter),
        { splits, begin, read, commit });

    extern "C" fn splits<P: Source>(instance: *mut c_void, out: *mut Owned, failure: *mut Failure) -> i32 {
        status(enter::<SourceStage<P>, _>(instance, failure, |instance| {
            let splits = instance.stage.0.splits()?;
            // SAFETY: the host lends a place for the answer.
            unsafe { out.write(Owned::new(serde_json::to_vec(&splits)?)) };
            Ok(())
        }))
    }

    extern "C" fn begin<P: Source>(
        instance: *mut c_void,
        split: Slice,
        position: u64,
        failure: *mut Failure,
    ) -> i32 {
        status(enter::<SourceStage<P>, _>(instance, failure, |instance| {
            // SAFETY: lent by the host for this entry.
            let split: Split = serde_json::from_slice(unsafe { split.bytes() })?;
            instance.stage.0.begin(&split, Some(position).filter(|&position| position != NO_POSITION))
        }))
    }

    extern "C" fn read<P: Source>(
        instance: *mut c_void,
        rows: usize,
        bytes: usize,
        emitter: *const EmitterRef,
        failure: *mut Failure,
    ) -> i32 {
        let read = enter::<SourceStage<P>, _>(instance, failure, |instance| {
            instance.emitting(emitter, |stage, emitter| stage.0.read(Limits { rows, bytes }, emitter))
        });
        match read {
            Ok(Read::More) => READ_MORE,
            Ok(Read::End) => READ_END,
            Ok(Read::Idle) => READ_IDLE,
            Err(STOP) => READ_END,
            Err(status) => status,
        }
    }

    extern "C" fn commit<P: Source>(instance: *mut c_void, positions: Slice, failure: *mut Failure) -> i32 {
        status(enter::<SourceStage<P>, _>(instance, failure, |instance| {
            // SAFETY: lent by the host for this entry.
            let positions: Vec<Position> = serde_json::from_slice(unsafe { positions.bytes() })?;
            instance.stage.0.commit(&positions)
        }))
    }
}
pub use source::SourceStage;

kind!(AlertPublisherStage, AlertPublisher, Kind::AlertPublisher, id::ALERT_PUBLISHER, AlertPublisherV1,
    parallel: false, open: initialize,
    finish: |_plugin, _emitter| Ok(()), close: |plugin, _emitter| plugin.destroy(),
    { publish });

extern "C" fn publish<P: AlertPublisher>(
    instance: *mut c_void,
    alerts: *const AlertV1,
    n: usize,
    outcomes: *mut OutcomeV1,
    failure: *mut Failure,
) -> i32 {
    // SAFETY: the host lends `n` alerts for this entry; texts are UTF-8, anything else becomes empty.
    let lent: &[AlertV1] = if n == 0 { &[] } else { unsafe { std::slice::from_raw_parts(alerts, n) } };
    let text = |slice: Slice| -> &str {
        // SAFETY: as above.
        std::str::from_utf8(unsafe { slice.bytes() }).unwrap_or_default()
    };
    let payloads: Vec<Vec<(&str, &str)>> = lent
        .iter()
        .map(|alert| {
            if alert.n == 0 {
                return Vec::new();
            }
            // SAFETY: as above.
            let pairs = unsafe { std::slice::from_raw_parts(alert.payload, alert.n) };
            pairs.iter().map(|pair| (text(pair.key), text(pair.value))).collect()
        })
        .collect();
    let parts: Vec<Parts<'_>> = lent
        .iter()
        .zip(&payloads)
        .map(|(alert, payload)| Parts {
            id: text(alert.id),
            stage: text(alert.stage),
            payload,
            time_ms: alert.time_ms,
            group_by: text(alert.group_by),
            more: text(alert.more),
        })
        .collect();
    let said = vec![RefCell::new(Outcome::Unsaid); n];
    let result = enter::<AlertPublisherStage<P>, _>(instance, failure, |instance| {
        let origin = origin_of(instance);
        let result =
            instance.stage.0.publish(&mut Alerts { parts: &parts, outcomes: &said, origin: &origin, next: 0 });
        match result {
            // The alerts that were told about keep their outcome, the others are tried again.
            Err(error) if error.kind() == ErrorKind::Retry => Ok(Outcome::Retry(error.to_string())),
            other => other.map(|()| Outcome::Done),
        }
    });
    let (rest, status) = match result {
        Ok(rest) => (rest, campanile_abi::OK),
        Err(_) => (Outcome::Retry("the publisher failed".to_owned()), FAILED),
    };
    for (index, said) in said.into_iter().enumerate() {
        let outcome = match said.into_inner() {
            Outcome::Unsaid => rest.clone(),
            outcome => outcome,
        };
        let told = match outcome {
            Outcome::Unsaid | Outcome::Done => OutcomeV1 { outcome: OUTCOME_DONE, reason: Owned::EMPTY },
            Outcome::Retry(reason) => OutcomeV1 { outcome: OUTCOME_RETRY, reason: Owned::new(reason.into_bytes()) },
            Outcome::Rejected(reason) => {
                OutcomeV1 { outcome: OUTCOME_REJECTED, reason: Owned::new(reason.into_bytes()) }
            }
        };
        // SAFETY: the host lends `n` places.
        unsafe { outcomes.add(index).write(told) };
    }
    status
}

fn origin_of<S>(instance: &Instance<S>) -> Origin {
    let text = |what| instance.services.host.map(|host| host.text(what)).unwrap_or_default();
    Origin {
        namespace: text(campanile_abi::text::NAMESPACE),
        pipeline_name: text(campanile_abi::text::PIPELINE),
        run_id: text(campanile_abi::text::RUN),
    }
}
