//! Grouping and aggregating the alerts of a stage: what is published instead of a flood.
mod groups;
pub mod number;
mod spec;
mod sum;

pub use groups::{GroupedAlert, Groups, InvalidField, Origin, Payload};
pub use spec::{AggregateSpec, AlertsSpec, DEFAULT_MAX_GROUP_BYTES, DEFAULT_MAX_GROUPS, Function};
pub use sum::Sum;
