//! Reading messages.

use crate::core::Core;
use crate::entry::Reader;
use crate::key::{self, read_position};
use crate::store::read_entry;
use crate::topic::State;
use crate::transaction::{Transaction, Visibility};
use crate::{Error, MessageId, Result};
use std::sync::Arc;

/// The bytes of a message, shared with the block that they were read from: copy what is kept for long.
pub type Payload = bytes::Bytes;

/// A message as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it stands; a position to go on from.
    pub id: MessageId,
    /// What was published.
    pub payload: Payload,
}

/// Where to begin. A position need not be that of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that is kept.
    #[default]
    Oldest,
    /// With the first that was published at this time or later, in milliseconds since 1970.
    Time(u64),
    /// At this position.
    At(MessageId),
    /// Behind this position.
    After(MessageId),
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Where to begin.
    pub start: Start,
    /// How many messages at most.
    pub limit: usize,
    /// What is seen; none: everything, also what is not committed and what was rolled back.
    pub transaction: Option<Arc<Transaction>>,
}

impl Default for Fetch {
    fn default() -> Fetch {
        Fetch { start: Start::Oldest, limit: usize::MAX, transaction: None }
    }
}

impl Fetch {
    /// Everything behind a position.
    pub fn after(id: MessageId) -> Fetch {
        Fetch { start: Start::After(id), ..Fetch::default() }
    }

    /// At most so many messages.
    pub fn limit(self, limit: usize) -> Fetch {
        Fetch { limit, ..self }
    }
}

/// Messages while they are read, one entry at a time.
///
/// It holds on to files of the store: whoever may pause for long drops it and goes on with [`Start::After`].
pub struct Fetched {
    core: Arc<Core>,
    topic: Arc<State>,
    entries: Option<fjall::Iter>,
    /// The entry being read.
    entry: Option<Open>,
    left: usize,
    /// The smallest id to deliver, and whether it is one.
    begin: (MessageId, bool),
    /// It goes on from a position: what it misses is a gap.
    positioned: bool,
    transaction: Option<Arc<Transaction>>,
    gap: bool,
}

/// An entry while it is read.
enum Open {
    Own(MessageId, Reader),
    /// What was stored in the transaction of a reference at this id: further entries, and the one being read.
    Stored(MessageId, fjall::Iter, Option<(MessageId, Reader)>),
}

impl Fetched {
    pub(crate) fn new(core: Arc<Core>, topic: Arc<State>, fetch: &Fetch) -> Result<Fetched> {
        let (position, included) = match fetch.start {
            Start::Oldest => (MessageId::default(), true),
            Start::Time(ms) => (MessageId::new(ms, 0), true),
            Start::At(id) => (id, true),
            Start::After(id) => (id, false),
        };
        let mut fetched = Fetched {
            topic,
            entries: None,
            entry: None,
            left: fetch.limit,
            begin: (position, included),
            positioned: matches!(fetch.start, Start::At(_) | Start::After(_)) && position != MessageId::default(),
            transaction: fetch.transaction.clone().map(Transaction::sorted),
            gap: false,
            core,
        };
        // Followers ask mostly when there is nothing.
        let head = MessageId { payload_timestamp_ms: u64::MAX, payload_sequence: u16::MAX, ..fetched.topic.last() };
        if position <= head {
            fetched.seek().map_err(|error| fetched.named(error))?;
        }
        Ok(fetched)
    }

    /// Whether messages behind the position have expired: the reader has missed them.
    pub fn gap(&self) -> bool {
        self.gap
    }

    fn seek(&mut self) -> Result<()> {
        let (position, _) = self.begin;
        let store = &self.core.store;
        let number = self.topic.number;
        let expired = MessageId::new(self.topic.expired_before(self.core.now_ms()), 0);
        let removed = self.topic.removed_through();
        self.gap = self.positioned && self.missed(expired, removed)?;
        let mut from = key::message(number, position.max(expired));
        if position > expired && position.sequence > 0 {
            // The position may lie within an entry.
            let before = key::message(number, MessageId::new(position.timestamp_ms, 0))..=from;
            if let Some(guard) = store.messages.range(before).next_back() {
                let (first, reader) = read_entry(guard, key::message_position)?;
                if u32::from(position.sequence - first.sequence) < reader.count {
                    from = key::message(number, first);
                }
            }
        }
        // Of what was stored for a reference that is gone, the rest is gone as well.
        let from = if removed >= MessageId::new(position.timestamp_ms, position.sequence) {
            from.max(after(key::message(number, removed)))
        } else {
            from
        };
        self.entries = Some(store.messages.range(from..=key::message(number, MessageId::MAX)));
        Ok(())
    }

