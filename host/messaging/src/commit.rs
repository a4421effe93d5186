//! Turns writes into one batch of the store, and makes them seen once it is on the disk.

use crate::core::{Core, Writer};
use crate::entry::Entry;
use crate::group::Ticket;
use crate::key::{self, position};
use crate::producer::Producer;
use crate::record::Record;
use crate::step::{Published, RollbackRange, Step, check_properties};
use crate::topic::{Properties, State};
use crate::{Error, MessageId, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the room on the disk is looked at.
const LOOK_FOR_ROOM_EVERY: Duration = Duration::from_millis(100);
/// Milliseconds of a transaction's write pointer: a pointer is milliseconds since 1970 times this, and a number.
const POINTERS_PER_MS: i64 = 1_000_000;

/// A group while it becomes a batch.
struct Pending {
    batch: fjall::OwnedWriteBatch,
    now_ms: u64,
    /// The last message of each topic that was published to.
    last: HashMap<u32, (Arc<State>, MessageId)>,
    producers: HashMap<Vec<u8>, Producer>,
    /// How far each topic's messages go.
    removed: HashMap<u32, (Arc<State>, MessageId)>,
    /// What becomes true with the commit.
    then: Vec<Then>,
}

enum Then {
    Created(State),
    Updated(Arc<State>, Properties),
    Deleted(Arc<State>),
}

impl Pending {
    /// Everything up to this message is gone.
    fn removed_through(&self, topic: &State) -> MessageId {
        self.removed.get(&topic.number).map_or_else(|| topic.removed_through(), |(_, through)| *through)
    }

    fn remove_through(&mut self, topic: &Arc<State>, through: MessageId) {
        if through > self.removed_through(topic) {
            self.removed.insert(topic.number, (topic.clone(), through));
        }
    }
}

impl Core {
    /// Commits a group; answers for each write in it.
    pub(crate) fn commit(&self, tickets: &[Arc<Ticket>]) -> Vec<Result<Vec<Published>>> {
        let mut writer = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let bytes = tickets.iter().flat_map(|ticket| &ticket.steps).map(Step::bytes).sum::<usize>();
        let ready = self.store.check_poison().and_then(|()| self.check_room(&mut writer, bytes as u64));
        if let Err(error) = ready.and_then(|()| self.store.wait_for_memory(bytes as u64)) {
            return tickets.iter().map(|_| Err(error.clone())).collect();
        }
        let records = tickets.iter().flat_map(|ticket| &ticket.steps).map(Step::records).sum();
        let mut pending = Pending {
            batch: self.store.batch(records),
            now_ms: self.now_ms(),
            last: HashMap::new(),
            producers: HashMap::new(),
            removed: HashMap::new(),
            then: Vec::new(),
        };
        let mut outcomes = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            match ticket.steps.iter().try_for_each(|step| self.check(step, pending.now_ms)) {
                Err(refused) => outcomes.push(Err(refused)),
                Ok(()) => match self.add(&ticket.steps, &mut writer, &mut pending) {
                    Ok(published) => outcomes.push(Ok(published)),
                    // Half a write is in the batch: the batch is given up, and all that is in it.
                    Err(error) => return tickets.iter().map(|_| Err(error.clone())).collect(),
                },
            }
        }
        let Pending { mut batch, last, removed, then, .. } = pending;
        for (topic, through) in removed.values() {
            let record = Record { removed_through: *through, ..topic.record() };
            batch.insert(&self.store.meta, key::topic(&topic.id), record.to_bytes());
        }
        if let Err(error) = batch.commit().map_err(Error::from).and_then(|()| self.store.hand_over()) {
            // Whether it is on the disk is not known: nobody is told that it is, and nothing follows it.
            let why = self.store.poison.get_or_init(|| error.to_string()).clone();
            return tickets.iter().map(|_| Err(Error::Poisoned(why.clone()))).collect();
        }
        then.into_iter().for_each(|then| self.make_true(then, &mut writer));
        for (number, (topic, through)) in removed {
            topic.set_removed_through(through);
            self.store.expiry.set(number, through);
        }
        last.into_values().for_each(|(topic, last)| topic.set_last(last));
        outcomes
    }

    /// Adds a write to the batch.
    fn add(&self, steps: &[Step], writer: &mut Writer, pending: &mut Pending) -> Result<Vec<Published>> {
        let mut published = Vec::new();
        for step in steps {
            if let Some(outcome) = self.add_step(step, writer, pending)? {
                published.push(outcome);
            }
        }
        Ok(published)
    }

    /// Refuses what cannot be done, before any of its write is.
    fn check(&self, step: &Step, now_ms: u64) -> Result<()> {
        match step {
            Step::Publish { topic, transaction, .. } => {
                check_live(topic)?;
                transaction.map_or(Ok(()), |pointer| self.check_age(pointer, now_ms))
            }
            Step::Store { topic, .. }
            | Step::Rollback { topic, .. }
            | Step::Trim { topic, .. }
            | Step::Delete { topic } => check_live(topic),
            Step::Update { topic, properties } => {
                check_live(topic)?;
                check_properties(&topic.id, properties)
            }
            Step::Create { id, properties } => {
                check_properties(id, properties)?;
                if self.state(id).is_ok() { Err(Error::TopicExists(id.clone())) } else { Ok(()) }
            }
            Step::Expire { .. } | Step::Clock | Step::Forget { .. } | Step::Cursors(_) => Ok(()),
        }
    }

    /// Refuses a transaction that began too long ago.
    fn check_age(&self, pointer: i64, now_ms: u64) -> Result<()> {
        let Some(max) = self.options.tx_max_lifetime else { return Ok(()) };
        let max_lifetime_ms = max.as_millis().min(u128::from(u64::MAX)) as u64;
        let oldest = i128::from(now_ms) - i128::from(max_lifetime_ms);
        if i128::from(pointer / POINTERS_PER_MS) < oldest {
            return Err(Error::TransactionTooOld { transaction: pointer, max_lifetime_ms });
        }
        Ok(())
    }

    fn add_step(&self, step: &Step, writer: &mut Writer, pending: &mut Pending) -> Result<Option<Published>> {
        let store = &self.store;
        match step {
            Step::Publish { topic, entries, producer, .. } => {
                let mut new = Cow::Borrowed(&entries[..]);
                let producer = producer.as_ref().map(|(name, sequence)| (key::producer(topic.number, name), *sequence));
                if let Some((name, sequence)) = &producer {
                    let known = match pending.producers.get(name) {
                        Some(known) => Some(*known),
                        None => store.meta.get(name)?.as_deref().and_then(Producer::from_bytes),
                    };
                    if let Some(known) = known.filter(|known| *sequence <= known.sequence) {
                        let there = (known.sequence - sequence).saturating_add(1);
                        new = Entry::behind(entries, there)?.into();
                        if new.is_empty() {
                            let Producer { first, last, .. } = known;
                            return Ok(Some(Published { first, last, count: 0, repeated: true }));
                        }
                    }
                }
                let mut ids = None;
                for entry in &*new {
                    let first = writer.clock.take(pending.now_ms, entry.count);
                    pending.batch.insert(&store.messages, key::message(topic.number, first), entry.bytes.clone());
                    ids.get_or_insert(first);
                }
                let (first, last) = (ids.unwrap_or_default(), writer.clock.last());
                let count: u32 = new.iter().map(|entry| entry.count).sum();
                pending.last.insert(topic.number, (topic.clone(), last));
                if let Some((name, sequence)) = producer {
                    let all: u64 = entries.iter().map(|entry| u64::from(entry.count)).sum();
                    let producer = Producer { sequence: sequence + (all - 1), first, last, count };
                    pending.batch.insert(&store.meta, name.clone(), producer.to_bytes());
                    pending.producers.insert(name, producer);
                }
                return Ok(Some(Published { first, last, count: count as usize, repeated: false }));
            }
            Step::Store { topic, entries, transaction } => {
                for entry in entries {
                    let first = writer.clock.take(pending.now_ms, entry.count);
                    let name = key::payload(topic.number, *transaction, first);
                    pending.batch.insert(&store.payloads, name, entry.bytes.clone());
                }
                pending.batch.insert(&store.meta, key::CLOCK, position(writer.clock.last()));
            }
            Step::Rollback { topic, range: RollbackRange { transaction, start, end } } => {
                let end = (*end).min(writer.clock.last());
                if *start <= end {
                    let name = key::rollback(topic.number, *transaction, *start);
                    pending.batch.insert(&store.meta, name, position(end));
                }
            }
            Step::Cursors(cursors) => {
                for (name, value) in cursors.iter() {
                    match value {
                        Some(value) => pending.batch.insert(&store.meta, name, value),
                        None => pending.batch.remove(&store.meta, name),
                    }
                }
            }
            Step::Trim { topic, through } => {
                let removed = pending.removed_through(topic);
                pending.remove_through(topic, self.whole_entries(topic, removed, *through)?);
            }
            Step::Create { id, properties: Properties { ttl_secs, notes } } => {
                let record = Record {
                    number: writer.next_number,
                    generation: writer.deleted.get(id).map_or(1, |record| record.generation + 1),
                    ttl_secs: *ttl_secs,
                    live: true,
                    removed_through: MessageId::default(),
                    notes: Arc::new(notes.clone()),
                };
                pending.batch.insert(&store.meta, key::topic(id), record.to_bytes());
                pending.then.push(Then::Created(State::new(id.clone(), record, MessageId::default())));
            }
            Step::Update { topic, properties } => {
                let notes = Arc::new(properties.notes.clone());
                let record = Record { ttl_secs: properties.ttl_secs, notes, ..topic.record() };
                pending.batch.insert(&store.meta, key::topic(&topic.id), record.to_bytes());
                pending.then.push(Then::Updated(topic.clone(), properties.clone()));
            }
            Step::Delete { topic } => {
                let record = Record { live: false, ..topic.record() };
                pending.batch.insert(&store.meta, key::topic(&topic.id), record.to_bytes());
                // Its messages no longer tell how far the ids went.
                pending.batch.insert(&store.meta, key::CLOCK, position(writer.clock.last()));
                pending.then.push(Then::Deleted(topic.clone()));
            }
            Step::Expire { topic, through } => {
                if topic.live() {
                    pending.remove_through(topic, *through);
                }
            }
            Step::Clock => pending.batch.insert(&store.meta, key::CLOCK, position(writer.clock.last())),
            Step::Forget { records } => {
                for (name, value) in records {
                    // One that was written since it was looked at stays.
                    let same = store.meta.get(name)?.is_some_and(|now| *now == **value);
                    if same && !pending.producers.contains_key(name) {
                        pending.batch.remove(&store.meta, name.as_slice());
                    }
                }
            }
        }
        Ok(None)
    }

    fn make_true(&self, then: Then, writer: &mut Writer) {
        let mut topics = self.topics.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        match then {
            Then::Created(topic) => {
                self.store.expiry.set(topic.number, MessageId::default());
                writer.deleted.remove(&topic.id);
                writer.next_number = topic.number + 1;
                topics.insert(topic.id.clone(), Arc::new(topic));
            }
            Then::Updated(topic, properties) => topic.set_properties(properties),
            Then::Deleted(topic) => {
                topic.end();
                topics.remove(&topic.id);
                writer.deleted.insert(topic.id.clone(), topic.record());
                writer.gone.push(topic.number..topic.number.saturating_add(1));
                self.store.expiry.forget(topic.number);
            }
        }
    }

    /// Refuses what the disk has no room for, before a part of it is written.
    fn check_room(&self, writer: &mut Writer, bytes: u64) -> Result<()> {
        let least = self.options.min_free_bytes;
        let known = writer.room.filter(|(looked, room)| looked.elapsed() < LOOK_FOR_ROOM_EVERY && *room > bytes);
        let (looked, room) = match known {
            Some(known) => known,
            None => {
                let free = self.store.free_bytes()?;
                if free < least.saturating_add(bytes) {
                    writer.room = None;
                    return Err(Error::DiskFull { folder: self.store.folder.clone(), free, least });
                }
                (Instant::now(), free - least)
            }
        };
        writer.room = Some((looked, room - bytes.min(room)));
        Ok(())
    }
}

fn check_live(topic: &State) -> Result<()> {
    if topic.live() { Ok(()) } else { Err(Error::TopicNotFound(topic.id.clone())) }
}
