//! The tables of the open windows.
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::cell::Cell;
use super::key::Hasher;
use super::saved::SavedGroup;
use super::table::{GroupView, Table};

/// A new window gets room for as many groups as the one before has, but not for more than these at once.
const MOST_EXPECTED: usize = 1 << 16;

/// About what a window occupies besides its groups: its table, its entry, and the least that a table's parts begin with.
const WINDOW_BYTES: usize = size_of::<Table>() + 512;

/// So many tables whose windows are over are kept for windows to come: room costs more to get than to clear.
const MOST_POOLED: usize = 2;

/// Takes a group of a window under the number of its slot; None for one that is gone.
pub(super) type PutGroup<'a> = dyn FnMut(Option<i64>, u32, Option<GroupView<'_>>) + 'a;

/// Empty tables, shared by chains' groups and by the windows that were taken out of them.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Table>>);

impl Pool {
    fn take(&self) -> Option<Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Takes a table back whose groups have gone.
    pub(super) fn give(&self, mut table: Table) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.len() < MOST_POOLED && table.room() <= 2 * MOST_EXPECTED {
            table.clear();
            tables.push(table);
        }
    }
}

/// A table of groups for each window, or one for all when there are no windows. None, as a window, stands for that.
#[derive(Debug)]
pub(super) struct Windows {
    hasher: Hasher,
    blank: Arc<[Cell]>,
    /// Where each window's table is.
    places: BTreeMap<Option<i64>, usize>,
    tables: Vec<Table>,
    /// Places whose table was taken.
    spare: Vec<usize>,
    /// The window asked for last: nearly always the next one too.
    current: Option<(Option<i64>, usize)>,
    groups: usize,
    bytes: usize,
    /// Slots under which the last save point has groups of windows that are gone.
    gone: BTreeMap<Option<i64>, Vec<u32>>,
    pool: Arc<Pool>,
    /// Whether groups are published at once.
    first: bool,
    /// The latest window that lost a group to the bounds: from then on, windows up to it no longer publish groups at once.
    silent_until: Option<Option<i64>>,
}

