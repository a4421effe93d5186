//! What a stage may ask of its host.

use crate::{Opaque, Owned, Slice};
use std::ffi::c_void;

/// What [`ContextV1::text`] can be asked for.
pub mod text {
    /// The namespace of the pipeline.
    pub const NAMESPACE: u32 = 1;
    /// The name of the pipeline.
    pub const PIPELINE: u32 = 2;
    /// The id of the run.
    pub const RUN: u32 = 3;
    /// The name of the stage.
    pub const STAGE: u32 = 4;
    /// The run's arguments, a JSON object of text.
    pub const ARGUMENTS: u32 = 5;
    /// How the run goes on: [`LIVE`], [`DURABLE`] or [`PLAIN`]; older hosts answer nothing, which is [`PLAIN`].
    pub const MODE: u32 = 6;

    /// In the answer to [`MODE`]: the run never ends by itself, and can be resumed.
    pub const LIVE: &str = "live";
    /// In the answer to [`MODE`]: the run ends with its input, and can be resumed.
    pub const DURABLE: &str = "durable";
    /// In the answer to [`MODE`]: the run ends with its input, and begins anew when it failed.
    pub const PLAIN: &str = "plain";
}

/// The host's services, callable from any thread between `open` and `drop`.
#[repr(C)]
#[derive(Debug)]
pub struct ContextV1 {
    /// `size_of::<ContextV1>()`.
    pub size: usize,
    /// A text by its number; empty where there is none. Valid until `drop`.
    pub text: extern "C" fn(*mut c_void, what: u32) -> Slice,
    /// 1 if messages of this level (1 error to 5 trace) are kept.
    pub log_enabled: extern "C" fn(*mut c_void, level: u32) -> i32,
    /// A message, and its fields as a JSON object or nothing.
    pub log: extern "C" fn(*mut c_void, level: u32, message: Slice, fields: Slice),
    /// Adds to a counter of the stage.
    pub count: extern "C" fn(*mut c_void, name: Slice, delta: u64),
    /// Sets a gauge of the stage.
    pub gauge: extern "C" fn(*mut c_void, name: Slice, value: f64),
    /// Milliseconds since 1970, by the run's clock.
    pub now_ms: extern "C" fn(*mut c_void) -> i64,
    /// 1 once the run was told to stop.
    pub cancelled: extern "C" fn(*mut c_void) -> i32,
    /// A secret by its name: 0 and its bytes, or -1.
    pub secret: extern "C" fn(*mut c_void, name: Slice, out: *mut Owned) -> i32,
    /// Further services by id and least revision; null means "not here".
    pub interface: extern "C" fn(*mut c_void, id: u32, min_revision: u32) -> *const Opaque,
}

/// The services of one stage.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ContextRef {
    /// The functions.
    pub table: *const ContextV1,
    /// Their first argument.
    pub data: *mut c_void,
}
