//! The splits of all sources of a run, and how far each is.

use super::barrier::SplitAt;
use super::windows::SplitState;
use crate::batch::SplitOrigin;
use campanile_sdk::Split;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A split that a chain takes.
pub(super) struct Taken {
    pub(super) origin: Arc<SplitOrigin>,
    pub(super) split: Split,
    /// The last row that need not be read again.
    pub(super) position: Option<u64>,
    /// What the source kept of it.
    pub(super) state: Option<Vec<u8>>,
}

/// All splits. Their numbers stay the same when a run goes on: new ones are added behind.
#[derive(Debug, Default)]
pub(super) struct SplitTable {
    entries: Mutex<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    /// The source; nothing for one that is not in the pipeline any more.
    stage: Option<usize>,
    /// The source's name.
    stage_name: String,
    origin: Arc<SplitOrigin>,
    split: Split,
    position: Option<u64>,
    state: Option<Vec<u8>>,
    doing: SplitState,
    taken: bool,
    /// The source named it in this run.
    known: bool,
}

/// A split, as it is kept in a save point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SavedSplit {
    pub(super) stage: String,
    pub(super) id: String,
    pub(super) position: Option<u64>,
    pub(super) finished: bool,
    /// Another process may have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) leaves: bool,
}

/// A split of a save point, with what its source kept of it.
pub(super) type KeptSplit = (SavedSplit, Option<Vec<u8>>);

impl SplitTable {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the splits of a source that are new.
    pub(super) fn add(&self, (stage, name): (usize, &str), splits: Vec<Split>) {
        let mut entries = self.entries();
        for split in splits {
            let same = |entry: &&mut Entry| entry.stage_name == name && entry.origin.id == split.id;
            if let Some(entry) = entries.iter_mut().find(same) {
                if !entry.known {
                    entry.known = true;
                    if entry.doing != SplitState::Finished {
                        entry.doing = SplitState::Waiting;
                    }
                    entry.stage = Some(stage);
                    entry.origin = Arc::new(SplitOrigin::new(entry.origin.index, &split));
                    entry.split = split;
                }
                continue;
            }
            let index = entries.len() as u32;
            entries.push(Entry {
                stage: Some(stage),
                stage_name: name.to_owned(),
                origin: Arc::new(SplitOrigin::new(index, &split)),
                split,
                position: None,
                state: None,
                doing: SplitState::Waiting,
                taken: false,
                known: true,
            });
        }
    }

    /// Puts in what a save point knew, before sources add what they have now.
    /// `source` finds the place of a source by its name.
    pub(super) fn restore(&self, saved: Vec<KeptSplit>, source: impl Fn(&str) -> Option<usize>, now_ms: i64) {
        let mut entries = self.entries();
        for (saved, state) in saved {
            let split = Split::new(&saved.id);
            let split = if saved.leaves { split.may_leave() } else { split };
            let index = entries.len() as u32;
            entries.push(Entry {
                stage: source(&saved.stage),
                stage_name: saved.stage,
                origin: Arc::new(SplitOrigin::new(index, &split)),
                split,
                position: saved.position,
                state,
                doing: match saved.finished {
                    true => SplitState::Finished,
                    false => SplitState::Idle { since_ms: now_ms, until_ms: now_ms },
                },
                taken: false,
                known: false,
            });
        }
    }

    /// The splits that were begun and that no source has any more; others may have those that leave.
    pub(super) fn lost(&self) -> Vec<SavedSplit> {
        let entries = self.entries();
        let lost =
            entries.iter().filter(|entry| !entry.known && entry.doing != SplitState::Finished && !entry.split.leaves());
        lost.map(Entry::saved).collect()
    }

    /// The next split of a source that nobody reads.
    pub(super) fn take(&self, stage: usize) -> Option<Taken> {
        let mut entries = self.entries();
        let free = |entry: &&mut Entry| {
            entry.stage == Some(stage) && entry.known && !entry.taken && entry.doing != SplitState::Finished
        };
        let entry = entries.iter_mut().find(free)?;
        entry.taken = true;
        Some(Taken {
            origin: Arc::clone(&entry.origin),
            split: entry.split.clone(),
            position: entry.position,
            state: entry.state.take(),
        })
    }

    /// A split has left, with what the source kept of it: it can be taken again when the source names it again.
    pub(super) fn give_back(&self, index: u32, state: Option<Vec<u8>>) {
        if let Some(entry) = self.entries().get_mut(index as usize) {
            (entry.taken, entry.known, entry.state) = (false, false, state);
            entry.doing = SplitState::Waiting;
        }
    }

    /// A split had nothing, in a read that began at this time, milliseconds since 1970.
    pub(super) fn set_idle(&self, index: u32, at_ms: i64) {
        if let Some(entry) = self.entries().get_mut(index as usize) {
            let since_ms = match entry.doing {
                SplitState::Idle { since_ms, .. } => since_ms,
                _ => at_ms,
            };
            entry.doing = SplitState::Idle { since_ms, until_ms: at_ms };
        }
    }

    pub(super) fn set_state(&self, index: u32, doing: SplitState) {
        if let Some(entry) = self.entries().get_mut(index as usize) {
            entry.doing = doing;
        }
    }

    /// The id of a split.
    pub(super) fn id(&self, index: u32) -> Option<String> {
        self.entries().get(index as usize).map(|entry| entry.origin.id.clone())
    }

    /// What the splits of these sources are doing.
    pub(super) fn doing(&self, stages: &[usize], now_ms: i64) -> Vec<(u32, SplitState)> {
        let entries = self.entries();
        let of_stages = entries.iter().filter(|entry| entry.stage.is_some_and(|stage| stages.contains(&stage)));
        let there = of_stages.filter(|entry| entry.known || !entry.split.leaves());
        let doing = |entry: &Entry| match entry.doing {
            // It was there before the run went on, and may come back: a file that is just being rotated.
            SplitState::Idle { since_ms, .. } if !entry.known => SplitState::Idle { since_ms, until_ms: now_ms },
            doing => doing,
        };
        there.map(|entry| (entry.origin.index, doing(entry))).collect()
    }

    /// Takes over how far splits are.
    pub(super) fn apply(&self, splits: &[SplitAt]) {
        let mut entries = self.entries();
        for split in splits {
            if let Some(entry) = entries.get_mut(split.index as usize) {
                entry.position = split.position;
                if split.finished {
                    entry.doing = SplitState::Finished;
                }
            }
        }
    }

    /// Whether a record is behind the save point: it will not be read again.
    pub(super) fn is_behind(&self, index: u32, position: u64) -> bool {
        let entries = self.entries();
        entries.get(index as usize).is_none_or(|entry| {
            entry.doing == SplitState::Finished || entry.position.is_some_and(|read| position <= read)
        })
    }

    /// As a save point keeps them.
    pub(super) fn saved(&self) -> Vec<SavedSplit> {
        self.entries().iter().map(Entry::saved).collect()
    }
}

impl Entry {
    fn saved(&self) -> SavedSplit {
        SavedSplit {
            stage: self.stage_name.clone(),
            id: self.origin.id.clone(),
            position: self.position,
            finished: self.doing == SplitState::Finished,
            leaves: self.split.leaves(),
        }
    }
}
