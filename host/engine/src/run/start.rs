//! The start of a run: publishers, sources and all other stages are opened, then the threads begin.

use super::alerts::{AlertQueue, AlertSink};
use super::chain::{Chain, Head, Message, Node, Output, QUEUE_BATCHES, Splits, Target, failure};
use super::dead_letters::DeadLetters;
use super::layout::Layout;
use super::opening::Opening;
use super::options::RunOptions;
use super::publisher::{self, Publisher};
use super::services::StageServices;
use super::shared::Shared;
use super::watch::Slot;
use crate::batch::SplitOrigin;
use crate::graph::Flow;
use crate::plan::{Plan, input_schema};
use crate::types::{arrow_schema, error_schema};
use campanile_sdk::proxy::{OutputPort, ServicesHandle, Stage};
use campanile_sdk::{Error, Finding, Kind, Schema};
use std::cell::RefCell;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What kept a run from starting.
pub(super) struct Failed {
    stage: Option<usize>,
    message: String,
}

impl Failed {
    pub(super) fn note(self, shared: &Shared) {
        match self.stage {
            Some(stage) => shared.fail(stage, self.message),
            None => shared.fail_run(self.message),
        }
    }
}

/// One instance of a stage that was opened.
struct Instance {
    stage: Option<Stage>,
    alerts: AlertSink,
}

/// What runs.
pub(super) struct Opened {
    pub(super) chains: Vec<JoinHandle<Vec<Node>>>,
    pub(super) publishers: Vec<(usize, JoinHandle<Stage>)>,
    /// The publishers' queues by stage.
    pub(super) alert_queues: Vec<Vec<AlertQueue>>,
    /// In case that not all could be opened.
    pub(super) failed: Option<Failed>,
}

pub(super) struct Start<'a> {
    pub(super) plan: &'a Plan,
    pub(super) options: &'a RunOptions,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) slot: &'a Slot,
}

