//! Alerts from a stage to its publishers: dropped, as they come, or in groups.

use super::event_time::{EventTime, Times};
use super::metrics::add;
use super::ordinals::Ordinals;
use super::publishers::Publishers;
use super::shared::Shared;
use super::watch::Slot;
use super::windows::StageWindows;
use crate::alerts::{AlertsSpec, GroupedAlert, Groups, Origin as AlertOrigin, Payload};
use crate::batch::{Batch, SplitOrigin};
use crate::outbox::{Cause, Raised};
use campanile_abi::{NO_POSITION, NO_ROW};
use campanile_sdk::proxy::{AlertOut, AlertsIn, PayloadsIn};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Where the alerts of one instance of a stage go.
pub(super) struct AlertSink {
    shared: Arc<Shared>,
    stage: usize,
    instance: usize,
    publishers: Publishers,
    groups: Option<Groups>,
    event_time: Option<EventTime>,
    /// Whether what leaves before its time waits for a save point.
    waits: bool,
    /// Of the alert before: what comes from the same row is told apart by a number.
    last: AlertOrigin,
    ordinals: Ordinals,
    max_payload_bytes: usize,
    now: Now,
}

/// What becomes of alerts now.
#[derive(Debug)]
enum Now {
    Sent,
    /// They were raised before, or will be.
    PassedOver,
    /// They wait for the run to begin.
    Held(Vec<Raised>),
}

/// What leaves the groups of one instance at a save point.
pub(super) struct Closed {
    pub(super) stage: usize,
    /// Before their time: closed early, or the first of their group.
    pub(super) early: Vec<GroupedAlert>,
    /// The windows that were closed, to be put together with those of other instances.
    pub(super) windows: Option<Groups>,
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

/// What the alerts of one call of a stage come from.
#[derive(Clone, Copy, Default)]
pub(super) struct Work<'a> {
    pub(super) input: Option<&'a Batch>,
    /// The split that a source reads.
    pub(super) split: Option<&'a SplitOrigin>,
    /// The event times of the input's rows.
    pub(super) times: Option<&'a Times>,
}

/// The window of an alert.
enum Placed {
    In(Option<i64>),
    /// It is over: the alert is on its own.
    Late(i64),
}

impl AlertSink {
    pub(super) fn new(
        shared: &Arc<Shared>,
        stage: usize,
        instance: usize,
        publishers: Publishers,
        spec: Option<&AlertsSpec>,
        max_payload_bytes: usize,
    ) -> AlertSink {
        // No alert came before the first: an origin that none has.
        let last = AlertOrigin { split: u32::MAX, position: NO_POSITION - 1, ordinal: 0 };
        let groups = spec.filter(|_| publishers.is_wanted()).map(Groups::new);
        let waits = groups.is_some() && (shared.is_durable() || shared.stages[stage].windows.is_some());
        AlertSink {
            shared: Arc::clone(shared),
            stage,
            instance,
            publishers,
            groups,
            event_time: None,
            waits,
            last,
            ordinals: Ordinals::default(),
            max_payload_bytes,
            now: Now::Sent,
        }
    }

    /// From now on alerts are as if they were not raised.
    pub(super) fn pass_over(&mut self) {
        self.now = Now::PassedOver;
    }

    pub(super) fn pass_over_no_more(&mut self) {
        self.now = Now::Sent;
    }

    /// From now on alerts wait.
    pub(super) fn hold(&mut self) {
        self.now = Now::Held(Vec::new());
    }

    /// Alerts wait no more: those that have, for the publishers of the stage.
    pub(super) fn let_held_go(&mut self) -> (Vec<Raised>, Publishers) {
        let held = match std::mem::replace(&mut self.now, Now::Sent) {
            Now::Held(held) => held,
            Now::Sent | Now::PassedOver => Vec::new(),
        };
        (held, self.publishers.clone())
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.publishers.is_wanted()
    }

