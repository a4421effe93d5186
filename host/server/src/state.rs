//! What all handlers share.

use campanile_messaging::Messaging;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// Followers of events at the same time.
pub(crate) const MAX_FOLLOWERS: usize = 256;

/// How large bodies may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A body that is published or stored. Default 64 MiB.
    pub publish_bytes: usize,
    /// Any other body. Default 10 MiB.
    pub request_bytes: usize,
    /// What one piece of a streamed answer gathers before it is sent. Default 128 KiB: polls are 1.5
    /// times as fast as with 64 KiB, 256 KiB add a quarter more, and this much is held for each slow reader.
    pub chunk_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { publish_bytes: 64 << 20, request_bytes: 10 << 20, chunk_bytes: 128 << 10 }
    }
}

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) messaging: Messaging,
    pub(crate) limits: Limits,
    pub(crate) shared: Arc<Shared>,
}

/// What is there once.
#[derive(Debug)]
pub(crate) struct Shared {
    /// True from the moment that the server is told to stop: whoever waits for messages answers at once.
    pub(crate) stopping: watch::Sender<bool>,
    /// A place for each follower of events.
    pub(crate) followers: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared { stopping: watch::Sender::new(false), followers: Arc::new(Semaphore::new(MAX_FOLLOWERS)) }
    }
}

impl Shared {
    /// Returns when the server is told to stop.
    pub(crate) async fn stopped(&self) {
        // The sender is in `self`: it cannot be gone.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }
}
