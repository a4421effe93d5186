//! Alerts from a stage to its publishers: dropped, as they come, or in groups.

use super::metrics::add;
use super::ordinals::Ordinals;
use super::publisher::PUBLISH_ALERTS_MAX;
use super::shared::{Shared, now_ms};
use super::watch::Slot;
use crate::alerts::{AlertsSpec, GroupedAlert, Groups, Origin as AlertOrigin, Payload};
use crate::batch::{Batch, SplitOrigin};
use campanile_abi::{NO_POSITION, NO_ROW};
use campanile_sdk::proxy::{AlertOut, AlertsIn, PayloadsIn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

/// Alerts on their way to publishers.
pub(super) type AlertQueue = SyncSender<Vec<AlertOut>>;

/// Where the alerts of one instance of a stage go.
pub(super) struct AlertSink {
    shared: Arc<Shared>,
    stage: usize,
    publishers: Vec<AlertQueue>,
    groups: Option<Grouping>,
    /// Of the alert before: what comes from the same row is told apart by a number.
    last: AlertOrigin,
    ordinals: Ordinals,
    max_payload_bytes: usize,
}

/// The groups of a stage, and how alerts of groups are named.
pub(super) struct Grouping {
    pub(super) groups: Groups,
    group_by: String,
}

struct AlertPayload<'a> {
    payloads: PayloadsIn<'a>,
    first: usize,
    len: usize,
}

impl Payload for AlertPayload<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn pair(&self, place: usize) -> (&str, &str) {
        self.payloads.pair(self.first + place)
    }
}

/// An alert that is too large to be one.
pub(super) struct TooLarge {
    pub(super) row: Option<u32>,
    pub(super) message: String,
}

impl Grouping {
    pub(super) fn new(spec: &AlertsSpec) -> Grouping {
        Grouping { groups: Groups::new(spec), group_by: serde_json::to_string(&spec.group_by).unwrap_or_default() }
    }

    /// The alert of a group, with its id.
    pub(super) fn alert(&self, shared: &Shared, stage: usize, group: GroupedAlert, partial: bool) -> AlertOut {
        // Groups of one key that were closed before their time are told apart by what they began with.
        let number = match group.partial {
            true => format!("{}.{}.{}", group.first.split, group.first.position, group.first.ordinal),
            false => "0".to_owned(),
        };
        add(&shared.stages[stage].metrics.alerts_groups, 1);
        let name = shared.stages[stage].name;
        AlertOut {
            id: format!("{}/{name}/{:016x}/-/{number}", shared.identity.run_id, group.key_hash),
            stage: name.to_owned(),
            payload: group.payload,
            time_ms: now_ms(),
            group_by: self.group_by.clone(),
            more: if group.partial || partial { "{\"partial\":true}".to_owned() } else { String::new() },
        }
    }

    /// Takes the groups of another instance in.
    pub(super) fn merge(&mut self, other: Grouping) -> Vec<GroupedAlert> {
        self.groups.merge(other.groups)
    }
}

