//! Removes what has expired, in the background.

use crate::core::{Core, Writer};
use crate::key::{self, read_position};
use crate::producer::Producer;
use crate::step::Step;
use crate::topic::State;
use crate::{Error, MessageId, Result};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a producer is remembered at least, in milliseconds: a week.
const PRODUCERS_LIVE_MS: u64 = 7 * 24 * 3_600_000;
/// Small records that are removed in one write.
const REMOVED_AT_ONCE: usize = 1_000;

/// Whether a small record of a topic is needed no more.
type Over<'a> = &'a dyn Fn(&State, &[u8]) -> bool;

/// The thread that cleans.
pub(crate) struct Cleaner {
    end: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Cleaner {
    pub(crate) fn start(core: Arc<Core>, every: Duration) -> Result<Cleaner> {
        let (end, ended) = sync_channel(0);
        let clean = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // What could not be removed now is tried again; a store that fails says so to those who write.
                let _ = core.clean();
            }
        };
        let thread = std::thread::Builder::new().name("tms-cleaner".to_owned()).spawn(clean);
        let thread = thread.map_err(|error| Error::Storage(format!("no thread can be started: {error}")))?;
        Ok(Cleaner { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Core {
    /// Removes what has expired and what belonged to topics that are gone: whole tables at once, the rest when tables are
    /// merged. No message that lives is read.
    pub(crate) fn clean(&self) -> Result<()> {
        self.store.check_poison()?;
        // What is made from here on is not known below, and left alone.
        let (next_number, gone) = {
            let mut writer = self.writer();
            (writer.next_number, std::mem::take(&mut writer.gone))
        };
        let topics: Vec<_> = self.topics().values().cloned().collect();
        let mut dropped = !gone.is_empty();
        if let Err(error) = self.drop_gone(&gone) {
            self.writer().gone.extend(gone);
            return Err(error);
        }
        for topic in &topics {
            dropped |= self.expire(topic)?;
        }
        self.forget_small_records(&topics, next_number)?;
        if dropped {
            // The store gives the files of dropped tables back to the disk when it begins to gather anew, so something is
            // gathered and handed over.
            self.submit(vec![Step::Clock])?;
            self.store.write_table(&self.store.meta)?;
        }
        Ok(())
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Notes what has expired, and drops the tables of it and of what was trimmed; whether there were any.
    fn expire(&self, topic: &Arc<State>) -> Result<bool> {
        let before = topic.expired_before(self.now_ms());
        if topic.removed_through().timestamp_ms < before {
            let last = self.store.last_before(topic.number, MessageId::new(before, 0))?;
            if let Some(through) = last.filter(|last| *last > topic.removed_through()) {
                self.submit(vec![Step::Expire { topic: topic.clone(), through }])?;
            }
        }
        let through = topic.removed_through();
        if !topic.set_dropped_through(through) {
            return Ok(false);
        }
        let tables = self.store.messages.table_count();
        let gone = key::message(topic.number, MessageId::default())..=key::message(topic.number, through);
        self.store.drop_range(&self.store.messages, gone)?;
        Ok(self.store.messages.table_count() != tables)
    }

    /// Drops the tables of topics that are gone; what is in memory of them becomes tables first.
    fn drop_gone(&self, gone: &[Range<u32>]) -> Result<()> {
        for keyspace in [&self.store.messages, &self.store.payloads] {
            if !gone.is_empty() {
                self.store.write_table(keyspace)?;
            }
            for numbers in gone {
                self.store.drop_range(keyspace, numbers.start.to_be_bytes()..numbers.end.to_be_bytes())?;
            }
        }
        Ok(())
    }

    /// Forgets rollbacks of what is gone, and producers that have ended. Topics from `next_number` on are not known here.
    fn forget_small_records(&self, topics: &[Arc<State>], next_number: u32) -> Result<()> {
        let live: HashMap<u32, &Arc<State>> = topics.iter().map(|topic| (topic.number, topic)).collect();
        let now_ms = self.now_ms();
        let rolled_back =
            |topic: &State, end: &[u8]| read_position(end, 0).is_some_and(|end| end <= topic.removed_through());
        let ended = |topic: &State, producer: &[u8]| {
            let used = Producer::from_bytes(producer).map_or(0, |producer| producer.used_ms());
            topic.ttl_secs().is_some_and(|ttl| used + PRODUCERS_LIVE_MS.max(u64::from(ttl) * 1000) < now_ms)
        };
        let kinds: [(&[u8], Over<'_>); 2] = [(key::ROLLBACK, &rolled_back), (key::PRODUCER, &ended)];
        let mut forgotten = Vec::new();
        for (kind, over) in kinds {
            for guard in self.store.meta.prefix(kind) {
                let (name, value) = guard.into_inner()?;
                let Some(number) = key::number(&name[kind.len()..]) else { continue };
                let forget = live.get(&number).map_or(number < next_number, |topic| over(topic, &value));
                if forget {
                    forgotten.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        for records in forgotten.chunks(REMOVED_AT_ONCE) {
            self.submit(vec![Step::Forget { records: records.to_vec() }])?;
        }
        Ok(())
    }
}

/// The numbers below `next` that no topic has.
pub(crate) fn gaps(live: impl Iterator<Item = u32>, next: u32) -> Vec<Range<u32>> {
    let mut live: Vec<u32> = live.collect();
    live.sort_unstable();
    let starts = std::iter::once(0).chain(live.iter().map(|number| number.saturating_add(1)));
    let ends = live.iter().copied().chain([next]);
    starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| start..end).collect()
}
