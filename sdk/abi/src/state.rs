//! State that a stage keeps across a restart. Optional: a library that lacks it saves nothing.

use crate::{Failure, Owned, Slice};
use std::ffi::c_void;

/// The most bytes of one snapshot: 64 MiB.
pub const MAX_STATE_BYTES: usize = 64 << 20;

/// Saving and restoring, of a plugin of any kind.
#[repr(C)]
#[derive(Debug)]
pub struct StateV1 {
    /// `size_of::<StateV1>()`.
    pub size: usize,
    /// At a save point, between two batches, after `open` and before `finish`: bytes of the plugin's own, at most
    /// [`MAX_STATE_BYTES`]; none for "nothing worth saving". A sink makes all that was written durable first, and answers
    /// what is needed to cut its output back to here.
    pub snapshot: extern "C" fn(*mut c_void, out: *mut Owned, failure: *mut Failure) -> i32,
    /// After `open` and before anything else of a run that is resumed: the bytes that `snapshot` answered. A sink cuts its
    /// output back and goes on behind it. Not called where there is nothing to resume.
    pub restore: extern "C" fn(*mut c_void, state: Slice, failure: *mut Failure) -> i32,
}