    /// Whether anything behind the position has expired.
    fn missed(&self, expired: MessageId, removed: MessageId) -> Result<bool> {
        let (position, included) = self.begin;
        if position >= expired && position > removed {
            return Ok(false);
        }
        if position < removed || (included && position == removed) {
            return Ok(true);
        }
        // What has expired and is still there.
        let last = self.core.store.last_before(self.topic.number, expired)?;
        Ok(last.is_some_and(|last| last > position || (included && last == position)))
    }

    fn read(&mut self) -> Result<Option<Message>> {
        loop {
            if let Some(open) = &mut self.entry {
                match open.next()? {
                    Some(message) => {
                        let (begin, included) = self.begin;
                        if message.id > begin || (included && message.id == begin) {
                            return Ok(Some(message));
                        }
                        continue;
                    }
                    None => self.entry = None,
                }
            }
            let Some(guard) = self.entries.as_mut().and_then(Iterator::next) else { return Ok(None) };
            let (first, mut reader) = read_entry(guard, key::message_position)?;
            match self.visibility(first, &reader)? {
                Visibility::Skip => continue,
                Visibility::Hold => return Ok(None),
                Visibility::Deliver => {}
            }
            let (begin, _) = self.begin;
            self.entry = Some(match reader.transaction {
                Some(transaction) if reader.reference => {
                    let stored = key::payloads_of(self.topic.number, transaction);
                    Open::Stored(first, self.core.store.payloads.prefix(stored), None)
                }
                _ => {
                    if begin.timestamp_ms == first.timestamp_ms {
                        reader.skip(u32::from(begin.sequence.saturating_sub(first.sequence)));
                    }
                    Open::Own(first, reader)
                }
            });
        }
    }

    /// Says where it was that nothing could be read.
    fn named(&self, error: Error) -> Error {
        error.within(format_args!("{}: topic {}", self.core.store.folder.display(), self.topic.id))
    }

    fn visibility(&self, first: MessageId, reader: &Reader) -> Result<Visibility> {
        let (Some(filter), Some(writer)) = (&self.transaction, reader.transaction) else {
            return Ok(Visibility::Deliver);
        };
        if self.rolled_back(writer, first)? { Ok(Visibility::Skip) } else { Ok(filter.sees(writer)) }
    }

    fn rolled_back(&self, transaction: i64, first: MessageId) -> Result<bool> {
        let number = self.topic.number;
        let begun = key::rollbacks_of(number, transaction)..=key::rollback(number, transaction, first);
        for guard in self.core.store.meta.range(begun) {
            let end = guard.value()?;
            if read_position(&end, 0).is_some_and(|end| first <= end) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Iterator for Fetched {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Result<Message>> {
        if self.left == 0 {
            return None;
        }
        let read = self.read().map_err(|error| self.named(error)).transpose();
        match &read {
            Some(Ok(_)) => self.left -= 1,
            // The end, a message that may be seen later, or an error: nothing follows it.
            _ => self.left = 0,
        }
        read
    }
}

impl Open {
    fn next(&mut self) -> Result<Option<Message>> {
        match self {
            Open::Own(first, reader) => {
                let message = reader.next().transpose()?;
                Ok(message.map(|(index, payload)| Message { id: nth(*first, index), payload }))
            }
            Open::Stored(at, entries, entry) => loop {
                if let Some((first, reader)) = entry
                    && let Some((index, payload)) = reader.next().transpose()?
                {
                    let stored = nth(*first, index);
                    let id = MessageId {
                        payload_timestamp_ms: stored.timestamp_ms,
                        payload_sequence: stored.sequence,
                        ..*at
                    };
                    return Ok(Some(Message { id, payload }));
                }
                let Some(guard) = entries.next() else { return Ok(None) };
                *entry = Some(read_entry(guard, key::payload_position)?);
            },
        }
    }
}

/// The id of a message of an entry.
fn nth(first: MessageId, index: u32) -> MessageId {
    MessageId { sequence: first.sequence.wrapping_add(index as u16), ..first }
}

/// The smallest key behind this one.
fn after(mut key: [u8; 14]) -> [u8; 14] {
    for byte in key.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    key
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched").field("topic", &self.topic.id).field("left", &self.left).finish_non_exhaustive()
    }
}
