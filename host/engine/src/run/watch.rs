//! Which stage each thread is inside, and for how long.

use campanile_abi::last_words::Inside;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const OUTSIDE: usize = usize::MAX;

/// The threads of a run.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Milliseconds since the run began, as of the last tick: reading it costs less than asking the system.
    now_ms: Arc<AtomicU64>,
    slots: Mutex<Vec<Arc<Marks>>>,
}

#[derive(Debug)]
struct Marks {
    stage: AtomicUsize,
    since_ms: AtomicU64,
}

/// One thread's place to note where it is.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    marks: Arc<Marks>,
    now_ms: Arc<AtomicU64>,
}

impl Watch {
    pub(super) fn slot(&self) -> Slot {
        let marks = Arc::new(Marks { stage: AtomicUsize::new(OUTSIDE), since_ms: AtomicU64::new(0) });
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&marks));
        Slot { marks, now_ms: Arc::clone(&self.now_ms) }
    }

    pub(super) fn tick(&self, elapsed: Duration) {
        self.now_ms.store(elapsed.as_millis() as u64, Ordering::Relaxed);
    }

    /// A stage that some thread has been inside for longer than this.
    pub(super) fn overdue(&self, deadline: Duration) -> Option<usize> {
        let now = self.now_ms.load(Ordering::Relaxed);
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let late = |slot: &&Arc<Marks>| {
            slot.stage.load(Ordering::Relaxed) != OUTSIDE
                && now.saturating_sub(slot.since_ms.load(Ordering::Relaxed)) > deadline.as_millis() as u64
        };
        slots.iter().find(late).map(|slot| slot.stage.load(Ordering::Relaxed))
    }
}

impl Slot {
    /// Runs `call` inside a stage. Within it, [`Slot::outside`] and further stages take its place.
    #[inline]
    pub(super) fn inside<T>(&self, stage: usize, name: &'static str, call: impl FnOnce() -> T) -> T {
        let _inside = Inside::enter(name);
        self.mark(stage, call)
    }

    /// Runs `call` while waiting for others: no stage is to blame.
    pub(super) fn outside<T>(&self, call: impl FnOnce() -> T) -> T {
        self.mark(OUTSIDE, call)
    }

    #[inline]
    fn mark<T>(&self, stage: usize, call: impl FnOnce() -> T) -> T {
        let before = self.marks.stage.load(Ordering::Relaxed);
        self.marks.since_ms.store(self.now_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        self.marks.stage.store(stage, Ordering::Relaxed);
        let result = call();
        self.marks.since_ms.store(self.now_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        self.marks.stage.store(before, Ordering::Relaxed);
        result
    }
}
