//! What is outside of a run: what its sources read, and what its sinks and publishers have done, crash or not.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// A record of a source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rec {
    pub(crate) key: String,
    /// Empty raises no alert; `bad` is an error of the source, `wrong` of the transform, `hidden` goes no further.
    pub(crate) value: String,
    /// Milliseconds since 1970.
    pub(crate) at: Option<i64>,
}

/// A record; its time in seconds.
pub(crate) fn rec(key: &str, value: &str, at: i64) -> Rec {
    Rec { key: key.to_owned(), value: value.to_owned(), at: Some(at * 1_000) }
}

/// What a publisher answers: for the n-th alert that it is ever shown.
pub(crate) type Answer = fn(u64) -> Said;

/// What a publisher says of an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Said {
    Done,
    Retry,
    Reject,
    /// It is where it should be, and then the call fails.
    DoneAndFail,
}

/// An alert as it was published.
#[derive(Clone, Debug, PartialEq, PartialOrd, Eq, Ord)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) payload: BTreeMap<String, String>,
    /// The other members of the envelope, but for the time.
    pub(crate) more: String,
}

/// What is outside of a run.
#[derive(Default)]
pub(crate) struct World {
    name: String,
    /// By source, its splits.
    splits: Mutex<BTreeMap<String, Vec<Vec<Rec>>>>,
    /// By sink, its lines.
    lines: Mutex<BTreeMap<String, Vec<String>>>,
    /// By publisher.
    alerts: Mutex<BTreeMap<String, Vec<Told>>>,
    shown: AtomicU64,
    answer: Mutex<Option<Answer>>,
    /// Milliseconds since 1970, for runs by this clock.
    pub(crate) clock: AtomicI64,
    /// So many records of each split may be read; all where nothing is said.
    released: Mutex<Option<u64>>,
    pub(crate) commits: Mutex<Vec<(String, u64)>>,
    /// So many splits, the last ones, are with other processes.
    pub(crate) away: AtomicUsize,
    /// How many instances of sources were closed.
    closes: AtomicU64,
    /// Sinks fail when they have written so many lines more.
    breaks_after: Mutex<Option<u64>>,
    changes: Mutex<u64>,
    changed: Condvar,
}

/// How long something is waited for that must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

fn all() -> MutexGuard<'static, HashMap<String, Arc<World>>> {
    static WORLDS: OnceLock<Mutex<HashMap<String, Arc<World>>>> = OnceLock::new();
    WORLDS.get_or_init(Mutex::default).lock().unwrap()
}

