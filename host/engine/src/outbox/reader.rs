//! The reading half of the outbox: one publisher's.

use super::writer::{Outbox, READ_MESSAGES, ReaderState};
use super::{Cursor, HeldAlert};
use crate::store::{MessageId, StoreError, Topic, Write};
use campanile_sdk::proxy::AlertOut;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Messages of others that are passed by before the cursor is moved for their sake.
const PASSED_MAX: usize = 4_096;
/// How often a reader that waits looks whether it shall give up.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What became of an alert.
pub(crate) enum Settled {
    Published,
    /// Set aside, with the reason.
    Aside(String),
    Dropped,
}

/// A message that was read and is not done with.
struct Got {
    id: MessageId,
    sequence: u64,
    bytes: u64,
    /// Nothing for a message that is another publisher's.
    alert: Option<HeldAlert>,
}

/// Messages that are done with.
#[derive(Default)]
struct Passed {
    count: usize,
    bytes: u64,
    /// Id and number.
    last: Option<(MessageId, u64)>,
}

/// Hands the outbox's alerts to one publisher, in order, and keeps its cursor.
pub(crate) struct Reader {
    outbox: Arc<Outbox>,
    index: usize,
    cursor: Cursor,
    /// Everything up to here was read.
    position: Option<MessageId>,
    /// In order; the first `handed` of those with an alert are with the publisher.
    got: VecDeque<Got>,
    /// As of the last time that nothing was found.
    seen: u64,
    /// Messages of others that were passed by since the cursor was written.
    passed: Passed,
    /// Places that may be cut at, once they are behind a save point.
    cuts: VecDeque<(u64, MessageId)>,
}

impl Reader {
    /// Opens the reader of a publisher that takes the alerts of these stages. Answers also how many alerts wait for it.
    pub(crate) fn open(outbox: &Arc<Outbox>, publisher: &str, stages: &[String]) -> Result<(Reader, u64), StoreError> {
        let kept = outbox.store.value(&Cursor::name(publisher))?;
        let kept = kept.map(|bytes| serde_json::from_slice::<Cursor>(&bytes)).transpose();
        let kept =
            kept.map_err(|error| StoreError::Failed(format!("the cursor of `{publisher}` cannot be read: {error}")))?;
        let cursor = Cursor::begin(kept.clone(), publisher, stages, outbox.state().next_sequence());
        if kept.as_ref() != Some(&cursor) {
            // What waits for a publisher that never took anything is known to be its own, also when it is gone.
            let set = vec![(Cursor::name(publisher), cursor.to_bytes())];
            outbox.write(&Write { set, ..Write::default() }, &|| true)?;
        }
        let after = cursor.after();
        let (mut waiting, mut done_bytes) = (0, 0);
        super::writer::scan(&*outbox.store, None, &mut |id, bytes| {
            if after.is_some_and(|after| id <= after) {
                done_bytes += bytes.len() as u64;
            } else {
                let alert = HeldAlert::from_bytes(bytes).map_err(StoreError::Failed)?;
                waiting += u64::from(cursor.takes(&alert));
            }
            Ok(())
        })?;
        let mut state = outbox.state();
        state.readers.push(ReaderState { done_bytes, trim: None });
        let index = state.readers.len() - 1;
        drop(state);
        let reader = Reader {
            outbox: Arc::clone(outbox),
            index,
            position: after,
            cursor,
            got: VecDeque::new(),
            seen: u64::MAX,
            passed: Passed::default(),
            cuts: VecDeque::new(),
        };
        Ok((reader, waiting))
    }

    /// What was counted in this run before it was resumed: taken, published, rejected.
    pub(crate) fn counted(&self) -> (u64, u64, u64) {
        (self.cursor.taken, self.cursor.published, self.cursor.rejected)
    }

    /// A new run: counts begin anew, and do so on the disk before the run begins there.
    pub(crate) fn forget_counts(&mut self) -> Result<(), StoreError> {
        if self.counted() == (0, 0, 0) {
            return Ok(());
        }
        (self.cursor.taken, self.cursor.published, self.cursor.rejected) = (0, 0, 0);
        let set = vec![(Cursor::name(&self.cursor.publisher), self.cursor.to_bytes())];
        self.outbox.write(&Write { set, ..Write::default() }, &|| true)
    }

