//! What a fetch brings.

use super::{MessageId, Start};
use campanile_abi::MESSAGE_ID_BYTES;

/// Bytes in front of a payload: the id and the payload's length.
const HEAD_BYTES: usize = MESSAGE_ID_BYTES + 4;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its id.
    pub id: MessageId,
    /// What was published.
    pub payload: &'a [u8],
}

/// What a fetch brought: messages in order, packed as they cross the boundary.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) len: usize,
    pub(crate) position: Option<MessageId>,
    pub(crate) gap: bool,
}

impl Fetched {
    /// The messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (head, behind) = rest.split_first_chunk::<HEAD_BYTES>()?;
            let (id, len) = head.split_first_chunk::<MESSAGE_ID_BYTES>()?;
            let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]);
            let (payload, behind) = behind.split_at_checked(len as usize)?;
            rest = behind;
            Some(Message { id: MessageId(*id), payload })
        })
    }

    /// How many messages.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all payloads.
    pub fn payload_bytes(&self) -> usize {
        self.bytes.len().saturating_sub(self.len * HEAD_BYTES)
    }

    /// Messages behind the start have expired and are not among these.
    pub fn gap(&self) -> bool {
        self.gap
    }

    /// Go on with [`Start::After`] this id. None where there is no message yet: then the same start does.
    pub fn position(&self) -> Option<MessageId> {
        self.position
    }

    /// Where to go on after a fetch that began at `start`.
    pub fn next(&self, start: Start) -> Start {
        self.position.map_or(start, Start::After)
    }

    /// For services: adds a message, and moves the position behind it.
    ///
    /// # Panics
    /// If the payload has 4 GiB or more, which no service takes.
    pub fn push(&mut self, id: MessageId, payload: &[u8]) {
        assert!(payload.len() <= u32::MAX as usize, "a message of {} bytes", payload.len());
        self.bytes.reserve(HEAD_BYTES + payload.len());
        self.bytes.extend_from_slice(&id.0);
        self.bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(payload);
        self.len += 1;
        self.position = Some(id);
    }

    /// For services: says where to go on, where no message does.
    pub fn set_position(&mut self, position: MessageId) {
        self.position = Some(position);
    }

    /// For services: says that messages behind the start have expired.
    pub fn set_gap(&mut self, gap: bool) {
        self.gap = gap;
    }
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<String> = self.messages().map(|message| message.id.to_string()).collect();
        f.debug_struct("Fetched")
            .field("messages", &ids)
            .field("position", &self.position)
            .field("gap", &self.gap)
            .finish()
    }
}
