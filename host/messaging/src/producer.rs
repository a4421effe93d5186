//! What the folder keeps of those who publish once.

use crate::MessageId;
use crate::entry::array;
use crate::key::{position, read_position};

/// What is kept of a producer of a topic: its last message's sequence, and what it wrote last.
#[derive(Clone, Copy)]
pub(crate) struct Producer {
    pub(crate) sequence: u64,
    pub(crate) first: MessageId,
    pub(crate) last: MessageId,
    pub(crate) count: u32,
}

impl Producer {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.sequence.to_be_bytes().to_vec();
        bytes.extend(position(self.first));
        bytes.extend(position(self.last));
        bytes.extend(self.count.to_be_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Producer> {
        Some(Producer {
            sequence: array(bytes, 0).map(u64::from_be_bytes)?,
            first: read_position(bytes, 8)?,
            last: read_position(bytes, 18)?,
            count: array(bytes, 28).map(u32::from_be_bytes)?,
        })
    }

    /// When it last published, in milliseconds since 1970.
    pub(crate) fn used_ms(&self) -> u64 {
        self.last.timestamp_ms
    }
}