    /// Says which field of the input tells the time.
    pub(super) fn set_event_time(&mut self, event_time: EventTime) {
        self.event_time = Some(event_time);
    }

    /// What reads the times of the stage's records, where they have some.
    pub(super) fn event_time(&mut self) -> Option<&mut EventTime> {
        self.event_time.as_mut()
    }

    fn windows(&self) -> Option<&StageWindows> {
        self.shared.stages[self.stage].windows.as_ref()
    }

    /// Goes on from how far splits were at a save point.
    pub(super) fn advance(&mut self, times: &[(u32, i64)]) {
        if let Some(event_time) = &mut self.event_time {
            times.iter().for_each(|&(split, latest)| event_time.advance(split, latest));
        }
    }

    /// Says which of the groups' windows is the oldest.
    pub(super) fn note_oldest(&self) {
        if let (Some(windows), Some(groups)) = (self.windows(), &self.groups) {
            windows.note_oldest(self.instance, groups.oldest_window());
        }
    }

    /// A call of the stage begins.
    pub(super) fn begin(&mut self) {
        self.ordinals.begin();
    }

    /// The groups, once the stage has nothing more to say.
    pub(super) fn into_groups(self) -> (Option<Groups>, Publishers) {
        (self.groups, self.publishers)
    }

    /// The groups, while all stand still.
    pub(super) fn groups(&mut self) -> Option<&mut Groups> {
        self.groups.as_mut()
    }

