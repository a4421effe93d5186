//! The plugin's half of the context: the host's services as safe calls.

use campanile_abi::{ContextRef, ContextV1, Opaque, Owned, Slice};
use std::ffi::c_void;

/// The services of the host, for as long as the instance lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostContext(ContextRef);

// SAFETY: the host promises that its services may be called from any thread until the instance is dropped.
unsafe impl Send for HostContext {}
// SAFETY: as above.
unsafe impl Sync for HostContext {}

impl HostContext {
    /// # Safety
    /// The context is the one that the host handed to `open`; handles on it are not used after the instance's `drop`.
    /// (A plugin's own threads end when the plugin is dropped: the SDK's documentation asks for it.)
    pub(crate) unsafe fn new(context: *const ContextRef) -> HostContext {
        // SAFETY: the host lends a valid context with `open`.
        HostContext(unsafe { *context })
    }

    fn table(&self) -> &ContextV1 {
        // SAFETY: the host's table outlives the instance.
        unsafe { &*self.0.table }
    }

    pub(crate) fn text(&self, what: u32) -> String {
        let text = (self.table().text)(self.0.data, what);
        // SAFETY: lent by the host until `drop`.
        unsafe { text.text() }.into_owned()
    }

    pub(crate) fn log_enabled(&self, level: u32) -> bool {
        (self.table().log_enabled)(self.0.data, level) != 0
    }

    pub(crate) fn log(&self, level: u32, message: &str, fields: &str) {
        (self.table().log)(self.0.data, level, Slice::new(message.as_bytes()), Slice::new(fields.as_bytes()));
    }

    pub(crate) fn count(&self, name: &str, delta: u64) {
        (self.table().count)(self.0.data, Slice::new(name.as_bytes()), delta);
    }

    pub(crate) fn gauge(&self, name: &str, value: f64) {
        (self.table().gauge)(self.0.data, Slice::new(name.as_bytes()), value);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.table().now_ms)(self.0.data)
    }

    pub(crate) fn cancelled(&self) -> bool {
        (self.table().cancelled)(self.0.data) != 0
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Vec<u8>> {
        let mut out = Owned::EMPTY;
        let found = (self.table().secret)(self.0.data, Slice::new(name.as_bytes()), &mut out) == 0;
        // SAFETY: made by the host by `Owned::new`, or left empty.
        let bytes = unsafe { out.take() };
        found.then_some(bytes)
    }

    /// A further service of the host, or null; and the first argument of its entries.
    pub(crate) fn interface(&self, id: u32, min_revision: u32) -> (*const Opaque, *mut c_void) {
        ((self.table().interface)(self.0.data, id, min_revision), self.0.data)
    }
}
