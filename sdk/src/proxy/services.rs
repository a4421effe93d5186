//! The host's services as the table that plugins call.

use super::delivery::{self, Delivery};
use super::messaging::{self, Messaging};
use crate::shim::guard;
use campanile_abi::{ContextRef, ContextV1, Opaque, Owned, Slice, id};
use std::ffi::c_void;
use std::sync::Arc;

/// What a host offers to one stage. Called from any thread, at any time until the process ends.
pub trait HostServices: Send + Sync + 'static {
    /// A text by its number in [`campanile_abi::text`].
    fn text(&self, what: u32) -> &str;
    /// Whether messages of this level (1 error to 5 trace) are kept.
    fn log_enabled(&self, level: u32) -> bool;
    /// A message, with fields as JSON or nothing.
    fn log(&self, level: u32, message: &str, fields: &str);
    /// Adds to a counter.
    fn count(&self, name: &str, delta: u64);
    /// Sets a gauge.
    fn gauge(&self, name: &str, value: f64);
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;
    /// Whether the run was told to stop.
    fn cancelled(&self) -> bool;
    /// A secret by its name.
    fn secret(&self, name: &str) -> Option<Vec<u8>>;
    /// Messaging, where there is some. Asking opens nothing.
    fn messaging(&self) -> Option<Arc<dyn Messaging>> {
        None
    }
    /// How the alerts of this publisher are numbered, where they are. The same answer for as long as the process lives.
    fn delivery(&self) -> Option<&dyn Delivery> {
        None
    }
}

/// Services that were handed out. They stay for as long as the process: a plugin's thread may hold on to them.
#[derive(Clone, Copy)]
pub struct ServicesHandle(&'static Arc<dyn HostServices>);

impl ServicesHandle {
    /// Hands services out.
    pub fn new(services: Arc<dyn HostServices>) -> ServicesHandle {
        ServicesHandle(Box::leak(Box::new(services)))
    }

    pub(crate) fn context(self) -> ContextRef {
        ContextRef { table: &TABLE, data: std::ptr::from_ref(self.0).cast_mut().cast() }
    }
}

static TABLE: ContextV1 = ContextV1 {
    size: std::mem::size_of::<ContextV1>(),
    text,
    log_enabled,
    log,
    count,
    gauge,
    now_ms,
    cancelled,
    secret,
    interface,
};

/// Runs a callback with the services behind `data`; a panic of the host stops here and answers `otherwise`.
pub(super) fn with<T>(data: *mut c_void, otherwise: T, code: impl FnOnce(&'static dyn HostServices) -> T) -> T {
    // SAFETY: `data` is what `ServicesHandle::context` gave, and is never freed.
    let services: &'static Arc<dyn HostServices> = unsafe { &*data.cast() };
    guard::run(|| Ok(code(&**services))).unwrap_or(otherwise)
}

extern "C" fn text(data: *mut c_void, what: u32) -> Slice {
    with(data, Slice::EMPTY, |services| Slice::new(services.text(what).as_bytes()))
}

extern "C" fn log_enabled(data: *mut c_void, level: u32) -> i32 {
    with(data, 0, |services| i32::from(services.log_enabled(level)))
}

extern "C" fn log(data: *mut c_void, level: u32, message: Slice, fields: Slice) {
    // SAFETY: lent by the plugin for this call.
    let (message, fields) = unsafe { (message.text(), fields.text()) };
    with(data, (), |services| services.log(level, &message, &fields));
}

extern "C" fn count(data: *mut c_void, name: Slice, delta: u64) {
    // SAFETY: lent by the plugin for this call.
    let name = unsafe { name.text() };
    with(data, (), |services| services.count(&name, delta));
}

extern "C" fn gauge(data: *mut c_void, name: Slice, value: f64) {
    // SAFETY: lent by the plugin for this call.
    let name = unsafe { name.text() };
    with(data, (), |services| services.gauge(&name, value));
}

extern "C" fn now_ms(data: *mut c_void) -> i64 {
    with(data, 0, |services| services.now_ms())
}

extern "C" fn cancelled(data: *mut c_void) -> i32 {
    with(data, 1, |services| i32::from(services.cancelled()))
}

extern "C" fn secret(data: *mut c_void, name: Slice, out: *mut Owned) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let name = unsafe { name.text() };
    match with(data, None, |services| services.secret(&name)) {
        Some(bytes) => {
            // SAFETY: the plugin lends a place for the bytes.
            unsafe { out.write(Owned::new(bytes)) };
            0
        }
        None => -1,
    }
}

extern "C" fn interface(data: *mut c_void, id: u32, min_revision: u32) -> *const Opaque {
    with(data, std::ptr::null(), |services| match id {
        id::MESSAGING => messaging::table(services, min_revision),
        id::DELIVERY => delivery::table(services, min_revision),
        _ => std::ptr::null(),
    })
}