impl World {
    /// A world of its own.
    pub(crate) fn new() -> Arc<World> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
        let world = Arc::new(World { name: name.clone(), ..World::default() });
        all().insert(name, Arc::clone(&world));
        world
    }

    /// Another with the same sources.
    pub(crate) fn again(&self) -> Arc<World> {
        let world = World::new();
        world.splits.lock().unwrap().clone_from(&self.splits.lock().unwrap());
        *world.answer.lock().unwrap() = *self.answer.lock().unwrap();
        world.clock.store(self.clock.load(Ordering::SeqCst), Ordering::SeqCst);
        world
    }

    pub(crate) fn of(name: &str) -> Arc<World> {
        Arc::clone(&all()[name])
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What a source reads.
    pub(crate) fn reads(&self, source: &str, splits: Vec<Vec<Rec>>) -> &World {
        self.splits.lock().unwrap().insert(source.to_owned(), splits);
        self
    }

    /// How its publishers answer.
    pub(crate) fn answers(&self, answer: Answer) -> &World {
        *self.answer.lock().unwrap() = Some(answer);
        self
    }

    /// From now on only so many records of each split can be read.
    pub(crate) fn release(&self, records: u64) {
        *self.released.lock().unwrap() = Some(records);
    }

    pub(crate) fn split_count(&self, source: &str) -> usize {
        let away = self.away.load(Ordering::SeqCst);
        self.splits.lock().unwrap().get(source).map_or(0, |splits| splits.len().saturating_sub(away))
    }

    /// The records of a split from a position on, and whether these are all.
    pub(crate) fn read(&self, source: &str, split: usize, from: u64, rows: usize) -> (Vec<Rec>, bool) {
        let splits = self.splits.lock().unwrap();
        let split = &splits[source][split];
        let released = self.released.lock().unwrap().unwrap_or(u64::MAX).min(split.len() as u64);
        let to = (from + rows as u64).min(released).max(from.min(released));
        let from = from.min(to);
        (split[from as usize..to as usize].to_vec(), to == split.len() as u64)
    }

    /// A sink writes behind what it wrote.
    pub(crate) fn write(&self, sink: &str, line: String) -> bool {
        if let Some(left) = &mut *self.breaks_after.lock().unwrap() {
            if *left == 0 {
                return false;
            }
            *left -= 1;
        }
        self.lines.lock().unwrap().entry(sink.to_owned()).or_default().push(line);
        self.tell();
        true
    }

    /// After so many lines more its sinks fail; or not any more.
    pub(crate) fn breaks_after(&self, lines: Option<u64>) {
        *self.breaks_after.lock().unwrap() = lines;
    }

    fn tell(&self) {
        *self.changes.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Waits until something holds of what was written and published.
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let until = Instant::now() + DEADLINE;
        let mut changes = self.changes.lock().unwrap();
        loop {
            let before = *changes;
            drop(changes);
            if holds(self) {
                return;
            }
            assert!(Instant::now() < until, "waited for {what}: {:?} {:?}", self.lines.lock(), self.alerts.lock());
            changes = self.changes.lock().unwrap();
            if *changes == before {
                changes = self.changed.wait_timeout(changes, Duration::from_millis(5)).unwrap().0;
            }
        }
    }

    /// A sink's lines are cut back.
    pub(crate) fn cut(&self, sink: &str, length: usize) {
        let mut lines = self.lines.lock().unwrap();
        let lines = lines.entry(sink.to_owned()).or_default();
        assert!(lines.len() >= length, "{} lines where {length} were saved", lines.len());
        lines.truncate(length);
    }

    /// How a publisher answers to the alert that it is shown now.
    pub(crate) fn answer(&self, publisher: &str, told: Told) -> Said {
        let shown = self.shown.fetch_add(1, Ordering::SeqCst);
        let said = self.answer.lock().unwrap().map_or(Said::Done, |answer| answer(shown));
        if matches!(said, Said::Done | Said::DoneAndFail) {
            self.alerts.lock().unwrap().entry(publisher.to_owned()).or_default().push(told);
        }
        self.tell();
        said
    }

    /// What a sink wrote, in order.
    pub(crate) fn lines(&self, sink: &str) -> Vec<String> {
        self.lines.lock().unwrap().get(sink).cloned().unwrap_or_default()
    }

    /// What a publisher published, in order.
    pub(crate) fn alerts(&self, publisher: &str) -> Vec<Told> {
        self.alerts.lock().unwrap().get(publisher).cloned().unwrap_or_default()
    }

    /// What a publisher published, by id. What was published twice must be the same twice.
    pub(crate) fn distinct(&self, publisher: &str) -> BTreeMap<String, Told> {
        let mut by_id = BTreeMap::new();
        for told in self.alerts(publisher) {
            if let Some(other) = by_id.insert(told.id.clone(), told.clone()) {
                assert_eq!(other, told, "one id, two alerts");
            }
        }
        by_id
    }

    pub(crate) fn closed(&self) {
        self.closes.fetch_add(1, Ordering::SeqCst);
        self.tell();
    }

    /// How many instances of sources were closed.
    pub(crate) fn closes(&self) -> u64 {
        self.closes.load(Ordering::SeqCst)
    }

    /// How many alerts publishers were shown.
    pub(crate) fn shown(&self) -> u64 {
        self.shown.load(Ordering::SeqCst)
    }
}