impl Start<'_> {
    fn name(&self, index: usize) -> &'static str {
        self.shared.stages[index].name
    }

    fn inside<T>(&self, index: usize, call: impl FnOnce() -> T) -> T {
        self.slot.inside(index, self.name(index), call)
    }

    /// A stage whose end is only pretended to.
    fn is_dry(&self, kind: Kind) -> bool {
        self.options.dry_run.is_some() && kind.is_end()
    }

    pub(super) fn open(&self) -> Result<Opened, Failed> {
        let spec = self.plan.spec();
        let parallelism = self.options.parallelism.unwrap_or(spec.parallelism).max(1) as usize;
        let layout = Layout::new(self.plan, parallelism);
        let mut publishers = Vec::new();
        let mut alert_queues: Vec<Vec<AlertQueue>> = spec.stages.iter().map(|_| Vec::new()).collect();
        let mut failed = None;
        // Publishers first: any stage may raise an alert as soon as it opens.
        for &index in self.plan.graph.order() {
            if spec.stages[index].plugin.kind != Kind::AlertPublisher || self.options.dry_run.is_some() {
                continue;
            }
            match self.open_publisher(index) {
                Ok((queue, thread)) => {
                    for connection in self.plan.graph.inputs_of(index) {
                        alert_queues[connection.from].push(queue.clone());
                    }
                    publishers.push((index, thread));
                }
                Err(why) => {
                    failed = Some(why);
                    break;
                }
            }
        }
        let mut opened = Opened { chains: Vec::new(), publishers, alert_queues, failed };
        if opened.failed.is_none() {
            opened.failed = self.open_stages(&layout, &mut opened).err();
        }
        Ok(opened)
    }

    fn open_publisher(&self, index: usize) -> Result<(AlertQueue, JoinHandle<Stage>), Failed> {
        let fail = |message: String| Failed { stage: Some(index), message };
        let planned = &self.plan.stages[index];
        let spec = &self.plan.spec().stages[index];
        let mut quiet = Opening { alerts: None, slot: self.slot, broken: None };
        let stage = self.inside(index, || {
            let mut stage = planned.plugin.create(&planned.properties)?;
            let (_, findings) = stage.open(&[], self.services(index), &mut quiet)?;
            refuse(&findings)?;
            Ok(stage)
        });
        if let Some(broken) = quiet.broken {
            return Err(fail(broken));
        }
        let stage = stage.map_err(|error: Error| fail(failure(&error, None)))?;
        let (queue, receiver) = sync_channel(publisher::QUEUE_BATCHES);
        let publisher = Publisher {
            index,
            stage,
            queue: receiver,
            shared: Arc::clone(self.shared),
            slot: self.shared.watch.slot(),
            on_failure: spec.on_failure.unwrap_or_default(),
            // Where the stage and the plugin's properties both say a rate, both hold.
            max_per_second: match (spec.max_alerts_per_second, planned.max_alerts_per_second) {
                (Some(stage), Some(plugin)) => Some(stage.min(plugin)),
                (stage, plugin) => stage.or(plugin),
            },
            retry_for: self.options.retry_for,
        };
        let thread = std::thread::Builder::new().name(spec.name.clone()).spawn(move || publisher.run());
        Ok((queue, thread.map_err(|error| fail(format!("cannot start a thread: {error}")))?))
    }

    fn services(&self, index: usize) -> ServicesHandle {
        ServicesHandle::new(Arc::new(StageServices { shared: Arc::clone(self.shared), stage: index }))
    }

    /// Opens sources, then what comes behind them, and starts the chains from the ends to the sources.
    fn open_stages(&self, layout: &Layout, opened: &mut Opened) -> Result<(), Failed> {
        let spec = self.plan.spec();
        let mut outputs: Vec<Option<Vec<OutputPort>>> = vec![None; spec.stages.len()];
        let mut inputs: Vec<Option<Schema>> = vec![None; spec.stages.len()];
        let mut instances: Vec<Vec<Instance>> = spec.stages.iter().map(|_| Vec::new()).collect();
        let split_lists = self.open_each(layout, opened, &mut outputs, &mut inputs, &mut instances);
        match split_lists {
            Ok(splits) => {
                self.open_dead_letters()?;
                self.start_chains(layout, opened, &outputs, &inputs, instances, &splits)
            }
            Err(failed) => {
                self.give_up(instances);
                Err(failed)
            }
        }
    }

    /// Only once all is open: a run that does not start leaves the letters of the one before.
    fn open_dead_letters(&self) -> Result<(), Failed> {
        let letters = self.plan.spec().dead_letters.as_ref();
        if let Some(letters) = letters.filter(|_| self.options.dry_run.is_none()) {
            let path = self.plan.folder().join(&letters.path);
            let letters = DeadLetters::create(&path).map_err(|message| Failed { stage: None, message })?;
            let _ = self.shared.dead_letters.set(letters);
        }
        Ok(())
    }

    /// Opens all instances of all stages, and asks sources for their splits.
    fn open_each(
        &self,
        layout: &Layout,
        opened: &Opened,
        outputs: &mut [Option<Vec<OutputPort>>],
        inputs: &mut [Option<Schema>],
        instances: &mut [Vec<Instance>],
    ) -> Result<Vec<Option<Splits>>, Failed> {
        let spec = self.plan.spec();
        let graph = &self.plan.graph;
        for &index in graph.order() {
            let Some(group) = layout.group_of[index] else { continue };
            if spec.stages[index].plugin.kind != Kind::Source {
                let input = input_schema(spec, graph, index, outputs);
                let input = input.map_err(|finding| Failed { stage: Some(index), message: finding.to_string() })?;
                inputs[index] = input;
            }
            for _ in 0..layout.groups[group].instances {
                let (instance, ports) = self.open_stage(index, inputs[index].as_ref(), &opened.alert_queues[index])?;
                outputs[index] = Some(ports);
                instances[index].push(instance);
            }
        }
        let mut splits_of: Vec<Option<Splits>> = spec.stages.iter().map(|_| None).collect();
        let mut number = 0;
        for &index in graph.order() {
            if spec.stages[index].plugin.kind == Kind::Source {
                splits_of[index] = Some(self.splits(index, &mut instances[index], &mut number)?);
            }
        }
        Ok(splits_of)
    }

    /// Closes what was opened, after something else could not be.
    fn give_up(&self, instances: Vec<Vec<Instance>>) {
        for (index, instances) in instances.into_iter().enumerate() {
            for Instance { stage, mut alerts } in instances {
                let Some(mut stage) = stage else { continue };
                let mut closing = Opening { alerts: Some(&mut alerts), slot: self.slot, broken: None };
                // The run fails for the reason that is known; what goes wrong now adds nothing to it.
                let _ = self.inside(index, || {
                    let aborted = if self.shared.stages[index].kind == Kind::Sink { stage.abort() } else { Ok(()) };
                    aborted.and(stage.close(&mut closing))
                });
            }
        }
    }

    fn open_stage(
        &self,
        index: usize,
        input: Option<&Schema>,
        alert_queues: &[AlertQueue],
    ) -> Result<(Instance, Vec<OutputPort>), Failed> {
        let spec = &self.plan.spec().stages[index];
        let planned = &self.plan.stages[index];
        let publishers = alert_queues.to_vec();
        let max_payload = self.options.max_payload_bytes;
        let mut alerts = AlertSink::new(self.shared, index, publishers, spec.alerts.as_ref(), max_payload);
        if self.is_dry(spec.plugin.kind) {
            return Ok((Instance { stage: None, alerts }, Vec::new()));
        }
        let fail = |message: String| Failed { stage: Some(index), message };
        let mut opening = Opening { alerts: Some(&mut alerts), slot: self.slot, broken: None };
        let inputs: Vec<Schema> = input.into_iter().cloned().collect();
        let result = self.inside(index, || {
            let mut stage = planned.plugin.create(&planned.properties)?;
            let (ports, findings) = stage.open(&inputs, self.services(index), &mut opening)?;
            refuse(&findings)?;
            Ok((stage, ports))
        });
        if let Some(broken) = opening.broken {
            return Err(fail(broken));
        }
        let (stage, ports) = result.map_err(|error: Error| fail(failure(&error, None)))?;
        Ok((Instance { stage: Some(stage), alerts }, ports))
    }

    fn splits(&self, index: usize, instances: &mut [Instance], number: &mut u32) -> Result<Splits, Failed> {
        let Some(stage) = instances.first_mut().and_then(|instance| instance.stage.as_mut()) else {
            return Ok(Splits::default());
        };
        let splits = self.inside(index, || stage.splits());
        let splits = splits.map_err(|error| Failed { stage: Some(index), message: failure(&error, None) })?;
        let numbered = splits.into_iter().map(|split| {
            *number += 1;
            (Arc::new(SplitOrigin::new(*number - 1, &split)), split)
        });
        Ok(Arc::new(Mutex::new(numbered.collect())))
    }

    fn start_chains(
        &self,
        layout: &Layout,
        opened: &mut Opened,
        outputs: &[Option<Vec<OutputPort>>],
        inputs: &[Option<Schema>],
        mut instances: Vec<Vec<Instance>>,
        splits_of: &[Option<Splits>],
    ) -> Result<(), Failed> {
        let spec = self.plan.spec();
        // A queue in front of each chain that does not begin with a source.
        let mut queues = Vec::new();
        let mut receivers: Vec<Option<Receiver<Message>>> = Vec::new();
        for group in &layout.groups {
            let (sender, receiver) = sync_channel(QUEUE_BATCHES);
            let is_source = spec.stages[group.stages[0]].plugin.kind == Kind::Source;
            queues.push((!is_source).then_some(sender));
            receivers.push((!is_source).then_some(receiver));
        }
        let batch = spec.batch.unwrap_or_default();
        let mut chains = Vec::new();
        for (number, group) in layout.groups.iter().enumerate() {
            for _ in 0..group.instances {
                let mut nodes = Vec::with_capacity(group.stages.len());
                for &index in &group.stages {
                    let Some(instance) = instances[index].pop() else { continue };
                    let target = |flow: &dyn Fn(&Flow) -> bool| -> Vec<Target> {
                        let taken = self.plan.graph.outputs_of(index).filter(|connection| flow(&connection.flow));
                        taken
                            .filter_map(|connection| {
                                let to_group = layout.group_of[connection.to]?;
                                if to_group == number {
                                    return group.stages.iter().position(|&s| s == connection.to).map(Target::Here);
                                }
                                queues[to_group].clone().map(Target::Queue)
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
                        stage: RefCell::new(instance.stage),
                        index,
                        outputs: made.collect(),
                        errors: target(&|flow| *flow == Flow::Errors),
                        error_schema: arrow_schema(&error_schema(&record.unwrap_or_default())),
                        alerts: RefCell::new(instance.alerts),
                    });
                }
                let head = match &splits_of[group.stages[0]] {
                    Some(splits) => Head::Source {
                        splits: Arc::clone(splits),
                        rows: batch.rows as usize,
                        bytes: batch.bytes as usize,
                        at_most: self.options.dry_run,
                    },
                    None => match receivers[number].take() {
                        Some(receiver) => Head::Queue(receiver),
                        None => continue,
                    },
                };
                chains.push((group.stages[0], nodes, head));
            }
        }
        drop(queues);
        for (first, nodes, head) in chains.into_iter().rev() {
            let shared = Arc::clone(self.shared);
            let slot = self.shared.watch.slot();
            let thread = std::thread::Builder::new().name(spec.stages[first].name.clone());
            let thread = thread.spawn(move || Chain { nodes, head, shared, slot }.run());
            let fail = |error| Failed { stage: Some(first), message: format!("cannot start a thread: {error}") };
            opened.chains.push(thread.map_err(fail)?);
        }
        Ok(())
    }
}

/// Findings that only `open` could make keep a run from starting.
fn refuse(findings: &[Finding]) -> Result<(), Error> {
    match findings.iter().find(|finding| finding.is_error()) {
        Some(_) => Err(Error::findings(findings.to_vec())),
        None => Ok(()),
    }
}
