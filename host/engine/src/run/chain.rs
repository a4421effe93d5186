//! A chain: stages on one thread, each calling the next directly with what it emits.

use super::alerts::AlertSink;
use super::errors::{ErrorBatch, SharedErrors};
use super::metrics::{StageMetrics, add};
use super::shared::Shared;
use super::watch::Slot;
use crate::batch::{Batch, Origin, SplitOrigin};
use crate::columns;
use arrow_schema::SchemaRef;
use campanile_sdk::proxy::{AlertsIn, Answer, Downstream, ErrorsIn, Incoming, PatchIn, Stage};
use campanile_sdk::{Error, ErrorKind, Kind, Read, Split};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Batches that may wait where chains meet.
pub(super) const QUEUE_BATCHES: usize = 16;
/// How long a source that has nothing is left alone.
const IDLE_PAUSE: Duration = Duration::from_millis(5);

/// What passes from one chain to another.
pub(super) enum Message {
    Records(Batch),
    Errors(SharedErrors),
}

/// Where something goes.
pub(super) enum Target {
    /// A stage of the same chain.
    Here(usize),
    /// The first stage of another.
    Queue(SyncSender<Message>),
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
    /// None for an end of a dry run: it is not opened, only counted.
    pub(super) stage: RefCell<Option<Stage>>,
    /// By port.
    pub(super) outputs: Vec<Output>,
    pub(super) errors: Vec<Target>,
    pub(super) error_schema: SchemaRef,
    pub(super) alerts: RefCell<AlertSink>,
}

/// The splits that are left to read, shared by all instances of a source.
pub(super) type Splits = Arc<Mutex<VecDeque<(Arc<SplitOrigin>, Split)>>>;

/// Where the records of a chain come from.
pub(super) enum Head {
    Source { splits: Splits, rows: usize, bytes: usize, at_most: Option<u64> },
    Queue(Receiver<Message>),
}

/// Stages on one thread, in an order in which each hands on to later ones only.
pub(super) struct Chain {
    pub(super) nodes: Vec<Node>,
    pub(super) head: Head,
    pub(super) shared: Arc<Shared>,
    pub(super) slot: Slot,
}

impl Chain {
    /// Runs the chain to its end. The nodes come back, to be closed; what they hand on to has ended.
    pub(super) fn run(mut self) -> Vec<Node> {
        let _ = match std::mem::replace(
            &mut self.head,
            Head::Source { splits: Splits::default(), rows: 0, bytes: 0, at_most: None },
        ) {
            Head::Source { splits, rows, bytes, at_most } => self.read(&splits, rows, bytes, at_most),
            Head::Queue(queue) => self.take(&queue),
        };
        for node in &self.nodes {
            if self.shared.has_failed() {
                break;
            }
            self.call(node, None, None, |stage, outlet| stage.finish(outlet).map(|()| true));
        }
        let mut nodes = self.nodes;
        for node in &mut nodes {
            node.outputs.iter_mut().for_each(|output| output.targets.clear());
            node.errors.clear();
        }
        nodes
    }

    /// Takes what other chains hand on, until they have ended.
    fn take(&self, queue: &Receiver<Message>) -> Answer {
        while let Ok(message) = queue.recv() {
            // After a failure the queue is emptied, so that nobody waits for it.
            match message {
                Message::Records(batch) => self.deliver(0, &batch),
                Message::Errors(errors) => self.deliver_errors(0, &errors),
            };
        }
        Answer::Stop
    }

