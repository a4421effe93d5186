//! How all chains of a run come to stand still between two batches, so that what they know fits together.
//!
//! Somebody asks for a save point by its number. A source's chain sees it between two reads, hands a mark through its
//! queues, and stands still; a chain that is fed by queues stands still when the mark has come from all who feed it, so
//! that everything before it has been worked on and nothing behind it. When all stand still they are released with what
//! was decided meanwhile, hand over their part, and go on.

use super::alerts::Closed;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often whoever waits looks whether the run failed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How far a split is, as of a save point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SplitAt {
    pub(super) index: u32,
    pub(super) position: Option<u64>,
    pub(super) finished: bool,
    /// What the source keeps of it, where it has an instance for each split.
    pub(super) state: Option<Vec<u8>>,
}

/// What a stage keeps.
#[derive(Debug)]
pub(super) struct StageState {
    pub(super) stage: usize,
    pub(super) instance: usize,
    pub(super) state: Option<Vec<u8>>,
    /// It was told that its input has ended, and has said what it had to say to that.
    pub(super) finished: bool,
}

/// What a chain brings when it stands still.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    pub(super) splits: Vec<SplitAt>,
    pub(super) states: Vec<StageState>,
}

/// What is decided while all stand still.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// By stage: windows that start here or before are closed.
    pub(super) close_until: Vec<Option<i64>>,
    /// Whether changes since the last save point are wanted.
    pub(super) save: bool,
}

/// What a chain hands over before it goes on.
#[derive(Default)]
pub(super) struct Part {
    pub(super) closed: Vec<Closed>,
    /// Values of groups that changed; nothing for those that are gone.
    pub(super) changes: Vec<(String, Option<Vec<u8>>)>,
    /// Dead letters since the last save point.
    pub(super) letters: Vec<Vec<u8>>,
}

/// Where chains meet to stand still.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    requested: AtomicU64,
    /// Set when somebody wants a save point soon.
    wanted: AtomicBool,
    /// The last save point that is on the disk.
    saved: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    chains: usize,
    /// Chains that have nothing more to do.
    idle: usize,
    arrivals: Vec<Arrival>,
    /// The number of the last save point that all were released from.
    released: u64,
    decision: Arc<Decision>,
    parts: Vec<Part>,
    over: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("chains", &self.chains).field("released", &self.released).finish_non_exhaustive()
    }
}

impl Barrier {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
    }

    // ---- chains

    /// A chain begins. Called before any thread does.
    pub(super) fn join(&self) {
        self.state().chains += 1;
    }

    /// The number of the save point that was asked for last; 0 before the first.
    #[inline]
    pub(super) fn requested(&self) -> u64 {
        self.requested.load(Ordering::Acquire)
    }

    /// Somebody wants a save point soon.
    pub(super) fn want(&self) {
        if !self.wanted.swap(true, Ordering::AcqRel) {
            self.changed.notify_all();
        }
    }

    /// Stands still until all do, and answers what was decided; nothing when the run failed meanwhile.
    pub(super) fn arrive(&self, number: u64, arrival: Arrival, failed: &dyn Fn() -> bool) -> Option<Arc<Decision>> {
        let mut state = self.state();
        state.arrivals.push(arrival);
        self.changed.notify_all();
        while state.released < number {
            if failed() {
                return None;
            }
            state = self.wait(state, LOOK_EVERY);
        }
        Some(Arc::clone(&state.decision))
    }

    /// Hands over what belongs to the save point that the chain was just released from.
    pub(super) fn hand_over(&self, part: Part) {
        self.state().parts.push(part);
        self.changed.notify_all();
    }

    /// A chain has nothing more to do: waits until another save point is asked for, and answers its number; nothing when
    /// all chains have nothing to do any more, or the run failed.
    pub(super) fn linger(&self, seen: u64, first: bool, failed: &dyn Fn() -> bool) -> Option<u64> {
        let mut state = self.state();
        if first {
            state.idle += 1;
            self.changed.notify_all();
        }
        loop {
            let requested = self.requested();
            if requested > seen && requested > state.released {
                return Some(requested);
            }
            if state.over || failed() {
                return None;
            }
            state = self.wait(state, LOOK_EVERY);
        }
    }

    /// The last save point that is on the disk.
    pub(super) fn saved(&self) -> u64 {
        self.saved.load(Ordering::Acquire)
    }

    // ---- whoever makes save points

    /// Waits until something is wanted (where wishes are heeded), all chains have nothing to do, or so long. False when the
    /// chains are done.
    pub(super) fn pause(&self, at_most: Duration, heeds_wishes: bool) -> bool {
        let until = Instant::now() + at_most;
        let mut state = self.state();
        let is_wanted = || heeds_wishes && self.wanted.load(Ordering::Acquire);
        while !state.is_done() && !is_wanted() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.wait(state, left);
        }
        !state.is_done()
    }

    /// Whether a save point is wanted; the wish is then forgotten.
    pub(super) fn take_wish(&self) -> bool {
        self.wanted.swap(false, Ordering::AcqRel)
    }

    /// Asks for a save point and waits until all chains stand still. Nothing when the run failed, or all are done.
    pub(super) fn stand_still(&self, failed: &dyn Fn() -> bool) -> Option<(u64, Vec<Arrival>)> {
        let mut state = self.state();
        if state.is_done() || state.over {
            return None;
        }
        let number = state.released + 1;
        state.arrivals.clear();
        state.parts.clear();
        self.requested.store(number, Ordering::Release);
        self.changed.notify_all();
        while state.arrivals.len() < state.chains {
            if failed() {
                return None;
            }
            state = self.wait(state, LOOK_EVERY);
        }
        Some((number, std::mem::take(&mut state.arrivals)))
    }

    /// Lets all go on, and waits for what they hand over. Nothing when the run failed.
    pub(super) fn release(&self, number: u64, decision: Decision, failed: &dyn Fn() -> bool) -> Option<Vec<Part>> {
        let mut state = self.state();
        state.decision = Arc::new(decision);
        state.released = number;
        self.changed.notify_all();
        while state.parts.len() < state.chains {
            if failed() {
                return None;
            }
            state = self.wait(state, LOOK_EVERY);
        }
        Some(std::mem::take(&mut state.parts))
    }

    /// A save point is on the disk.
    pub(super) fn set_saved(&self, number: u64) {
        self.saved.store(number, Ordering::Release);
    }

    /// Chains that have nothing to do may end.
    pub(super) fn over(&self) {
        self.state().over = true;
        self.changed.notify_all();
    }
}

impl State {
    fn is_done(&self) -> bool {
        self.idle == self.chains
    }
}

#[cfg(test)]
mod tests;
