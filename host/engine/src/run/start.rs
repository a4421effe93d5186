//! The start of a run: the outbox, publishers, sources and all other stages are opened, what was saved is given back, then
//! the threads begin.

mod chains;
mod durable;

use super::alerts::AlertSink;
use super::barrier::Barrier;
use super::chain::{Ended, failure};
use super::dead_letters::{Bounds, DeadLetters};
use super::event_time::EventTime;
use super::layout::Layout;
use super::opening::Opening;
use super::options::RunOptions;
use super::publisher::{self, Inbox, Publisher};
use super::publishers::Publishers;
use super::resume::Resume;
use super::saver::Durable;
use super::services::{Numbers, StageServices};
use super::shared::Shared;
use super::watch::Slot;
use crate::outbox::Reader;
use crate::plan::{Plan, input_schema};
use crate::spec::{DeadLettersSpec, OnFailure};
use campanile_sdk::proxy::{OutputPort, ServicesHandle, Stage};
use campanile_sdk::{Error, Finding, Kind, Schema};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

/// What kept a run from starting.
pub(super) struct Failed {
    stage: Option<usize>,
    message: String,
}

impl Failed {
    pub(super) fn of_run(message: impl ToString) -> Failed {
        Failed { stage: None, message: message.to_string() }
    }

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
    pub(super) chains: Vec<JoinHandle<Ended>>,
    pub(super) publishers: Vec<(usize, JoinHandle<Stage>)>,
    /// Who takes the alerts of each stage.
    pub(super) takers: Vec<Publishers>,
    /// By stage, how often it is there.
    pub(super) instances: Vec<usize>,
    pub(super) barrier: Arc<Barrier>,
    pub(super) durable: Option<Durable>,
    /// Writes the outbox.
    pub(super) writer: Option<JoinHandle<()>>,
    /// The last save point.
    pub(super) number: u64,
    /// The states of stages that the store has.
    pub(super) states: HashSet<String>,
    /// In case that not all could be opened.
    pub(super) failed: Option<Failed>,
}

