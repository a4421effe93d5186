//! A folder with a clock that a test moves.

use campanile_messaging::{Fetch, MessageId, Messaging, Options, TimeSource, TopicId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder that goes with the test, and its time.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    now_ms: Arc<AtomicU64>,
}

impl Folder {
    pub(crate) fn empty() -> Folder {
        let now_ms = Arc::new(AtomicU64::new(1_800_000_000_000));
        Folder { folder: tempfile::tempdir().unwrap(), now_ms }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn options(&self) -> Options {
        let now_ms = self.now_ms.clone();
        let time = TimeSource::new(move || now_ms.load(Ordering::SeqCst));
        Options { time, tx_max_lifetime: None, min_free_bytes: 0, ..Options::default() }
    }

    pub(crate) fn open(&self) -> Messaging {
        Messaging::open(self.path(), self.options()).unwrap()
    }

    /// Closes it and opens it again.
    pub(crate) fn open_after(&self, tms: Messaging) -> Messaging {
        drop(tms);
        self.open()
    }

    /// What the tables of the folder take on the disk, in bytes.
    pub(crate) fn table_bytes(&self) -> u64 {
        fn bytes(folder: &std::path::Path) -> u64 {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { bytes(&path) } else { path.metadata().unwrap().len() }).sum()
        }
        bytes(&self.path().join("keyspaces"))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn step_back(&self, ms: u64) {
        self.now_ms.fetch_sub(ms, Ordering::SeqCst);
    }
}

pub(crate) fn topic(name: &str) -> TopicId {
    TopicId::new("default", name).unwrap()
}

pub(crate) fn id(ms: u64, sequence: u16) -> MessageId {
    MessageId::new(ms, sequence)
}

/// What a fetch delivers, as text.
pub(crate) fn payloads(tms: &Messaging, topic: &TopicId, fetch: Fetch) -> Vec<String> {
    let messages = tms.fetch(topic, &fetch).unwrap();
    messages.map(|message| String::from_utf8(message.unwrap().payload.to_vec()).unwrap()).collect()
}

/// The ids that a fetch delivers.
pub(crate) fn ids(tms: &Messaging, topic: &TopicId, fetch: Fetch) -> Vec<MessageId> {
    tms.fetch(topic, &fetch).unwrap().map(|message| message.unwrap().id).collect()
}
