//! What the folder keeps of a topic.

use crate::entry::array;
use crate::key::{self, position, read_position};
use crate::{MessageId, Notes, TopicId};
use std::sync::Arc;

/// What is kept of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Names this generation of this topic in keys; given once.
    pub(crate) number: u32,
    pub(crate) generation: u32,
    pub(crate) ttl_secs: Option<u32>,
    pub(crate) live: bool,
    /// Everything up to this message is gone.
    pub(crate) removed_through: MessageId,
    pub(crate) notes: Arc<Notes>,
}

impl Record {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend(self.ttl_secs.unwrap_or(0).to_be_bytes());
        bytes.push(u8::from(self.live));
        bytes.extend(position(self.removed_through));
        for text in self.notes.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend((text.len() as u32).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Record> {
        let number = |at| array(bytes, at).map(u32::from_be_bytes);
        Some(Record {
            number: number(0)?,
            generation: number(4)?,
            ttl_secs: number(8).map(|ttl| (ttl != 0).then_some(ttl))?,
            live: *bytes.get(12)? != 0,
            removed_through: read_position(bytes, 13)?,
            notes: Arc::new(read_notes(bytes.get(23..)?)?),
        })
    }
}

fn read_notes(mut bytes: &[u8]) -> Option<Notes> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        texts.push(std::str::from_utf8(text).ok()?);
        bytes = rest;
    }
    let (notes, alone) = texts.as_chunks();
    alone.is_empty().then(|| notes.iter().map(|[name, value]| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// A topic's name and record.
pub(crate) fn read_topic(name: &[u8], record: &[u8]) -> Option<(TopicId, Record)> {
    let name = std::str::from_utf8(name.strip_prefix(key::TOPIC)?).ok()?;
    let (namespace, name) = name.strip_suffix(':')?.split_once(':')?;
    Some((TopicId::new(namespace, name).ok()?, Record::from_bytes(record)?))
}
