//! Which keys are inside which fences.

use std::collections::HashMap;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Marks the end of the list of keys.
const NOWHERE: u32 = u32::MAX;

/// Bytes that a number of 32 bits or a length takes in a save point, at most.
pub(crate) const NUMBER_BYTES: usize = 5;

/// Bytes that a key takes in a save point, at most.
pub(crate) fn saved_bytes(key: &[u8], inside: &[u32]) -> usize {
    2 * NUMBER_BYTES + key.len() + NUMBER_BYTES * inside.len()
}

/// The keys that are inside at least one fence, at most so many, and no more than what a save point holds: those seen least
/// recently make room. A key outside of all fences is the same as one that was never seen, so that nothing is kept for it.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    max_keys: usize,
    max_bytes: usize,
    /// What the keys take in a save point, at most.
    bytes: usize,
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
        Whereabouts::new(1, 0)
    }
}

impl Whereabouts {
    /// Keeps at most so many keys, one at least, that take at most so many bytes in a save point.
    pub(crate) fn new(max_keys: usize, max_bytes: usize) -> Whereabouts {
        Whereabouts {
            max_keys: max_keys.clamp(1, NOWHERE as usize - 1),
            max_bytes,
            bytes: 0,
            slots_by_key: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NOWHERE,
            oldest: NOWHERE,
        }
    }

    /// Notes that a key is now inside of these fences, and writes those it was inside of before. Answers how many other
    /// keys were forgotten for it.
    pub(crate) fn replace(&mut self, key: &[u8], now: &[u32], before: &mut Vec<u32>) -> u64 {
        before.clear();
        if let Some(&slot) = self.slots_by_key.get(key) {
            before.extend_from_slice(&self.slots[slot as usize].inside);
            self.unlink(slot);
            if now.is_empty() {
                self.forget(slot);
                return 0;
            }
            let inside = &mut self.slots[slot as usize].inside;
            self.bytes = self.bytes - saved_bytes(key, inside) + saved_bytes(key, now);
            inside.clear();
            inside.extend_from_slice(now);
            self.link(slot);
        } else if now.is_empty() {
            return 0;
        } else {
            self.add(key, now);
        }
        self.make_room()
    }

    /// How many keys are kept.
    pub(crate) fn len(&self) -> usize {
        self.slots_by_key.len()
    }

    /// The keys and the fences they are inside of, the one seen least recently first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u32])> {
        let oldest = self.slots.get(self.oldest as usize);
        std::iter::successors(oldest, |slot| self.slots.get(slot.newer as usize))
            .map(|slot| (&*slot.key, slot.inside.as_slice()))
    }

    /// Forgets all but the newest key until the bounds are kept.
    fn make_room(&mut self) -> u64 {
        let mut forgotten = 0;
        while self.len() > self.max_keys || (self.bytes > self.max_bytes && self.len() > 1) {
            let oldest = self.oldest;
            self.unlink(oldest);
            self.forget(oldest);
            forgotten += 1;
        }
        forgotten
    }

    fn add(&mut self, key: &[u8], now: &[u32]) {
        self.bytes += saved_bytes(key, now);
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
        let inside = std::mem::take(&mut forgotten.inside);
        let key = std::mem::take(&mut forgotten.key);
        self.bytes -= saved_bytes(&key, &inside);
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
