//! What a run takes over from its save point, and what it cannot: told before anything is touched.

use super::alerts::{Named, group_prefix};
use super::save_point::{GROUPS, REPEATS, SavePoint, SavedStage, SavedStatus, digest, split_name, state_name};
use super::splits::KeptSplit;
use super::windows::StageWindows;
use crate::alerts::{AlertsSpec, Groups};
use crate::outbox::{AsideAlert, HeldAlert, Repeats};
use crate::plan::Plan;
use crate::store::{Store, StoreError, Topic, Write};
use campanile_sdk::proxy::{AlertOut, Stage};
use campanile_sdk::{Error, Kind};
use std::sync::Arc;

/// A save point, as a plan can use it.
pub(super) struct Resume {
    store: Arc<dyn Store>,
    point: SavePoint,
    /// By the plan's stage: what was saved of it.
    stages: Vec<Option<Saved>>,
}

/// What a stage can take over.
struct Saved {
    /// Among those of the save point.
    index: usize,
    /// Its plugin and properties are those of then.
    is_same: bool,
    /// Its groups can be gone on with.
    has_groups: bool,
}

/// What becomes of groups that nobody can go on with.
pub(super) struct Orphans {
    pub(super) write: Write,
    /// Those of stages that still are there.
    pub(super) alerts: Vec<AlertOut>,
}

/// The save point that a run goes on from, if it shall. The second is a word about one that it does not go on from.
pub(super) fn find(
    store: &dyn Store,
    plan: &Plan,
    wanted: bool,
) -> Result<(Option<SavePoint>, Option<String>), StoreError> {
    if let Some(other) = SavePoint::load(store)?
        && other.pipeline != format!("{}/{}", plan.spec().namespace, plan.spec().name)
    {
        let message = format!("the store belongs to pipeline {}: name another folder with --data", other.pipeline);
        return Err(StoreError::Failed(message));
    }
    let Some(point) = SavePoint::load(store)?.filter(SavePoint::is_unfinished) else {
        let said = wanted.then(|| "there is no run to go on with: a new one begins".to_owned());
        return Ok((None, said));
    };
    let how = match point.status {
        SavedStatus::Running => "ended without a word",
        SavedStatus::Killed => "was stopped",
        SavedStatus::Failed => "failed",
        SavedStatus::Completed => "completed",
    };
    let said = match wanted {
        true => format!("run {} {how}: it goes on from its save point {}", point.run_id, point.number),
        false => format!("run {} {how} and is given up; --resume would have gone on with it", point.run_id),
    };
    Ok((wanted.then_some(point), Some(said)))
}

impl Resume {
    /// Holds a save point against a plan: everything that cannot be taken over is told.
    pub(super) fn new(plan: &Plan, store: Arc<dyn Store>, point: SavePoint) -> (Resume, Vec<String>) {
        let mut notices = Vec::new();
        let spec = plan.spec();
        let stages = spec.stages.iter().enumerate().map(|(index, stage)| {
            let found = point.stages.iter().position(|saved| saved.name == stage.name)?;
            let saved = &point.stages[found];
            let is_same = saved.digest == digest(plan, index);
            let has_groups = match (&saved.alerts, &stage.alerts) {
                (Some(before), Some(now)) => before.groups_alike(now),
                _ => false,
            };
            if !is_same && stage.plugin.kind != Kind::AlertPublisher {
                let what = match stage.plugin.kind {
                    Kind::Source => "what it had read of the splits that it still has is not read again",
                    Kind::Sink => "what it had written stays as it is, and it begins anew",
                    _ => "it begins anew, without what it remembered",
                };
                notices.push(format!("the properties of `{}` have changed: {what}", stage.name));
            }
            if saved.alerts.is_some() && !has_groups {
                notices.push(format!(
                    "how the alerts of `{}` are grouped has changed: groups that were open are published as they are",
                    stage.name
                ));
            }
            Some(Saved { index: found, is_same, has_groups })
        });
        let stages: Vec<Option<Saved>> = stages.collect();
        for saved in &point.stages {
            if !spec.stages.iter().any(|stage| stage.name == saved.name) {
                let groups = if saved.alerts.is_some() { ", its open groups are set aside" } else { "" };
                notices.push(format!("stage `{}` is not in the pipeline any more{groups}", saved.name));
            }
        }
        (Resume { store, point, stages }, notices)
    }

    pub(super) fn point(&self) -> &SavePoint {
        &self.point
    }

    /// What was saved of a stage.
    pub(super) fn stage(&self, index: usize) -> Option<&SavedStage> {
        self.point.stages.get(self.stages[index].as_ref()?.index)
    }

    /// The alerts that will be raised again.
    pub(super) fn repeats(&self) -> Result<Repeats, StoreError> {
        match self.store.value(REPEATS)? {
            Some(bytes) => Repeats::from_bytes(&bytes).map_err(StoreError::Failed),
            None => Ok(Repeats::default()),
        }
    }

    /// How far splits were, with what their sources kept of them.
    pub(super) fn splits(&self) -> Result<Vec<KeptSplit>, StoreError> {
        let splits = self.point.splits.iter().enumerate();
        splits.map(|(index, split)| Ok((split.clone(), self.store.value(&split_name(index as u32))?))).collect()
    }

    /// Whether a stage gets back what it kept.
    pub(super) fn gives_state(&self, index: usize) -> bool {
        self.stages[index].as_ref().is_some_and(|saved| saved.is_same)
    }

