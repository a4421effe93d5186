//! The open groups by key, and by age.
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::ops::Range;
use std::sync::Arc;

use super::Origin;
use super::cell::Cell;
use super::key::{Hasher, Key};
use super::saved::SavedGroup;

/// No slot.
const NONE: u32 = u32::MAX;

/// The group was published already, or must not be before it closes.
const TOLD: u8 = 1;
/// Alerts came since the group was published.
const MORE: u8 = 2;
/// The slot stands in `changed`.
const CHANGED: u8 = 4;
/// The last save point has a group under this slot.
const SAVED: u8 = 8;
/// The slot has no group.
const FREE: u8 = 16;

/// Groups in numbered slots, their cells side by side in one array: no allocation a group, unless its key is long.
#[derive(Debug)]
pub(super) struct Table {
    hasher: Hasher,
    /// The first slot of the groups whose keys have this hash; nearly always the only one.
    heads: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    groups: Vec<Group>,
    cells: Vec<Cell>,
    /// The cells a group begins with.
    blank: Arc<[Cell]>,
    /// Slots without a group.
    free: Vec<u32>,
    /// Slots that changed since the last save point, each once.
    changed: Vec<u32>,
    /// Marks that a group begins with.
    born: u8,
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
    marks: u8,
}

impl Group {
    /// A slot that waits for a group.
    fn hole() -> Group {
        Group { key: Key::default(), first: Origin::default(), count: 0, next: NONE, marks: FREE }
    }

    fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }
}

/// A group, lent.
#[derive(Clone, Copy)]
pub(super) struct GroupView<'a> {
    pub(super) key: &'a [u8],
    pub(super) first: Origin,
    pub(super) count: u64,
    /// Whether it was published already.
    pub(super) told: bool,
    /// Whether alerts came since.
    pub(super) more: bool,
    pub(super) cells: &'a [Cell],
}

impl Table {
    pub(super) fn new(hasher: Hasher, blank: Arc<[Cell]>) -> Table {
        Table {
            hasher,
            heads: HashMap::default(),
            groups: Vec::new(),
            cells: Vec::new(),
            blank,
            free: Vec::new(),
            changed: Vec::new(),
            born: 0,
            order: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Empties the table and keeps its room.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.groups.clear();
        self.cells.clear();
        self.free.clear();
        self.changed.clear();
        self.order.clear();
        (self.born, self.bytes) = (0, 0);
    }

    /// For how many groups there is room.
    pub(super) fn room(&self) -> usize {
        self.groups.capacity()
    }

    /// Makes room for groups that are expected.
    pub(super) fn reserve(&mut self, groups: usize) {
        self.heads.reserve(groups);
        self.groups.reserve(groups);
        self.cells.reserve(groups * self.blank.len());
        self.order.reserve(groups);
    }

    /// From now on groups are not published before they close.
    pub(super) fn silence(&mut self) {
        self.born = TOLD;
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
        match self.find(hash, key) {
            Some(slot) => slot,
            None => self.open(hash, key.into(), origin),
        }
    }

    #[inline]
    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let mut slot = self.heads.get(&hash).copied().unwrap_or(NONE);
        while let Some(group) = self.groups.get(slot as usize) {
            if group.key.bytes() == key {
                return Some(slot as usize);
            }
            slot = group.next;
        }
        None
    }

    /// Counts an alert of the group.
    pub(super) fn count(&mut self, slot: usize, origin: Origin) {
        let group = &mut self.groups[slot];
        group.count += 1;
        group.first = group.first.min(origin);
        if !group.has(CHANGED) {
            self.changed.push(slot as u32);
        }
        group.marks |= CHANGED | MORE;
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

    /// Whether the group was published already.
    pub(super) fn is_told(&self, slot: usize) -> bool {
        self.groups[slot].has(TOLD)
    }

    /// Notes that the group is published. It has changed: this belongs to what is saved.
    pub(super) fn tell(&mut self, slot: usize) {
        let group = &mut self.groups[slot];
        group.marks = (group.marks | TOLD) & !MORE;
        self.touch(slot);
    }

    pub(super) fn view(&self, slot: usize) -> GroupView<'_> {
        let group = &self.groups[slot];
        let width = self.blank.len();
        GroupView {
            key: group.key.bytes(),
            first: group.first,
            count: group.count,
            told: group.has(TOLD),
            more: group.has(MORE),
            cells: &self.cells[slot * width..(slot + 1) * width],
        }
    }

    /// Takes the oldest group out, and answers what `render` makes of it.
    pub(super) fn close_oldest<T>(&mut self, render: impl FnOnce(GroupView<'_>) -> T) -> Option<T> {
        let slot = self.order.pop_front()? as usize;
        let answer = render(self.view(slot));
        self.unlink(slot as u32);
        let width = self.blank.len();
        let cells = &mut self.cells[slot * width..(slot + 1) * width];
        let group = &mut self.groups[slot];
        self.bytes -= fixed_bytes(&group.key, width) + cells.iter().map(Cell::heap_bytes).sum::<usize>();
        group.key = Key::default();
        group.marks = FREE | group.marks & (CHANGED | SAVED);
        cells.clone_from_slice(&self.blank);
        self.free.push(slot as u32);
        self.touch(slot);
        Some(answer)
    }

    /// Brings the groups into the order of their first origins, which is then their age.
    pub(super) fn sort(&mut self) {
        let groups = &self.groups;
        self.order.make_contiguous().sort_unstable_by_key(|&slot| groups[slot as usize].first);
    }

    /// The group of this age, the oldest first.
    pub(super) fn aged(&self, age: usize) -> Option<GroupView<'_>> {
        self.order.get(age).map(|&slot| self.view(slot as usize))
    }

