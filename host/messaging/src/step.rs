//! What can be written, step by step.

use crate::cursors::Cursors;
use crate::entry::Entry;
use crate::topic::{Properties, State};
use crate::{Error, MessageId, Result, TopicId};
use std::sync::Arc;

/// What one write may hold, in bytes.
pub const MAX_WRITE_BYTES: usize = 256 << 20;
/// What can be noted of a topic, in bytes.
pub const MAX_PROPERTIES_BYTES: usize = 64 << 10;
/// The longest name of a cursor or a producer, in bytes.
pub const MAX_CURSOR_NAME_BYTES: usize = 1024;

/// Messages for a topic.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    messages: &'a [&'a [u8]],
    transaction: Option<i64>,
    producer: Option<(&'a str, u64)>,
}

impl<'a> Publish<'a> {
    /// These messages, in this order, next to each other. None are legal in a transaction only: they stand for what was
    /// stored in it.
    pub fn new(messages: &'a [&'a [u8]]) -> Publish<'a> {
        Publish { messages, transaction: None, producer: None }
    }

    /// In the transaction with this write pointer.
    pub fn in_transaction(self, pointer: i64) -> Publish<'a> {
        Publish { transaction: Some(pointer), ..self }
    }

    /// Once: the first message has this sequence, the next one the next, and so on. Those whose sequence this producer has
    /// published to the topic before, or a later one, are left out; the others are written. So a stream of numbered
    /// messages may be sent again from any of them on, in other pieces than before: each is there once, in order.
    ///
    /// A producer's sequences grow, with or without gaps, and only one process at a time uses its name. It is forgotten when
    /// it published nothing for as long as the topic keeps messages, and not before a week. What stands for stored payloads
    /// counts as one message.
    pub fn from_producer(self, name: &'a str, sequence: u64) -> Publish<'a> {
        Publish { producer: Some((name, sequence)), ..self }
    }
}

/// Where messages went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The id of the first message that was written.
    pub first: MessageId,
    /// The id of the last.
    pub last: MessageId,
    /// How many were written now: fewer than were given where the producer had published some of them.
    pub count: usize,
    /// Nothing was written: the producer had published all of them. The ids are those that it wrote last.
    pub repeated: bool,
}

/// Messages of a transaction that never will be committed: those between two ids, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackRange {
    /// The write pointer of the transaction; what others wrote between the ids is not touched.
    pub transaction: i64,
    /// The first message.
    pub start: MessageId,
    /// The last message.
    pub end: MessageId,
}

/// One step of a write.
#[derive(Debug)]
pub(crate) enum Step {
    Publish {
        topic: Arc<State>,
        entries: Vec<Entry>,
        transaction: Option<i64>,
        producer: Option<(String, u64)>,
    },
    Store {
        topic: Arc<State>,
        entries: Vec<Entry>,
        transaction: i64,
    },
    Rollback {
        topic: Arc<State>,
        range: RollbackRange,
    },
    Cursors(Cursors),
    /// Entries go that hold nothing behind this message.
    Trim {
        topic: Arc<State>,
        through: MessageId,
    },
    Create {
        id: TopicId,
        properties: Properties,
    },
    Update {
        topic: Arc<State>,
        properties: Properties,
    },
    Delete {
        topic: Arc<State>,
    },
    /// Messages up to this one have expired, and go.
    Expire {
        topic: Arc<State>,
        through: MessageId,
    },
    /// How far the ids went is noted.
    Clock,
    /// Small records that nobody needs any more: their keys, and what they held.
    Forget {
        records: Vec<(Vec<u8>, Vec<u8>)>,
    },
}

impl Step {
    /// Bytes to be written, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Step::Publish { entries, .. } | Step::Store { entries, .. } => {
                entries.iter().map(|entry| entry.bytes.len()).sum()
            }
            Step::Cursors(cursors) => cursors.bytes(),
            _ => 64,
        }
    }

    /// How many records it becomes, about.
    pub(crate) fn records(&self) -> usize {
        match self {
            Step::Publish { entries, .. } | Step::Store { entries, .. } => entries.len() + 1,
            Step::Cursors(cursors) => cursors.count(),
            Step::Forget { records } => records.len(),
            _ => 2,
        }
    }

    /// Whether it changes which topics there are: such a step is committed by itself.
    pub(crate) fn alone(&self) -> bool {
        matches!(self, Step::Create { .. } | Step::Update { .. } | Step::Delete { .. })
    }

    pub(crate) fn publish(topic: Arc<State>, publish: Publish<'_>) -> Result<Step> {
        let Publish { messages, transaction, producer } = publish;
        check_size("a publication", messages.iter().map(|message| message.len()).sum())?;
        if let Some((name, _)) = producer {
            check_name(name)?;
        }
        let entries = match transaction {
            Some(pointer) if messages.is_empty() => vec![Entry::reference(pointer)],
            None if messages.is_empty() => return Err(Error::EmptyPublish(topic.id.clone())),
            transaction => Entry::of(messages, transaction),
        };
        if let Some((_, sequence)) = producer
            && sequence.checked_add(messages.len().saturating_sub(1) as u64).is_none()
        {
            return Err(Error::InvalidSequence { sequence, messages: messages.len() });
        }
        let producer = producer.map(|(name, sequence)| (name.to_owned(), sequence));
        Ok(Step::Publish { topic, entries, transaction, producer })
    }

    pub(crate) fn store(topic: Arc<State>, transaction: i64, payloads: &[&[u8]]) -> Result<Step> {
        check_size("a store request", payloads.iter().map(|payload| payload.len()).sum())?;
        if payloads.is_empty() {
            return Err(Error::EmptyStore(topic.id.clone()));
        }
        Ok(Step::Store { topic, entries: Entry::of(payloads, None), transaction })
    }
}

/// Says what is wrong with the name of a cursor or a producer.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fits = (1..=MAX_CURSOR_NAME_BYTES).contains(&name.len());
    if fits { Ok(()) } else { Err(Error::InvalidName(name.chars().take(80).collect())) }
}

/// Refuses properties of a topic that cannot be.
pub(crate) fn check_properties(id: &TopicId, properties: &Properties) -> Result<()> {
    if properties.ttl_secs == Some(0) {
        return Err(Error::InvalidTtl(id.clone()));
    }
    let bytes = properties.notes.iter().map(|(name, value)| name.len() + value.len()).sum();
    let limit = MAX_PROPERTIES_BYTES;
    if bytes <= limit { Ok(()) } else { Err(Error::TooLarge { what: "what is noted of a topic", bytes, limit }) }
}

pub(crate) fn check_size(what: &'static str, bytes: usize) -> Result<()> {
    let limit = MAX_WRITE_BYTES;
    if bytes <= limit { Ok(()) } else { Err(Error::TooLarge { what, bytes, limit }) }
}
