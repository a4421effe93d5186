//! Records on their way into a stage.

use crate::{ArrowArray, Slice};
use std::ffi::c_void;

/// A batch lent to a stage for one call.
#[repr(C)]
#[derive(Debug)]
pub struct BatchV1 {
    /// `size_of::<BatchV1>()`.
    pub size: usize,
    /// The rows: a struct array without nulls and with offset 0, its children in the order of the stage's input schema.
    pub array: *const ArrowArray,
    /// The split of the source that the rows come from.
    pub split: Slice,
    /// The position of each row in its split, or null where rows have none.
    pub positions: *const u64,
    /// Keeps the buffers alive beyond the call: returns a token for `release`.
    pub retain: extern "C" fn(*const BatchV1) -> *mut c_void,
    /// Gives a token of `retain` back, from any thread.
    pub release: extern "C" fn(*mut c_void),
    /// The host's own.
    pub owner: *const c_void,
}
