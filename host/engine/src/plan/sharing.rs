//! What is to be known of groups of alerts where several processes share what a source reads.

use crate::alerts::AlertsSpec;
use crate::graph::{Flow, Graph};
use campanile_sdk::Finding;

/// The stages whose records reach a stage, and the stage itself.
pub(super) fn reached_from(graph: &Graph, stage: usize) -> Vec<usize> {
    let mut reached = vec![stage];
    let mut next = 0;
    while let Some(&stage) = reached.get(next) {
        next += 1;
        for connection in graph.inputs_of(stage) {
            if connection.flow != Flow::Alerts && !reached.contains(&connection.from) {
                reached.push(connection.from);
            }
        }
    }
    reached
}

/// The findings about a stage's `alerts` section that stands at `path`: `sources` share what they read with the processes of
/// a group.
pub(super) fn check<'s>(
    alerts: &AlertsSpec,
    sources: impl Iterator<Item = (&'s str, &'s str)>,
    path: &str,
) -> Vec<Finding> {
    let finding = |(source, group): (&str, &str)| {
        let message = format!(
            "`{source}` shares what it reads with all processes of group `{group}`, and each of them groups its own alerts"
        );
        Finding::warning(path, message).hint(match alerts.group_by.is_empty() {
            true => "run one process, for there is one group".to_owned(),
            false => format!("run one process, or key what it reads by {}", alerts.group_by.join(", ")),
        })
    };
    sources.map(finding).collect()
}