pub(super) struct Start<'a> {
    pub(super) plan: &'a Plan,
    pub(super) options: &'a RunOptions,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) slot: &'a Slot,
    pub(super) resume: Option<&'a Resume>,
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

    pub(super) fn open(&self) -> Opened {
        let spec = self.plan.spec();
        let parallelism = self.options.parallelism.unwrap_or(spec.parallelism).max(1) as usize;
        let layout = Layout::new(self.plan, parallelism);
        let instances = layout.group_of.iter().map(|group| group.map_or(0, |group| layout.groups[group].instances));
        let mut opened = Opened {
            chains: Vec::new(),
            publishers: Vec::new(),
            takers: spec.stages.iter().map(|_| Publishers::Queues(Vec::new())).collect(),
            instances: instances.collect(),
            barrier: Arc::default(),
            durable: None,
            writer: None,
            number: self.resume.map_or(0, |resume| resume.point().number),
            states: HashSet::new(),
            failed: None,
        };
        let _ = self.shared.barrier.set(Arc::clone(&opened.barrier));
        let all = self
            .open_store(&mut opened)
            .and_then(|()| self.open_publishers(&mut opened))
            .and_then(|()| self.open_stages(&layout, &mut opened));
        opened.failed = all.err();
        opened
    }

    /// Publishers first: any stage may raise an alert as soon as it opens. Before one of them works all have their place in
    /// the outbox: what only one has done with is not to go.
    fn open_publishers(&self, opened: &mut Opened) -> Result<(), Failed> {
        let spec = self.plan.spec();
        let mut inboxes = Vec::new();
        for &index in self.plan.graph.order() {
            if spec.stages[index].plugin.kind != Kind::AlertPublisher || self.options.dry_run.is_some() {
                continue;
            }
            let stages: Vec<usize> = self.plan.graph.inputs_of(index).map(|connection| connection.from).collect();
            let (inbox, queue) = match &opened.durable {
                None => {
                    let (queue, receiver) = sync_channel(publisher::QUEUE_BATCHES);
                    (Inbox::Queue(receiver), Some(queue))
                }
                Some(durable) => (Inbox::Outbox(Box::new(self.open_reader(durable, index, &stages)?)), None),
            };
            inboxes.push((index, stages, inbox, queue));
        }
        for (index, stages, inbox, queue) in inboxes {
            let thread = self.open_publisher(index, inbox)?;
            for stage in stages {
                match (&mut opened.takers[stage], &queue) {
                    (Publishers::Queues(queues), Some(queue)) => queues.push(queue.clone()),
                    (Publishers::Outbox(_, publishers), _) => publishers.push(index),
                    (Publishers::Queues(_), None) => {}
                }
            }
            opened.publishers.push((index, thread));
        }
        Ok(())
    }

    fn open_reader(&self, durable: &Durable, index: usize, stages: &[usize]) -> Result<Reader, Failed> {
        let names: Vec<String> = stages.iter().map(|&stage| self.name(stage).to_owned()).collect();
        let opened = Reader::open(&durable.outbox, self.name(index), &names);
        let (mut reader, waiting) = opened.map_err(Failed::of_run)?;
        if self.resume.is_none() {
            reader.forget_counts().map_err(Failed::of_run)?;
        }
        let (taken, published, rejected) = reader.counted();
        let metrics = &self.shared.stages[index].metrics;
        metrics.restore_publisher(taken + waiting, published, rejected, waiting);
        Ok(reader)
    }

    fn open_publisher(&self, index: usize, inbox: Inbox) -> Result<JoinHandle<Stage>, Failed> {
        let fail = |message: String| Failed { stage: Some(index), message };
        let planned = &self.plan.stages[index];
        let spec = &self.plan.spec().stages[index];
        let mut quiet = Opening { alerts: None, slot: self.slot, broken: None };
        let producer = match (&inbox, &self.options.store) {
            (Inbox::Outbox(_), Some(store)) => durable::producer(&**store, self.name(index)).map_err(Failed::of_run)?,
            _ => String::new(),
        };
        let numbers = Arc::new(Numbers::new(producer));
        let services = self.services(index, Some(&numbers));
        let stage = self.inside(index, || {
            let mut stage = planned.plugin.create(&planned.properties)?;
            let (_, findings) = stage.open(&[], services, &mut quiet)?;
            refuse(&findings)?;
            Ok(stage)
        });
        if let Some(broken) = quiet.broken {
            return Err(fail(broken));
        }
        let stage = stage.map_err(|error: Error| fail(failure(&error, None)))?;
        let publisher = Publisher {
            index,
            stage,
            inbox,
            shared: Arc::clone(self.shared),
            slot: self.shared.watch.slot(),
            on_failure: spec.on_failure.unwrap_or(OnFailure::Fail),
            // Where the stage and the plugin's properties both say a rate, both hold.
            max_per_second: match (spec.max_alerts_per_second, planned.max_alerts_per_second) {
                (Some(stage), Some(plugin)) => Some(stage.min(plugin)),
                (stage, plugin) => stage.or(plugin),
            },
            batch_size: spec.batch_size.map_or(publisher::PUBLISH_ALERTS_MAX, |size| size as usize).max(1),
            linger: spec.linger.unwrap_or_default(),
            // A live run tries until there is no room for more.
            retry_for: (!self.shared.mode.is_live()).then_some(self.options.retry_for),
            numbers,
        };
        let thread = std::thread::Builder::new().name(spec.name.clone()).spawn(move || publisher.run());
        thread.map_err(|error| fail(format!("cannot start a thread: {error}")))
    }

    fn services(&self, index: usize, numbers: Option<&Arc<Numbers>>) -> ServicesHandle {
        services(self.shared, index, numbers)
    }

    /// Opens sources, then what comes behind them, and starts the chains from the ends to the sources.
    fn open_stages(&self, layout: &Layout, opened: &mut Opened) -> Result<(), Failed> {
        let spec = self.plan.spec();
        let mut outputs: Vec<Option<Vec<OutputPort>>> = vec![None; spec.stages.len()];
        let mut inputs: Vec<Option<Schema>> = vec![None; spec.stages.len()];
        let mut instances: Vec<Vec<Instance>> = spec.stages.iter().map(|_| Vec::new()).collect();
        let all = self.open_each(opened, &mut outputs, &mut inputs, &mut instances);
        let all = all.and_then(|()| self.open_dead_letters(opened)).and_then(|()| self.begin(opened, &mut instances));
        match all {
            Ok(()) => self.start_chains(layout, opened, &outputs, &inputs, instances),
            Err(failed) => {
                self.give_up(instances);
                Err(failed)
            }
        }
    }

    /// Only once all is open: a run that does not start leaves the letters of the one before.
    fn open_dead_letters(&self, opened: &Opened) -> Result<(), Failed> {
        let written = self.plan.spec().dead_letters.as_ref();
        let default = DeadLettersSpec::default();
        let letters = written.unwrap_or(&default);
        let age = letters.max_age.unwrap_or(DeadLettersSpec::MAX_AGE);
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let bounds = Bounds { bytes: letters.max_bytes, age_ms };
        let opened = match (&letters.path, &opened.durable) {
            _ if self.options.dry_run.is_some() => return Ok(()),
            (Some(path), durable) => {
                let keep = durable.as_ref().and(self.resume).and_then(|resume| resume.point().letters);
                DeadLetters::in_file(&self.plan.folder().join(path), keep, bounds).map_err(Failed::of_run)?
            }
            (None, Some(durable)) => DeadLetters::in_store(&*durable.store, bounds).map_err(Failed::of_run)?,
            (None, None) => return Ok(()),
        };
        let _ = self.shared.dead_letters.set(opened);
        Ok(())
    }

    /// Opens all instances of all stages, and asks sources for their splits.
    fn open_each(
        &self,
        opened: &Opened,
        outputs: &mut [Option<Vec<OutputPort>>],
        inputs: &mut [Option<Schema>],
        instances: &mut [Vec<Instance>],
    ) -> Result<(), Failed> {
        let spec = self.plan.spec();
        let graph = &self.plan.graph;
        for &index in graph.order() {
            if spec.stages[index].plugin.kind == Kind::AlertPublisher {
                continue;
            }
            if spec.stages[index].plugin.kind != Kind::Source {
                let input = input_schema(spec, graph, index, outputs);
                let input = input.map_err(|finding| Failed { stage: Some(index), message: finding.to_string() })?;
                inputs[index] = input;
            }
            for number in 0..opened.instances[index] {
                let (mut instance, ports) =
                    self.open_stage(index, number, inputs[index].as_ref(), opened.takers[index].clone())?;
                let schema = inputs[index].as_ref().or_else(|| ports.first().and_then(|port| port.schema.as_ref()));
                self.read_times(index, &mut instance.alerts, schema)?;
                outputs[index] = Some(ports);
                instances[index].push(instance);
            }
        }
        if let Some(resume) = self.resume {
            let source = |name: &str| self.shared.stages.iter().position(|stage| stage.name == name);
            let splits = resume.splits().map_err(Failed::of_run)?;
            self.shared.splits.restore(splits, source, self.shared.now_ms());
        }
        for &index in graph.order() {
            if spec.stages[index].plugin.kind == Kind::Source {
                self.splits(index, &mut instances[index])?;
            }
        }
        for lost in self.shared.splits.lost() {
            let place = lost.position.map(|position| format!(" (read up to {position})")).unwrap_or_default();
            self.shared.notice(&format!("`{}` has no `{}` any more{place}", lost.stage, lost.id));
        }
        Ok(())
    }

    /// Where the alerts of a stage have windows by a field, each instance reads it.
    fn read_times(&self, index: usize, alerts: &mut AlertSink, schema: Option<&Schema>) -> Result<(), Failed> {
        let Some(spec) = &self.plan.spec().stages[index].alerts else { return Ok(()) };
        let (Some(field), Some(schema), true) = (&spec.time_field, schema, alerts.is_wanted()) else { return Ok(()) };
        let event_time = EventTime::new(schema, field, spec.max_ahead_ms());
        alerts.set_event_time(event_time.map_err(|message| Failed { stage: Some(index), message })?);
        Ok(())
    }

    /// Closes what was opened, after something else could not be.
    fn give_up(&self, instances: Vec<Vec<Instance>>) {
        for (index, instances) in instances.into_iter().enumerate() {
            for Instance { stage, mut alerts } in instances {
                let Some(mut stage) = stage else { continue };
                if self.shared.is_durable() {
                    alerts.pass_over();
                }
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
        number: usize,
        input: Option<&Schema>,
        publishers: Publishers,
    ) -> Result<(Instance, Vec<OutputPort>), Failed> {
        let spec = &self.plan.spec().stages[index];
        let planned = &self.plan.stages[index];
        let max_payload = self.options.max_payload_bytes;
        let mut alerts = AlertSink::new(self.shared, index, number, publishers, spec.alerts.as_ref(), max_payload);
        if self.is_dry(spec.plugin.kind) {
            return Ok((Instance { stage: None, alerts }, Vec::new()));
        }
        let fail = |message: String| Failed { stage: Some(index), message };
        if self.resume.is_some_and(|resume| resume.has_opened(index, number)) {
            alerts.pass_over();
        } else if self.shared.is_durable() {
            alerts.hold();
        }
        let mut opening = Opening { alerts: Some(&mut alerts), slot: self.slot, broken: None };
        let inputs: Vec<Schema> = input.into_iter().cloned().collect();
        let result = self.inside(index, || {
            let mut stage = planned.plugin.create(&planned.properties)?;
            let (ports, findings) = stage.open(&inputs, self.services(index, None), &mut opening)?;
            refuse(&findings)?;
            if let Some(resume) = self.resume {
                resume.restore_state(index, number, &mut stage)?;
            }
            Ok((stage, ports))
        });
        if let Some(broken) = opening.broken {
            return Err(fail(broken));
        }
        let (stage, ports) = result.map_err(|error: Error| fail(failure(&error, None)))?;
        Ok((Instance { stage: Some(stage), alerts }, ports))
    }

    fn splits(&self, index: usize, instances: &mut [Instance]) -> Result<(), Failed> {
        let Some(stage) = instances.first_mut().and_then(|instance| instance.stage.as_mut()) else {
            return Ok(());
        };
        let splits = self.inside(index, || stage.splits());
        let splits = splits.map_err(|error| Failed { stage: Some(index), message: failure(&error, None) })?;
        self.shared.splits.add((index, self.name(index)), splits);
        Ok(())
    }
}

fn services(shared: &Arc<Shared>, stage: usize, numbers: Option<&Arc<Numbers>>) -> ServicesHandle {
    ServicesHandle::new(Arc::new(StageServices { shared: Arc::clone(shared), stage, numbers: numbers.cloned() }))
}

/// Findings that only `open` could make keep a run from starting.
fn refuse(findings: &[Finding]) -> Result<(), Error> {
    match findings.iter().find(|finding| finding.is_error()) {
        Some(_) => Err(Error::findings(findings.to_vec())),
        None => Ok(()),
    }
}
