//! The writing half of the outbox.

use super::repeats::Repeats;
use super::{AsideAlert, Cause, HeldAlert};
use crate::store::{MessageId, Store, StoreError, Topic, Write};
use campanile_sdk::proxy::AlertOut;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The value that counts the alerts.
pub(super) const NEXT: &str = "outbox/next";
/// Beyond the outbox's bound so many bytes are taken in from chains that are in the midst of a batch: 64 MiB.
const BEYOND_BYTES: u64 = 64 << 20;
/// How long a full disk is left alone before the write is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// How often whoever waits looks whether the run is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Bytes of alerts that go into one write, about: 8 MiB.
const WRITE_BYTES: usize = 8 << 20;

/// An alert that a chain hands over.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) alert: AlertOut,
    /// What would raise it again; for an alert that is on its own.
    pub(crate) from: Option<Cause>,
}

/// What the outbox is like while all chains stand still.
pub(crate) struct Standing {
    /// The next alert's number.
    pub(crate) sequence: u64,
    /// The alerts that will be raised again after this save point.
    pub(crate) repeats: Vec<u8>,
}

/// The outbox of a run.
pub(crate) struct Outbox {
    pub(super) store: Arc<dyn Store>,
    max_bytes: u64,
    state: Mutex<State>,
    /// There is something to write.
    work: Condvar,
    /// Something was written, or there is room.
    pub(super) news: Condvar,
    /// Tells of a trouble that passes.
    trouble: Box<dyn Fn(&str) + Send + Sync>,
}

pub(super) struct State {
    queue: VecDeque<Vec<u8>>,
    queued_bytes: u64,
    next_sequence: u64,
    save: Option<Write>,
    /// How many saves were written.
    saves: u64,
    repeats: Repeats,
    /// Alerts with smaller numbers are behind the last save point.
    pub(super) saved_sequence: u64,
    /// Alerts and bytes since the last save point.
    since_save: (u64, u64),
    /// Bytes of all alerts that were ever taken in, since the outbox was opened.
    total_bytes: u64,
    pub(super) readers: Vec<ReaderState>,
    pub(super) trimmed: Option<MessageId>,
    /// How many alerts were written; readers look for more when it grows.
    pub(super) written: u64,
    failed: Option<String>,
    /// No more alerts come.
    ended: bool,
    /// What there was is written, and the writer is gone.
    pub(super) finished: bool,
}

