//! Error transforms.

use crate::{BatchV1, EmitterRef, ErrorsV1, Failure, Slice};
use std::ffi::c_void;

/// Error records on their way into a stage: row `i` of the batch is the record of error `i`.
#[repr(C)]
#[derive(Debug)]
pub struct ErrorRecordsV1 {
    /// `size_of::<ErrorRecordsV1>()`.
    pub size: usize,
    /// Codes, messages, raw bytes and places; `rows` is null.
    pub errors: ErrorsV1,
    /// The stage that emitted them all.
    pub stage: Slice,
}

/// An error transform.
#[repr(C)]
#[derive(Debug)]
pub struct ErrorTransformV1 {
    /// `size_of::<ErrorTransformV1>()`.
    pub size: usize,
    /// Works on one batch.
    pub transform:
        extern "C" fn(*mut c_void, *const BatchV1, *const ErrorRecordsV1, *const EmitterRef, *mut Failure) -> i32,
}
