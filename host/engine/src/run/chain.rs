//! A chain: stages on one thread, each calling the next directly with what it emits.

use super::alerts::AlertSink;
use super::barrier::{Arrival, Barrier, Part, StageState};
use super::dead_letters;
use super::errors::{ErrorBatch, SharedErrors};
use super::event_time::Times;
use super::metrics::{StageMetrics, add};
use super::outlet::Outlet;
use super::shared::Shared;
use super::source::Head;
use super::watch::Slot;
use crate::batch::{Batch, SplitOrigin};
use crate::columns;
use arrow_schema::SchemaRef;
use campanile_sdk::proxy::{Answer, Stage};
use campanile_sdk::{Error, ErrorKind, Position};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

/// Batches that may wait where chains meet.
pub(super) const QUEUE_BATCHES: usize = 16;

/// What passes from one chain to another.
pub(super) enum Message {
    Records(Batch),
    Errors(SharedErrors),
    /// Everything that was sent before belongs to the save point with this number.
    Mark(u64),
    /// The sender has nothing more.
    End,
}

/// A step of a way, where records come to a stage on several: it tells them apart.
pub(super) type Way = Option<u32>;

/// Where something goes.
pub(super) enum Target {
    /// A stage of the same chain.
    Here(usize, Way),
    /// The first stage of another.
    Queue(SyncSender<Message>, Way),
}

/// An output of a stage, and who takes it.
pub(super) struct Output {
    pub(super) schema: SchemaRef,
    pub(super) targets: Vec<Target>,
}

/// An instance of a stage in its place.
pub(super) struct Node {
    /// Its position in the pipeline's file.
    pub(super) index: usize,
    /// Its number among the instances of its stage.
    pub(super) instance: usize,
    /// None for an end of a dry run: it is not opened, only counted.
    pub(super) stage: RefCell<Option<Stage>>,
    /// By port.
    pub(super) outputs: Vec<Output>,
    pub(super) errors: Vec<Target>,
    pub(super) error_schema: SchemaRef,
    pub(super) alerts: RefCell<AlertSink>,
    /// It was told that its input has ended, in this process or before the run went on in it.
    pub(super) finished: Cell<bool>,
    /// It was closed before the run went on in this process.
    pub(super) closed: Cell<bool>,
}

impl Node {
    /// What its stage keeps; nothing where that failed, and the run with it.
    pub(super) fn snapshot(&self, shared: &Shared, slot: &Slot) -> Option<StageState> {
        let mut stage = self.stage.borrow_mut();
        let name = shared.stages[self.index].name;
        match slot.inside(self.index, name, || stage.as_mut().map_or(Ok(None), Stage::snapshot)) {
            Ok(state) => {
                let finished = self.finished.get();
                Some(StageState { stage: self.index, instance: self.instance, state, finished })
            }
            Err(error) => {
                shared.fail(self.index, failure(&error, None));
                None
            }
        }
    }

    /// It gets input: it is not at its end, whatever it was before.
    pub(super) fn goes_on(&self) {
        self.finished.set(false);
        self.closed.set(false);
    }
}

/// Stages on one thread, in an order in which each hands on to later ones only.
pub(super) struct Chain {
    pub(super) nodes: Vec<Node>,
    /// The queues that it feeds, each once.
    pub(super) feeds: Vec<SyncSender<Message>>,
    pub(super) shared: Arc<Shared>,
    pub(super) barrier: Arc<Barrier>,
    pub(super) slot: Slot,
    /// The last save point that it stood still for.
    pub(super) seen: Cell<u64>,
    /// The largest position that the source has emitted of the split that it reads.
    pub(super) position: Cell<Option<u64>>,
    /// Dead letters since the last save point.
    pub(super) letters: RefCell<dead_letters::Pending>,
}

