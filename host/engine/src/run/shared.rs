//! What all threads of a run share.

use super::barrier::Barrier;
use super::dead_letters::DeadLetters;
use super::metrics::StageMetrics;
use super::options::{Clock, Log, LogRecord, Notice, Progress, RunOptions, SecretLookup, StageProgress, Stop};
use super::report::{Problem, Report, StageReport, Status};
use super::save_point::SavePoint;
use super::splits::SplitTable;
use super::watch::Watch;
use super::windows::StageWindows;
use crate::messaging::{LazyMessaging, Messaging};
use crate::outbox::{Cause, Outbox};
use crate::plan::Plan;
use crate::spec::{SavesSpec, Secrets};
use campanile_sdk::{Kind, Mode};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// More problems than this are counted, not kept.
const PROBLEMS_MAX: usize = 200;

/// Who runs.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) namespace: String,
    pub(super) pipeline_name: String,
    pub(super) run_id: String,
    /// A JSON object.
    pub(super) arguments: String,
}

/// A stage, as all its instances share it.
#[derive(Debug)]
pub(super) struct StageShared {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    plugin: String,
    pub(super) metrics: StageMetrics,
    /// The windows of its alerts.
    pub(super) windows: Option<StageWindows>,
    /// The keys that its alerts are grouped by, a JSON array.
    pub(super) group_by: String,
    /// The first error record that nobody took, with its place.
    first_error: Mutex<Option<String>>,
    /// Whether it failed already: what it says afterwards adds nothing.
    pub(super) failed: AtomicBool,
}

/// How long publishers are waited for.
enum Drain {
    /// More alerts may come.
    NotYet,
    Within(Duration),
    Until(Instant),
}

pub(super) struct Shared {
    pub(super) identity: Identity,
    pub(super) stages: Vec<StageShared>,
    pub(super) watch: Watch,
    pub(super) log: Option<Log>,
    pub(super) dead_letters: OnceLock<DeadLetters>,
    stop: Arc<Stop>,
    /// Set with `failure`, so that threads need no lock to look.
    failed: AtomicBool,
    /// A dry run has read enough: sources end, nothing failed.
    enough: AtomicBool,
    failure: Mutex<Option<Problem>>,
    problems: Mutex<Vec<Problem>>,
    /// Of the pipeline's text, and those that plugins asked for.
    secrets: Mutex<Secrets>,
    secret_lookup: Option<SecretLookup>,
    pub(super) messaging: Option<Arc<dyn Messaging>>,
    pub(super) mode: Mode,
    pub(super) splits: SplitTable,
    /// Of a durable run.
    pub(super) outbox: OnceLock<Arc<Outbox>>,
    /// Where chains stand still, if they ever do.
    pub(super) barrier: OnceLock<Arc<Barrier>>,
    drain: Mutex<Drain>,
    /// When what is to be saved is given up, where it cannot be written.
    saves_until: Mutex<Option<Instant>>,
    drain_timeout: Duration,
    /// Sources wait, because too much waits for publishers.
    pub(super) waits: AtomicBool,
    notice: Option<Notice>,
    clock: Option<Clock>,
    started_ms: i64,
    ended_ms: AtomicI64,
}

