//! The partitions that this process has of a consumer's topics, and how far each is read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Partition {
    pub(crate) topic: String,
    pub(crate) number: i32,
}

/// As people write it, and the id of its split.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.number)
    }
}

impl Partition {
    /// From the id of a split: the number stands behind the last dash.
    pub(crate) fn of(id: &str) -> Option<Partition> {
        let (topic, number) = id.rsplit_once('-')?;
        Some(Partition { topic: topic.to_owned(), number: number.parse().ok()? })
    }
}

/// All partitions of this process. It gets them by an assignment, whose number tells it from earlier ones of the same
/// partition.
#[derive(Debug, Default)]
pub(crate) struct Group {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The group has answered which partitions there are for this process.
    joined: bool,
    /// The consumer is being closed: nobody is waited for.
    closing: bool,
    assignments: u64,
    partitions: BTreeMap<Partition, Assigned>,
    /// Who reads, by the number of the assignment that was begun with.
    readers: BTreeMap<Partition, u64>,
}

#[derive(Debug, Default)]
struct Assigned {
    assignment: u64,
    /// It is to be given up.
    revoked: bool,
    /// The first message that was not read, once reading has begun.
    next: Option<i64>,
    /// Messages before this one were written out by a transaction of this run before.
    floor: i64,
    /// Where the partition ends, as the statistics say.
    end: Option<i64>,
    /// There was nothing behind what was read.
    at_end: bool,
}

impl Group {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Partitions came to this process.
    pub(crate) fn assign(&self, partitions: Vec<Partition>) {
        let mut state = self.state();
        state.joined = true;
        for partition in partitions {
            state.assignments += 1;
            let assigned = Assigned { assignment: state.assignments, ..Assigned::default() };
            state.partitions.insert(partition, assigned);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Partitions leave this process: waits so long for their readers to have saved and closed. Answers those whose reading
    /// had begun, and whether somebody still read.
    pub(crate) fn revoke(&self, partitions: &[Partition], at_most: Duration) -> (Vec<Partition>, bool) {
        let mut state = self.state();
        for partition in partitions {
            if let Some(assigned) = state.partitions.get_mut(partition) {
                assigned.revoked = true;
            }
        }
        let read = |state: &mut State| !state.closing && partitions.iter().any(|one| state.is_read(one));
        let waited = self.changed.wait_timeout_while(state, at_most, read);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let unsaved = partitions.iter().any(|partition| state.is_read(partition));
        let gone = partitions.iter().filter_map(|partition| state.partitions.remove_entry(partition));
        let begun = gone.filter(|(_, assigned)| assigned.next.is_some()).map(|(partition, _)| partition).collect();
        (begun, unsaved)
    }

    /// Waits so long until the group has answered, while it is worth it.
    pub(crate) fn wait_for_join(&self, at_most: Duration) -> bool {
        let wait = self.changed.wait_timeout_while(self.state(), at_most, |state| !state.joined);
        wait.unwrap_or_else(PoisonError::into_inner).0.joined
    }

    /// The partitions that may be read.
    pub(crate) fn partitions(&self) -> Vec<Partition> {
        let state = self.state();
        let free = |(partition, assigned): &(&Partition, &Assigned)| {
            // Who read for an assignment that is over has to go first.
            let of_now = state.readers.get(partition).is_none_or(|of| *of == assigned.assignment);
            !assigned.revoked && of_now
        };
        state.partitions.iter().filter(free).map(|(partition, _)| partition.clone()).collect()
    }

    /// Somebody begins to read: the number of the assignment, or one that never holds where the partition has gone meanwhile.
    pub(crate) fn open_reader(&self, partition: &Partition) -> u64 {
        let mut state = self.state();
        let assigned = state.partitions.get(partition).filter(|assigned| !assigned.revoked);
        let assignment = assigned.map_or(0, |assigned| assigned.assignment);
        state.readers.insert(partition.clone(), assignment);
        assignment
    }

    /// Who read has saved, and is gone.
    pub(crate) fn close_reader(&self, partition: &Partition, assignment: u64) {
        let mut state = self.state();
        if state.readers.get(partition) == Some(&assignment) {
            state.readers.remove(partition);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Begins at a message, by doing something that nobody takes the partition away in the midst of. False where it was
    /// taken away before.
    pub(crate) fn begin<E>(
        &self,
        partition: &Partition,
        assignment: u64,
        (next, floor): (i64, i64),
        fetch: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut state = self.state();
        let Some(assigned) = state.current(partition, assignment) else { return Ok(false) };
        fetch()?;
        (assigned.next, assigned.floor) = (Some(next), floor);
        Ok(true)
    }

    /// Whether an assignment still holds.
    pub(crate) fn holds(&self, partition: &Partition, assignment: u64) -> bool {
        self.state().current(partition, assignment).is_some()
    }

    /// Messages before `next` were handed on.
    pub(crate) fn read_up_to(&self, partition: &Partition, assignment: u64, next: i64, at_end: bool) {
        let mut state = self.state();
        // Also one that is to be given up: what was read of it is saved first.
        let assigned = state.partitions.get_mut(partition).filter(|assigned| assigned.assignment == assignment);
        if let Some(assigned) = assigned {
            (assigned.next, assigned.at_end) = (Some(next), at_end);
        }
    }

    /// Where partitions end.
    pub(crate) fn note_end(&self, topic: &str, number: i32, end: i64) {
        let partition = Partition { topic: topic.to_owned(), number };
        if let Some(assigned) = self.state().partitions.get_mut(&partition) {
            assigned.end = Some(end);
        }
    }

    /// How many messages there are that were not read.
    pub(crate) fn lag(&self) -> i64 {
        let state = self.state();
        let behind = state.partitions.values().filter(|assigned| !assigned.at_end);
        behind.filter_map(|assigned| Some((assigned.end? - assigned.next?).max(0))).sum()
    }

    /// For each partition that is read the first message that was not read.
    pub(crate) fn offsets(&self) -> BTreeMap<Partition, i64> {
        let state = self.state();
        let next = |(partition, assigned): (&Partition, &Assigned)| {
            Some((partition.clone(), assigned.next?.max(assigned.floor)))
        };
        state.partitions.iter().filter_map(next).collect()
    }

    /// The first message of a partition that no transaction of this run has written out before; nothing for a partition that
    /// is not read.
    pub(crate) fn floor(&self, partition: &Partition) -> Option<i64> {
        let state = self.state();
        state.partitions.get(partition).filter(|assigned| assigned.next.is_some()).map(|assigned| assigned.floor)
    }

    /// The consumer is being closed.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }
}

impl State {
    fn is_read(&self, partition: &Partition) -> bool {
        self.readers.contains_key(partition)
    }

    fn current(&mut self, partition: &Partition, assignment: u64) -> Option<&mut Assigned> {
        let assigned = self.partitions.get_mut(partition)?;
        (assigned.assignment == assignment && !assigned.revoked).then_some(assigned)
    }
}