impl Windows {
    pub(super) fn new(blank: Arc<[Cell]>, first: bool, pool: Arc<Pool>) -> Windows {
        Windows {
            hasher: Hasher::new(),
            blank,
            pool,
            first,
            places: BTreeMap::new(),
            tables: Vec::new(),
            spare: Vec::new(),
            current: None,
            groups: 0,
            bytes: 0,
            gone: BTreeMap::new(),
            silent_until: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.groups
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The oldest window; not what stands for all when there are none.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.places.keys().flatten().next().copied()
    }

    /// Lets `change` work on a window's table, which is made when there is none.
    #[inline]
    pub(super) fn with<T>(&mut self, window: Option<i64>, change: impl FnOnce(&mut Table) -> T) -> T {
        let place = match self.current {
            Some((current, place)) if current == window => place,
            _ => self.enter(window),
        };
        let table = &mut self.tables[place];
        let (groups, bytes) = (table.len(), table.bytes());
        let answer = change(table);
        self.groups = self.groups + table.len() - groups;
        self.bytes = self.bytes + table.bytes() - bytes;
        answer
    }

    /// Where the window's table is.
    fn enter(&mut self, window: Option<i64>) -> usize {
        let place = match self.places.get(&window) {
            Some(&place) => place,
            None => self.begin(window),
        };
        self.current = Some((window, place));
        place
    }

    fn begin(&mut self, window: Option<i64>) -> usize {
        let pooled = self.pool.take();
        let mut table = pooled.unwrap_or_else(|| Table::new(self.hasher, Arc::clone(&self.blank)));
        match self.places.last_key_value() {
            Some((&last, &place)) if last < window => table.reserve(self.tables[place].len().min(MOST_EXPECTED)),
            _ => {}
        }
        if self.silent_until.is_some_and(|until| window <= until) {
            table.silence();
        }
        if let Some(gone) = self.gone.remove(&window) {
            table.forget(gone);
        }
        self.bytes += own_bytes(window);
        let place = match self.spare.pop() {
            Some(place) => {
                self.tables[place] = table;
                place
            }
            None => {
                self.tables.push(table);
                self.tables.len() - 1
            }
        };
        self.places.insert(window, place);
        place
    }

    /// Takes a window's table out.
    fn take(&mut self, window: Option<i64>) -> Option<Table> {
        let place = self.places.remove(&window)?;
        self.current = None;
        self.spare.push(place);
        let none = Table::new(self.hasher, Arc::clone(&self.blank));
        let table = std::mem::replace(&mut self.tables[place], none);
        self.groups -= table.len();
        self.bytes -= table.bytes() + own_bytes(window);
        let saved: Vec<u32> = table.saved().collect();
        if !saved.is_empty() {
            self.gone.insert(window, saved);
        }
        Some(table)
    }

    /// Takes all windows out that begin at `start` or before, or all there is.
    pub(super) fn take_until(&mut self, start: Option<i64>) -> Vec<(Option<i64>, Table)> {
        let windows = self.places.keys().copied();
        let taken: Vec<Option<i64>> = match start {
            Some(start) => windows.skip_while(Option::is_none).take_while(|&window| window <= Some(start)).collect(),
            None => windows.collect(),
        };
        taken.into_iter().filter_map(|window| Some((window, self.take(window)?))).collect()
    }

    /// Takes over windows that were taken out of another's; there are none of them here yet.
    pub(super) fn adopt(&mut self, taken: Vec<(Option<i64>, Table)>, other: &Windows) {
        self.hasher = other.hasher;
        self.silent_until = other.silent_until;
        for (window, table) in taken {
            self.groups += table.len();
            self.bytes += table.bytes() + own_bytes(window);
            self.places.insert(window, self.tables.len());
            self.tables.push(table);
        }
    }

    /// Takes over a table that was taken out of another's windows.
    pub(super) fn put(&mut self, window: Option<i64>, mut other: Table) {
        self.with(window, |table| table.merge(&mut other));
        self.pool.give(other);
    }

    /// Takes the oldest group of the oldest window out, and answers what `render` makes of it.
    pub(super) fn close_oldest<T>(&mut self, render: impl FnOnce(Option<i64>, GroupView<'_>) -> T) -> Option<T> {
        let window = *self.places.keys().next()?;
        let first = self.first;
        if first {
            self.silent_until = self.silent_until.max(Some(window));
        }
        let (answer, left) = self.with(window, |table| {
            if first {
                table.silence();
            }
            (table.close_oldest(|group| render(window, group)), table.len())
        });
        if left == 0 {
            self.take(window);
        }
        answer
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn silent_until(&self) -> Option<Option<i64>> {
        self.silent_until
    }

    /// Keeps groups of this window and of those before from being published before they close.
    pub(super) fn silence(&mut self, until: Option<Option<i64>>) {
        if !self.first {
            return;
        }
        self.silent_until = self.silent_until.max(until);
        for (&window, &place) in &self.places {
            if self.silent_until.is_some_and(|until| window <= until) {
                self.tables[place].silence();
            }
        }
    }

    /// What changed since the last call: see [`Table::changes`].
    pub(super) fn changes(&mut self, put: &mut PutGroup<'_>) {
        for (window, slots) in std::mem::take(&mut self.gone) {
            slots.into_iter().for_each(|slot| put(window, slot, None));
        }
        for (&window, &place) in &self.places {
            self.tables[place].changes(&mut |slot, group| put(window, slot, group));
        }
    }

    /// Puts a saved group back.
    pub(super) fn restore(&mut self, window: Option<i64>, slot: u32, saved: SavedGroup) -> Result<(), String> {
        self.with(window, |table| table.restore(slot, saved))
    }

    /// All saved groups are back.
    pub(super) fn restored(&mut self) {
        for &place in self.places.values() {
            self.tables[place].fill();
        }
    }
}

fn own_bytes(window: Option<i64>) -> usize {
    window.map_or(0, |_| WINDOW_BYTES)
}
