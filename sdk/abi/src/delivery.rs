//! Numbers of the alerts that a publisher is handed, a service of the host.

use crate::Slice;
use std::ffi::c_void;

/// In the answer of [`DeliveryV1::sequence`]: the alert has no number.
pub const NO_SEQUENCE: u64 = u64::MAX;

/// By what a receiver tells an alert that it got before. The first argument of each entry is the context's `data`.
#[repr(C)]
#[derive(Debug)]
pub struct DeliveryV1 {
    /// `size_of::<DeliveryV1>()`.
    pub size: usize,
    /// The name under which the host numbers the alerts of this publisher, the same in every run; empty where it does not
    /// number them. Valid until `drop`.
    pub producer: extern "C" fn(*mut c_void) -> Slice,
    /// During a call of `publish`, on its thread: the number of the alert at this index of the call, or [`NO_SEQUENCE`].
    /// Numbers grow from alert to alert, and an alert that is handed over again, also by a later run, has the same.
    pub sequence: extern "C" fn(*mut c_void, index: usize) -> u64,
}
