//! What a library holds, and what every plugin can do whatever its kind.

use crate::{ContextRef, EmitterRef, Failure, Opaque, Owned, Slice};
use std::ffi::c_void;

/// In [`StageV1::flags`]: several instances may work side by side, each on its own share of the records.
pub const PARALLEL: u32 = 1;

/// What is in a library.
#[repr(C)]
#[derive(Debug)]
pub struct LibraryV1 {
    /// `size_of::<LibraryV1>()`.
    pub size: usize,
    /// How many plugins, in the order of the manifest.
    pub count: u32,
    /// An interface of the plugin `index`, or null.
    pub interface: extern "C" fn(index: u32, id: u32, min_revision: u32) -> *const Opaque,
}

/// The life of a stage: `create`, `configure` (any number of times), then for a run `open`, the kind's own entries,
/// `finish`, `close`, and `drop` always. One thread at a time is inside an instance; it may move between threads.
#[repr(C)]
#[derive(Debug)]
pub struct StageV1 {
    /// `size_of::<StageV1>()`.
    pub size: usize,
    /// [`PARALLEL`] or nothing.
    pub flags: u32,
    /// Makes an instance from its properties, a JSON object.
    pub create: extern "C" fn(properties: Slice, instance: *mut *mut c_void, failure: *mut Failure) -> i32,
    /// Checks properties against input schemas. No I/O. `request`: `{"inputs": [schema]}`; `response`:
    /// `{"outputs": [{"port": text, "schema": schema or null}], "findings": […]}`, null for "unknown until start".
    pub configure: extern "C" fn(*mut c_void, request: Slice, response: *mut Owned, failure: *mut Failure) -> i32,
    /// Gets ready for records. The response is that of `configure`, now without unknown schemas.
    pub open: extern "C" fn(
        *mut c_void,
        request: Slice,
        context: *const ContextRef,
        emitter: *const EmitterRef,
        response: *mut Owned,
        failure: *mut Failure,
    ) -> i32,
    /// The input has ended: the last chance to emit records.
    pub finish: extern "C" fn(*mut c_void, emitter: *const EmitterRef, failure: *mut Failure) -> i32,
    /// Called once after a successful `open`, however the run went; may emit alerts, and nothing else.
    pub close: extern "C" fn(*mut c_void, emitter: *const EmitterRef, failure: *mut Failure) -> i32,
    /// Frees the instance.
    pub drop: extern "C" fn(*mut c_void),
}
