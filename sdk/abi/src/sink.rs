//! Sinks.

use crate::{BatchV1, EmitterRef, Failure};
use std::ffi::c_void;

/// A sink. After `finish`: `prepare` once, then `commit` if the whole run went well, else `abort`.
#[repr(C)]
#[derive(Debug)]
pub struct SinkV1 {
    /// `size_of::<SinkV1>()`.
    pub size: usize,
    /// Writes one batch.
    pub write: extern "C" fn(*mut c_void, *const BatchV1, *const EmitterRef, *mut Failure) -> i32,
    /// Makes all that was written durable, without showing it to anyone.
    pub prepare: extern "C" fn(*mut c_void, *mut Failure) -> i32,
    /// Shows it.
    pub commit: extern "C" fn(*mut c_void, *mut Failure) -> i32,
    /// The run failed or was stopped: what was there before stays.
    pub abort: extern "C" fn(*mut c_void, *mut Failure) -> i32,
}