    /// Reads split after split.
    fn read(&self, splits: &Splits, rows: usize, bytes: usize, at_most: Option<u64>) -> Answer {
        let node = &self.nodes[0];
        let rows = at_most.map_or(rows, |most| rows.min(most as usize).max(1));
        while !self.shared.must_end() {
            let next = splits.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((origin, split)) = next else { break };
            if self.call(node, None, None, |stage, _| stage.begin(&split, None).map(|()| true)) != Answer::Go {
                return Answer::Fail;
            }
            loop {
                if self.shared.must_end() {
                    return Answer::Stop;
                }
                let mut read = Read::End;
                let answer = self.call(node, None, Some(&origin), |stage, outlet| {
                    read = stage.read(rows, bytes, outlet)?;
                    Ok(true)
                });
                if answer != Answer::Go {
                    return answer;
                }
                let out = self.metrics(node).records_out.load(std::sync::atomic::Ordering::Relaxed);
                if at_most.is_some_and(|most| out >= most) {
                    self.shared.read_enough();
                    return Answer::Stop;
                }
                match read {
                    Read::More => {}
                    Read::Idle => std::thread::park_timeout(IDLE_PAUSE),
                    Read::End => break,
                }
            }
        }
        Answer::Stop
    }

    fn metrics(&self, node: &Node) -> &StageMetrics {
        &self.shared.stages[node.index].metrics
    }

