//! Alert publishers.

use crate::{Failure, Owned, Slice};
use std::ffi::c_void;

/// The alert is where it should be.
pub const OUTCOME_DONE: u32 = 0;
/// Not now; try again.
pub const OUTCOME_RETRY: u32 = 1;
/// Never: the reason says why.
pub const OUTCOME_REJECTED: u32 = 2;

/// A key and a value of a payload.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PairV1 {
    /// The key, UTF-8.
    pub key: Slice,
    /// The value, UTF-8.
    pub value: Slice,
}

/// An alert, lent for the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AlertV1 {
    /// The id: the same again when a run is resumed.
    pub id: Slice,
    /// The stage that emitted it.
    pub stage: Slice,
    /// The payload, in order.
    pub payload: *const PairV1,
    /// How many pairs.
    pub n: usize,
    /// When it was emitted or its group closed, in milliseconds since 1970.
    pub time_ms: i64,
    /// The names of the groupBy keys, a JSON array of text, or empty.
    pub group_by: Slice,
    /// Further members of the envelope, a JSON object, or empty.
    pub more: Slice,
}

/// What became of an alert.
#[repr(C)]
#[derive(Debug)]
pub struct OutcomeV1 {
    /// [`OUTCOME_DONE`], [`OUTCOME_RETRY`] or [`OUTCOME_REJECTED`].
    pub outcome: u32,
    /// Why, UTF-8; nothing where it is done.
    pub reason: Owned,
}

/// An alert publisher.
#[repr(C)]
#[derive(Debug)]
pub struct AlertPublisherV1 {
    /// `size_of::<AlertPublisherV1>()`.
    pub size: usize,
    /// Publishes `n` alerts and says of each what became of it; returns when it knows.
    pub publish:
        extern "C" fn(*mut c_void, alerts: *const AlertV1, n: usize, outcomes: *mut OutcomeV1, *mut Failure) -> i32,
}