impl Chain {
    /// Runs the chain to its end. The nodes come back, to be closed; what they hand on to has ended.
    pub(super) fn run(mut self, head: Head) -> Ended {
        let source = match head {
            Head::Source(source) => {
                let source = *source;
                source.read(&self);
                Some(source)
            }
            Head::Queue { queue, senders } => {
                self.take(&queue, senders);
                None
            }
        };
        for node in &self.nodes {
            // A run that is stopped and goes on later has not seen the end of its input.
            if self.shared.has_failed() || self.shared.is_stopped() && self.shared.is_durable() {
                break;
            }
            // What it said to that was said before.
            if !node.finished.get() {
                self.call(node, None, None, |stage, outlet| stage.finish(outlet).map(|()| true));
                node.finished.set(true);
            }
        }
        // Whoever was told of the end counts on no mark from here any more.
        for queue in std::mem::take(&mut self.feeds) {
            let _ = self.slot.outside(|| queue.send(Message::End));
        }
        let failed = || self.shared.has_failed();
        let mut first = true;
        while let Some(number) = self.slot.outside(|| self.barrier.linger(self.seen.get(), first, &failed)) {
            first = false;
            self.stand_still(number, source.as_ref());
        }
        let splits = source.as_ref().map(|source| source.splits(&self)).unwrap_or_default();
        let readers = source.map(super::source::Source::into_readers).unwrap_or_default();
        let mut nodes = self.nodes;
        for node in &mut nodes {
            node.outputs.iter_mut().for_each(|output| output.targets.clear());
            node.errors.clear();
        }
        Ended { nodes, splits, readers, letters: self.letters.into_inner() }
    }

    /// Takes what other chains hand on, until they have ended.
    fn take(&self, queue: &Receiver<Message>, mut senders: usize) {
        let (mut marks, mut number) = (0, 0);
        while let Ok(message) = queue.recv() {
            // After a failure the queue is emptied, so that nobody waits for it.
            match message {
                Message::Records(batch) => {
                    self.deliver(0, &batch);
                }
                Message::Errors(errors) => {
                    self.deliver_errors(0, &errors);
                }
                Message::Mark(mark) => (marks, number) = (marks + 1, mark),
                Message::End => senders -= 1,
            }
            if marks > 0 && marks == senders {
                marks = 0;
                self.stand_still(number, None);
            }
            if senders == 0 {
                break;
            }
        }
    }

    /// Stands still for a save point: everything before it has been worked on.
    pub(super) fn stand_still(&self, number: u64, source: Option<&super::source::Source>) {
        self.seen.set(number);
        for queue in &self.feeds {
            // Who has ended takes no marks, and whoever has not is waiting for them.
            let _ = self.slot.outside(|| queue.send(Message::Mark(number)));
        }
        let mut arrival =
            Arrival { splits: source.map(|source| source.splits(self)).unwrap_or_default(), states: Vec::new() };
        if self.shared.is_durable() {
            for node in &self.nodes {
                match node.snapshot(&self.shared, &self.slot) {
                    Some(state) => arrival.states.push(state),
                    None => return,
                }
            }
        }
        let failed = || self.shared.has_failed();
        let Some(decision) = self.slot.outside(|| self.barrier.arrive(number, arrival, &failed)) else { return };
        let mut part = Part::default();
        for node in &self.nodes {
            let mut alerts = node.alerts.borrow_mut();
            let until = decision.close_until.get(node.index).copied().flatten();
            part.closed.extend(alerts.close(until));
            if decision.save {
                alerts.changes(&mut part.changes);
            }
        }
        if decision.save {
            part.letters = self.letters.borrow_mut().take();
        }
        self.barrier.hand_over(part);
    }

    pub(super) fn metrics(&self, node: &Node) -> &StageMetrics {
        &self.shared.stages[node.index].metrics
    }

    /// The source has emitted rows at these positions.
    pub(super) fn read_up_to(&self, positions: &[u64]) {
        let known = positions.iter().copied().filter(|&position| position != campanile_abi::NO_POSITION);
        if let Some(largest) = known.max() {
            self.position.set(Some(self.position.get().map_or(largest, |before| before.max(largest))));
        }
    }

