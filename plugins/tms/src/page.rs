//! Messages to be published, one behind the other in memory.

#[derive(Debug, Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Page {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a message, which `write` writes.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The messages from the one at `first` on.
    pub(crate) fn messages(&self, first: usize) -> impl Iterator<Item = &[u8]> {
        (first..self.ends.len()).map(|number| {
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start..self.ends[number]]
        })
    }
}
