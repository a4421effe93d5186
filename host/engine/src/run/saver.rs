//! Makes save points, and closes windows: both while all chains stand still.

use super::alerts::{Closed, Named, grouped};
use super::barrier::{Arrival, Barrier, Decision, Part, SplitAt};
use super::publishers::Publishers;
use super::save_point::{REPEATS, SavePoint, SavedStatus, split_name, state_name};
use super::shared::Shared;
use super::watch::Slot;
use crate::alerts::Groups;
use crate::outbox::{Outbox, Raised};
use crate::plan::Plan;
use crate::store::{Store, Write};
use campanile_sdk::proxy::AlertOut;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked whether a window may close.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often at most.
const LOOK_EVERY_LEAST: Duration = Duration::from_millis(1);
/// Alerts that are on their own and lie between two save points: each is remembered by its id after a crash.
const ALERTS_BETWEEN: u64 = 100_000;
/// Bytes of such alerts: 64 MiB.
const ALERT_BYTES_BETWEEN: u64 = 64 << 20;

/// A durable run's store.
#[derive(Clone)]
pub(super) struct Durable {
    pub(super) store: Arc<dyn Store>,
    pub(super) outbox: Arc<Outbox>,
}

/// Makes save points.
pub(super) struct Saver<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) barrier: &'a Barrier,
    pub(super) slot: &'a Slot,
    pub(super) durable: Option<Durable>,
    pub(super) interval: Duration,
    /// Save points are at least so far apart.
    pub(super) gap: Duration,
    /// By stage.
    pub(super) publishers: &'a [Publishers],
    /// By stage, how often it is there.
    pub(super) instances: &'a [usize],
    /// By stage, the sources whose records reach it.
    pub(super) sources_of: &'a [Vec<usize>],
    pub(super) number: u64,
    /// The states of stages that the store has.
    pub(super) states: HashSet<String>,
}

impl Saver<'_> {
    /// Works until all chains have nothing to do any more, or the run has failed.
    pub(super) fn run(&mut self) {
        let has_windows = self.shared.stages.iter().any(|stage| stage.windows.is_some());
        let mut last = Instant::now();
        let look_every = LOOK_EVERY.min(self.interval).min(self.gap).max(LOOK_EVERY_LEAST);
        while self.barrier.pause(look_every, last.elapsed() >= self.gap) && !self.shared.has_failed() {
            let since = last.elapsed();
            if since < self.gap {
                continue;
            }
            let wished = self.barrier.take_wish();
            let due = self.durable.is_some() && (since >= self.interval || self.has_many_alerts());
            if !(wished || due || has_windows && self.due(self.shared.now_ms()).iter().any(Option::is_some)) {
                continue;
            }
            if let Err(message) = self.save() {
                self.shared.fail_run(message);
            }
            last = Instant::now();
        }
        self.barrier.over();
    }

    fn has_many_alerts(&self) -> bool {
        self.durable.as_ref().is_some_and(|durable| {
            let (alerts, bytes) = durable.outbox.since_save();
            alerts > ALERTS_BETWEEN || bytes > ALERT_BYTES_BETWEEN
        })
    }

    /// By stage, the last window that may close now.
    fn due(&self, now: i64) -> Vec<Option<i64>> {
        let of_stage = |(stage, sources): (&super::shared::StageShared, &Vec<usize>)| {
            stage.windows.as_ref()?.due(&self.shared.splits.doing(sources, now), self.shared.mode.is_live(), now)
        };
        self.shared.stages.iter().zip(self.sources_of).map(of_stage).collect()
    }

    fn save(&mut self) -> Result<(), String> {
        let failed = || self.shared.has_failed();
        let Some((number, arrivals)) = self.barrier.stand_still(&failed) else { return Ok(()) };
        let splits: Vec<SplitAt> = arrivals.iter().flat_map(|arrival| arrival.splits.clone()).collect();
        self.shared.splits.apply(&splits);
        let close_until = self.due(self.shared.now_ms());
        for (stage, until) in self.shared.stages.iter().zip(&close_until) {
            if let (Some(windows), Some(until)) = (&stage.windows, until) {
                windows.close_until(*until);
            }
        }
        self.number += 1;
        // What is counted must be what is saved, so it is read before anybody goes on.
        let standing = self.durable.as_ref().map(|durable| {
            let standing = durable.outbox.stand_still(|stage, from| self.shared.is_behind(stage, from));
            let mut point = SavePoint::of(self.plan, self.shared, SavedStatus::Running, self.instances);
            (point.number, point.sequence) = (self.number, standing.sequence);
            (point, standing)
        });
        let decision = Decision { close_until, save: self.durable.is_some() };
        let Some(mut parts) = self.barrier.release(number, decision, &failed) else { return Ok(()) };
        let alerts = self.closed(parts.iter_mut().flat_map(|part| std::mem::take(&mut part.closed)).collect());
        let (Some(durable), Some((mut point, standing))) = (&self.durable, standing) else {
            self.publish(alerts);
            return Ok(());
        };
        arrivals.iter().for_each(|arrival| point.note_finished(arrival));
        let mut write = Write::default();
        put_states(&mut write, self.shared, arrivals, &mut self.states);
        for (saved, stage) in point.stages.iter_mut().zip(&self.shared.stages) {
            stage.metrics.save_closed(&mut saved.metrics);
        }
        put_parts(&mut write, &mut point, self.shared, parts)?;
        write.set.push((REPEATS.to_owned(), standing.repeats));
        point.put(&mut write);
        self.count(&alerts);
        durable.outbox.save(write, alerts.into_iter().flat_map(|(_, alerts)| alerts).collect(), point.sequence)?;
        if let Some(letters) = self.shared.dead_letters.get() {
            letters.saved(&*durable.store).map_err(|error| error.to_string())?;
        }
        self.barrier.set_saved(number);
        Ok(())
    }

    /// The alerts of what left its groups, by stage.
    pub(super) fn closed(&self, closed: Vec<Closed>) -> Vec<(usize, Vec<AlertOut>)> {
        closed_alerts(self.shared, closed)
    }

    fn count(&self, alerts: &[(usize, Vec<AlertOut>)]) {
        for (stage, alerts) in alerts {
            self.publishers[*stage].count(self.shared, alerts.len());
        }
    }

    /// Without a store they go straight to the publishers.
    fn publish(&self, alerts: Vec<(usize, Vec<AlertOut>)>) {
        for (stage, alerts) in alerts {
            let raised = alerts.into_iter().map(|alert| Raised { alert, from: None }).collect();
            self.publishers[stage].send(self.shared, raised, self.slot);
        }
    }
}