impl AlertSink {
    pub(super) fn new(
        shared: &Arc<Shared>,
        stage: usize,
        publishers: Vec<AlertQueue>,
        spec: Option<&AlertsSpec>,
        max_payload_bytes: usize,
    ) -> AlertSink {
        let groups = spec.filter(|_| !publishers.is_empty()).map(Grouping::new);
        // No alert came before the first: an origin that none has.
        let last = AlertOrigin { split: u32::MAX, position: NO_POSITION - 1, ordinal: 0 };
        AlertSink {
            shared: Arc::clone(shared),
            stage,
            publishers,
            groups,
            last,
            ordinals: Ordinals::default(),
            max_payload_bytes,
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.publishers.is_empty()
    }

    /// A call of the stage begins.
    pub(super) fn begin(&mut self) {
        self.ordinals.begin();
    }

    /// The groups, once the stage has nothing more to say.
    pub(super) fn into_groups(self) -> (Option<Grouping>, Vec<AlertQueue>) {
        (self.groups, self.publishers)
    }

    /// Takes alerts; those that are too large come back. An error is a rule that the plugin broke.
    pub(super) fn take(
        &mut self,
        alerts: &AlertsIn<'_>,
        input: Option<&Batch>,
        split: Option<&SplitOrigin>,
        slot: &Slot,
    ) -> Result<Vec<TooLarge>, String> {
        let shared = Arc::clone(&self.shared);
        let metrics = &shared.stages[self.stage].metrics;
        let (Some(payloads), true) = (alerts.payloads, self.is_wanted()) else {
            add(&metrics.records_alert, alerts.n);
            add(&metrics.alerts_dropped, alerts.n);
            return Ok(Vec::new());
        };
        let split_origin = split.or_else(|| input.and_then(|input| input.origin().split.as_deref()));
        let mut too_large = Vec::new();
        let mut out = Vec::new();
        for i in 0..alerts.n {
            let row = alerts.rows.map(|rows| rows[i]).filter(|&row| row != NO_ROW);
            if let (Some(row), Some(input)) = (row, input)
                && row as usize >= input.rows()
            {
                return Err(format!("it raised an alert for row {row} of a batch of {} rows", input.rows()));
            }
            let pairs = payloads.pairs(i);
            let bytes: usize = payloads.bytes(pairs.clone());
            if bytes > self.max_payload_bytes {
                let message =
                    format!("the payload of an alert takes {bytes} bytes, more than {}", self.max_payload_bytes);
                too_large.push(TooLarge { row: row.filter(|_| input.is_some()), message });
                continue;
            }
            let own = alerts.positions.map(|positions| positions[i]).filter(|&position| position != NO_POSITION);
            let of_row = || input?.origin().position(row? as usize);
            let position = own.or_else(of_row).unwrap_or(NO_POSITION);
            let origin = self.origin(split_origin.map_or(u32::MAX, |split| split.index), position);
            match &mut self.groups {
                Some(grouping) => {
                    let payload = AlertPayload { payloads, first: pairs.start, len: pairs.len() };
                    grouping.groups.add(&payload, origin, None);
                    for closed in grouping.groups.take_early() {
                        out.push(grouping.alert(&self.shared, self.stage, closed, true));
                    }
                }
                None => out.push(self.single(payloads, pairs, origin, split_origin)),
            }
        }
        let taken = alerts.n - too_large.len();
        add(&metrics.records_alert, taken);
        if !out.is_empty() {
            send(&self.publishers, out, slot);
        }
        Ok(too_large)
    }

    /// The origin of the next alert: several of one row are numbered.
    fn origin(&mut self, split: u32, position: u64) -> AlertOrigin {
        let mut origin = AlertOrigin { split, position, ordinal: 0 };
        if (self.last.split, self.last.position) == (split, position) {
            origin.ordinal = self.last.ordinal + 1;
        }
        self.last = origin;
        origin
    }

    fn single(
        &mut self,
        payloads: PayloadsIn<'_>,
        pairs: std::ops::Range<usize>,
        origin: AlertOrigin,
        split: Option<&SplitOrigin>,
    ) -> AlertOut {
        let stage = &self.shared.stages[self.stage];
        let name = stage.name;
        let run = &self.shared.identity.run_id;
        let split = split.map_or("-", |split| &split.id);
        let (position, ordinal) = if origin.position == NO_POSITION {
            // Of no row: numbered through the run, by all instances of the stage together.
            ("-".to_owned(), stage.metrics.alerts_without_row.fetch_add(1, Ordering::Relaxed))
        } else {
            (origin.position.to_string(), u64::from(self.ordinals.next(origin.split, origin.position)))
        };
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        AlertOut {
            id: format!("{run}/{name}/{split}/{position}/{ordinal}"),
            stage: name.to_owned(),
            payload: pairs.map(|pair| owned(payloads.pair(pair))).collect(),
            time_ms: now_ms(),
            group_by: String::new(),
            more: String::new(),
        }
    }
}

/// Hands alerts to publishers, in pieces, so that a queue holds a bounded number; waits while queues are full. A publisher
/// that has ended takes none: it has said why.
pub(super) fn send(publishers: &[AlertQueue], alerts: Vec<AlertOut>, slot: &Slot) {
    let Some((last, others)) = publishers.split_last() else { return };
    slot.outside(|| {
        let mut alerts = alerts.into_iter().peekable();
        while alerts.peek().is_some() {
            let piece: Vec<AlertOut> = alerts.by_ref().take(PUBLISH_ALERTS_MAX).collect();
            for publisher in others {
                let _ = publisher.send(piece.clone());
            }
            let _ = last.send(piece);
        }
    });
}
