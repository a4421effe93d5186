//! How far the front of a topic can go.

use crate::core::Core;
use crate::entry::Reader;
use crate::key;
use crate::store::read_entry;
use crate::topic::State;
use crate::{MessageId, Result};
use std::ops::Bound;

impl Core {
    /// The last message of those entries behind `removed` that hold nothing behind `through`. One or two are looked at.
    pub(crate) fn whole_entries(&self, topic: &State, removed: MessageId, through: MessageId) -> Result<MessageId> {
        if through <= removed {
            return Ok(removed);
        }
        let behind = Bound::Excluded(key::message(topic.number, removed));
        let until = Bound::Included(key::message(topic.number, through));
        let mut entries = self.store.messages.range((behind, until));
        while let Some(guard) = entries.next_back() {
            let (first, reader) = read_entry(guard, key::message_position)?;
            let last = MessageId { sequence: (u32::from(first.sequence) + reader.count.max(1) - 1) as u16, ..first };
            let whole = last <= through && (!reader.reference || self.end_of(topic, first, &reader)? <= through);
            if whole {
                return Ok(last);
            }
        }
        Ok(removed)
    }

    /// The last message that a reference stands for.
    fn end_of(&self, topic: &State, at: MessageId, reference: &Reader) -> Result<MessageId> {
        let stored = key::payloads_of(topic.number, reference.transaction.unwrap_or_default());
        let Some(guard) = self.store.payloads.prefix(stored).next_back() else { return Ok(at) };
        let (first, reader) = read_entry(guard, key::payload_position)?;
        let number = (u32::from(first.sequence) + reader.count.max(1) - 1) as u16;
        Ok(MessageId { payload_timestamp_ms: first.timestamp_ms, payload_sequence: number, ..at })
    }
}
