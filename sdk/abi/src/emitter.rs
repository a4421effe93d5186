//! Records, error records and alerts on their way out of a stage.

use crate::{ArrowArray, Slice};
use std::ffi::c_void;

/// "No row of the input" in a list of rows.
pub const NO_ROW: u32 = u32::MAX;
/// "No position in the source".
pub const NO_POSITION: u64 = u64::MAX;

/// In [`EmitterRef::flags`]: somebody takes the alerts of this stage. Where it is not set, an alert is only counted.
pub const ALERTS_WANTED: u32 = 1;

/// Some columns of the input, some new ones.
#[repr(C)]
#[derive(Debug)]
pub struct PatchV1 {
    /// The rows of the input to hand on, or null for the first `n`. A row may stand more than once.
    pub rows: *const u32,
    /// How many rows.
    pub n: usize,
    /// For each column of the output: a column of the input (0, 1, …) or a new one (-1 for the first child, -2, …).
    pub columns: *const i64,
    /// How many columns the output has.
    pub n_columns: usize,
    /// The new columns, a struct array of `n` rows; the host takes it over and leaves `release` null. May be null.
    pub array: *mut ArrowArray,
}

/// Error records, lent for the call. Lists of ends hold the end of each text in the bytes behind them.
#[repr(C)]
#[derive(Debug)]
pub struct ErrorsV1 {
    /// How many.
    pub n: usize,
    /// The row of the input that is in error, or [`NO_ROW`].
    pub rows: *const u32,
    /// The error's code.
    pub codes: *const i32,
    /// Ends of the messages.
    pub message_ends: *const u32,
    /// The messages, UTF-8.
    pub messages: *const u8,
    /// Ends of the bytes that a source could not read, or null.
    pub raw_ends: *const u32,
    /// These bytes.
    pub raw: *const u8,
    /// The line in the file, from 1, 0 for none; or null.
    pub lines: *const u64,
    /// The position in the split (for a file the offset in bytes), or [`NO_POSITION`]; or null.
    pub positions: *const u64,
    /// The file they all come from, or empty.
    pub file: Slice,
}

/// Alerts, lent for the call: for each alert some pairs, for each pair a key and a value.
#[repr(C)]
#[derive(Debug)]
pub struct AlertsV1 {
    /// How many.
    pub n: usize,
    /// The row of the input that raised it, or [`NO_ROW`]. Null: none has one.
    pub rows: *const u32,
    /// In a source: the position of what raised it. Null: none has one.
    pub positions: *const u64,
    /// Ends of each alert's pairs. Null where [`ALERTS_WANTED`] is not set: they are counted, nothing else.
    pub pair_ends: *const u32,
    /// Ends of each pair's key.
    pub key_ends: *const u32,
    /// The keys, UTF-8.
    pub keys: *const u8,
    /// Ends of each pair's value.
    pub value_ends: *const u32,
    /// The values, UTF-8.
    pub values: *const u8,
}

/// Where a stage puts what it makes. Each function answers [`crate::OK`] (go on), [`crate::STOP`] (nothing more is
/// wanted) or [`crate::FAILED`] (return at once; the host knows why). Callable only within the entry it was given to, on
/// its thread.
#[repr(C)]
#[derive(Debug)]
pub struct EmitterV1 {
    /// `size_of::<EmitterV1>()`.
    pub size: usize,
    /// These rows of the input, unchanged; null with `n` means the first `n`.
    pub emit_selection: extern "C" fn(*mut c_void, port: u32, rows: *const u32, n: usize) -> i32,
    /// Rows of the input with some columns replaced.
    pub emit_patch: extern "C" fn(*mut c_void, port: u32, patch: *const PatchV1) -> i32,
    /// New rows, which the host takes over (it leaves `release` null); with the row of the input that each comes from,
    /// or (in a source) each one's position, or neither.
    pub emit_batch:
        extern "C" fn(*mut c_void, port: u32, array: *mut ArrowArray, rows: *const u32, positions: *const u64) -> i32,
    /// Error records.
    pub emit_errors: extern "C" fn(*mut c_void, errors: *const ErrorsV1) -> i32,
    /// Alerts.
    pub emit_alerts: extern "C" fn(*mut c_void, alerts: *const AlertsV1) -> i32,
}

/// The emitter of one call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EmitterRef {
    /// The functions.
    pub table: *const EmitterV1,
    /// Their first argument.
    pub data: *mut c_void,
    /// [`ALERTS_WANTED`] or nothing.
    pub flags: u32,
}
