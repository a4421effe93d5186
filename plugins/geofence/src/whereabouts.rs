//! Which keys are inside which fences.

use std::collections::HashMap;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Marks the end of the list of keys.
const NOWHERE: u32 = u32::MAX;

/// The keys that are inside at least one fence, at most so many: the one seen least recently makes room. A key outside of
/// all fences is the same as one that was never seen, so that nothing is kept for it.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    bound: usize,
    slots_by_key: HashMap<Arc<[u8]>, u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
}

#[derive(Debug)]
struct Slot {
    key: Arc<[u8]>,
    inside: Vec<u32>,
    newer: u32,
    older: u32,
}

impl Default for Whereabouts {
    fn default() -> Whereabouts {
        Whereabouts::new(1)
    }
}

impl Whereabouts {
    /// Keeps at most `bound` keys.
    pub(crate) fn new(bound: usize) -> Whereabouts {
        Whereabouts {
            bound: bound.clamp(1, NOWHERE as usize),
            slots_by_key: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NOWHERE,
            oldest: NOWHERE,
        }
    }

    /// Notes that a key is now inside of these fences, and writes those it was inside of before. Answers whether another
    /// key was forgotten for it.
    pub(crate) fn replace(&mut self, key: &[u8], now: &[u32], before: &mut Vec<u32>) -> bool {
        before.clear();
        if let Some(&slot) = self.slots_by_key.get(key) {
            before.extend_from_slice(&self.slots[slot as usize].inside);
            self.unlink(slot);
            if now.is_empty() {
                self.forget(slot);
            } else {
                let inside = &mut self.slots[slot as usize].inside;
                inside.clear();
                inside.extend_from_slice(now);
                self.link(slot);
            }
            return false;
        }
        if now.is_empty() {
            return false;
        }
        let full = self.slots_by_key.len() >= self.bound;
        if full {
            let oldest = self.oldest;
            self.unlink(oldest);
            self.forget(oldest);
        }
        self.add(key, now);
        full
    }

    /// How many keys are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots_by_key.len()
    }

    fn add(&mut self, key: &[u8], now: &[u32]) {
        let key: Arc<[u8]> = key.into();
        let made = Slot { key: key.clone(), inside: now.to_vec(), newer: NOWHERE, older: NOWHERE };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = made;
                slot
            }
            None => {
                self.slots.push(made);
                self.slots.len() as u32 - 1
            }
        };
        self.slots_by_key.insert(key, slot);
        self.link(slot);
    }

    /// Lets go of a slot that is in the list no more.
    fn forget(&mut self, slot: u32) {
        let forgotten = &mut self.slots[slot as usize];
        forgotten.inside = Vec::new();
        let key = std::mem::take(&mut forgotten.key);
        self.slots_by_key.remove(&key);
        self.free.push(slot);
    }

    fn link(&mut self, slot: u32) {
        let second = self.newest;
        self.slots[slot as usize].newer = NOWHERE;
        self.slots[slot as usize].older = second;
        match self.slots.get_mut(second as usize) {
            Some(second) => second.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { newer, older, .. } = self.slots[slot as usize];
        match self.slots.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
    }
}