    /// Whether an instance, of so many, was told before that its input has ended.
    pub(super) fn has_finished(&self, index: usize, instance: usize, instances: usize) -> bool {
        self.stage(index).filter(|_| self.gives_state(index)).is_some_and(|saved| match saved.instances == instances {
            true => saved.finished.contains(&instance),
            false => saved.finished.len() == saved.instances,
        })
    }

    /// Whether a stage was closed before, all its instances with it: only what followed was not done.
    pub(super) fn has_closed(&self, index: usize) -> bool {
        self.stage(index).filter(|_| self.gives_state(index)).is_some_and(|saved| saved.closed)
    }

    /// Whether an instance was opened before in this run: what it raised then was raised.
    pub(super) fn has_opened(&self, index: usize, instance: usize) -> bool {
        self.stage(index).is_some_and(|saved| instance < saved.instances)
    }

    /// Gives a stage back what it kept.
    pub(super) fn restore_state(&self, index: usize, instance: usize, stage: &mut Stage) -> Result<(), Error> {
        let Some(saved) = self.stages[index].as_ref().filter(|saved| saved.is_same) else { return Ok(()) };
        let name = state_name(&self.point.stages[saved.index].name, instance);
        let state = self.store.value(&name).map_err(|error| Error::fatal(error.to_string()))?;
        state.map_or(Ok(()), |state| stage.restore(&state))
    }

    /// Gives the instances of a stage their groups back. The values that hold them no more come back.
    pub(super) fn restore_groups(&self, index: usize, instances: &mut [&mut Groups]) -> Result<Vec<String>, String> {
        let Some(saved) = self.stages[index].as_ref().filter(|saved| saved.has_groups) else { return Ok(Vec::new()) };
        let stage = &self.point.stages[saved.index];
        let mut gone = Vec::new();
        let as_before = stage.instances == instances.len();
        let Some(spec) = &stage.alerts else { return Ok(gone) };
        for number in 0..stage.instances {
            let prefix = group_prefix(&stage.name, number);
            if as_before {
                self.restore(&prefix, instances[number])?;
                instances[number].restored();
                continue;
            }
            // Another number of instances: all groups go to the first, and are written anew.
            let mut groups = Groups::new(spec);
            self.restore(&prefix, &mut groups)?;
            groups.restored();
            if let Some(first) = instances.first_mut() {
                first.take_over(groups);
            }
            let names = self.store.values(&prefix, &mut |name, _| gone.push(name.to_owned()));
            names.map_err(|error| error.to_string())?;
        }
        Ok(gone)
    }

    fn restore(&self, prefix: &str, groups: &mut Groups) -> Result<(), String> {
        let mut wrong = None;
        let read = self.store.values(prefix, &mut |name, bytes| {
            let slot = name.get(prefix.len()..).unwrap_or_default();
            let restored = slot.parse().and_then(|slot| groups.restore(slot, bytes));
            if let Err(message) = restored {
                wrong.get_or_insert(format!("the saved group `{name}` cannot be read: {message}"));
            }
        });
        read.map_err(|error| error.to_string())?;
        wrong.map_or(Ok(()), Err)
    }

    /// The groups that nobody can go on with: they are published as they are, or set aside where their stage is gone.
    pub(super) fn orphans(&self, plan: &Plan, now_ms: i64) -> Result<Orphans, String> {
        let mut orphans = Orphans { write: Write::default(), alerts: Vec::new() };
        let mut aside = Vec::new();
        for (index, stage) in self.point.stages.iter().enumerate() {
            let Some(spec) = &stage.alerts else { continue };
            let taken = self.stages.iter().flatten().any(|saved| saved.index == index && saved.has_groups);
            if taken {
                continue;
            }
            let is_there = plan.spec().stages.iter().any(|written| written.name == stage.name);
            for alert in self.close(stage, spec, now_ms, &mut orphans.write)? {
                if is_there {
                    orphans.alerts.push(alert);
                    continue;
                }
                let reason = format!("stage `{}` is not in the pipeline any more", stage.name);
                let alert = HeldAlert::new(0, alert);
                aside.push(AsideAlert { publisher: String::new(), reason, time_ms: now_ms, alert }.to_bytes());
            }
        }
        if !aside.is_empty() {
            orphans.write.publish.push((Topic::Aside, aside));
        }
        Ok(orphans)
    }

    fn close(
        &self,
        stage: &SavedStage,
        spec: &AlertsSpec,
        now_ms: i64,
        write: &mut Write,
    ) -> Result<Vec<AlertOut>, String> {
        let windows = StageWindows::new(spec);
        let group_by = serde_json::to_string(&spec.group_by).unwrap_or_default();
        let named = Named::new((&self.point.run_id, now_ms), (&stage.name, &group_by), windows.as_ref());
        let mut together = Groups::new(spec);
        let mut alerts = Vec::new();
        for instance in 0..stage.instances {
            let prefix = group_prefix(&stage.name, instance);
            let mut groups = Groups::new(spec);
            self.restore(&prefix, &mut groups)?;
            groups.restored();
            alerts.extend(together.merge(groups));
            let names = self.store.values(&prefix, &mut |name, _| write.remove.push(name.to_owned()));
            names.map_err(|error| error.to_string())?;
        }
        alerts.extend(together.take_early());
        alerts.extend(together.finish());
        debug_assert!(write.remove.iter().all(|name| name.starts_with(GROUPS)));
        Ok(alerts.into_iter().map(|group| named.alert(group, true)).collect())
    }
}
