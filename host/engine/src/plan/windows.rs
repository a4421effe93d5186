//! What is wrong with the windows of alerts, as far as schemas and the kind of run tell.
#[cfg(test)]
mod tests;

use campanile_sdk::{Finding, Schema};

use crate::alerts::{AlertsSpec, time_field};

/// The findings about a stage's `alerts` section that stands at `path`. `schema` is that of the stage's input, of a source's
/// output; None while it is not known. A live run never ends, and with it no group without a window.
pub(super) fn check(alerts: &AlertsSpec, schema: Option<&Schema>, live: bool, path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if live && alerts.window.is_none() {
        findings.push(
            Finding::error(path, "a live run never ends, and its groups would never be published")
                .hint("add a window such as \"10s\""),
        );
    }
    if let (Some(_), Some(field), Some(schema)) = (alerts.window, &alerts.time_field, schema)
        && let Err((message, hint)) = time_field(schema, field)
    {
        findings.push(Finding { hint, ..Finding::error(format!("{path}.timeField"), message) });
    }
    findings
}
