//! Who takes the alerts of a stage.

use super::metrics::add;
use super::publisher::PUBLISH_ALERTS_MAX;
use super::shared::Shared;
use super::watch::Slot;
use crate::outbox::{Outbox, Raised};
use campanile_sdk::proxy::AlertOut;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// Alerts on their way to a publisher, in a run that is not durable.
pub(super) type AlertQueue = SyncSender<Vec<AlertOut>>;

/// The publishers of a stage.
#[derive(Clone)]
pub(super) enum Publishers {
    /// Each with its queue.
    Queues(Vec<AlertQueue>),
    /// By the outbox; the publishers' places in the pipeline's file.
    Outbox(Arc<Outbox>, Vec<usize>),
}

impl Publishers {
    /// Whether anybody takes the alerts.
    pub(super) fn is_wanted(&self) -> bool {
        match self {
            Publishers::Queues(queues) => !queues.is_empty(),
            Publishers::Outbox(_, publishers) => !publishers.is_empty(),
        }
    }

    /// Hands alerts on, and waits while there is no room for them.
    pub(super) fn send(&self, shared: &Shared, alerts: Vec<Raised>, slot: &Slot) {
        match self {
            Publishers::Queues(queues) => send(queues, alerts.into_iter().map(|raised| raised.alert), slot),
            Publishers::Outbox(outbox, _) => {
                let new = slot.outside(|| outbox.push(alerts, &|| shared.must_end()));
                self.count(shared, new);
            }
        }
    }

    /// So many alerts are now in the outbox.
    pub(super) fn count(&self, shared: &Shared, alerts: usize) {
        if let Publishers::Outbox(_, publishers) = self {
            for &publisher in publishers {
                let metrics = &shared.stages[publisher].metrics;
                add(&metrics.records_in, alerts);
                add(&metrics.alerts_waiting, alerts);
            }
        }
    }
}

/// Hands alerts to queues, in pieces, so that a queue holds a bounded number; waits while queues are full. A publisher
/// that has ended takes none: it has said why.
fn send(publishers: &[AlertQueue], alerts: impl Iterator<Item = AlertOut>, slot: &Slot) {
    let Some((last, others)) = publishers.split_last() else { return };
    slot.outside(|| {
        let mut alerts = alerts.peekable();
        while alerts.peek().is_some() {
            let piece: Vec<AlertOut> = alerts.by_ref().take(PUBLISH_ALERTS_MAX).collect();
            for publisher in others {
                let _ = publisher.send(piece.clone());
            }
            let _ = last.send(piece);
        }
    });
}