    /// The next alerts, at most so many, with their numbers; it waits for the first, and `linger` for more. Nothing at the
    /// end, or when `give_up` says so.
    pub(crate) fn next(
        &mut self,
        at_most: usize,
        linger: Duration,
        give_up: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<(u64, AlertOut)>>, StoreError> {
        let mut first = None;
        loop {
            let ready = self.got.iter().filter(|got| got.alert.is_some()).count();
            if ready > 0 {
                let since = *first.get_or_insert_with(Instant::now);
                let waited = since.elapsed();
                let full = ready >= at_most || self.got.len() >= 2 * READ_MESSAGES;
                if full || waited >= linger || self.is_finished() {
                    return Ok(Some(self.hand_out(at_most)));
                }
            }
            if give_up() {
                return Ok(None);
            }
            if self.read()? {
                continue;
            }
            self.pass_others(give_up)?;
            if ready == 0 && self.is_finished() && !self.read()? {
                return Ok(None);
            }
            let pause = first.map_or(LOOK_EVERY, |first| linger.saturating_sub(first.elapsed()).min(LOOK_EVERY));
            let state = self.outbox.state();
            if state.written == self.seen && !state.finished {
                let _ = self.outbox.news.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn is_finished(&self) -> bool {
        let state = self.outbox.state();
        state.finished && state.written == self.seen
    }

    fn hand_out(&mut self, at_most: usize) -> Vec<(u64, AlertOut)> {
        let alerts = self.got.iter().filter_map(|got| got.alert.as_ref()).take(at_most);
        alerts.map(|alert| (alert.sequence, alert.clone().into_alert())).collect()
    }

    /// Reads on. False where there is nothing new.
    fn read(&mut self) -> Result<bool, StoreError> {
        if self.got.len() >= 2 * READ_MESSAGES {
            return Ok(false);
        }
        let written = self.outbox.state().written;
        if written == self.seen {
            return Ok(false);
        }
        let read = self.outbox.store.read(Topic::Alerts, self.position, READ_MESSAGES)?;
        let Some(last) = read.last() else {
            self.seen = written;
            return Ok(false);
        };
        self.position = Some(last.id);
        for stored in read {
            let alert = HeldAlert::from_bytes(&stored.bytes).map_err(StoreError::Failed)?;
            let sequence = alert.sequence;
            let ours = self.cursor.takes(&alert);
            self.got.push_back(Got {
                id: stored.id,
                sequence,
                bytes: stored.bytes.len() as u64,
                alert: ours.then_some(alert),
            });
            self.cuts.push_back((sequence, stored.id));
        }
        Ok(true)
    }

    /// Settles the first of the alerts that were handed out: what became of them is durable when this returns.
    pub(crate) fn settle(
        &mut self,
        settled: Vec<Settled>,
        now_ms: i64,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let mut write = Write::default();
        let mut aside = Vec::new();
        let mut settled = settled.into_iter().peekable();
        let (mut bytes, mut last) = (0, None);
        while let Some(got) = self.got.front() {
            if got.alert.is_some() && settled.peek().is_none() {
                break;
            }
            let Some(got) = self.got.pop_front() else { break };
            bytes += got.bytes;
            last = Some((got.id, got.sequence));
            let Some(alert) = got.alert else { continue };
            self.cursor.taken += 1;
            match settled.next() {
                Some(Settled::Published) => self.cursor.published += 1,
                Some(Settled::Aside(reason)) => {
                    self.cursor.rejected += 1;
                    aside.push(Outbox::aside(alert, &self.cursor.publisher, &reason, now_ms));
                }
                Some(Settled::Dropped) | None => self.cursor.rejected += 1,
            }
        }
        if !aside.is_empty() {
            write.publish.push((Topic::Aside, aside));
        }
        let Some(last) = last else { return Ok(()) };
        self.move_to(last, bytes, write, give_up)
    }

    /// Moves on over messages of other publishers, so that there is room for what comes behind them, and they can go.
    fn pass_others(&mut self, give_up: &dyn Fn() -> bool) -> Result<(), StoreError> {
        while let Some(got) = self.got.pop_front_if(|got| got.alert.is_none()) {
            self.passed.count += 1;
            self.passed.bytes += got.bytes;
            self.passed.last = Some((got.id, got.sequence));
        }
        match self.passed.last {
            Some(last) if self.passed.count >= PASSED_MAX || self.outbox.is_full() => {
                self.move_to(last, 0, Write::default(), give_up)
            }
            _ => Ok(()),
        }
    }

    fn move_to(
        &mut self,
        (id, sequence): (MessageId, u64),
        bytes: u64,
        mut write: Write,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let bytes = bytes + std::mem::take(&mut self.passed).bytes;
        self.cursor.move_to(id, sequence);
        write.set.push((Cursor::name(&self.cursor.publisher), self.cursor.to_bytes()));
        let trim = self.trim(id);
        if let Some(trim) = trim {
            write.trim.push((Topic::Alerts, trim));
        }
        // A full disk is waited for: cutting the outbox makes room, and what was published stays so.
        self.outbox.write(&write, give_up)?;
        let mut state = self.outbox.state();
        if let Some(reader) = state.readers.get_mut(self.index) {
            reader.done_bytes += bytes;
        }
        if trim.is_some() {
            state.trimmed = trim;
        }
        drop(state);
        self.outbox.news.notify_all();
        Ok(())
    }

    /// Up to where the outbox may be cut, when this reader has done with everything up to `done`.
    fn trim(&mut self, done: MessageId) -> Option<MessageId> {
        let mut state = self.outbox.state();
        let saved = state.saved_sequence;
        let mut cut = None;
        while let Some((_, id)) = self.cuts.front().filter(|(sequence, id)| *sequence < saved && *id <= done) {
            cut = Some(*id);
            self.cuts.pop_front();
        }
        let reader = state.readers.get_mut(self.index)?;
        reader.trim = cut.or(reader.trim);
        let all = state.readers.iter().map(|reader| reader.trim).min().flatten();
        all.filter(|all| state.trimmed.is_none_or(|trimmed| *all > trimmed))
    }
}