    /// Takes alerts; those that are too large come back. An error is a rule that the plugin broke.
    pub(super) fn take(&mut self, alerts: &AlertsIn<'_>, work: Work<'_>, slot: &Slot) -> Result<Vec<TooLarge>, String> {
        let shared = Arc::clone(&self.shared);
        let metrics = &shared.stages[self.stage].metrics;
        if matches!(self.now, Now::PassedOver) {
            return Ok(Vec::new());
        }
        let (Some(payloads), true) = (alerts.payloads, self.is_wanted()) else {
            add(&metrics.records_alert, alerts.n);
            add(&metrics.alerts_dropped, alerts.n);
            return Ok(Vec::new());
        };
        let input = work.input;
        let split_origin = work.split.or_else(|| input.and_then(|input| input.origin().split.as_deref()));
        let way = input.map_or(0, |input| input.origin().way);
        let split = split_origin.map_or(u32::MAX, |split| split.index);
        let now = shared.now_ms();
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
            let origin = self.origin(split, position);
            if self.groups.is_none() {
                out.push(self.single(payloads, pairs, origin, (split_origin, way), now));
                continue;
            }
            match self.place(split, row, work.times, now) {
                Placed::Late(start) => {
                    add(&metrics.alerts_late, 1);
                    let mut raised = self.single(payloads, pairs, origin, (split_origin, way), now);
                    raised.alert.more = self.more(Some(start), false, true);
                    out.push(raised);
                }
                Placed::In(window) => {
                    let payload = AlertPayload { payloads, first: pairs.start, len: pairs.len() };
                    if let Some(groups) = &mut self.groups {
                        groups.add(&payload, origin, window);
                    }
                }
            }
        }
        add(&metrics.records_alert, alerts.n - too_large.len());
        self.let_go(&mut out);
        match &mut self.now {
            Now::Held(held) => held.extend(out),
            _ if out.is_empty() => {}
            _ => self.publishers.send(&shared, out, slot),
        }
        Ok(too_large)
    }

    /// What left its group before its time: it goes with a save point where there are some, else at once.
    fn let_go(&mut self, out: &mut Vec<Raised>) {
        let Some(groups) = &mut self.groups else { return };
        if let Some(windows) = &self.shared.stages[self.stage].windows {
            windows.note_oldest(self.instance, groups.oldest_window());
        }
        if !groups.has_early() {
            return;
        }
        if self.waits {
            if let Some(barrier) = self.shared.barrier() {
                barrier.want();
            }
            return;
        }
        let early = groups.take_early();
        let alerts = early.into_iter().map(|group| grouped(&self.shared, self.stage, group, true));
        out.extend(alerts.map(|alert| Raised { alert, from: None }));
    }

    /// The window that an alert falls into.
    fn place(&self, split: u32, row: Option<u32>, times: Option<&Times>, now: i64) -> Placed {
        let Some(windows) = self.windows() else { return Placed::In(None) };
        let Some(event_time) = self.event_time.as_ref().filter(|_| windows.by_event_time) else {
            let start = windows.start_of(now);
            // The clock was set back: what is closed stays closed.
            return match windows.closed_until() {
                Some(closed) if start <= closed => Placed::In(Some(closed.saturating_add(windows.length_ms))),
                _ => Placed::In(Some(start)),
            };
        };
        let (time, before) = match (row, times) {
            (Some(row), Some(times)) => {
                (times.of_row(row as usize), event_time.latest_before(split, times, row as usize))
            }
            // Of no row: it happened when the last record did.
            _ => (event_time.latest(split).or_else(|| event_time.latest_of_all()).unwrap_or(now), None),
        };
        let start = windows.start_of(time);
        let over = windows.end_of(start).saturating_add(windows.lateness_ms);
        let passed = before.is_some_and(|before| over <= before);
        if passed || windows.closed_until().is_some_and(|closed| start <= closed) {
            Placed::Late(start)
        } else {
            Placed::In(Some(start))
        }
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
        (split, way): (Option<&SplitOrigin>, u32),
        now: i64,
    ) -> Raised {
        let stage = &self.shared.stages[self.stage];
        let name = stage.name;
        let run = &self.shared.identity.run_id;
        // What belongs to no split is numbered by each instance for itself.
        let (split, stream, instance) = match split {
            Some(split) => (&*split.id, (way, split.index), None),
            None => ("-", (way, u32::MAX - self.instance as u32), Some(self.instance).filter(|&instance| instance > 0)),
        };
        let (position, ordinal, from) = if origin.position == NO_POSITION {
            let number = stage.metrics.number_without_row(stream);
            ("-".to_owned(), number, Cause::Number(stream, number))
        } else {
            let ordinal = self.ordinals.next(stream, origin.position);
            (origin.position.to_string(), u64::from(ordinal), Cause::Record(origin.split, origin.position))
        };
        let way = if way == 0 { String::new() } else { format!("{way:08x}.") };
        let instance = instance.map_or_else(String::new, |instance| format!("{instance}."));
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let alert = AlertOut {
            id: format!("{run}/{name}/{split}/{position}/{way}{instance}{ordinal}"),
            stage: name.to_owned(),
            payload: pairs.map(|pair| owned(payloads.pair(pair))).collect(),
            time_ms: now,
            group_by: String::new(),
            more: String::new(),
        };
        Raised { alert, from: Some(from) }
    }

    fn more(&self, window: Option<i64>, partial: bool, late: bool) -> String {
        more(self.windows(), window, partial, late)
    }

    // ---- while all stand still

    /// What leaves the groups now.
    pub(super) fn close(&mut self, until: Option<i64>) -> Option<Closed> {
        let groups = self.groups.as_mut().filter(|_| self.waits)?;
        let early = if groups.has_early() { groups.take_early() } else { Vec::new() };
        let windows = until.and_then(|until| groups.close_until(until));
        if let Some(stage) = &self.shared.stages[self.stage].windows {
            stage.note_oldest(self.instance, groups.oldest_window());
        }
        (!early.is_empty() || windows.is_some()).then_some(Closed { stage: self.stage, early, windows })
    }

    /// The groups that changed since the last save point, as named values.
    pub(super) fn changes(&mut self, out: &mut Vec<(String, Option<Vec<u8>>)>) {
        let prefix = group_prefix(self.shared.stages[self.stage].name, self.instance);
        if let Some(groups) = &mut self.groups {
            groups.changes(&mut |slot, value| out.push((format!("{prefix}{slot}"), value.map(<[u8]>::to_vec))));
        }
    }
}

