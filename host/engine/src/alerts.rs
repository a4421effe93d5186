//! Grouping and aggregating the alerts of a stage: what is published instead of a flood.
mod bytes;
mod groups;
pub mod number;
mod spec;
mod sum;

pub use groups::{GroupedAlert, Groups, InvalidField, Origin, Payload, Slot};
pub(crate) use spec::time_field;
pub use spec::{
    AggregateSpec, AlertsSpec, DEFAULT_IDLE_AFTER, DEFAULT_MAX_AHEAD, DEFAULT_MAX_GROUP_BYTES, DEFAULT_MAX_GROUPS,
    Emit, Function, Having,
};
pub use sum::Sum;
