//! Removes what has expired, in the background.

use crate::core::Core;
use crate::key::{self, read_position};
use crate::producer::Producer;
use crate::step::Step;
use crate::topic::State;
use crate::{Error, MessageId, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a producer is remembered at least, in milliseconds: a week.
const PRODUCERS_LIVE_MS: u64 = 7 * 24 * 3_600_000;
/// Small records that are removed in one write.
const REMOVED_AT_ONCE: usize = 1_000;

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
        let topics: Vec<_> = self.topics().values().cloned().collect();
        let mut dropped = false;
        for topic in &topics {
            dropped |= self.expire(topic)?;
        }
        dropped |= self.drop_deleted(&topics.iter().map(|topic| topic.number).collect())?;
        self.forget_small_records(&topics)?;
        if dropped {
            // The store gives the files of dropped tables back to the disk when it begins to gather anew, so something is
            // gathered and handed over.
            self.submit(vec![Step::Clock])?;
            self.store.write_table(&self.store.meta)?;
        }
        Ok(())
    }

    /// Whether anything was.
    fn expire(&self, topic: &Arc<State>) -> Result<bool> {
        let before = topic.expired_before(self.now_ms());
        if topic.removed_through().timestamp_ms >= before {
            return Ok(false);
        }
        let last = self.store.last_before(topic.number, MessageId::new(before, 0))?;
        let Some(through) = last.filter(|last| *last > topic.removed_through()) else { return Ok(false) };
        self.submit(vec![Step::Expire { topic: topic.clone(), through }])?;
        let gone = key::message(topic.number, MessageId::default())..=key::message(topic.number, through);
        self.store.drop_range(&self.store.messages, gone)?;
        Ok(true)
    }

    /// Drops the tables of topics that were deleted: all that lies between the numbers of those that live.
    fn drop_deleted(&self, live: &BTreeSet<u32>) -> Result<bool> {
        let deleted: Vec<u32> = {
            let writer = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            writer.deleted.values().map(|record| record.number).filter(|number| !live.contains(number)).collect()
        };
        let mut dropped = self.dropped.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut any = false;
        for number in deleted.into_iter().filter(|number| dropped.insert(*number)) {
            let keys = number.to_be_bytes()..number.saturating_add(1).to_be_bytes();
            self.store.drop_range(&self.store.messages, keys.clone())?;
            self.store.drop_range(&self.store.payloads, keys)?;
            any = true;
        }
        Ok(any)
    }

    /// Forgets rollbacks of what is gone, and producers that have ended.
    fn forget_small_records(&self, topics: &[Arc<State>]) -> Result<()> {
        let live: std::collections::HashMap<u32, &Arc<State>> =
            topics.iter().map(|topic| (topic.number, topic)).collect();
        let now_ms = self.now_ms();
        let mut forgotten = Vec::new();
        for guard in self.store.meta.prefix(key::ROLLBACK) {
            let (name, end) = guard.into_inner()?;
            let topic = key::number(&name[key::ROLLBACK.len()..]).and_then(|number| live.get(&number));
            let end = read_position(&end, 0).unwrap_or_default();
            if topic.is_none_or(|topic| end <= topic.removed_through()) {
                forgotten.push(name);
            }
        }
        for guard in self.store.meta.prefix(key::PRODUCER) {
            let (name, producer) = guard.into_inner()?;
            let topic = key::number(&name[key::PRODUCER.len()..]).and_then(|number| live.get(&number));
            let used = Producer::from_bytes(&producer).map_or(0, |producer| producer.used_ms());
            let ended = |topic: &&Arc<State>| {
                topic.ttl_secs().is_some_and(|ttl| used + PRODUCERS_LIVE_MS.max(u64::from(ttl) * 1000) < now_ms)
            };
            if topic.is_none_or(ended) {
                forgotten.push(name);
            }
        }
        for names in forgotten.chunks(REMOVED_AT_ONCE) {
            self.submit(vec![Step::Forget { names: names.iter().map(|name| name.to_vec()).collect() }])?;
        }
        Ok(())
    }
}