/// What the names of the values of an instance's groups begin with.
pub(super) fn group_prefix(stage: &str, instance: usize) -> String {
    format!("{}/{instance}/", crate::outbox::named("group/", stage))
}

/// The alert of a group, with its id.
pub(super) fn grouped(shared: &Shared, stage: usize, group: GroupedAlert, partial: bool) -> AlertOut {
    Named::of(shared, stage).alert(group, partial)
}

/// What the alerts of a stage's groups have in common.
pub(super) struct Named<'a> {
    run_id: &'a str,
    stage: &'a str,
    group_by: &'a str,
    windows: Option<&'a StageWindows>,
    now_ms: i64,
    /// Counts them.
    counter: Option<&'a AtomicU64>,
    /// The members of the last one: those of one window are the same.
    last: RefCell<(Option<i64>, bool, String)>,
}

impl<'a> Named<'a> {
    /// Of a stage of this run.
    pub(super) fn of(shared: &'a Shared, stage: usize) -> Named<'a> {
        let of_run = (shared.identity.run_id.as_str(), shared.now_ms());
        let stage = &shared.stages[stage];
        let named = Named::new(of_run, (stage.name, &stage.group_by), stage.windows.as_ref());
        Named { counter: Some(&stage.metrics.alerts_groups), ..named }
    }

    /// Of a run and the time, a stage and its groupBy keys, and the windows of its alerts.
    pub(super) fn new(
        (run_id, now_ms): (&'a str, i64),
        (stage, group_by): (&'a str, &'a str),
        windows: Option<&'a StageWindows>,
    ) -> Named<'a> {
        let last = RefCell::new((None, false, String::new()));
        Named { run_id, stage, group_by, windows, now_ms, counter: None, last }
    }

    pub(super) fn alert(&self, group: GroupedAlert, partial: bool) -> AlertOut {
        if let Some(counter) = self.counter {
            add(counter, 1);
        }
        // Groups of one key that were closed before their time are told apart by what they began with.
        let number = match group.partial {
            true => format!("{}.{}.{}", group.first.split, group.first.position, group.first.ordinal),
            false => group.ordinal.to_string(),
        };
        let window = group.window.map_or_else(|| "-".to_owned(), |start| start.to_string());
        let partial = group.partial || partial;
        let mut last = self.last.borrow_mut();
        if (last.0, last.1) != (group.window, partial) {
            *last = (group.window, partial, more(self.windows, group.window, partial, false));
        }
        AlertOut {
            id: format!("{}/{}/{:016x}/{window}/{number}", self.run_id, self.stage, group.key_hash),
            stage: self.stage.to_owned(),
            payload: group.payload,
            time_ms: self.now_ms,
            group_by: self.group_by.to_owned(),
            more: last.2.clone(),
        }
    }
}

/// Further members of an alert's envelope.
fn more(windows: Option<&StageWindows>, window: Option<i64>, partial: bool, late: bool) -> String {
    let mut more = serde_json::Map::new();
    if let (Some(windows), Some(start)) = (windows, window) {
        more.insert("windowStart".into(), rfc3339(start).into());
        more.insert("windowEnd".into(), rfc3339(windows.end_of(start)).into());
    }
    if late {
        more.insert("late".into(), true.into());
    }
    if partial {
        more.insert("partial".into(), true.into());
    }
    if more.is_empty() { String::new() } else { serde_json::Value::Object(more).to_string() }
}

fn rfc3339(ms: i64) -> String {
    let mut text = Vec::new();
    campanile_sdk::text::write_timestamp(ms.saturating_mul(1_000), &mut text);
    String::from_utf8(text).unwrap_or_default()
}
