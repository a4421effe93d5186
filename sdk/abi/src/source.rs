//! Sources.

use crate::{EmitterRef, Failure, Owned, Slice};
use std::ffi::c_void;

/// The split may have more.
pub const READ_MORE: i32 = 0;
/// The split is read to its end.
pub const READ_END: i32 = 1;
/// Nothing new for now: ask again.
pub const READ_IDLE: i32 = 2;

/// A source: it names its splits, and reads one after the other, each from its start or from a position.
#[repr(C)]
#[derive(Debug)]
pub struct SourceV1 {
    /// `size_of::<SourceV1>()`.
    pub size: usize,
    /// The splits: `[{"id": text, …}]`, in order, the rest of each the source's own. Called after `open`.
    pub splits: extern "C" fn(*mut c_void, response: *mut Owned, failure: *mut Failure) -> i32,
    /// Starts on a split (one of the answers of `splits`, of this instance or another of the run), from the row after
    /// `position`, or from its start with [`crate::NO_POSITION`].
    pub begin: extern "C" fn(*mut c_void, split: Slice, position: u64, failure: *mut Failure) -> i32,
    /// Emits up to about `rows` rows or `bytes` bytes: [`READ_MORE`], [`READ_END`], [`READ_IDLE`], [`crate::STOP`] is
    /// told as `READ_END`; negative for a failure.
    pub read:
        extern "C" fn(*mut c_void, rows: usize, bytes: usize, emitter: *const EmitterRef, failure: *mut Failure) -> i32,
    /// What has been read up to these positions will not be asked for again: `[{"split": id, "position": n}]`.
    pub commit: extern "C" fn(*mut c_void, positions: Slice, failure: *mut Failure) -> i32,
}