/// How far a reader is.
#[derive(Debug, Default)]
pub(super) struct ReaderState {
    /// Bytes of the alerts that it has done with.
    pub(super) done_bytes: u64,
    /// The last message that it does not need and that is behind the save point.
    pub(super) trim: Option<MessageId>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outbox {
    /// Opens the outbox of a store. `saved_sequence` is that of the save point that the run goes on from, with the alerts
    /// that it will raise again; none for a run that begins.
    pub(crate) fn open(
        store: Arc<dyn Store>,
        max_bytes: u64,
        saved: Option<(u64, Repeats)>,
        trouble: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Outbox, StoreError> {
        let mut next = match store.value(NEXT)? {
            Some(value) => number(&value)?,
            None => 0,
        };
        let mut total_bytes = 0;
        let (saved_sequence, mut repeats) = match saved {
            Some((sequence, repeats)) => (Some(sequence), repeats),
            None => (None, Repeats::default()),
        };
        scan(&*store, None, &mut |_, bytes| {
            total_bytes += bytes.len() as u64;
            let alert = HeldAlert::from_bytes(bytes).map_err(StoreError::Failed)?;
            next = next.max(alert.sequence + 1);
            if saved_sequence.is_some_and(|saved| alert.sequence >= saved) {
                repeats.note(&alert);
            }
            Ok(())
        })?;
        let state = State {
            queue: VecDeque::new(),
            queued_bytes: 0,
            next_sequence: next,
            save: None,
            saves: 0,
            repeats,
            saved_sequence: saved_sequence.unwrap_or(next),
            since_save: (0, 0),
            total_bytes,
            readers: Vec::new(),
            trimmed: None,
            written: 0,
            failed: None,
            ended: false,
            finished: false,
        };
        Ok(Outbox { store, max_bytes, state: Mutex::new(state), work: Condvar::new(), news: Condvar::new(), trouble })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Takes alerts in. Those that were raised before the run was resumed are passed over. How many were new.
    ///
    /// Where the outbox is far over its bound it waits, until `give_up` says so.
    pub(crate) fn push(&self, alerts: Vec<Raised>, give_up: &dyn Fn() -> bool) -> usize {
        let mut state = self.state();
        while state.held_bytes() > self.max_bytes + BEYOND_BYTES && state.failed.is_none() && !give_up() {
            state = self.news.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut new = 0;
        for Raised { alert, from } in alerts {
            if state.repeats.take(&alert.id) {
                continue;
            }
            state.add(HeldAlert { from, single: true, ..HeldAlert::new(0, alert) });
            new += 1;
        }
        drop(state);
        self.work.notify_one();
        new
    }

    /// Whether so much waits that sources shall read nothing more for now.
    pub(crate) fn is_full(&self) -> bool {
        self.state().held_bytes() > self.max_bytes
    }

    /// Alerts and their bytes since the last save point: each is remembered until the next.
    pub(crate) fn since_save(&self) -> (u64, u64) {
        self.state().since_save
    }

    /// Called while all chains stand still: what belongs into a save point. `is_behind` tells whether what raised an alert of
    /// a stage will not do so again.
    pub(crate) fn stand_still(&self, is_behind: impl Fn(&str, Cause) -> bool) -> Standing {
        let mut state = self.state();
        state.repeats.saved(is_behind);
        state.since_save = (0, 0);
        Standing { sequence: state.next_sequence, repeats: state.repeats.to_bytes() }
    }

    /// Writes a save point, with alerts that leave with it, and everything that was pushed before. `sequence` is that of
    /// [`Outbox::stand_still`].
    pub(crate) fn save(&self, write: Write, alerts: Vec<AlertOut>, sequence: u64) -> Result<(), String> {
        let mut state = self.state();
        for alert in alerts {
            state.add(HeldAlert::new(0, alert));
        }
        state.save = Some(write);
        let wanted = state.saves + 1;
        self.work.notify_one();
        while state.saves < wanted {
            if let Some(message) = &state.failed {
                return Err(message.clone());
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.saved_sequence = sequence;
        Ok(())
    }

    /// No more alerts come: the writer ends when all is written.
    pub(crate) fn end(&self) {
        self.state().ended = true;
        self.work.notify_all();
        self.news.notify_all();
    }

    /// Writes until the outbox has ended. What failed for good comes back.
    pub(crate) fn run(&self, give_up: &dyn Fn() -> bool) -> Result<(), String> {
        loop {
            let mut state = self.state();
            while state.queue.is_empty() && state.save.is_none() && !state.ended {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.queue.is_empty() && state.save.is_none() {
                state.finished = true;
                self.news.notify_all();
                return Ok(());
            }
            let (write, count, saves) = state.take_write();
            drop(state);
            let written = self.write(&write, give_up);
            let mut state = self.state();
            match written {
                Ok(()) => {
                    state.written += count;
                    state.saves += u64::from(saves);
                    self.news.notify_all();
                }
                Err(error) => {
                    let message = error.to_string();
                    state.failed = Some(message.clone());
                    state.finished = true;
                    self.news.notify_all();
                    return Err(message);
                }
            }
        }
    }

    /// Writes, again and again where the disk is full.
    pub(super) fn write(&self, write: &Write, give_up: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let mut told = false;
        loop {
            match self.store.write(write) {
                Err(StoreError::Later(message)) if !give_up() => {
                    if !told {
                        (self.trouble)(&message);
                        told = true;
                    }
                    let until = Instant::now() + RETRY_EVERY;
                    while Instant::now() < until && !give_up() {
                        std::thread::park_timeout(LOOK_EVERY);
                    }
                }
                other => return other,
            }
        }
    }

    /// An alert that was set aside, as it is written.
    pub(super) fn aside(alert: HeldAlert, publisher: &str, reason: &str, time_ms: i64) -> Vec<u8> {
        AsideAlert { publisher: publisher.to_owned(), reason: reason.to_owned(), time_ms, alert }.to_bytes()
    }
}

impl State {
    fn add(&mut self, mut alert: HeldAlert) {
        alert.sequence = self.next_sequence;
        self.next_sequence += 1;
        let bytes = alert.to_bytes();
        let length = bytes.len() as u64;
        self.queued_bytes += length;
        self.total_bytes += length;
        if alert.single {
            self.since_save.0 += 1;
            self.since_save.1 += length;
        }
        self.queue.push_back(bytes);
    }

    /// The number of the next alert.
    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Bytes of alerts that some publisher has not done with.
    pub(super) fn held_bytes(&self) -> u64 {
        // What nobody reads does not wait for anybody.
        let done = self.readers.iter().map(|reader| reader.done_bytes).min();
        done.map_or(0, |done| self.total_bytes.saturating_sub(done))
    }

    /// What is written next: a save point goes with the last of what was queued before it.
    fn take_write(&mut self) -> (Write, u64, bool) {
        let mut write = Write::default();
        let mut bytes = 0;
        let mut messages = Vec::new();
        while let Some(message) = self.queue.pop_front() {
            bytes += message.len();
            messages.push(message);
            if bytes >= WRITE_BYTES && self.save.is_none() {
                break;
            }
        }
        self.queued_bytes -= bytes as u64;
        let count = messages.len() as u64;
        if !messages.is_empty() {
            let next = self.next_sequence - self.queue.len() as u64;
            write.set.push((NEXT.to_owned(), next.to_string().into_bytes()));
            write.publish.push((Topic::Alerts, messages));
        }
        let saves = self.save.is_some();
        if let Some(save) = self.save.take() {
            write.append(save);
        }
        (write, count, saves)
    }
}

pub(super) fn number(value: &[u8]) -> Result<u64, StoreError> {
    let text = std::str::from_utf8(value).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| StoreError::Failed(format!("the value `{NEXT}` is no number")))
}

/// Messages of one read.
pub(super) const READ_MESSAGES: usize = 1_024;

/// Is shown a message with its id.
type Visit<'a> = dyn FnMut(MessageId, &[u8]) -> Result<(), StoreError> + 'a;

/// Walks over the outbox.
pub(super) fn scan(store: &dyn Store, mut after: Option<MessageId>, each: &mut Visit<'_>) -> Result<(), StoreError> {
    loop {
        let read = store.read(Topic::Alerts, after, READ_MESSAGES)?;
        let Some(last) = read.last() else { return Ok(()) };
        after = Some(last.id);
        for stored in &read {
            each(stored.id, &stored.bytes)?;
        }
    }
}
