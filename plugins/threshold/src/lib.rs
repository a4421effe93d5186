//! Threshold raises alerts, Filter keeps records, by a condition on a field.

mod condition;
mod filter;
mod selection;
mod threshold;

use campanile_sdk::export_plugin;
use filter::Filter;
use threshold::Threshold;

export_plugin! {
    transform Threshold in "threshold",
    transform Filter in "filter",
}