    /// Calls into a stage, with an outlet for what it emits; a failure fails the run.
    pub(super) fn call(
        &self,
        node: &Node,
        input: Option<(&Batch, Option<&Times>)>,
        split: Option<&Arc<SplitOrigin>>,
        call: impl FnOnce(&mut Stage, &mut Outlet<'_>) -> Result<bool, Error>,
    ) -> Answer {
        self.call_one(&node.stage, node, input, split, call)
    }

    /// As [`Chain::call`], of one of several instances that are in the place of one.
    pub(super) fn call_one(
        &self,
        stage: &RefCell<Option<Stage>>,
        node: &Node,
        input: Option<(&Batch, Option<&Times>)>,
        split: Option<&Arc<SplitOrigin>>,
        call: impl FnOnce(&mut Stage, &mut Outlet<'_>) -> Result<bool, Error>,
    ) -> Answer {
        let mut stage = stage.borrow_mut();
        let Some(stage) = stage.as_mut() else { return Answer::Go };
        node.alerts.borrow_mut().begin();
        let (input, times) = (input.map(|(batch, _)| batch), input.and_then(|(_, times)| times));
        let mut outlet = Outlet { chain: self, node, input, split, times };
        let name = self.shared.stages[node.index].name;
        match self.slot.inside(node.index, name, || call(stage, &mut outlet)) {
            Ok(true) => Answer::Go,
            Ok(false) => Answer::Stop,
            Err(error) => {
                // "You know why" is believed only where something has failed indeed.
                if !error.is_refusal() || !self.shared.has_failed() {
                    self.shared.fail(node.index, failure(&error, input));
                }
                Answer::Fail
            }
        }
    }

    /// Hands records to a stage of this chain.
    pub(super) fn deliver(&self, node: usize, batch: &Batch) -> Answer {
        if self.shared.has_failed() {
            return Answer::Stop;
        }
        let node = &self.nodes[node];
        node.goes_on();
        add(&self.metrics(node).records_in, batch.rows());
        if node.alerts.borrow_mut().event_time().is_none() {
            return self.call(node, Some((batch, None)), None, |stage, outlet| columns::process(stage, batch, outlet));
        }
        let Some((batch, times)) = self.timed(node, batch.clone()) else { return Answer::Fail };
        if batch.rows() == 0 {
            return Answer::Go;
        }
        let answer = self
            .call(node, Some((&batch, Some(&times))), None, |stage, outlet| columns::process(stage, &batch, outlet));
        self.note_times(node, batch.origin().split.as_deref(), &times);
        answer
    }

    /// The rows of a batch that have a time, and their times; the others become error records.
    fn timed(&self, node: &Node, batch: Batch) -> Option<(Batch, Times)> {
        let read = |batch: &Batch| {
            let mut alerts = node.alerts.borrow_mut();
            alerts.event_time().map(|event_time| event_time.read(batch, self.shared.now_ms()))
        };
        let (times, bad) = read(&batch)?;
        if bad.is_empty() {
            return Some((batch, times));
        }
        let mut good = Vec::with_capacity(batch.rows());
        let mut rows = bad.iter().map(|(row, _)| *row).peekable();
        for row in 0..batch.rows() as u32 {
            if rows.next_if_eq(&row).is_none() {
                good.push(row);
            }
        }
        for (row, reason) in &bad {
            let error = ErrorBatch::single(node.index, Some(*row), reason, Some(&batch), &node.error_schema);
            let taken = match error {
                Ok(error) => self.error_records(node, error),
                Err(message) => {
                    self.shared.fail(node.index, message);
                    Answer::Fail
                }
            };
            if taken == Answer::Fail {
                return None;
            }
        }
        match batch.select(Some(&good), good.len()) {
            Ok(batch) => read(&batch).map(|(times, _)| (batch, times)),
            Err(message) => {
                self.shared.fail(node.index, message);
                None
            }
        }
    }

    /// Moves a split's time on.
    fn note_times(&self, node: &Node, split: Option<&SplitOrigin>, times: &Times) {
        let split = split.map_or(u32::MAX, |split| split.index);
        let mut alerts = node.alerts.borrow_mut();
        let Some(event_time) = alerts.event_time() else { return };
        event_time.note(split, times);
        if let (Some(windows), Some(latest)) = (&self.shared.stages[node.index].windows, event_time.latest(split)) {
            windows.note(split, latest, self.shared.now_ms());
        }
    }

    /// What a source emits moves time on where the source's own alerts have windows. Rows without a time are taken out.
    pub(super) fn note_times_of_source(
        &self,
        node: &Node,
        split: Option<&Arc<SplitOrigin>>,
        batch: Batch,
    ) -> Option<Batch> {
        if split.is_none() || node.alerts.borrow_mut().event_time().is_none() {
            return Some(batch);
        }
        let (batch, times) = self.timed(node, batch)?;
        self.note_times(node, split.map(|split| &**split), &times);
        Some(batch)
    }

    pub(super) fn deliver_errors(&self, node: usize, errors: &SharedErrors) -> Answer {
        if self.shared.has_failed() {
            return Answer::Stop;
        }
        let node = &self.nodes[node];
        node.goes_on();
        add(&self.metrics(node).records_in, errors.len());
        let lent = errors.lend(self.shared.stages[errors.stage].name);
        self.call(node, Some((&errors.batch, None)), None, |stage, outlet| {
            columns::process_errors(stage, &errors.batch, &lent, outlet)
        })
    }

    /// Hands error records on, or puts them with the dead letters.
    pub(super) fn error_records(&self, node: &Node, errors: ErrorBatch) -> Answer {
        let shared = &self.shared;
        add(&self.metrics(node).records_error, errors.len());
        if !node.errors.is_empty() {
            let errors = Arc::new(errors);
            return self.hand_on(
                &node.errors,
                |node, _| self.deliver_errors(node, &errors),
                |_| Message::Errors(Arc::clone(&errors)),
            );
        }
        shared.untaken_error(node.index, || match errors.place(0) {
            place if place.is_empty() => errors.message(0).into_owned(),
            place => format!("{place}: {}", errors.message(0)),
        });
        let Some(letters) = shared.dead_letters.get() else { return Answer::Go };
        let name = shared.stages[node.index].name;
        if shared.is_durable() {
            // They leave with the next save point: what comes after it would be read again, and its errors with it.
            if self.letters.borrow_mut().add(name, &node.error_schema, &errors) {
                self.barrier.want();
            }
            return Answer::Go;
        }
        if let Err(message) = letters.write(name, &node.error_schema, &errors) {
            shared.fail_run(message);
            return Answer::Fail;
        }
        Answer::Go
    }

    pub(super) fn hand_on(
        &self,
        targets: &[Target],
        here: impl Fn(usize, Way) -> Answer,
        message: impl Fn(Way) -> Message,
    ) -> Answer {
        let mut answer = Answer::Go;
        for target in targets {
            let one = match target {
                Target::Here(node, way) => here(*node, *way),
                Target::Queue(queue, way) => match self.slot.outside(|| queue.send(message(*way))) {
                    Ok(()) => Answer::Go,
                    // The chain behind it has ended, which it does early only after a failure.
                    Err(_) => Answer::Stop,
                },
            };
            match (one, answer) {
                (Answer::Fail, _) => return Answer::Fail,
                (Answer::Stop, Answer::Go) => answer = Answer::Stop,
                _ => {}
            }
        }
        answer
    }
}

/// What is left of a chain that has ended.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) nodes: Vec<Node>,
    /// How far its splits are.
    pub(super) splits: Vec<super::barrier::SplitAt>,
    /// Instances of a live source with how far each has read, to be closed.
    pub(super) readers: Vec<(Vec<Position>, Stage)>,
    /// Dead letters since the last save point.
    pub(super) letters: dead_letters::Pending,
}

/// What went wrong, and at which record.
pub(super) fn failure(error: &Error, input: Option<&Batch>) -> String {
    let kind = match error.kind() {
        ErrorKind::Panic => "the plugin ",
        _ => "",
    };
    let Some(row) = error.row() else { return format!("{kind}{error}") };
    let origin = input.map(Batch::origin);
    let file = origin.and_then(|origin| origin.split.as_ref()).map(|split| split.file.as_str());
    match (file, origin.and_then(|origin| origin.position(row as usize))) {
        (Some(file), Some(position)) => format!("{kind}{error} (at row {row} of a batch: {file}, position {position})"),
        _ => format!("{kind}{error} (at row {row} of a batch)"),
    }
}
