//! The threads of a run: chains, the queues between them, and the instances of live sources.

use super::{Failed, Instance, Opened, Start, refuse, services};
use crate::graph::{Connection, Flow};
use crate::run::chain::{Chain, Ended, Message, Node, Output, QUEUE_BATCHES, Target, Way, failure};
use crate::run::dead_letters::Pending;
use crate::run::layout::Layout;
use crate::run::opening::Opening;
use crate::run::source::{Head, OpenReader, Source};
use crate::run::splits::Taken;
use crate::types::{arrow_schema, error_schema};
use campanile_sdk::proxy::OutputPort;
use campanile_sdk::{Error, Kind, Schema};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

impl Start<'_> {
    pub(super) fn start_chains(
        &self,
        layout: &Layout,
        opened: &mut Opened,
        outputs: &[Option<Vec<OutputPort>>],
        inputs: &[Option<Schema>],
        mut instances: Vec<Vec<Instance>>,
    ) -> Result<(), Failed> {
        let spec = self.plan.spec();
        // A queue in front of each chain that does not begin with a source.
        let mut queues: Vec<Option<SyncSender<Message>>> = Vec::new();
        let mut receivers: Vec<Option<Receiver<Message>>> = Vec::new();
        for group in &layout.groups {
            let (sender, receiver) = sync_channel(QUEUE_BATCHES);
            let is_source = spec.stages[group.stages[0]].plugin.kind == Kind::Source;
            queues.push((!is_source).then_some(sender));
            receivers.push((!is_source).then_some(receiver));
        }
        let feeds: Vec<BTreeSet<usize>> = (0..layout.groups.len()).map(|group| self.feeds(layout, group)).collect();
        let mut chains = Vec::new();
        for (number, group) in layout.groups.iter().enumerate() {
            for instance in (0..group.instances).rev() {
                let mut nodes = Vec::with_capacity(group.stages.len());
                for &index in &group.stages {
                    let Some(Instance { stage, alerts }) = instances[index].pop() else { continue };
                    let target = |flow: &dyn Fn(&Flow) -> bool| -> Vec<Target> {
                        let taken = self.plan.graph.outputs_of(index).filter(|connection| flow(&connection.flow));
                        taken
                            .filter_map(|connection| {
                                let to_group = layout.group_of[connection.to]?;
                                let way = self.way(connection);
                                if to_group == number {
                                    return group
                                        .stages
                                        .iter()
                                        .position(|&s| s == connection.to)
                                        .map(|node| Target::Here(node, way));
                                }
                                queues[to_group].clone().map(|queue| Target::Queue(queue, way))
                            })
                            .collect()
                    };
                    let ports = outputs[index].as_deref().unwrap_or_default();
                    let made = ports.iter().map(|port| Output {
                        schema: arrow_schema(port.schema.as_ref().unwrap_or(&Schema::default())),
                        targets: target(&|flow| {
                            matches!(flow, Flow::Records { port: name } if name.as_deref().unwrap_or("") == port.port)
                        }),
                    });
                    let record = inputs[index].clone().or_else(|| ports.first().and_then(|port| port.schema.clone()));
                    nodes.push(Node {
                        stage: RefCell::new(stage),
                        index,
                        instance,
                        outputs: made.collect(),
                        errors: target(&|flow| *flow == Flow::Errors),
                        error_schema: arrow_schema(&error_schema(&record.unwrap_or_default())),
                        alerts: RefCell::new(alerts),
                        finished: Cell::new(self.has_finished(index, instance, group.instances)),
                        closed: Cell::new(self.resume.is_some_and(|resume| resume.has_closed(index))),
                    });
                }
                let first = group.stages[0];
                let head = match receivers[number].take() {
                    Some(queue) => {
                        let feeding = layout.groups.iter().zip(&feeds).filter(|(_, feeds)| feeds.contains(&number));
                        Head::Queue { queue, senders: feeding.map(|(group, _)| group.instances).sum() }
                    }
                    None if spec.stages[first].plugin.kind == Kind::Source => {
                        Head::Source(Box::new(self.source(first, outputs[first].as_deref().unwrap_or_default())))
                    }
                    None => continue,
                };
                let feeds = feeds[number].iter().filter_map(|&group| queues[group].clone()).collect();
                opened.barrier.join();
                chains.push((first, nodes, feeds, head));
            }
        }
        drop(queues);
        for (first, nodes, feeds, head) in chains.into_iter().rev() {
            let shared = Arc::clone(self.shared);
            let chain = Chain {
                nodes,
                feeds,
                barrier: Arc::clone(&opened.barrier),
                slot: self.shared.watch.slot(),
                shared: Arc::clone(self.shared),
                seen: Cell::new(0),
                position: Cell::new(None),
                letters: RefCell::new(Pending::default()),
            };
            let thread = std::thread::Builder::new().name(spec.stages[first].name.clone());
            let thread = thread.spawn(move || {
                // Others wait for it: they must learn that it is gone.
                catch_unwind(AssertUnwindSafe(|| chain.run(head))).unwrap_or_else(|_| {
                    shared.fail_run("a thread panicked; this is a fault of campanile".to_owned());
                    Ended::default()
                })
            });
            let fail = |error| Failed { stage: Some(first), message: format!("cannot start a thread: {error}") };
            opened.chains.push(thread.map_err(fail)?);
        }
        Ok(())
    }

    /// What tells records that come by this connection from the same ones that come by another.
    fn way(&self, connection: &Connection) -> Way {
        let Flow::Records { port } = &connection.flow else { return None };
        let inputs = || self.plan.graph.inputs_of(connection.to).filter(|input| input.flow != Flow::Alerts);
        let others = inputs().filter(|input| *input != connection).flat_map(|input| self.sources_of(input.from));
        let own = self.sources_of(connection.from);
        if !others.into_iter().any(|source| own.contains(&source)) {
            return None;
        }
        let names = [self.name(connection.from), port.as_deref().unwrap_or_default(), self.name(connection.to)];
        Some(fnv1a(names.join("\n").as_bytes()))
    }

    fn has_finished(&self, index: usize, instance: usize, instances: usize) -> bool {
        self.resume.is_some_and(|resume| resume.has_finished(index, instance, instances))
    }

    /// The groups of stages that a group hands to.
    fn feeds(&self, layout: &Layout, group: usize) -> BTreeSet<usize> {
        let stages = layout.groups[group].stages.iter();
        let connections = stages.flat_map(|&stage| self.plan.graph.outputs_of(stage));
        let others = connections.filter(|connection| connection.flow != Flow::Alerts);
        others.filter_map(|connection| layout.group_of[connection.to]).filter(|&to| to != group).collect()
    }

    /// The sources whose records reach a stage.
    pub(in crate::run) fn sources_of(&self, stage: usize) -> Vec<usize> {
        let mut reached = vec![stage];
        let mut next = 0;
        while let Some(&stage) = reached.get(next) {
            next += 1;
            for connection in self.plan.graph.inputs_of(stage) {
                if connection.flow != Flow::Alerts && !reached.contains(&connection.from) {
                    reached.push(connection.from);
                }
            }
        }
        reached.retain(|&stage| self.plan.spec().stages[stage].plugin.kind == Kind::Source);
        reached
    }

    fn source(&self, index: usize, ports: &[OutputPort]) -> Source {
        let batch = self.plan.spec().batch.unwrap_or_default();
        let limits = (batch.rows as usize, batch.bytes as usize);
        let open_reader = self.plan.stages[index].is_live.then(|| self.open_reader_of(index, ports));
        Source::new(Arc::clone(self.shared), limits, self.options.dry_run, open_reader)
    }

    /// A live source has an instance for each split: they are read in turn.
    fn open_reader_of(&self, index: usize, ports: &[OutputPort]) -> OpenReader {
        let shared = Arc::clone(self.shared);
        let (plugin, properties) = (self.plan.stages[index].plugin, self.plan.stages[index].properties.clone());
        let ports = ports.to_vec();
        Box::new(move |chain: &Chain, taken: &Taken| {
            let mut alerts = chain.nodes[0].alerts.borrow_mut();
            // What it raised when it was opened for this split was raised before the run went on.
            if taken.position.is_some() || taken.state.is_some() {
                alerts.pass_over();
            }
            let mut opening = Opening { alerts: Some(&mut alerts), slot: &chain.slot, broken: None };
            let name = shared.stages[index].name;
            let opened = chain.slot.inside(index, name, || {
                let mut stage = plugin.create(&properties)?;
                let (opened, findings) = stage.open(&[], services(&shared, index, None), &mut opening)?;
                refuse(&findings)?;
                Ok((stage, opened))
            });
            let broken = opening.broken;
            alerts.pass_over_no_more();
            if let Some(broken) = broken {
                return Err(broken);
            }
            let (stage, opened) = opened.map_err(|error: Error| failure(&error, None))?;
            if opened != ports {
                return Err(
                    "its fields are others now than when the run began: name them in the property `schema`".to_owned()
                );
            }
            Ok(stage)
        })
    }
}

/// The hash of Fowler, Noll and Vo: ids of alerts contain it, so it is the same in every version.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
