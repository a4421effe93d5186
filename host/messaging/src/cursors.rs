//! Cursors on their way into the store.

use crate::key;
use bytes::Bytes;

/// What lies next to each other in memory, in bytes, unless a single cursor is larger.
const CHUNK_BYTES: usize = 64 << 10;

/// Cursors of one write, next to each other: the store keeps slices of these bytes, and copies none.
#[derive(Debug)]
pub(crate) struct Cursors {
    bytes: Bytes,
    ends: Vec<End>,
}

/// Where a cursor's key and value end; the next one begins there.
#[derive(Debug)]
struct End {
    key: u32,
    value: u32,
    set: bool,
}

impl Cursors {
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Keys and values in the order in which they were added; none: the cursor goes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Bytes, Option<Bytes>)> {
        let mut at = 0;
        self.ends.iter().map(move |end| {
            let (begin, key, value) = (at, end.key as usize, end.value as usize);
            at = value;
            (self.bytes.slice(begin..key), end.set.then(|| self.bytes.slice(key..value)))
        })
    }
}

/// Collects cursors.
#[derive(Debug, Default)]
pub(crate) struct CursorsWriter {
    done: Vec<Cursors>,
    bytes: Vec<u8>,
    ends: Vec<End>,
}

impl CursorsWriter {
    /// Sets a cursor, or removes it. Both are smaller than a write may be.
    pub(crate) fn add(&mut self, name: &str, value: Option<&[u8]>) {
        let length = key::CURSOR.len() + name.len() + value.map_or(0, <[u8]>::len);
        if self.bytes.len() + length > CHUNK_BYTES && !self.bytes.is_empty() {
            self.close();
            self.bytes.reserve_exact(CHUNK_BYTES.max(length));
        }
        self.bytes.extend_from_slice(key::CURSOR);
        self.bytes.extend_from_slice(name.as_bytes());
        let key = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.ends.push(End { key, value: self.bytes.len() as u32, set: value.is_some() });
    }

    /// All that was collected.
    pub(crate) fn finish(mut self) -> Vec<Cursors> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        if !self.ends.is_empty() {
            let (mut bytes, mut ends) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends));
            bytes.shrink_to_fit();
            ends.shrink_to_fit();
            self.done.push(Cursors { bytes: bytes.into(), ends });
        }
    }
}