    /// Calls into a stage, with an outlet for what it emits; a failure fails the run.
    fn call(
        &self,
        node: &Node,
        input: Option<&Batch>,
        split: Option<&Arc<SplitOrigin>>,
        call: impl FnOnce(&mut Stage, &mut Outlet<'_>) -> Result<bool, Error>,
    ) -> Answer {
        let mut stage = node.stage.borrow_mut();
        let Some(stage) = stage.as_mut() else { return Answer::Go };
        node.alerts.borrow_mut().begin();
        let mut outlet = Outlet { chain: self, node, input, split };
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
    fn deliver(&self, node: usize, batch: &Batch) -> Answer {
        if self.shared.has_failed() {
            return Answer::Stop;
        }
        let node = &self.nodes[node];
        add(&self.metrics(node).records_in, batch.rows());
        self.call(node, Some(batch), None, |stage, outlet| columns::process(stage, batch, outlet))
    }

    fn deliver_errors(&self, node: usize, errors: &SharedErrors) -> Answer {
        if self.shared.has_failed() {
            return Answer::Stop;
        }
        let node = &self.nodes[node];
        add(&self.metrics(node).records_in, errors.len());
        let lent = errors.lend(self.shared.stages[errors.stage].name);
        self.call(node, Some(&errors.batch), None, |stage, outlet| {
            columns::process_errors(stage, &errors.batch, &lent, outlet)
        })
    }

    fn hand_on(&self, targets: &[Target], here: impl Fn(usize) -> Answer, message: impl Fn() -> Message) -> Answer {
        let mut answer = Answer::Go;
        for target in targets {
            let one = match target {
                Target::Here(node) => here(*node),
                Target::Queue(queue) => match self.slot.outside(|| queue.send(message())) {
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

/// Takes what one call of a stage emits.
struct Outlet<'a> {
    chain: &'a Chain,
    node: &'a Node,
    /// The batch that the stage works on.
    input: Option<&'a Batch>,
    /// The split that a source reads.
    split: Option<&'a Arc<SplitOrigin>>,
}

impl Outlet<'_> {
    fn shared(&self) -> &Shared {
        &self.chain.shared
    }

    fn fail(&self, message: String) -> Answer {
        self.shared().fail(self.node.index, format!("the plugin breaks the boundary: {message}"));
        Answer::Fail
    }

    /// Hands records on through a port.
    fn records(&self, port: u32, batch: Batch) -> Answer {
        if self.shared().has_failed() {
            return Answer::Stop;
        }
        let metrics = self.chain.metrics(self.node);
        let rows = batch.rows();
        add(&metrics.records_out, rows);
        if let Some((_, counter)) = metrics.ports.get(port as usize) {
            add(counter, rows);
        }
        let targets = &self.node.outputs[port as usize].targets;
        let chain = self.chain;
        let answer = chain.hand_on(targets, |node| chain.deliver(node, &batch), || Message::Records(batch.clone()));
        let is_source = self.shared().stages[self.node.index].kind == Kind::Source;
        if answer == Answer::Go && is_source && self.shared().must_end() { Answer::Stop } else { answer }
    }

    fn output(&self, port: u32) -> Result<&Output, String> {
        let outputs = &self.node.outputs;
        outputs.get(port as usize).ok_or_else(|| format!("it emitted through port {port} of {}", outputs.len()))
    }

    fn input(&self) -> Result<&Batch, String> {
        self.input.ok_or_else(|| "it handed on rows of an input where there is none".to_owned())
    }

    fn select(&self, port: u32, rows: Option<&[u32]>, n: usize) -> Result<Option<Batch>, String> {
        self.output(port)?;
        let selected = self.input()?.select(rows, n)?;
        Ok((n > 0).then_some(selected))
    }

    fn patched(&self, port: u32, patch: PatchIn<'_>) -> Result<Option<Batch>, String> {
        let schema = &self.output(port)?.schema;
        let input = self.input()?;
        let fields = schema.fields();
        if patch.columns.len() != fields.len() {
            return Err(format!("its patch has {} columns where {} were declared", patch.columns.len(), fields.len()));
        }
        match patch.rows {
            Some(rows) => input.check_rows(rows)?,
            None if patch.n > input.rows() => {
                return Err(format!("it handed on {} rows of a batch of {}", patch.n, input.rows()));
            }
            None => {}
        }
        if patch.n == 0 {
            return Ok(None);
        }
        let mut new_fields: Vec<(i64, usize)> =
            patch.columns.iter().enumerate().filter(|(_, c)| **c < 0).map(|(field, &c)| (-1 - c, field)).collect();
        new_fields.sort_unstable();
        if new_fields.iter().zip(0..).any(|((child, _), place)| *child != place) {
            return Err("its patch names new columns out of order".to_owned());
        }
        let new_fields: Vec<usize> = new_fields.into_iter().map(|(_, field)| field).collect();
        let new = match patch.array {
            Some(array) => {
                let (rows, columns) = columns::import(array, schema, &new_fields)?;
                if rows != patch.n {
                    return Err(format!("its patch has {rows} new rows for {} rows", patch.n));
                }
                columns
            }
            None if new_fields.is_empty() => Vec::new(),
            None => return Err("its patch names new columns and has none".to_owned()),
        };
        let kept: Vec<usize> = patch.columns.iter().filter_map(|&column| usize::try_from(column).ok()).collect();
        if let Some(column) = kept.iter().find(|&&column| column >= input.columns().len()) {
            return Err(format!("its patch names column {column} of {}", input.columns().len()));
        }
        let whole = patch.rows.is_none() && patch.n == input.rows();
        let kept = match patch.rows {
            Some(rows) => input.take(&kept, rows)?,
            None if whole => kept.iter().map(|&column| Arc::clone(&input.columns()[column])).collect(),
            None => kept.iter().map(|&column| input.columns()[column].slice(0, patch.n)).collect(),
        };
        let origin = match patch.rows {
            Some(rows) => input.origin_of(rows),
            None if whole => input.origin().clone(),
            None => input.select(None, patch.n)?.origin().clone(),
        };
        let (mut new, mut kept) = (new.into_iter().map(Some).collect::<Vec<_>>(), kept.into_iter());
        let mut columns = Vec::with_capacity(fields.len());
        for (field, &column) in fields.iter().zip(patch.columns) {
            let column = match usize::try_from(-1 - column) {
                Ok(child) => new[child].take(),
                Err(_) => kept.next(),
            };
            let column = column.ok_or("its patch names a new column twice")?;
            if column.data_type() != field.data_type() {
                let (is, declared) = (column.data_type(), field.data_type());
                return Err(format!("its patch puts {is} into `{}`, which was declared {declared}", field.name()));
            }
            if !field.is_nullable() && crate::batch::has_nulls(&column) {
                return Err(format!("column `{}` has nulls, but was declared without", field.name()));
            }
            columns.push(column);
        }
        Ok(Some(Batch::new(patch.n, columns, origin)))
    }

    fn made(
        &self,
        port: u32,
        array: Incoming,
        rows: Option<&[u32]>,
        positions: Option<&[u64]>,
    ) -> Result<Option<Batch>, String> {
        let schema = &self.output(port)?.schema;
        let batch = columns::import_batch(array, schema, |_| match (rows, self.input) {
            (Some(rows), Some(input)) => {
                input.check_rows(rows)?;
                Ok(input.origin_of(rows))
            }
            (Some(_), None) => Err("it named rows of an input where there is none".to_owned()),
            (None, _) => Ok(Origin { split: self.split.cloned(), positions: positions.map(Arc::from) }),
        })?;
        Ok((batch.rows() > 0).then_some(batch))
    }

    fn take(&self, port: u32, batch: Result<Option<Batch>, String>) -> Answer {
        match batch {
            Ok(Some(batch)) => self.records(port, batch),
            Ok(None) => Answer::Go,
            Err(message) => self.fail(message),
        }
    }

    /// Hands error records on, or puts them with the dead letters.
    fn error_records(&self, errors: ErrorBatch) -> Answer {
        let shared = self.shared();
        add(&self.chain.metrics(self.node).records_error, errors.len());
        if self.node.errors.is_empty() {
            shared.untaken_error(self.node.index, || match errors.place(0) {
                place if place.is_empty() => errors.message(0).into_owned(),
                place => format!("{place}: {}", errors.message(0)),
            });
            if let Some(letters) = shared.dead_letters.get() {
                let name = shared.stages[self.node.index].name;
                if let Err(message) = letters.write(name, &self.node.error_schema, &errors) {
                    shared.fail_run(message);
                    return Answer::Fail;
                }
            }
            return Answer::Go;
        }
        let errors = Arc::new(errors);
        let chain = self.chain;
        chain.hand_on(
            &self.node.errors,
            |node| chain.deliver_errors(node, &errors),
            || Message::Errors(Arc::clone(&errors)),
        )
    }
}

impl Downstream for Outlet<'_> {
    fn alerts_wanted(&self) -> bool {
        self.node.alerts.borrow().is_wanted()
    }

    fn selection(&mut self, port: u32, rows: Option<&[u32]>, n: usize) -> Answer {
        self.take(port, self.select(port, rows, n))
    }

    fn patch(&mut self, port: u32, patch: PatchIn<'_>) -> Answer {
        self.take(port, self.patched(port, patch))
    }

    fn batch(&mut self, port: u32, array: Incoming, rows: Option<&[u32]>, positions: Option<&[u64]>) -> Answer {
        self.take(port, self.made(port, array, rows, positions))
    }

    fn errors(&mut self, errors: ErrorsIn<'_>) -> Answer {
        for i in 0..errors.len() {
            if let (Some(row), Some(input)) = (errors.row(i), self.input)
                && row as usize >= input.rows()
            {
                return self.fail(format!("it put row {row} of a batch of {} rows in error", input.rows()));
            }
        }
        let stage = self.node.index;
        match ErrorBatch::new(stage, errors, self.input, &self.node.error_schema) {
            Ok(mut errors) => {
                if let (true, Some(split)) = (errors.file.is_empty(), self.split) {
                    errors.file.clone_from(&split.file);
                }
                self.error_records(errors)
            }
            Err(message) => self.fail(message),
        }
    }

    fn alerts(&mut self, alerts: AlertsIn<'_>) -> Answer {
        let split = self.split.map(|split| &**split);
        let taken = self.node.alerts.borrow_mut().take(&alerts, self.input, split, &self.chain.slot);
        let too_large = match taken {
            Ok(too_large) => too_large,
            Err(message) => return self.fail(message),
        };
        for alert in too_large {
            let schema = &self.node.error_schema;
            let error = ErrorBatch::single(self.node.index, alert.row, &alert.message, self.input, schema);
            match error {
                Ok(error) => {
                    if self.error_records(error) == Answer::Fail {
                        return Answer::Fail;
                    }
                }
                Err(message) => return self.fail(message),
            }
        }
        Answer::Go
    }

    fn broken(&mut self, message: String) {
        let _ = self.fail(message);
    }
}
