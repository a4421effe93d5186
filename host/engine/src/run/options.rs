use super::metrics::MetricsSnapshot;
use crate::messaging::OpenMessaging;
use crate::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Tells a run to stop, or to wait; may be used from any thread and from a signal's.
#[derive(Debug, Default)]
pub struct Stop {
    stopped: AtomicBool,
    suspended: AtomicBool,
}

impl Stop {
    /// Stop reading, finish what was read, end as KILLED.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Whether the run was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Read nothing until told to go on. What was read is finished; windows by the clock close, publishers go on.
    pub fn suspend(&self) {
        self.suspended.store(true, Ordering::SeqCst);
    }

    /// Go on after [`Stop::suspend`].
    pub fn resume(&self) {
        self.suspended.store(false, Ordering::SeqCst);
    }

    /// Whether the run was told to wait.
    pub fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::SeqCst)
    }
}

/// A message of a stage.
#[derive(Clone, Debug)]
pub struct LogRecord<'a> {
    /// The stage.
    pub stage: &'a str,
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u32,
    /// The message.
    pub message: &'a str,
    /// Its fields, a JSON object, or empty.
    pub fields: &'a str,
}

/// Where messages of stages go, and from which level on.
#[derive(Clone)]
pub struct Log {
    /// The lightest level that is kept.
    pub level: u32,
    /// Takes one; called from any thread.
    pub keep: Arc<dyn Fn(&LogRecord<'_>) + Send + Sync>,
}

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The stages, in the order of the file.
    pub stages: Vec<StageProgress>,
    /// Sources wait, because too many alerts wait for publishers.
    pub waits: bool,
    /// The run was told to wait.
    pub suspended: bool,
}

/// How far a stage is.
#[derive(Clone, Debug)]
pub struct StageProgress {
    /// The stage.
    pub name: String,
    /// What it counted.
    pub metrics: MetricsSnapshot,
}

/// Finds a secret by its name; called from any thread.
pub type SecretLookup = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// Is told what a person should know at once: lower case, no full stop; called from any thread.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// Tells the time, milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Is told how far a run is.
pub type ProgressCallback = Box<dyn FnMut(&Progress) + Send>;

/// What a run may be given. The default is what `campanile run FILE` does.
pub struct RunOptions {
    /// The run's id; one is made where nothing is said.
    pub run_id: Option<String>,
    /// Over the pipeline's `parallelism`.
    pub parallelism: Option<u32>,
    /// Reads so many records, and opens no sink and no publisher.
    pub dry_run: Option<u64>,
    /// The run's arguments, for stages that ask.
    pub arguments: BTreeMap<String, String>,
    /// Tells the run to stop.
    pub stop: Arc<Stop>,
    /// How long one call of a plugin may take where the pipeline says nothing.
    pub call_deadline: Duration,
    /// How long alerts that cannot be published now are tried again.
    pub retry_for: Duration,
    /// The largest payload of an alert, in bytes of its keys and values.
    pub max_payload_bytes: usize,
    /// Secrets by their name.
    pub secrets: Option<SecretLookup>,
    /// Opens the messaging that stages ask for; without it there is none. Not called where no stage uses it.
    pub messaging: Option<OpenMessaging>,
    /// Where the run keeps what it goes on from after a crash, and its alerts until they are published. Without it the run
    /// is plain; a live pipeline needs one.
    pub store: Option<Arc<dyn Store>>,
    /// Goes on where the run before was stopped, failed or crashed; a live run does so anyway.
    pub resume: bool,
    /// Where notices go.
    pub notice: Option<Notice>,
    /// Where messages of stages go.
    pub log: Option<Log>,
    /// Called some fifty times a second.
    pub progress: Option<ProgressCallback>,
    /// Save points that something wants are at least so far apart, and windows are looked at no more often.
    pub save_gap: Duration,
    /// Tells the time, milliseconds since 1970: windows by the clock, idle splits, times of alerts. Called from any thread.
    /// Without it the system's clock does. What waits for somebody else goes by a clock of its own.
    pub clock: Option<Clock>,
}

impl RunOptions {
    /// How long one call of a plugin may take.
    pub const CALL_DEADLINE: Duration = Duration::from_secs(300);
    /// How long alerts that cannot be published now are tried again.
    pub const RETRY_FOR: Duration = Duration::from_secs(300);
    /// The largest payload of an alert, in bytes.
    pub const MAX_PAYLOAD_BYTES: usize = 64 << 10;
    /// How far apart save points are at least.
    pub const SAVE_GAP: Duration = Duration::from_millis(100);
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions {
            run_id: None,
            parallelism: None,
            dry_run: None,
            arguments: BTreeMap::new(),
            stop: Arc::default(),
            call_deadline: RunOptions::CALL_DEADLINE,
            retry_for: RunOptions::RETRY_FOR,
            max_payload_bytes: RunOptions::MAX_PAYLOAD_BYTES,
            secrets: None,
            messaging: None,
            store: None,
            resume: false,
            notice: None,
            log: None,
            progress: None,
            save_gap: RunOptions::SAVE_GAP,
            clock: None,
        }
    }
}
