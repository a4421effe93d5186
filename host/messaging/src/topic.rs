//! Topics and their names.

use crate::record::Record;
use crate::{Error, MessageId, Result};
use event_listener::Event;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// How long messages are kept where nothing else is asked for: seven days, in seconds.
pub const DEFAULT_TTL_SECS: u32 = 604_800;
/// The longest name of a topic or a namespace, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// The name of a topic in its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId {
    namespace: Box<str>,
    name: Box<str>,
}

impl TopicId {
    /// A topic's name: letters, digits, `_` and `-`; a namespace's: the same without `-`.
    pub fn new(namespace: &str, name: &str) -> Result<TopicId> {
        check_namespace(namespace)?;
        if !is_name(name, b"_-") {
            return Err(Error::InvalidTopic(name.to_owned()));
        }
        Ok(TopicId { namespace: namespace.into(), name: name.into() })
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name within the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

/// Says what is wrong with the name of a namespace.
pub(crate) fn check_namespace(namespace: &str) -> Result<()> {
    if is_name(namespace, b"_") { Ok(()) } else { Err(Error::InvalidNamespace(namespace.to_owned())) }
}

fn is_name(name: &str, marks: &[u8]) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

/// A topic as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub id: TopicId,
    /// How often a topic of this name was created: 1 for the first.
    pub generation: u32,
    /// How long its messages are kept, in seconds; none: for ever.
    pub ttl_secs: Option<u32>,
    /// What else its owner noted of it.
    pub notes: Notes,
}

/// What owners note of topics, by name: kept and told, and of no meaning here.
pub type Notes = BTreeMap<String, String>;

/// What can be said of a topic when it is made or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// How long its messages are kept, in seconds; none: for ever.
    pub ttl_secs: Option<u32>,
    /// What else is to be noted.
    pub notes: Notes,
}

impl From<Option<u32>> for Properties {
    fn from(ttl_secs: Option<u32>) -> Properties {
        Properties { ttl_secs, notes: Notes::new() }
    }
}

/// A topic of an open folder.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) id: TopicId,
    /// Names this generation in keys.
    pub(crate) number: u32,
    pub(crate) generation: u32,
    /// Wakes those who wait for messages.
    pub(crate) published: Event,
    now: RwLock<Now>,
}

/// What changes of a topic.
#[derive(Clone, Debug)]
struct Now {
    live: bool,
    ttl_secs: Option<u32>,
    notes: Arc<Notes>,
    last: MessageId,
    removed_through: MessageId,
    /// Tables up to this message were dropped.
    dropped_through: MessageId,
}

impl State {
    /// A topic as it is kept; `last` is its last message.
    pub(crate) fn new(id: TopicId, record: Record, last: MessageId) -> State {
        let Record { number, generation, ttl_secs, live, removed_through, notes } = record;
        let (last, dropped_through) = (last.max(removed_through), MessageId::default());
        let now = RwLock::new(Now { live, ttl_secs, notes, last, removed_through, dropped_through });
        State { id, number, generation, published: Event::new(), now }
    }

    fn now(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        change(&mut self.now.write().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }

    /// Whether it was not deleted.
    pub(crate) fn live(&self) -> bool {
        self.now().live
    }

    pub(crate) fn ttl_secs(&self) -> Option<u32> {
        self.now().ttl_secs
    }

    /// The last message that is to be seen; what was removed counts.
    pub(crate) fn last(&self) -> MessageId {
        self.now().last
    }

    /// Everything up to this message is gone.
    pub(crate) fn removed_through(&self) -> MessageId {
        self.now().removed_through
    }

    pub(crate) fn record(&self) -> Record {
        let Now { live, ttl_secs, notes, removed_through, .. } = self.now().clone();
        Record { number: self.number, generation: self.generation, ttl_secs, live, removed_through, notes }
    }

    pub(crate) fn describe(&self) -> Topic {
        let now = self.now();
        let notes = Notes::clone(&now.notes);
        Topic { id: self.id.clone(), generation: self.generation, ttl_secs: now.ttl_secs, notes }
    }

    /// Messages before this time have expired, in milliseconds since 1970.
    pub(crate) fn expired_before(&self, now_ms: u64) -> u64 {
        self.ttl_secs().map_or(0, |ttl| now_ms.saturating_sub(u64::from(ttl) * 1000))
    }

    pub(crate) fn set_properties(&self, properties: Properties) {
        self.change(|now| (now.ttl_secs, now.notes) = (properties.ttl_secs, Arc::new(properties.notes)));
    }

    pub(crate) fn set_last(&self, last: MessageId) {
        self.change(|now| now.last = now.last.max(last));
        self.published.notify(usize::MAX);
    }

    pub(crate) fn set_removed_through(&self, removed_through: MessageId) {
        self.change(|now| now.removed_through = removed_through);
    }

    /// Notes that tables were dropped up to this message; whether that is further than before.
    pub(crate) fn set_dropped_through(&self, through: MessageId) -> bool {
        let mut further = false;
        self.change(|now| {
            further = through > now.dropped_through;
            now.dropped_through = through;
        });
        further
    }

    /// It is deleted: who waits is woken.
    pub(crate) fn end(&self) {
        self.change(|now| now.live = false);
        self.published.notify(usize::MAX);
    }
}
