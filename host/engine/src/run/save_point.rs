//! What a run goes on from, as it lies in the store.

use super::barrier::Arrival;
use super::ordinals::Stream;
use super::shared::Shared;
use super::splits::SavedSplit;
use crate::alerts::AlertsSpec;
use crate::plan::Plan;
use crate::store::{Store, StoreError, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The value that holds it.
pub(super) const SAVE: &str = "save";
/// The value that holds the alerts which will be raised again.
pub(super) const REPEATS: &str = "repeats";
/// What the names of the groups' values begin with.
pub(super) const GROUPS: &str = "group/";
/// What the names of the stages' states begin with.
pub(super) const STATES: &str = "state/";
/// What the names of what sources keep of their splits begin with.
pub(super) const SPLITS: &str = "split/";
/// The format that is written.
const VERSION: u32 = 1;

/// How the run was when it was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum SavedStatus {
    /// It was going on; if it does no more, it crashed.
    Running,
    /// It was stopped.
    Killed,
    /// It failed.
    Failed,
    /// It came to its end.
    Completed,
}

/// A save point.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavePoint {
    pub(crate) version: u32,
    /// Counts the save points of a run; 0 is its beginning.
    pub(crate) number: u64,
    /// Namespace and name of the pipeline.
    pub(crate) pipeline: String,
    pub(crate) run_id: String,
    pub(crate) status: SavedStatus,
    pub(crate) started_ms: i64,
    pub(crate) saved_ms: i64,
    /// The number of the next alert of the outbox.
    pub(crate) sequence: u64,
    pub(super) splits: Vec<SavedSplit>,
    pub(crate) stages: Vec<SavedStage>,
    /// How long the file of dead letters was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) letters: Option<u64>,
}

/// What is known of a stage besides its own state and its groups.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedStage {
    pub(crate) name: String,
    pub(crate) plugin: String,
    /// Of kind, plugin and properties.
    pub(crate) digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alerts: Option<AlertsSpec>,
    pub(crate) instances: usize,
    /// The instances that were told that their input has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) finished: Vec<usize>,
    /// The run had come to its end, and it was closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) closed: bool,
    /// How many alerts no row raised, by their streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) without_row: Vec<(Stream, u64)>,
    pub(crate) metrics: BTreeMap<String, f64>,
    /// How far event time is, split by split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) times: Vec<(u32, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed_until: Option<i64>,
}

impl SavePoint {
    /// The state of a run as it is now, but for what belongs to other values. `instances` is how often each stage is there.
    pub(super) fn of(plan: &Plan, shared: &Shared, status: SavedStatus, instances: &[usize]) -> SavePoint {
        let spec = plan.spec();
        let stages = spec.stages.iter().zip(&shared.stages).enumerate().map(|(index, (written, stage))| SavedStage {
            name: written.name.clone(),
            plugin: written.plugin.name.clone(),
            digest: digest(plan, index),
            alerts: written.alerts.clone(),
            instances: instances.get(index).copied().unwrap_or_default(),
            finished: Vec::new(),
            closed: false,
            without_row: stage.metrics.saved_without_row(),
            metrics: stage.metrics.saved(),
            times: stage.windows.as_ref().map(|windows| windows.times()).unwrap_or_default(),
            closed_until: stage.windows.as_ref().and_then(|windows| windows.closed_until()),
        });
        SavePoint {
            version: VERSION,
            number: 0,
            pipeline: format!("{}/{}", spec.namespace, spec.name),
            run_id: shared.identity.run_id.clone(),
            status,
            started_ms: shared.started_ms(),
            saved_ms: shared.now_ms(),
            sequence: 0,
            splits: shared.splits.saved(),
            stages: stages.collect(),
            letters: None,
        }
    }

    /// The save point of a store, if there is one.
    pub(crate) fn load(store: &dyn Store) -> Result<Option<SavePoint>, StoreError> {
        let Some(bytes) = store.value(SAVE)? else { return Ok(None) };
        let unreadable =
            |error: serde_json::Error| StoreError::Failed(format!("its save point cannot be read: {error}"));
        let version: Version = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if version.version > VERSION {
            return Err(StoreError::Failed(format!(
                "its save point is of format {}, this program reads up to {VERSION}: use the version that wrote it",
                version.version
            )));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    /// Whether there is something to go on from.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.status != SavedStatus::Completed
    }

    /// Notes the stages whose input has ended.
    pub(super) fn note_finished(&mut self, arrival: &Arrival) {
        for state in arrival.states.iter().filter(|state| state.finished) {
            if let Some(stage) = self.stages.get_mut(state.stage) {
                stage.finished.push(state.instance);
            }
        }
    }

    /// Adds it to a write.
    pub(super) fn put(&self, write: &mut Write) {
        write.set.push((SAVE.to_owned(), serde_json::to_vec(self).unwrap_or_default()));
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Of kind, plugin and properties of a stage.
pub(super) fn digest(plan: &Plan, index: usize) -> String {
    let plugin = &plan.spec().stages[index].plugin;
    let text = format!("{} {} {}", plugin.kind, plugin.name, plan.stages[index].properties);
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The value of a stage's own state.
pub(super) fn state_name(stage: &str, instance: usize) -> String {
    format!("{}/{instance}", crate::outbox::named(STATES, stage))
}

/// The value of what a source keeps of a split.
pub(super) fn split_name(index: u32) -> String {
    format!("{SPLITS}{index}")
}

/// Removes everything that belongs to the run before but for its alerts.
pub(super) fn forget(store: &dyn Store, write: &mut Write) -> Result<(), StoreError> {
    write.remove.push(REPEATS.to_owned());
    for prefix in [GROUPS, STATES, SPLITS] {
        store.values(prefix, &mut |name, _| write.remove.push(name.to_owned()))?;
    }
    Ok(())
}
