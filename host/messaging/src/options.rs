//! How a folder is opened.

use std::time::Duration;

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
    /// How often expired messages are removed. Default 60 s.
    pub clean_every: Duration,
    /// Room that must be left on the disk, in bytes: below it writes are refused, so that none fails halfway. Default 256 MiB.
    pub min_free_bytes: u64,
    /// Memory for blocks that were read, in bytes. Default 16 MiB.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            durability: Durability::Fsync,
            tx_max_lifetime: Some(Duration::from_secs(90_000)),
            clean_every: Duration::from_secs(60),
            min_free_bytes: 256 << 20,
            cache_bytes: 16 << 20,
        }
    }
}