    /// Takes over another table's groups; both are of one section. The age of all is then that of their first origins.
    pub(super) fn merge(&mut self, other: &mut Table) {
        other.sort();
        for age in 0..other.len() {
            let Some(view) = other.aged(age) else { continue };
            let slot = self.slot(view.key, view.first);
            let mine = &mut self.groups[slot];
            // What either told is not all that both hold.
            let more = view.more || mine.count > 0;
            mine.count += view.count;
            mine.first = mine.first.min(view.first);
            mine.marks |= if view.told { TOLD } else { 0 } | if more { MORE } else { 0 };
            let begin = slot * self.blank.len();
            for (cell, other) in self.cells[begin..].iter_mut().zip(view.cells) {
                let before = cell.heap_bytes();
                cell.merge(other);
                self.bytes += cell.heap_bytes() - before;
            }
            self.touch(slot);
        }
        self.sort();
    }

    /// What changed since the last call: the number of each slot, and its group, or None where the group that was there at the
    /// last call is gone.
    pub(super) fn changes(&mut self, put: &mut dyn FnMut(u32, Option<GroupView<'_>>)) {
        let mut changed = std::mem::take(&mut self.changed);
        for &slot in &changed {
            let group = &mut self.groups[slot as usize];
            let was_saved = group.has(SAVED);
            group.marks &= !(CHANGED | SAVED);
            if !group.has(FREE) {
                group.marks |= SAVED;
                put(slot, Some(self.view(slot as usize)));
            } else if was_saved {
                put(slot, None);
            }
        }
        changed.clear();
        self.changed = changed;
    }

    /// The slots under which the last save point has groups.
    pub(super) fn saved(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.groups).filter(|(_, group)| group.has(SAVED)).map(|(slot, _)| slot)
    }

    /// Takes note of slots under which the last save point has groups that are gone.
    pub(super) fn forget(&mut self, slots: Vec<u32>) {
        for slot in slots {
            self.dig(slot);
            self.groups[slot as usize].marks |= SAVED;
            self.touch(slot as usize);
        }
        self.fill();
    }

    /// Puts a saved group back into its slot; once all are back, [`fill`](Table::fill) is due.
    pub(super) fn restore(&mut self, slot: u32, saved: SavedGroup) -> Result<(), String> {
        let hash = self.hasher.hash(&saved.key);
        let taken = self.groups.get(slot as usize).is_some_and(|group| !group.has(FREE));
        if taken || self.find(hash, &saved.key).is_some() {
            return Err("a group is saved twice".to_owned());
        }
        self.dig(slot);
        let next = self.heads.insert(hash, slot).unwrap_or(NONE);
        let key = Key::from(&saved.key[..]);
        let marks = SAVED | if saved.told { TOLD } else { 0 } | if saved.more { MORE } else { 0 };
        self.bytes += fixed_bytes(&key, self.blank.len());
        self.bytes += saved.cells.iter().map(Cell::heap_bytes).sum::<usize>();
        self.groups[slot as usize] = Group { key, first: saved.first, count: saved.count, next, marks };
        let begin = slot as usize * self.blank.len();
        self.cells[begin..].iter_mut().zip(saved.cells).for_each(|(cell, saved)| *cell = saved);
        self.order.push_back(slot);
        Ok(())
    }

    /// Makes the slots without groups available, and orders the groups.
    pub(super) fn fill(&mut self) {
        let slots = (0..).zip(&self.groups);
        self.free = slots.filter(|(_, group)| group.has(FREE)).map(|(slot, _)| slot).collect();
        self.free.reverse();
        self.sort();
    }

    /// Makes sure that there is a slot of this number.
    fn dig(&mut self, slot: u32) {
        while self.groups.len() <= slot as usize {
            self.groups.push(Group::hole());
            self.cells.extend_from_slice(&self.blank);
        }
    }

    fn touch(&mut self, slot: usize) {
        let group = &mut self.groups[slot];
        if !group.has(CHANGED) {
            group.marks |= CHANGED;
            self.changed.push(slot as u32);
        }
    }

    fn open(&mut self, hash: u64, key: Key, first: Origin) -> usize {
        self.bytes += fixed_bytes(&key, self.blank.len());
        let slot = self.free.pop().unwrap_or(self.groups.len() as u32);
        let next = self.heads.insert(hash, slot).unwrap_or(NONE);
        let group = Group { key, first, count: 0, next, marks: self.born };
        match self.groups.get_mut(slot as usize) {
            Some(free) => {
                let kept = free.marks & (CHANGED | SAVED);
                *free = Group { marks: group.marks | kept, ..group };
            }
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
