//! Where a publisher gets its alerts from.

use super::super::metrics::add;
use super::super::shared::Shared;
use crate::outbox::{Reader, Settled};
use crate::store::StoreError;
use campanile_sdk::proxy::AlertOut;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Where a publisher gets its alerts from.
pub(in super::super) enum Inbox {
    /// A queue: what is in it is gone when the process is.
    Queue(Receiver<Vec<AlertOut>>),
    /// The outbox: an alert leaves it when it is settled.
    Outbox(Box<Reader>),
}

impl Inbox {
    /// Whether alerts that are not settled stay for the next run.
    pub(super) fn keeps(&self) -> bool {
        matches!(self, Inbox::Outbox(_))
    }

    /// Whether the run does not wait for its publishers any longer. Only where alerts are not lost by that.
    pub(super) fn gives_up(&self, shared: &Shared) -> bool {
        self.keeps() && shared.is_drained()
    }

    /// The next alerts with their numbers, about so many; nothing at the end.
    pub(super) fn next(
        &mut self,
        shared: &Shared,
        at_most: usize,
        linger: Duration,
    ) -> Result<Option<Vec<(u64, AlertOut)>>, StoreError> {
        match self {
            Inbox::Outbox(reader) => reader.next(at_most, linger, &|| shared.is_drained()),
            Inbox::Queue(queue) => {
                let Ok(mut alerts) = queue.recv() else { return Ok(None) };
                let until = Instant::now() + linger;
                while alerts.len() < at_most {
                    match queue.recv_timeout(until.saturating_duration_since(Instant::now())) {
                        Ok(more) => alerts.extend(more),
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                    }
                }
                Ok(Some(alerts.into_iter().map(|alert| (0, alert)).collect()))
            }
        }
    }

    /// Alerts were taken from the queue; those of the outbox are counted when they come into it.
    pub(super) fn took(&self, shared: &Shared, publisher: usize, alerts: usize) {
        if let Inbox::Queue(_) = self {
            let metrics = &shared.stages[publisher].metrics;
            add(&metrics.records_in, alerts);
            add(&metrics.alerts_waiting, alerts);
        }
    }

    /// The first alerts that were taken are done with.
    pub(super) fn settle(&mut self, settled: Vec<Settled>, shared: &Shared, now_ms: i64) -> Result<(), StoreError> {
        match self {
            Inbox::Queue(_) => Ok(()),
            Inbox::Outbox(reader) => reader.settle(settled, now_ms, &|| shared.is_drained()),
        }
    }

    /// The publisher does not go on: a queue is emptied, so that nobody waits for it.
    pub(super) fn broken(&mut self, shared: &Shared, publisher: usize) {
        while let Inbox::Queue(queue) = self {
            let Ok(alerts) = queue.recv() else { return };
            self.took(shared, publisher, alerts.len());
        }
    }
}
