//! Which stages run on one thread, and how often.

use crate::graph::{Flow, Graph};
use crate::plan::Plan;
use campanile_sdk::Kind;

/// Stages that form a chain, of which there are `instances`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Positions in the pipeline's file, in the order of the graph; the first is the head.
    pub(super) stages: Vec<usize>,
    pub(super) instances: usize,
}

/// The groups, in the order of the graph, and the group of each stage; publishers have threads of their own.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) groups: Vec<Group>,
    pub(super) group_of: Vec<Option<usize>>,
}

impl Layout {
    pub(super) fn new(plan: &Plan, parallelism: usize) -> Layout {
        // What is published first must be decided in one place.
        let tells_first = |index: usize| {
            plan.spec().stages[index].alerts.as_ref().is_some_and(|alerts| alerts.emit == crate::alerts::Emit::First)
        };
        let stages = plan.stages.iter().enumerate();
        let parallel: Vec<bool> =
            stages.map(|(index, stage)| stage.plugin.is_parallel() && !tells_first(index)).collect();
        let kinds: Vec<Kind> = plan.spec().stages.iter().map(|stage| stage.plugin.kind).collect();
        lay_out(&plan.graph, &kinds, &parallel, parallelism)
    }
}

fn lay_out(graph: &Graph, kinds: &[Kind], parallel: &[bool], parallelism: usize) -> Layout {
    let mut layout = Layout { groups: Vec::new(), group_of: vec![None; kinds.len()] };
    for &stage in graph.order() {
        let joined = match kinds[stage] {
            Kind::AlertPublisher => continue,
            Kind::Source => None,
            _ => {
                let mut from = graph
                    .inputs_of(stage)
                    .filter(|connection| connection.flow != Flow::Alerts)
                    .filter_map(|connection| layout.group_of[connection.from]);
                let first = from.next();
                // A stage whose inputs all come from one chain joins it, unless there are several of the chain and only
                // one may be of the stage.
                first
                    .filter(|first| from.all(|other| other == *first))
                    .filter(|&group| layout.groups[group].instances == 1 || parallel[stage])
            }
        };
        let group = joined.unwrap_or_else(|| {
            let instances = if kinds[stage] == Kind::Source && parallel[stage] { parallelism } else { 1 };
            layout.groups.push(Group { stages: Vec::new(), instances });
            layout.groups.len() - 1
        });
        layout.groups[group].stages.push(stage);
        layout.group_of[stage] = Some(group);
    }
    layout
}

#[cfg(test)]
mod tests;
