//! Which windows may close: how far event time is, split by split, and the clock.

use crate::alerts::AlertsSpec;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How far a split is at a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// The largest event time so far, milliseconds since 1970.
    latest_ms: i64,
    /// When it last brought a record, by the clock.
    at_ms: i64,
}

/// What a split is doing, as far as its source knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SplitState {
    Waiting,
    /// There is more to read, or may be.
    Active,
    /// It had nothing: in reads that began from `since_ms` to `until_ms`, by the clock.
    Idle {
        since_ms: i64,
        until_ms: i64,
    },
    Finished,
}

/// The windows of one stage, shared by its instances.
#[derive(Debug)]
pub(super) struct StageWindows {
    /// Length in milliseconds.
    pub(super) length_ms: i64,
    pub(super) by_event_time: bool,
    pub(super) lateness_ms: i64,
    idle_after_ms: i64,
    /// Windows that start here or before are closed; asked for each alert.
    closed_until: AtomicI64,
    state: Mutex<State>,
}

/// No window is closed.
const NONE_CLOSED: i64 = i64::MIN;

#[derive(Debug, Default)]
struct State {
    seen: HashMap<u32, Seen>,
    /// The oldest open window of each instance.
    oldest: HashMap<usize, i64>,
}

impl StageWindows {
    /// Those of a stage whose alerts have windows.
    pub(super) fn new(spec: &AlertsSpec) -> Option<StageWindows> {
        Some(StageWindows {
            length_ms: spec.window_ms()?,
            by_event_time: spec.time_field.is_some(),
            lateness_ms: spec.allowed_lateness_ms(),
            idle_after_ms: i64::try_from(spec.idle_after().as_millis()).unwrap_or(i64::MAX),
            closed_until: AtomicI64::new(NONE_CLOSED),
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The start of the window that a time falls into.
    pub(super) fn start_of(&self, time_ms: i64) -> i64 {
        time_ms.div_euclid(self.length_ms).saturating_mul(self.length_ms)
    }

    /// The end of a window: the first millisecond that is not in it.
    pub(super) fn end_of(&self, start: i64) -> i64 {
        start.saturating_add(self.length_ms)
    }

    /// A split brought records up to this time.
    pub(super) fn note(&self, split: u32, latest_ms: i64, now_ms: i64) {
        let mut state = self.state();
        let seen = state.seen.entry(split).or_insert(Seen { latest_ms, at_ms: now_ms });
        seen.latest_ms = seen.latest_ms.max(latest_ms);
        seen.at_ms = now_ms;
    }

    /// The oldest open window of an instance.
    pub(super) fn note_oldest(&self, instance: usize, oldest: Option<i64>) {
        let mut state = self.state();
        match oldest {
            Some(oldest) => state.oldest.insert(instance, oldest),
            None => state.oldest.remove(&instance),
        };
    }

    /// Windows that start here or before are closed.
    pub(super) fn closed_until(&self) -> Option<i64> {
        Some(self.closed_until.load(Ordering::Acquire)).filter(|closed| *closed != NONE_CLOSED)
    }

    /// How far each split is.
    pub(super) fn times(&self) -> Vec<(u32, i64)> {
        self.state().seen.iter().map(|(split, seen)| (*split, seen.latest_ms)).collect()
    }

    /// Goes on from a save point.
    pub(super) fn restore(&self, times: &[(u32, i64)], closed_until: Option<i64>, now_ms: i64) {
        let mut state = self.state();
        self.closed_until.store(closed_until.unwrap_or(NONE_CLOSED), Ordering::Release);
        state.seen = times.iter().map(|&(split, latest_ms)| (split, Seen { latest_ms, at_ms: now_ms })).collect();
    }

    /// The start of the last window that may close now, if one is open that may. `splits` are those whose records can reach
    /// the stage, and `is_live` where others may come.
    pub(super) fn due(&self, splits: &[(u32, SplitState)], is_live: bool, now_ms: i64) -> Option<i64> {
        let state = self.state();
        let oldest = *state.oldest.values().min()?;
        let until = match self.by_event_time {
            true => {
                state.watermark(splits, is_live.then_some(now_ms), self.idle_after_ms)?.saturating_sub(self.lateness_ms)
            }
            false => now_ms,
        };
        // The last window that ends at `until` or before.
        let last = self.start_of(until).saturating_sub(self.length_ms);
        (oldest <= last).then_some(last)
    }

    /// Windows that start here or before are closed from now on.
    pub(super) fn close_until(&self, start: i64) {
        self.closed_until.fetch_max(start, Ordering::AcqRel);
    }
}

impl State {
    /// No record older than this is expected. The smallest time counts. A split that waits to be read holds it, and so does one
    /// that has brought nothing yet; one that was read to its end leaves, or that had nothing for long, as often as it was
    /// asked: in a run that waits nobody asks. Where all have left, time goes on as long as they are asked; where all were
    /// read to their ends, by the clock (`now_ms`), or not at all where the run ends too.
    fn watermark(&self, splits: &[(u32, SplitState)], now_ms: Option<i64>, idle_after_ms: i64) -> Option<i64> {
        let mut smallest: Option<i64> = None;
        let mut asked_ms: Option<i64> = None;
        for (split, state) in splits {
            let seen = self.seen.get(split);
            match state {
                SplitState::Waiting => return None,
                SplitState::Finished => continue,
                SplitState::Active => {}
                SplitState::Idle { since_ms, until_ms } => {
                    let quiet_since = seen.map_or(*since_ms, |seen| seen.at_ms);
                    if until_ms.saturating_sub(quiet_since) >= idle_after_ms {
                        asked_ms = asked_ms.max(Some(*until_ms));
                        continue;
                    }
                }
            }
            let latest_ms = seen?.latest_ms;
            smallest = Some(smallest.map_or(latest_ms, |smallest| smallest.min(latest_ms)));
        }
        if smallest.is_some() {
            return smallest;
        }
        let asked_ms = asked_ms.or(now_ms)?;
        let latest = self.seen.values().map(|seen| seen.latest_ms).max()?;
        let quiet_since = self.seen.values().map(|seen| seen.at_ms).max()?;
        Some(latest.saturating_add(asked_ms.saturating_sub(quiet_since).max(0)))
    }
}

#[cfg(test)]
mod tests;
