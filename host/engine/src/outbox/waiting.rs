//! The alerts of a store that no run holds: looked at, handed back to publishers, dropped.

#[cfg(test)]
mod tests;

use super::writer::{NEXT, number};
use super::{AsideAlert, Cursor, HeldAlert};
use crate::store::sift::{STEP_BYTES, Sieve, sift, walk};
use crate::store::{MessageId, Store, StoreError, Stored, Topic, Write};
use std::collections::HashSet;

/// The alerts of a store: those that wait for publishers, and those that were set aside.
///
/// Only for a store that no run holds. Logs are read in pages; what changes them writes the alerts that were set aside anew,
/// in one atomic step up to 32 MiB of them and in several beyond, each of which moves its alerts at once.
pub struct KeptAlerts<'a> {
    store: &'a dyn Store,
    cursors: Vec<Cursor>,
}

/// An alert for one publisher.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptAlert {
    /// The publisher that it is for, or that could not publish it.
    pub publisher: String,
    /// The alert.
    pub alert: HeldAlert,
    /// Since when it waits, or is set aside: milliseconds since 1970.
    pub since_ms: i64,
    /// Why it was set aside; nothing for one that waits.
    pub reason: Option<String>,
}

impl KeptAlert {
    /// Whether it was set aside.
    pub fn is_aside(&self) -> bool {
        self.reason.is_some()
    }

    fn aside(bytes: &[u8]) -> Result<KeptAlert, StoreError> {
        let AsideAlert { publisher, reason, time_ms, alert } =
            AsideAlert::from_bytes(bytes).map_err(StoreError::Failed)?;
        Ok(KeptAlert { publisher, alert, since_ms: time_ms, reason: Some(reason) })
    }
}

/// Which alerts are meant: those that everything said here is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Alerts with these ids; nothing means any.
    pub ids: Option<HashSet<String>>,
    /// Those of this publisher.
    pub publisher: Option<String>,
    /// Those that this stage emitted.
    pub stage: Option<String>,
}

impl Selection {
    /// Whether an alert for a publisher is meant.
    pub fn takes(&self, publisher: &str, alert: &HeldAlert) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&alert.id))
            && self.publisher.as_ref().is_none_or(|wanted| wanted == publisher)
            && self.stage.as_ref().is_none_or(|wanted| *wanted == alert.stage)
    }
}

impl<'a> KeptAlerts<'a> {
    /// The alerts of a store.
    pub fn new(store: &'a dyn Store) -> Result<KeptAlerts<'a>, StoreError> {
        Ok(KeptAlerts { store, cursors: Cursor::all(store)? })
    }

    /// How far each publisher is that runs of this store had.
    pub fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }

    /// All alerts that were set aside, in order. `each` answers whether to go on.
    pub fn aside(&self, each: &mut dyn FnMut(KeptAlert) -> bool) -> Result<(), StoreError> {
        walk(self.store, Topic::Aside, None, &mut |stored| Ok(each(KeptAlert::aside(&stored.bytes)?)))
    }

    /// All alerts that wait, in order; one that several publishers publish once for each. `each` answers whether to go on.
    pub fn waiting(&self, each: &mut dyn FnMut(KeptAlert) -> bool) -> Result<(), StoreError> {
        let Some(after) = self.cursors.iter().map(Cursor::after).min() else { return Ok(()) };
        walk(self.store, Topic::Alerts, after, &mut |stored| {
            let alert = HeldAlert::from_bytes(&stored.bytes).map_err(StoreError::Failed)?;
            let since_ms = time_of(stored.id);
            for cursor in &self.cursors {
                if cursor.after().is_none_or(|after| stored.id > after) && cursor.takes(&alert) {
                    let publisher = cursor.publisher.clone();
                    if !each(KeptAlert { publisher, alert: alert.clone(), since_ms, reason: None }) {
                        return Ok(false);
                    }
                }
            }
            Ok(true)
        })
    }

