//! Takes messages out of the middle of a log.

#[cfg(test)]
mod tests;

use super::{MessageId, Store, StoreError, Stored, Topic, Write};

/// Messages of one read.
const READ_MESSAGES: usize = 1_024;
/// A step writes about so many bytes of a log anew: 32 MiB.
pub(crate) const STEP_BYTES: usize = 32 << 20;

/// Says which messages go.
pub(crate) trait Sieve {
    /// Whether this one goes.
    fn takes(&mut self, message: &Stored) -> Result<bool, StoreError>;

    /// Adds what is written together with those that went since the last step.
    fn step(&mut self, _write: &mut Write) {}
}

/// Takes messages out of a log; the others stay in their order, with new ids.
///
/// A log is written anew in steps of `step_bytes`, each of them atomic: what is in front is cut off, and what stays of it is
/// appended. So a log that is smaller than that is sifted at once; and of a larger one each message is there once or has
/// gone, wherever it is interrupted.
pub(crate) fn sift(
    store: &dyn Store,
    topic: Topic,
    step_bytes: usize,
    sieve: &mut dyn Sieve,
) -> Result<(), StoreError> {
    let mut end = None;
    let mut after = None;
    let mut step = Step::default();
    loop {
        let read = store.read(topic, after, READ_MESSAGES)?;
        let is_last = read.is_empty();
        for stored in read {
            if end.is_some_and(|end| stored.id > end) {
                return step.write(store, topic, sieve);
            }
            // Messages that were published at once are cut off at once, and have the same time.
            let is_between = step.last.is_none_or(|last: MessageId| last.timestamp_ms() != stored.id.timestamp_ms());
            if step.bytes >= step_bytes && is_between {
                if end.is_none() {
                    end = last_behind(store, topic, stored.id)?;
                }
                std::mem::take(&mut step).write(store, topic, sieve)?;
            }
            after = Some(stored.id);
            step.last = after;
            step.bytes += stored.bytes.len();
            if !sieve.takes(&stored)? {
                step.kept.push(stored.bytes);
            }
        }
        if is_last {
            return step.write(store, topic, sieve);
        }
    }
}

#[derive(Default)]
struct Step {
    kept: Vec<Vec<u8>>,
    bytes: usize,
    last: Option<MessageId>,
}

impl Step {
    fn write(self, store: &dyn Store, topic: Topic, sieve: &mut dyn Sieve) -> Result<(), StoreError> {
        let Some(last) = self.last else { return Ok(()) };
        let mut write = Write { trim: vec![(topic, last)], ..Write::default() };
        if !self.kept.is_empty() {
            write.publish.push((topic, self.kept));
        }
        sieve.step(&mut write);
        store.write(&write)
    }
}

/// The last message of a log, of which this one is known.
fn last_behind(store: &dyn Store, topic: Topic, known: MessageId) -> Result<Option<MessageId>, StoreError> {
    let mut last = known;
    loop {
        match store.read(topic, Some(last), READ_MESSAGES)?.last() {
            Some(stored) => last = stored.id,
            None => return Ok(Some(last)),
        }
    }
}

/// Walks over a log; `each` answers whether to go on.
pub(crate) fn walk(
    store: &dyn Store,
    topic: Topic,
    mut after: Option<MessageId>,
    each: &mut dyn FnMut(Stored) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    loop {
        let read = store.read(topic, after, READ_MESSAGES)?;
        let Some(last) = read.last() else { return Ok(()) };
        after = Some(last.id);
        for stored in read {
            if !each(stored)? {
                return Ok(());
            }
        }
    }
}
