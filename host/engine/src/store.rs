//! What a durable run keeps: a few logs of messages and named values, written together in one atomic step.
//!
//! The engine decides what is written and when; the host says where. A store belongs to one instance of one pipeline, and
//! one process at a time holds it.

mod in_memory;
pub(crate) mod sift;
mod topic;

pub use campanile_sdk::MessageId;
pub use in_memory::InMemoryStore;
pub use topic::Topic;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not now: the disk is full, for one. Nothing was written; the same write may go through later.
    #[error("{0}")]
    Later(String),
    /// The store cannot be used any more. What was acknowledged is kept.
    #[error("{0}")]
    Failed(String),
}

/// A message of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place: later messages have larger ids, and no id is given twice.
    pub id: MessageId,
    /// What was published.
    pub bytes: Vec<u8>,
}

/// What one atomic write does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Write {
    /// Values to remove, before others are set.
    pub remove: Vec<String>,
    /// Values to set.
    pub set: Vec<(String, Vec<u8>)>,
    /// Messages to append, in this order.
    pub publish: Vec<(Topic, Vec<Vec<u8>>)>,
    /// Logs to be cut at their front: everything up to and with this message goes.
    pub trim: Vec<(Topic, MessageId)>,
}

impl Write {
    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.publish.is_empty() && self.trim.is_empty()
    }

    /// Appends what another write does.
    pub fn append(&mut self, other: Write) {
        self.remove.extend(other.remove);
        self.set.extend(other.set);
        self.publish.extend(other.publish);
        self.trim.extend(other.trim);
    }
}

/// A store. Calls block, and may come from any thread.
pub trait Store: Send + Sync {
    /// Does all of it or nothing, and returns when it is on the disk.
    fn write(&self, write: &Write) -> Result<(), StoreError>;

    /// A value by its name.
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// All values whose names begin so, in order of their names.
    fn values(&self, prefix: &str, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), StoreError>;

    /// Messages of a log behind `after` (or from its front), at most `limit` of them.
    fn read(&self, topic: Topic, after: Option<MessageId>, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// What the store put in order when it was opened, if a crash left something: for people.
    fn mended(&self) -> Option<String> {
        None
    }
}