    /// Puts alerts that were set aside back into the outbox, behind those that wait there, with their ids: each for the
    /// publisher that could not publish it, or for `to`, and for no other. How many they were.
    pub fn replay(&self, selection: &Selection, to: Option<&str>) -> Result<u64, StoreError> {
        let mut replay = Replay { selection, to, next: self.next()?, back: Vec::new(), count: 0 };
        sift(self.store, Topic::Aside, STEP_BYTES, &mut replay)?;
        Ok(replay.count)
    }

    /// Drops alerts that were set aside. How many they were.
    pub fn drop_aside(&self, selection: &Selection) -> Result<u64, StoreError> {
        let mut count = 0;
        sift(self.store, Topic::Aside, STEP_BYTES, &mut Dropped { selection, count: &mut count })?;
        Ok(count)
    }

    /// Drops all alerts that wait, for this publisher or for every one: it is as if they were published. How many they were.
    pub fn drop_waiting(&mut self, publisher: Option<&str>) -> Result<u64, StoreError> {
        let is_meant = |name: &str| publisher.is_none_or(|wanted| wanted == name);
        let mut count = 0;
        self.waiting(&mut |kept| {
            count += u64::from(is_meant(&kept.publisher));
            true
        })?;
        let mut last = None;
        walk(self.store, Topic::Alerts, None, &mut |stored| {
            last = Some(stored.id);
            Ok(true)
        })?;
        let Some(last) = last.filter(|_| count > 0) else { return Ok(0) };
        let mut write = Write::default();
        for cursor in self.cursors.iter_mut().filter(|cursor| is_meant(&cursor.publisher)) {
            cursor.move_to(last, u64::MAX - 1);
            write.set.push((Cursor::name(&cursor.publisher), cursor.to_bytes()));
        }
        self.store.write(&write)?;
        Ok(count)
    }

    /// The number of the next alert.
    fn next(&self) -> Result<u64, StoreError> {
        let mut next = self.store.value(NEXT)?.map_or(Ok(0), |value| number(&value))?;
        if next == 0 {
            walk(self.store, Topic::Alerts, None, &mut |stored| {
                let alert = HeldAlert::from_bytes(&stored.bytes).map_err(StoreError::Failed)?;
                next = next.max(alert.sequence + 1);
                Ok(true)
            })?;
        }
        Ok(next)
    }
}

/// Alerts go back into the outbox.
struct Replay<'a> {
    selection: &'a Selection,
    to: Option<&'a str>,
    next: u64,
    back: Vec<Vec<u8>>,
    count: u64,
}

impl Sieve for Replay<'_> {
    fn takes(&mut self, message: &Stored) -> Result<bool, StoreError> {
        let kept = KeptAlert::aside(&message.bytes)?;
        if !self.selection.takes(&kept.publisher, &kept.alert) {
            return Ok(false);
        }
        let only = self.to.map_or(kept.publisher, str::to_owned);
        // Where its record will be read once more, the outbox still holds the alert that was set aside: this one is not
        // needed to know that.
        let alert = HeldAlert { sequence: self.next, only: Some(only), from: None, single: false, ..kept.alert };
        self.next += 1;
        self.count += 1;
        self.back.push(alert.to_bytes());
        Ok(true)
    }

    fn step(&mut self, write: &mut Write) {
        if !self.back.is_empty() {
            write.publish.push((Topic::Alerts, std::mem::take(&mut self.back)));
            write.set.push((NEXT.to_owned(), self.next.to_string().into_bytes()));
        }
    }
}

/// Alerts go.
struct Dropped<'a> {
    selection: &'a Selection,
    count: &'a mut u64,
}

impl Sieve for Dropped<'_> {
    fn takes(&mut self, message: &Stored) -> Result<bool, StoreError> {
        let kept = KeptAlert::aside(&message.bytes)?;
        let goes = self.selection.takes(&kept.publisher, &kept.alert);
        *self.count += u64::from(goes);
        Ok(goes)
    }
}

/// When a message was written.
fn time_of(id: MessageId) -> i64 {
    i64::try_from(id.timestamp_ms()).unwrap_or(i64::MAX)
}