/// Milliseconds since 1970, by the system's clock.
fn system_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Messages of this level and heavier ones stand in the report.
    pub(super) const PROBLEM_LEVEL: u32 = 2;

    /// What the threads of a run share; of one that goes on, its save point.
    pub(super) fn new(plan: &Plan, options: &RunOptions, from: Option<&SavePoint>) -> Shared {
        let spec = plan.spec();
        let saves = spec.saves.as_ref();
        let durable = options.store.is_some() && options.dry_run.is_none();
        let mode = match durable {
            true if plan.is_live() => Mode::Live,
            true => Mode::Durable,
            false => Mode::Plain,
        };
        let stages = spec.stages.iter().map(|stage| StageShared {
            // A plugin, or a signal's handler, may ask for the name as long as the process lives.
            name: Box::leak(stage.name.clone().into_boxed_str()),
            kind: stage.plugin.kind,
            plugin: stage.plugin.name.clone(),
            metrics: StageMetrics::new(plan.ports_of(&stage.name)),
            windows: stage.alerts.as_ref().and_then(StageWindows::new),
            group_by: stage
                .alerts
                .as_ref()
                .and_then(|alerts| serde_json::to_string(&alerts.group_by).ok())
                .unwrap_or_default(),
            first_error: Mutex::default(),
            failed: AtomicBool::new(false),
        });
        Shared {
            identity: Identity {
                namespace: spec.namespace.clone(),
                pipeline_name: spec.name.clone(),
                run_id: from
                    .map(|from| from.run_id.clone())
                    .or_else(|| options.run_id.clone())
                    .unwrap_or_else(new_run_id),
                arguments: serde_json::to_string(&options.arguments).unwrap_or_default(),
            },
            stages: stages.collect(),
            watch: Watch::default(),
            log: options.log.clone(),
            dead_letters: OnceLock::new(),
            stop: Arc::clone(&options.stop),
            failed: AtomicBool::new(false),
            enough: AtomicBool::new(false),
            failure: Mutex::default(),
            problems: Mutex::default(),
            secrets: Mutex::new(plan.file.secrets.clone()),
            secret_lookup: options.secrets.clone(),
            messaging: options
                .messaging
                .clone()
                .map(|open| Arc::new(LazyMessaging::new(open, options.dry_run.is_some())) as Arc<dyn Messaging>),
            mode,
            splits: SplitTable::default(),
            outbox: OnceLock::new(),
            barrier: OnceLock::new(),
            drain: Mutex::new(Drain::NotYet),
            saves_until: Mutex::default(),
            drain_timeout: saves.and_then(|saves| saves.drain_timeout).unwrap_or(SavesSpec::DRAIN_TIMEOUT),
            waits: AtomicBool::new(false),
            notice: options.notice.clone(),
            clock: options.clock.clone(),
            started_ms: from.map_or_else(system_ms, |from| from.started_ms),
            ended_ms: AtomicI64::new(0),
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.as_ref().map_or_else(system_ms, |clock| clock())
    }

    /// Whether the run is saved on the way.
    pub(super) fn is_durable(&self) -> bool {
        self.mode.is_durable()
    }

    /// Whether what raised an alert of a stage will not do so again. Asked while all stand still.
    pub(super) fn is_behind(&self, stage: &str, from: Cause) -> bool {
        match from {
            Cause::Record(split, position) => self.splits.is_behind(split, position),
            Cause::Number(stream, number) => {
                let raised = self.stages.iter().find(|other| other.name == stage);
                raised.is_none_or(|stage| number < stage.metrics.without_row(stream))
            }
        }
    }

    /// Where chains stand still.
    pub(super) fn barrier(&self) -> Option<&Barrier> {
        self.barrier.get().map(|barrier| &**barrier)
    }

    pub(super) fn started_ms(&self) -> i64 {
        self.started_ms
    }

    /// Tells a person something at once; it stands in the report too.
    pub(super) fn notice(&self, message: &str) {
        let message = lock(&self.secrets).redact(message);
        if let Some(notice) = &self.notice {
            notice(&message);
        }
        self.note(Problem { stage: String::new(), message });
    }

    /// Whether sources shall read nothing for now.
    pub(super) fn is_held(&self) -> bool {
        let full = self.outbox.get().is_some_and(|outbox| outbox.is_full());
        if full != self.waits.swap(full, Ordering::Relaxed) && full {
            self.notice(
                "sources wait: the outbox is full of alerts that publishers have not taken (saves.outboxBytes)",
            );
        }
        full || self.stop.is_suspended()
    }

    /// No alerts come any more. In a run that was stopped or has failed publishers have some time to take what there is.
    pub(super) fn drain(&self) {
        *lock(&self.drain) = Drain::Within(self.drain_timeout);
    }

    /// Whether a full disk is not waited for any longer: the run was stopped, or has failed, and had time to write.
    pub(super) fn gives_up_saving(&self) -> bool {
        if !(self.is_stopped() || self.has_failed()) {
            return false;
        }
        Instant::now() >= *lock(&self.saves_until).get_or_insert_with(|| Instant::now() + self.drain_timeout)
    }

    /// Whether publishers are not waited for any longer. Asked by them, and only where nothing is lost by it.
    pub(super) fn is_drained(&self) -> bool {
        if !(self.is_stopped() || self.has_failed()) {
            return false;
        }
        let mut drain = lock(&self.drain);
        match *drain {
            Drain::NotYet => false,
            Drain::Within(time) => {
                *drain = Drain::Until(Instant::now() + time);
                false
            }
            Drain::Until(at) => Instant::now() >= at,
        }
    }

    /// The run fails because of a stage; the first failure is the reason.
    pub(super) fn fail(&self, stage: usize, message: String) {
        self.stages[stage].failed.store(true, Ordering::SeqCst);
        self.note_failure(Problem { stage: self.stages[stage].name.to_owned(), message });
    }

    /// The run fails for a reason that is no stage's.
    pub(super) fn fail_run(&self, message: String) {
        self.note_failure(Problem { stage: String::new(), message });
    }

    fn note_failure(&self, problem: Problem) {
        let problem = Problem { message: lock(&self.secrets).redact(&problem.message), ..problem };
        let mut failure = lock(&self.failure);
        if failure.is_none() {
            *failure = Some(problem);
        } else {
            drop(failure);
            self.note(problem);
        }
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Something that a person should know, and that does not fail the run.
    pub(super) fn problem(&self, stage: usize, message: String) {
        let message = lock(&self.secrets).redact(&message);
        self.note(Problem { stage: self.stages[stage].name.to_owned(), message });
    }

    fn note(&self, problem: Problem) {
        let mut problems = lock(&self.problems);
        if problems.len() < PROBLEMS_MAX && !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(super) fn log(&self, stage: usize, level: u32, message: &str, fields: &str) {
        let message = lock(&self.secrets).redact(message);
        if let Some(log) = self.log.as_ref().filter(|log| level <= log.level) {
            let fields = lock(&self.secrets).redact(fields);
            (log.keep)(&LogRecord { stage: self.stages[stage].name, level, message: &message, fields: &fields });
        }
        if level <= Shared::PROBLEM_LEVEL {
            self.problem(stage, message);
        }
    }

    pub(super) fn secret(&self, name: &str) -> Option<Vec<u8>> {
        let secret = self.secret_lookup.as_ref().and_then(|lookup| lookup(name))?;
        lock(&self.secrets).add(&String::from_utf8_lossy(&secret));
        Some(secret)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    pub(super) fn read_enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    /// Whether sources end now.
    pub(super) fn must_end(&self) -> bool {
        self.has_failed() || self.is_stopped() || self.enough.load(Ordering::Relaxed)
    }

    /// Counts an error record that nobody takes; the first of a stage is shown.
    pub(super) fn untaken_error(&self, stage: usize, describe: impl FnOnce() -> String) {
        let mut first = lock(&self.stages[stage].first_error);
        if first.is_none() {
            *first = Some(describe());
        }
    }

    pub(super) fn status(&self) -> Status {
        if self.has_failed() {
            Status::Failed
        } else if self.is_stopped() {
            Status::Killed
        } else {
            Status::Completed
        }
    }

    pub(super) fn ended(&self) {
        self.ended_ms.store(system_ms(), Ordering::SeqCst);
    }

    pub(super) fn progress(&self) -> Progress {
        let stages = self.stages.iter().map(|stage| StageProgress {
            name: stage.name.to_owned(),
            metrics: stage.metrics.snapshot(stage.kind == Kind::AlertPublisher),
        });
        Progress {
            stages: stages.collect(),
            waits: self.waits.load(Ordering::Relaxed),
            suspended: self.stop.is_suspended(),
        }
    }

    pub(super) fn report(&self) -> Report {
        let mut problems: Vec<Problem> = lock(&self.failure).iter().cloned().collect();
        for stage in &self.stages {
            let taken = lock(&stage.first_error).clone();
            if let Some(first) = taken {
                let n = stage.metrics.records_error.load(Ordering::Relaxed);
                let what = if n == 1 {
                    "1 error record that no stage takes".to_owned()
                } else {
                    format!("{n} error records that no stage takes, the first")
                };
                let message = lock(&self.secrets).redact(&format!("{what}: {first}"));
                problems.push(Problem { stage: stage.name.to_owned(), message });
            }
        }
        problems.extend(lock(&self.problems).iter().cloned());
        let stages = self.stages.iter().map(|stage| {
            let metrics = stage.metrics.snapshot(stage.kind == Kind::AlertPublisher);
            let metrics = metrics.into_iter().map(|(name, value)| (name, number(value))).collect::<Map<_, _>>();
            let report = StageReport { kind: stage.kind.to_string(), plugin: stage.plugin.clone(), metrics };
            (stage.name.to_owned(), report)
        });
        let ended_ms = match self.ended_ms.load(Ordering::SeqCst) {
            0 => self.now_ms(),
            ended => ended,
        };
        Report {
            run_id: self.identity.run_id.clone(),
            namespace: self.identity.namespace.clone(),
            pipeline_name: self.identity.pipeline_name.clone(),
            status: self.status(),
            started_ms: self.started_ms,
            ended_ms,
            stages: stages.collect(),
            problems,
        }
    }
}

fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { Value::from(value as i64) } else { Value::from(value) }
}

/// Unlike any other on this machine, and in the order of time.
fn new_run_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    format!("{:012x}-{:08x}", system_ms(), random as u32)
}
