//! The open groups by key, and by age.
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::ops::Range;

use super::Origin;
use super::cell::Cell;
use super::key::{Hasher, Key};

/// No slot.
const NONE: u32 = u32::MAX;

/// Groups in numbered slots, their cells side by side in one array: no allocation a group, unless its key is long.
#[derive(Debug)]
pub(super) struct Table {
    hasher: Hasher,
    /// The first slot of the groups whose keys have this hash; nearly always the only one.
    heads: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    groups: Vec<Group>,
    cells: Vec<Cell>,
    /// The cells a group begins with.
    blank: Vec<Cell>,
    /// Slots of groups that were closed early.
    free: Vec<u32>,
    /// Oldest first.
    order: VecDeque<u32>,
    bytes: usize,
}

#[derive(Debug)]
struct Group {
    key: Key,
    first: Origin,
    count: u64,
    /// The next slot with the same hash.
    next: u32,
}

/// A group, lent.
pub(super) struct GroupView<'a> {
    pub(super) key: &'a [u8],
    pub(super) first: Origin,
    pub(super) count: u64,
    pub(super) cells: &'a [Cell],
}

/// A group, taken out of its table.
pub(super) struct Taken {
    group: Group,
    cells: Vec<Cell>,
}

impl Taken {
    pub(super) fn view(&self) -> GroupView<'_> {
        let Group { key, first, count, .. } = &self.group;
        GroupView { key: key.bytes(), first: *first, count: *count, cells: &self.cells }
    }
}

impl Table {
    pub(super) fn new(blank: Vec<Cell>) -> Table {
        Table {
            hasher: Hasher::new(),
            heads: HashMap::default(),
            groups: Vec::new(),
            cells: Vec::new(),
            blank,
            free: Vec::new(),
            order: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The slot of the group with this key, a new one when there is none yet.
    pub(super) fn slot(&mut self, key: &[u8], origin: Origin) -> usize {
        let hash = self.hasher.hash(key);
        let mut slot = self.heads.get(&hash).copied().unwrap_or(NONE);
        while let Some(group) = self.groups.get(slot as usize) {
            if group.key.bytes() == key {
                return slot as usize;
            }
            slot = group.next;
        }
        self.open(hash, key.into(), origin)
    }

    /// Counts an alert of the group.
    pub(super) fn count(&mut self, slot: usize, origin: Origin) {
        let group = &mut self.groups[slot];
        group.count += 1;
        group.first = group.first.min(origin);
    }

    /// Adds a value to some of the group's cells.
    pub(super) fn measure(&mut self, slot: usize, cells: Range<usize>, number: Option<f64>) {
        let begin = slot * self.blank.len();
        for cell in &mut self.cells[begin + cells.start..begin + cells.end] {
            let before = cell.heap_bytes();
            cell.add(number);
            self.bytes += cell.heap_bytes() - before;
        }
    }

    /// Takes the oldest group out, and answers what `render` makes of it.
    pub(super) fn close_oldest<T>(&mut self, render: impl FnOnce(GroupView<'_>) -> T) -> Option<T> {
        let slot = self.order.pop_front()?;
        self.unlink(slot);
        let width = self.blank.len();
        let begin = slot as usize * width;
        let cells = &mut self.cells[begin..begin + width];
        let group = &mut self.groups[slot as usize];
        self.bytes -= fixed_bytes(&group.key, width) + cells.iter().map(Cell::heap_bytes).sum::<usize>();
        let key = std::mem::take(&mut group.key);
        let answer = render(GroupView { key: key.bytes(), first: group.first, count: group.count, cells });
        cells.clone_from_slice(&self.blank);
        self.free.push(slot);
        Some(answer)
    }

    /// Takes all groups out, by first origin.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Taken> + use<> {
        let width = self.blank.len();
        let blank = std::mem::take(&mut self.blank);
        let mut taken = std::mem::replace(self, Table::new(blank));
        let mut order = Vec::from(std::mem::take(&mut taken.order));
        order.sort_unstable_by_key(|&slot| taken.groups[slot as usize].first);
        order.into_iter().map(move |slot| {
            let slot = slot as usize;
            let Group { first, count, .. } = taken.groups[slot];
            let group = Group { key: std::mem::take(&mut taken.groups[slot].key), first, count, next: NONE };
            let cells = taken.cells[slot * width..(slot + 1) * width].iter_mut();
            Taken { group, cells: cells.map(|cell| std::mem::replace(cell, Cell::Carried(0))).collect() }
        })
    }

    /// Takes over another table's groups; both are of one section. The age of all is then that of their first origins.
    pub(super) fn merge(&mut self, mut other: Table) {
        for Taken { group, cells } in other.drain() {
            let slot = self.slot(group.key.bytes(), group.first);
            let mine = &mut self.groups[slot];
            mine.count += group.count;
            mine.first = mine.first.min(group.first);
            let begin = slot * self.blank.len();
            for (cell, other) in self.cells[begin..].iter_mut().zip(&cells) {
                let before = cell.heap_bytes();
                cell.merge(other);
                self.bytes += cell.heap_bytes() - before;
            }
        }
        self.order.make_contiguous().sort_unstable_by_key(|&slot| self.groups[slot as usize].first);
    }

    fn open(&mut self, hash: u64, key: Key, first: Origin) -> usize {
        self.bytes += fixed_bytes(&key, self.blank.len());
        let slot = self.free.pop().unwrap_or(self.groups.len() as u32);
        let next = self.heads.insert(hash, slot).unwrap_or(NONE);
        let group = Group { key, first, count: 0, next };
        match self.groups.get_mut(slot as usize) {
            Some(free) => *free = group,
            None => {
                self.groups.push(group);
                self.cells.extend_from_slice(&self.blank);
            }
        }
        self.order.push_back(slot);
        slot as usize
    }

    /// Makes a slot's group unreachable by its key.
    fn unlink(&mut self, slot: u32) {
        let Group { key, next, .. } = &self.groups[slot as usize];
        let (hash, next) = (self.hasher.hash(key.bytes()), *next);
        match self.heads.get_mut(&hash) {
            Some(head) if *head == slot && next == NONE => {
                self.heads.remove(&hash);
            }
            Some(head) if *head == slot => *head = next,
            Some(&mut head) => {
                let mut before = head;
                while let Some(group) = self.groups.get_mut(before as usize) {
                    if group.next == slot {
                        group.next = next;
                        break;
                    }
                    before = group.next;
                }
            }
            None => {}
        }
    }
}

/// About what a group occupies in the table's parts: its slot, cells, key, and its share of the indices.
fn fixed_bytes(key: &Key, cells: usize) -> usize {
    /// An entry of `heads` with its control byte, twice, since a table is half empty after it has grown; one of `order`.
    const INDEX: usize = 2 * (size_of::<(u64, u32)>() + 1) + size_of::<u32>();
    size_of::<Group>() + cells * size_of::<Cell>() + key.heap_bytes() + INDEX
}

/// Passes on what is a good hash already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl std::hash::Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
