//! A publisher's thread: takes alerts from its queue, keeps the rate, publishes, tries again, sets rejected ones aside.

use super::metrics::add;
use super::shared::Shared;
use super::watch::Slot;
use crate::spec::OnFailure;
use campanile_sdk::proxy::{AlertOut, Stage};
use campanile_sdk::{ErrorKind, Outcome};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Pieces of [`PUBLISH_ALERTS_MAX`] alerts that may wait in front of a publisher.
pub(super) const QUEUE_BATCHES: usize = 32;
/// Alerts handed on in one piece, and to a publisher in one call.
pub(super) const PUBLISH_ALERTS_MAX: usize = 512;
/// The first pause before alerts are tried again; it doubles.
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
/// The longest pause.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// How often a waiting publisher looks whether the run was told to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Publisher {
    pub(super) index: usize,
    pub(super) stage: Stage,
    pub(super) queue: Receiver<Vec<AlertOut>>,
    pub(super) shared: Arc<Shared>,
    pub(super) slot: Slot,
    pub(super) on_failure: OnFailure,
    pub(super) max_per_second: Option<f64>,
    pub(super) retry_for: Duration,
}

/// Alerts that may go now, at a rate: a bucket that holds one second's worth.
struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// How many of `wanted` may go, after waiting for at least one.
    fn take(&mut self, wanted: usize) -> usize {
        loop {
            let now = Instant::now();
            let fresh = now.duration_since(self.filled).as_secs_f64() * self.per_second;
            self.tokens = (self.tokens + fresh).min(self.per_second.max(1.0));
            self.filled = now;
            if self.tokens >= 1.0 {
                let taken = (self.tokens as usize).min(wanted);
                self.tokens -= taken as f64;
                return taken;
            }
            std::thread::park_timeout(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second));
        }
    }
}

impl Publisher {
    /// Runs until the queue ends. The stage comes back, to be closed.
    pub(super) fn run(mut self) -> Stage {
        let mut bucket = self.max_per_second.map(|per_second| Bucket {
            per_second,
            tokens: per_second.max(1.0),
            filled: Instant::now(),
        });
        let mut broken = false;
        while let Some(mut alerts) = self.next() {
            let metrics = &self.shared.stages[self.index].metrics;
            add(&metrics.records_in, alerts.len());
            add(&metrics.alerts_waiting, alerts.len());
            while !alerts.is_empty() && !broken {
                let n = alerts.len().min(PUBLISH_ALERTS_MAX);
                let n = bucket.as_mut().map_or(n, |bucket| bucket.take(n));
                let rest = alerts.split_off(n);
                let now = std::mem::replace(&mut alerts, rest);
                broken = !self.publish_all(now);
            }
        }
        self.stage
    }

    /// What waits in the queue, taken together.
    fn next(&self) -> Option<Vec<AlertOut>> {
        let mut alerts = self.queue.recv().ok()?;
        while alerts.len() < PUBLISH_ALERTS_MAX
            && let Ok(more) = self.queue.try_recv()
        {
            alerts.extend(more);
        }
        Some(alerts)
    }

    /// Publishes until each alert is done or rejected. False when the publisher failed for good.
    fn publish_all(&mut self, mut alerts: Vec<AlertOut>) -> bool {
        let begun = Instant::now();
        let mut pause = BACK_OFF_FIRST;
        loop {
            let name = self.shared.stages[self.index].name;
            let stage = &mut self.stage;
            let (outcomes, result) = self.slot.inside(self.index, name, || stage.publish(&alerts));
            let mut again = Vec::new();
            let mut reason = String::new();
            let count = outcomes.len();
            for (alert, outcome) in std::mem::take(&mut alerts).into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Retry(why) => {
                        reason = why;
                        again.push(alert);
                    }
                    Outcome::Rejected(why) => self.rejected(alert, &why),
                    _ => self.settle(&self.shared.stages[self.index].metrics.alerts_published),
                }
            }
            let fatal = result.err().filter(|error| error.kind() != ErrorKind::Retry);
            if let Some(error) = fatal {
                let left = again.len();
                self.shared.fail(self.index, format!("{error}; {left} of {count} alerts were not published"));
                return false;
            }
            if again.is_empty() {
                return true;
            }
            alerts = again;
            let tried = begun.elapsed();
            if tried + pause > self.retry_for || self.shared.is_stopped() && tried > BACK_OFF_MAX {
                return self.give_up(alerts, &reason, tried);
            }
            self.wait(pause);
            pause = (pause * 2).min(BACK_OFF_MAX);
        }
    }

    fn settle(&self, counter: &std::sync::atomic::AtomicU64) {
        add(counter, 1);
        self.shared.stages[self.index].metrics.alerts_waiting.fetch_sub(1, Ordering::Relaxed);
    }

    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left.min(LOOK_EVERY));
        }
    }

    /// Alerts that could not be published in all the time there was.
    fn give_up(&self, alerts: Vec<AlertOut>, reason: &str, tried: Duration) -> bool {
        let why = format!("not published within {:.0} s: {reason}", tried.as_secs_f64());
        for alert in alerts {
            self.rejected(alert, &why);
        }
        true
    }

    /// Sets an alert aside, with its reason.
    fn rejected(&self, alert: AlertOut, reason: &str) {
        self.settle(&self.shared.stages[self.index].metrics.alerts_rejected);
        match self.on_failure {
            OnFailure::Drop => return,
            OnFailure::Fail => self.shared.fail(self.index, format!("alert {} was rejected: {reason}", alert.id)),
            OnFailure::Keep => self.shared.problem(self.index, format!("alert {} was rejected: {reason}", alert.id)),
        }
        if let Some(letters) = self.shared.dead_letters.get() {
            let payload: serde_json::Map<_, _> =
                alert.payload.into_iter().map(|(key, value)| (key, value.into())).collect();
            let alert = json!({ "id": alert.id, "stageName": alert.stage, "payload": payload });
            let written = letters.write_alert(self.shared.stages[self.index].name, reason, alert);
            written.unwrap_or_else(|message| self.shared.fail_run(message));
        }
    }
}