/// The alerts of what left its groups, by stage; what several instances closed is put together.
pub(super) fn closed_alerts(shared: &Shared, closed: Vec<Closed>) -> Vec<(usize, Vec<AlertOut>)> {
    let mut alerts: BTreeMap<usize, Vec<AlertOut>> = BTreeMap::new();
    let mut windows: BTreeMap<usize, Groups> = BTreeMap::new();
    for Closed { stage, early, windows: closed } in closed {
        alerts.entry(stage).or_default().extend(early.into_iter().map(|group| grouped(shared, stage, group, false)));
        let Some(closed) = closed else { continue };
        match windows.get_mut(&stage) {
            None => {
                windows.insert(stage, closed);
            }
            Some(together) => {
                let early = together.merge(closed);
                alerts
                    .entry(stage)
                    .or_default()
                    .extend(early.into_iter().map(|group| grouped(shared, stage, group, false)));
            }
        }
    }
    for (stage, mut groups) in windows {
        let out = alerts.entry(stage).or_default();
        let named = Named::of(shared, stage);
        out.extend(groups.drain().map(|group| named.alert(group, false)));
        out.extend(groups.take_early().into_iter().map(|group| named.alert(group, false)));
        super::metrics::add_u64(&shared.stages[stage].metrics.alerts_withheld, groups.withheld());
    }
    alerts.into_iter().filter(|(_, alerts)| !alerts.is_empty()).collect()
}

/// Adds what stages keep.
pub(super) fn put_states(write: &mut Write, shared: &Shared, arrivals: Vec<Arrival>, known: &mut HashSet<String>) {
    for arrival in arrivals {
        for split in arrival.splits {
            if let Some(state) = split.state {
                write.set.push((split_name(split.index), state));
            }
        }
        for state in arrival.states {
            let name = state_name(shared.stages[state.stage].name, state.instance);
            match state.state {
                Some(state) => {
                    known.insert(name.clone());
                    write.set.push((name, state));
                }
                None if known.remove(&name) => write.remove.push(name),
                None => {}
            }
        }
    }
}

/// Adds groups that changed, and dead letters.
pub(super) fn put_parts(
    write: &mut Write,
    point: &mut SavePoint,
    shared: &Shared,
    parts: Vec<Part>,
) -> Result<(), String> {
    let mut letters = Vec::new();
    for part in parts {
        letters.extend(part.letters);
        for (name, value) in part.changes {
            match value {
                Some(value) => write.set.push((name, value)),
                None => write.remove.push(name),
            }
        }
    }
    if let Some(kept) = shared.dead_letters.get() {
        point.letters = kept.save(letters, &shared.identity.run_id, shared.now_ms(), write)?;
    }
    Ok(())
}
