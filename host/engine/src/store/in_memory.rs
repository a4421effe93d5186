//! A store for tests and for whoever embeds the engine without a disk.

use super::{MessageId, Store, StoreError, Stored, Topic, Write};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A store that lives as long as its last clone. A [snapshot](InMemoryStore::snapshot) is what a crash would have left.
#[derive(Clone, Debug, Default)]
pub struct InMemoryStore(Arc<Mutex<Kept>>);

#[derive(Clone, Debug, Default)]
struct Kept {
    values: BTreeMap<String, Vec<u8>>,
    logs: BTreeMap<Topic, VecDeque<Stored>>,
    /// Of the last message: milliseconds since 1970, or later.
    last: u64,
    writes: u64,
    /// Fails all writes from this one on.
    fails_at: Option<u64>,
}

impl InMemoryStore {
    /// An empty store.
    pub fn new() -> InMemoryStore {
        InMemoryStore::default()
    }

    /// A store of its own with what this one holds now.
    pub fn snapshot(&self) -> InMemoryStore {
        let kept = self.kept();
        InMemoryStore(Arc::new(Mutex::new(Kept { fails_at: None, ..kept.clone() })))
    }

    /// From now on only so many writes go through; all later ones fail.
    pub fn fail_after(&self, writes: u64) {
        let mut kept = self.kept();
        kept.fails_at = Some(kept.writes + writes);
    }

    /// How many writes went through.
    pub fn writes(&self) -> u64 {
        self.kept().writes
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for InMemoryStore {
    fn write(&self, write: &Write) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if kept.fails_at.is_some_and(|at| kept.writes >= at) {
            return Err(StoreError::Failed("the store was told to fail".to_owned()));
        }
        kept.writes += 1;
        for name in &write.remove {
            kept.values.remove(name);
        }
        for (name, value) in &write.set {
            kept.values.insert(name.clone(), value.clone());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        for (topic, messages) in &write.publish {
            for bytes in messages {
                // Ids tell the time, and each a later one.
                kept.last = now.max(kept.last + 1);
                let id = MessageId::new(kept.last, 0);
                kept.logs.entry(*topic).or_default().push_back(Stored { id, bytes: bytes.clone() });
            }
        }
        for (topic, through) in &write.trim {
            let log = kept.logs.entry(*topic).or_default();
            while log.front().is_some_and(|stored| stored.id <= *through) {
                log.pop_front();
            }
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.kept().values.get(name).cloned())
    }

    fn values(&self, prefix: &str, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), StoreError> {
        let kept = self.kept();
        let from = kept.values.range(prefix.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(prefix)).for_each(|(name, value)| each(name, value));
        Ok(())
    }

    fn read(&self, topic: Topic, after: Option<MessageId>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let kept = self.kept();
        let Some(log) = kept.logs.get(&topic) else { return Ok(Vec::new()) };
        let begin = after.map_or(0, |after| log.partition_point(|stored| stored.id <= after));
        Ok(log.range(begin..).take(limit).cloned().collect())
    }
}
