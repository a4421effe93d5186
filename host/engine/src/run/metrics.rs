//! What a stage counts.

use super::ordinals::Stream;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counters of one stage, shared by its instances.
#[derive(Debug, Default)]
pub(crate) struct StageMetrics {
    pub(crate) records_in: AtomicU64,
    pub(crate) records_out: AtomicU64,
    pub(crate) records_error: AtomicU64,
    pub(crate) records_alert: AtomicU64,
    pub(crate) alerts_dropped: AtomicU64,
    pub(crate) alerts_invalid: AtomicU64,
    pub(crate) alerts_groups: AtomicU64,
    pub(crate) alerts_published: AtomicU64,
    pub(crate) alerts_rejected: AtomicU64,
    pub(crate) alerts_waiting: AtomicU64,
    /// Alerts whose window was over.
    pub(crate) alerts_late: AtomicU64,
    /// Groups that were not what `minCount` and `having` ask for.
    pub(crate) alerts_withheld: AtomicU64,
    /// How many alerts no row raised, by the stream that they belong to; not shown.
    without_row: Mutex<BTreeMap<Stream, u64>>,
    /// By port of a splitter.
    pub(crate) ports: Vec<(String, AtomicU64)>,
    /// What the plugin counts itself.
    own: Mutex<BTreeMap<String, f64>>,
}

/// The counters of a stage at one moment, by their names.
pub type MetricsSnapshot = BTreeMap<String, f64>;

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

/// Adds to a counter.
pub(crate) fn add_u64(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl StageMetrics {
    /// The counters that a run keeps when it goes on, by their names.
    fn kept(&self) -> [(&'static str, &AtomicU64); 9] {
        [
            ("records.in", &self.records_in),
            ("records.out", &self.records_out),
            ("records.error", &self.records_error),
            ("records.alert", &self.records_alert),
            ("alerts.dropped", &self.alerts_dropped),
            ("alerts.invalid", &self.alerts_invalid),
            ("alerts.groups", &self.alerts_groups),
            ("alerts.late", &self.alerts_late),
            ("alerts.withheld", &self.alerts_withheld),
        ]
    }

    /// The counters as a save point keeps them.
    pub(crate) fn saved(&self) -> MetricsSnapshot {
        let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.extend(self.kept().map(|(name, counter)| (name.to_owned(), counter.load(Ordering::Relaxed) as f64)));
        let ports = self.ports.iter();
        all.extend(ports.map(|(port, n)| (format!("records.out.{port}"), n.load(Ordering::Relaxed) as f64)));
        all
    }

    /// What is counted while a save point is made belongs to it.
    pub(crate) fn save_closed(&self, saved: &mut MetricsSnapshot) {
        for (name, counter) in [("alerts.groups", &self.alerts_groups), ("alerts.withheld", &self.alerts_withheld)] {
            saved.insert(name.to_owned(), counter.load(Ordering::Relaxed) as f64);
        }
    }

    /// Goes on from a save point's counters.
    pub(crate) fn restore(&self, mut saved: MetricsSnapshot, without_row: &[(Stream, u64)]) {
        *self.without_row.lock().unwrap_or_else(PoisonError::into_inner) = without_row.iter().copied().collect();
        for (name, counter) in self.kept() {
            counter.store(saved.remove(name).unwrap_or_default() as u64, Ordering::Relaxed);
        }
        for (port, counter) in &self.ports {
            counter.store(saved.remove(&format!("records.out.{port}")).unwrap_or_default() as u64, Ordering::Relaxed);
        }
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = saved;
    }

    /// Of a publisher: what it was handed, published and rejected, and what waits for it.
    pub(crate) fn restore_publisher(&self, taken: u64, published: u64, rejected: u64, waiting: u64) {
        self.records_in.store(taken, Ordering::Relaxed);
        self.alerts_published.store(published, Ordering::Relaxed);
        self.alerts_rejected.store(rejected, Ordering::Relaxed);
        self.alerts_waiting.store(waiting, Ordering::Relaxed);
    }

    /// The number of the next alert of a stream that no row raised.
    pub(crate) fn number_without_row(&self, stream: Stream) -> u64 {
        let mut without_row = self.without_row.lock().unwrap_or_else(PoisonError::into_inner);
        let count = without_row.entry(stream).or_default();
        *count += 1;
        *count - 1
    }

    /// How many alerts of a stream no row raised.
    pub(crate) fn without_row(&self, stream: Stream) -> u64 {
        let without_row = self.without_row.lock().unwrap_or_else(PoisonError::into_inner);
        without_row.get(&stream).copied().unwrap_or_default()
    }

    /// How many alerts no row raised, by their streams.
    pub(crate) fn saved_without_row(&self) -> Vec<(Stream, u64)> {
        let without_row = self.without_row.lock().unwrap_or_else(PoisonError::into_inner);
        without_row.iter().map(|(stream, count)| (*stream, *count)).collect()
    }

    /// Counters of a stage with these named ports.
    pub(crate) fn new(ports: impl Iterator<Item = String>) -> StageMetrics {
        StageMetrics { ports: ports.map(|port| (port, AtomicU64::new(0))).collect(), ..StageMetrics::default() }
    }

    pub(crate) fn count(&self, name: &str, delta: f64) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default() += delta;
    }

    pub(crate) fn gauge(&self, name: &str, value: f64) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }

    /// All counters: those of a publisher or of any other stage.
    pub(crate) fn snapshot(&self, publisher: bool) -> MetricsSnapshot {
        let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut put = |name: &str, counter: &AtomicU64| {
            all.insert(name.to_owned(), counter.load(Ordering::Relaxed) as f64);
        };
        put("records.in", &self.records_in);
        if publisher {
            put("alerts.published", &self.alerts_published);
            put("alerts.rejected", &self.alerts_rejected);
            // One may be published before it is counted.
            let waiting = (self.alerts_waiting.load(Ordering::Relaxed) as i64).max(0);
            all.insert("alerts.waiting".to_owned(), waiting as f64);
            return all;
        }
        put("records.out", &self.records_out);
        put("records.error", &self.records_error);
        put("records.alert", &self.records_alert);
        put("alerts.dropped", &self.alerts_dropped);
        put("alerts.invalid", &self.alerts_invalid);
        put("alerts.groups", &self.alerts_groups);
        if self.alerts_late.load(Ordering::Relaxed) > 0 {
            put("alerts.late", &self.alerts_late);
        }
        if self.alerts_withheld.load(Ordering::Relaxed) > 0 {
            put("alerts.withheld", &self.alerts_withheld);
        }
        for (port, counter) in &self.ports {
            put(&format!("records.out.{port}"), counter);
        }
        all
    }
}
