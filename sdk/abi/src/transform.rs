//! Transforms and splitters.

use crate::{BatchV1, EmitterRef, Failure};
use std::ffi::c_void;

/// A transform, or under its own id a splitter.
#[repr(C)]
#[derive(Debug)]
pub struct TransformV1 {
    /// `size_of::<TransformV1>()`.
    pub size: usize,
    /// Works on one batch.
    pub transform: extern "C" fn(*mut c_void, *const BatchV1, *const EmitterRef, *mut Failure) -> i32,
}
