//! How a folder is opened.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The bytes are on the disk: they outlive a power cut.
    #[default]
    Fsync,
    /// The bytes are with the operating system: they outlive the process, not a power cut.
    Relaxed,
}

/// How a folder is opened. Every bound has a unit and a default.
#[derive(Clone, Debug)]
pub struct Options {
    /// What an acknowledgement means.
    pub durability: Durability,
    /// How old the transaction of a publication may be; none: as old as it likes. Default 90,000 s.
    pub tx_max_lifetime: Option<Duration>,
    /// How often expired messages are removed, and the room of trimmed ones is given back. Default 60 s; `Duration::MAX`: never, and
    /// no thread is started for it, which leaves it to [`crate::Messaging::clean`].
    pub clean_every: Duration,
    /// Room that must be left on the disk, in bytes: below it writes are refused, so that none fails halfway. Default 256 MiB.
    pub min_free_bytes: u64,
    /// Memory for blocks that were read, in bytes. Default 16 MiB.
    pub cache_bytes: u64,
    /// What is gathered in memory before it becomes a table, in bytes, for each of three kinds: messages, stored payloads, and
    /// everything small. While the disk is behind, up to four times as much. Default 16 MiB.
    pub memtable_bytes: u64,
    /// Where the time comes from. Default: the machine's clock.
    pub time: TimeSource,
}

/// Where the time comes from.
#[derive(Clone)]
pub struct TimeSource(Arc<dyn Fn() -> u64 + Send + Sync>);

impl TimeSource {
    /// A clock of one's own, such as that of a test: milliseconds since 1970.
    pub fn new(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> TimeSource {
        TimeSource(Arc::new(now_ms))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl Default for TimeSource {
    fn default() -> TimeSource {
        let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        TimeSource::new(move || since_1970().as_millis() as u64)
    }
}

impl std::fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TimeSource")
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            durability: Durability::Fsync,
            tx_max_lifetime: Some(Duration::from_secs(90_000)),
            clean_every: Duration::from_secs(60),
            min_free_bytes: 256 << 20,
            cache_bytes: 16 << 20,
            memtable_bytes: 16 << 20,
            time: TimeSource::default(),
        }
    }
}

impl Options {
    /// For a store that one run of a pipeline keeps, of which there are many: less memory, and no thread that cleans. Whoever
    /// trims or lets messages expire calls [`crate::Messaging::clean`] now and then.
    pub fn small() -> Options {
        Options { clean_every: Duration::MAX, cache_bytes: 1 << 20, memtable_bytes: 16 << 20, ..Options::default() }
    }
}
