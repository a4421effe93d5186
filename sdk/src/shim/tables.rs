//! The table of each kind: every entry leads to a method of [`Stage`](crate::shim::stage::Stage).

use crate::alert::{Alerts, Origin, Outcome, Parts};
use crate::batch::Record;
use crate::error::ErrorKind;
use crate::error_transform::{ErrorBatch, ErrorRecord};
use crate::kind::Kind;
use crate::shim::stage::{Instance, enter, status};
use crate::source::{Limits, Position, Read, Split};
use campanile_abi::{
    AlertPublisherV1, AlertV1, BatchV1, EmitterRef, ErrorRecordsV1, ErrorTransformV1, ErrorsV1, FAILED, Failure,
    NO_POSITION, OUTCOME_DONE, OUTCOME_REJECTED, OUTCOME_RETRY, Opaque, OutcomeV1, Owned, READ_END, READ_IDLE,
    READ_MORE, STOP, SinkV1, Slice, SourceV1, TransformV1, id,
};
use std::cell::RefCell;
use std::ffi::c_void;
use std::mem::size_of;

static SOURCE: SourceV1 = SourceV1 { size: size_of::<SourceV1>(), splits, begin, read, commit: commit_positions };
/// A splitter has it too, under an id of its own.
static TRANSFORM: TransformV1 = TransformV1 { size: size_of::<TransformV1>(), transform: process };
static ERROR_TRANSFORM: ErrorTransformV1 =
    ErrorTransformV1 { size: size_of::<ErrorTransformV1>(), transform: process_errors };
static SINK: SinkV1 = SinkV1 { size: size_of::<SinkV1>(), write: process, prepare, commit, abort };
static ALERT_PUBLISHER: AlertPublisherV1 = AlertPublisherV1 { size: size_of::<AlertPublisherV1>(), publish };

/// The table with this id, if it is that of the kind, or null.
#[inline(always)]
pub(crate) fn of_kind(kind: Kind, id: u32) -> *const Opaque {
    match (kind, id) {
        (Kind::Source, id::SOURCE) => pointer(&SOURCE),
        (Kind::Transform, id::TRANSFORM) | (Kind::Splitter, id::SPLITTER) => pointer(&TRANSFORM),
        (Kind::ErrorTransform, id::ERROR_TRANSFORM) => pointer(&ERROR_TRANSFORM),
        (Kind::Sink, id::SINK) => pointer(&SINK),
        (Kind::AlertPublisher, id::ALERT_PUBLISHER) => pointer(&ALERT_PUBLISHER),
        _ => std::ptr::null(),
    }
}

fn pointer<T>(table: &'static T) -> *const Opaque {
    std::ptr::from_ref(table).cast()
}

extern "C" fn process(
    instance: *mut c_void,
    batch: *const BatchV1,
    emitter: *const EmitterRef,
    failure: *mut Failure,
) -> i32 {
    status(enter(instance, failure, |instance| {
        instance.with_batch(batch, emitter, |stage, batch, emitter| stage.process(batch, emitter))
    }))
}

extern "C" fn process_errors(
    instance: *mut c_void,
    batch: *const BatchV1,
    errors: *const ErrorRecordsV1,
    emitter: *const EmitterRef,
    failure: *mut Failure,
) -> i32 {
    status(enter(instance, failure, |instance| {
        instance.with_batch(batch, emitter, |stage, batch, emitter| {
            // SAFETY: the host lends the errors for this entry, one for each row.
            let records = unsafe { &*errors };
            // SAFETY: as above.
            let stage_name = unsafe { records.stage.text() };
            let columns = ErrorColumnsView { errors: &records.errors, stage: &stage_name };
            stage.process_errors(&ErrorBatch { batch, columns }, emitter)
        })
    }))
}

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

extern "C" fn prepare(instance: *mut c_void, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| instance.stage.prepare()))
}

extern "C" fn commit(instance: *mut c_void, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| instance.stage.commit()))
}

extern "C" fn abort(instance: *mut c_void, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| instance.stage.abort()))
}

extern "C" fn splits(instance: *mut c_void, out: *mut Owned, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| {
        let splits = instance.stage.splits()?;
        // SAFETY: the host lends a place for the answer.
        unsafe { out.write(Owned::new(serde_json::to_vec(&splits)?)) };
        Ok(())
    }))
}

extern "C" fn begin(instance: *mut c_void, split: Slice, position: u64, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| {
        // SAFETY: lent by the host for this entry.
        let split: Split = serde_json::from_slice(unsafe { split.bytes() })?;
        instance.stage.begin(&split, Some(position).filter(|&position| position != NO_POSITION))
    }))
}

extern "C" fn read(
    instance: *mut c_void,
    rows: usize,
    bytes: usize,
    emitter: *const EmitterRef,
    failure: *mut Failure,
) -> i32 {
    let read = enter(instance, failure, |instance| {
        instance.emitting(emitter, |stage, emitter| stage.read(Limits { rows, bytes }, emitter))
    });
    match read {
        Ok(Read::More) => READ_MORE,
        Ok(Read::End) => READ_END,
        Ok(Read::Idle) => READ_IDLE,
        Err(STOP) => READ_END,
        Err(status) => status,
    }
}

extern "C" fn commit_positions(instance: *mut c_void, positions: Slice, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| {
        // SAFETY: lent by the host for this entry.
        let positions: Vec<Position> = serde_json::from_slice(unsafe { positions.bytes() })?;
        instance.stage.commit_positions(&positions)
    }))
}

extern "C" fn publish(
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
    let said = vec![RefCell::new(Outcome::Unsaid); n];
    let result = enter(instance, failure, |instance| {
        let origin = origin_of(instance);
        // Numbers are those of the running call.
        let delivery = instance.services.delivery();
        let parts: Vec<Parts<'_>> = lent
            .iter()
            .zip(&payloads)
            .enumerate()
            .map(|(index, (alert, payload))| Parts {
                id: text(alert.id),
                stage: text(alert.stage),
                payload,
                time_ms: alert.time_ms,
                group_by: text(alert.group_by),
                more: text(alert.more),
                sequence: delivery.and_then(|delivery| delivery.sequence(index)),
            })
            .collect();
        let mut alerts = Alerts { parts: &parts, outcomes: &said, origin: &origin, next: 0 };
        match instance.stage.publish(&mut alerts) {
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

fn origin_of(instance: &Instance) -> Origin {
    let text = |what| instance.services.host.map(|host| host.text(what)).unwrap_or_default();
    Origin {
        namespace: text(campanile_abi::text::NAMESPACE),
        pipeline_name: text(campanile_abi::text::PIPELINE),
        run_id: text(campanile_abi::text::RUN),
    }
}
