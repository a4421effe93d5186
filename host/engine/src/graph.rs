//! The shape of a pipeline: which stages hand what to which, checked without any plugin.

mod cycle;
pub mod draw;
mod outline;
mod rules;

#[cfg(test)]
mod tests;

use crate::spec::PipelineSpec;
use campanile_sdk::{Finding, Kind};
use outline::Outline;
use serde_json::Value;

/// What flows along a connection. The kind of its target decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Records, by one port where they come from a splitter.
    Records {
        /// The splitter's port.
        port: Option<String>,
    },
    /// Error records, into an error transform.
    Errors,
    /// Alerts, into an alert publisher.
    Alerts,
}

impl Flow {
    /// What flows into a stage of this kind, by this port.
    fn into_kind(kind: Kind, port: Option<&str>) -> Flow {
        match kind {
            Kind::AlertPublisher => Flow::Alerts,
            Kind::ErrorTransform => Flow::Errors,
            _ => Flow::Records { port: port.map(str::to_owned) },
        }
    }
}

/// A connection between two stages, which are positions in [`PipelineSpec::stages`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The stage that hands on.
    pub from: usize,
    /// The stage that takes.
    pub to: usize,
    /// What flows.
    pub flow: Flow,
}

/// The stages of a pipeline and what flows between them. Every stage is reached from a source, none comes before itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    connections: Vec<Connection>,
    order: Vec<usize>,
    /// Per stage, positions in `connections`.
    inputs: Vec<Vec<usize>>,
    outputs: Vec<Vec<usize>>,
}

impl Graph {
    /// Checks the shape of a pipeline. What comes with the graph are warnings; else everything that is wrong, with the
    /// warnings among it.
    pub fn new(spec: &PipelineSpec) -> Result<(Graph, Vec<Finding>), Vec<Finding>> {
        let checked = rules::check(&Outline::of_spec(spec));
        if checked.findings.iter().any(Finding::is_error) {
            return Err(checked.findings);
        }
        let count = spec.stages.len();
        let (mut inputs, mut outputs) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        let mut connections = Vec::with_capacity(spec.connections.len());
        // Without a finding every connection has both ends.
        for (written, (from, to)) in spec.connections.iter().zip(checked.ends.into_iter().flatten()) {
            inputs[to].push(connections.len());
            outputs[from].push(connections.len());
            // A splitter's port has a meaning for records only; elsewhere it has been warned of.
            let flow = Flow::into_kind(spec.stages[to].plugin.kind, written.port.as_deref());
            connections.push(Connection { from, to, flow });
        }
        let edges: Vec<(usize, usize)> =
            connections.iter().map(|connection| (connection.from, connection.to)).collect();
        let order = cycle::order(count, &edges);
        Ok((Graph { connections, order, inputs, outputs }, checked.findings))
    }

    /// How many stages there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none: never in a graph that [`Graph::new`] built.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The connections, in the order of the file.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// The stages so that each comes after all that hand to it; else in the order of the file.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// What flows into a stage, in the order of the file.
    pub fn inputs_of(&self, stage: usize) -> impl ExactSizeIterator<Item = &Connection> {
        self.inputs.get(stage).map_or(&[][..], Vec::as_slice).iter().map(|index| &self.connections[*index])
    }

    /// What flows out of a stage, in the order of the file.
    pub fn outputs_of(&self, stage: usize) -> impl ExactSizeIterator<Item = &Connection> {
        self.outputs.get(stage).map_or(&[][..], Vec::as_slice).iter().map(|index| &self.connections[*index])
    }
}

/// What is wrong with the shape of a pipeline that is broken elsewhere, as far as it can be told.
pub(crate) fn check_broken(pipeline: &Value) -> Vec<Finding> {
    rules::check(&Outline::of_value(pipeline)).findings
}
