//! What a stage counts.

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
    /// Numbers the alerts that no row raised; not shown.
    pub(crate) alerts_without_row: AtomicU64,
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

impl StageMetrics {
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
            put("alerts.waiting", &self.alerts_waiting);
            return all;
        }
        put("records.out", &self.records_out);
        put("records.error", &self.records_error);
        put("records.alert", &self.records_alert);
        put("alerts.dropped", &self.alerts_dropped);
        put("alerts.invalid", &self.alerts_invalid);
        put("alerts.groups", &self.alerts_groups);
        for (port, counter) in &self.ports {
            put(&format!("records.out.{port}"), counter);
        }
        all
    }
}
