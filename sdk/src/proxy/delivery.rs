//! Numbers of alerts as a host gives them, and the table that publishers call.

use super::services::{HostServices, with};
use campanile_abi::{DeliveryV1, NO_SEQUENCE, Opaque, Slice};
use std::ffi::c_void;

/// How a host numbers the alerts of one publisher, so that a receiver can tell which it got before.
pub trait Delivery: Send + Sync {
    /// The name under which the alerts are numbered, the same in every run; empty where they are not.
    fn producer(&self) -> &str;

    /// During a call of `publish`, on its thread: the number of the alert at this index of the call. Numbers grow from alert
    /// to alert; one that is handed over again, also by a later run, has the same.
    fn sequence(&self, index: usize) -> Option<u64>;
}

/// The table, where the services have delivery.
pub(super) fn table(services: &dyn HostServices, min_revision: u32) -> *const Opaque {
    match (services.delivery(), min_revision) {
        (Some(_), 0..=1) => std::ptr::from_ref(&TABLE).cast(),
        _ => std::ptr::null(),
    }
}

static TABLE: DeliveryV1 = DeliveryV1 { size: std::mem::size_of::<DeliveryV1>(), producer, sequence };

extern "C" fn producer(data: *mut c_void) -> Slice {
    with(data, Slice::EMPTY, |services| {
        services.delivery().map_or(Slice::EMPTY, |delivery| Slice::new(delivery.producer().as_bytes()))
    })
}

extern "C" fn sequence(data: *mut c_void, index: usize) -> u64 {
    with(data, NO_SEQUENCE, |services| {
        services.delivery().and_then(|delivery| delivery.sequence(index)).unwrap_or(NO_SEQUENCE)
    })
}
