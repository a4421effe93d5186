//! What one stored entry holds: the messages of one request, or of a part of a large one.
//!
//! ```text
//! flags u8 | transaction i64 (flag 1) | count u32 | length u32 × count | payloads
//! ```
//! All numbers big-endian. Flag 2: a reference; instead of payloads of its own it stands for those that were stored in its
//! transaction. The ids of the messages of an entry follow each other, beginning with the entry's own.

use crate::{Error, Payload, Result};

const IN_TRANSACTION: u8 = 1;
const REFERENCE: u8 = 2;
/// Messages in one entry at most.
pub(crate) const MAX_MESSAGES: usize = 16_384;
/// Bytes of payload in one entry of several messages: what a reader holds at a time.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// One entry as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) bytes: Payload,
    /// How many ids it takes.
    pub(crate) count: u32,
}

impl Entry {
    /// The messages of one request as entries.
    pub(crate) fn of(messages: &[&[u8]], transaction: Option<i64>) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(1);
        let mut rest = messages;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |message: &&&[u8]| {
                bytes += message.len();
                bytes <= MAX_BYTES
            };
            let count = rest.iter().take(MAX_MESSAGES).take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            entries.push(Entry::write(now, transaction));
            rest = later;
        }
        entries
    }

    /// An entry that stands for what was stored in its transaction.
    pub(crate) fn reference(transaction: i64) -> Entry {
        let mut bytes = vec![IN_TRANSACTION | REFERENCE];
        bytes.extend(transaction.to_be_bytes());
        bytes.extend(1_u32.to_be_bytes());
        Entry { bytes: bytes.into(), count: 1 }
    }

    /// These entries without their first messages.
    pub(crate) fn behind(entries: &[Entry], mut messages: u64) -> Result<Vec<Entry>> {
        let mut rest = Vec::new();
        for entry in entries {
            let left_out = messages.min(u64::from(entry.count)) as u32;
            messages -= u64::from(left_out);
            match left_out {
                0 => rest.push(entry.clone()),
                all if all == entry.count => {}
                some => rest.push(entry.without(some)?),
            }
        }
        Ok(rest)
    }

    /// This entry without its first messages, of which it has more.
    fn without(&self, messages: u32) -> Result<Entry> {
        let mut reader = Reader::new(self.bytes.clone(), || "an entry".to_owned())?;
        reader.skip(messages);
        let mut rest = Vec::new();
        while let Some((_, payload)) = reader.next().transpose()? {
            rest.push(payload);
        }
        Ok(Entry::write(&rest.iter().map(|payload| &payload[..]).collect::<Vec<_>>(), reader.transaction))
    }

    fn write(messages: &[&[u8]], transaction: Option<i64>) -> Entry {
        let payload: usize = messages.iter().map(|message| message.len()).sum();
        let mut bytes = Vec::with_capacity(13 + 4 * messages.len() + payload);
        bytes.push(if transaction.is_some() { IN_TRANSACTION } else { 0 });
        bytes.extend(transaction.iter().flat_map(|pointer| pointer.to_be_bytes()));
        bytes.extend((messages.len() as u32).to_be_bytes());
        bytes.extend(messages.iter().flat_map(|message| (message.len() as u32).to_be_bytes()));
        messages.iter().for_each(|message| bytes.extend_from_slice(message));
        Entry { bytes: bytes.into(), count: messages.len() as u32 }
    }
}

/// An entry that was read, and how far one is in it.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    bytes: Payload,
    pub(crate) transaction: Option<i64>,
    pub(crate) reference: bool,
    /// How many messages it holds.
    pub(crate) count: u32,
    /// The next message.
    index: u32,
    /// Where its length stands.
    lengths: usize,
    /// Where its payload begins.
    payload: usize,
}

impl Reader {
    /// Reads the head of an entry. `place` names it where it makes no sense.
    pub(crate) fn new(bytes: Payload, place: impl Fn() -> String) -> Result<Reader> {
        let corrupt = |why: &str| Error::Corrupt { place: place(), why: why.to_owned() };
        let cut = || corrupt("the entry is cut off");
        let flags = *bytes.first().ok_or_else(cut)?;
        if flags & !(IN_TRANSACTION | REFERENCE) != 0 {
            return Err(corrupt("the entry has flags that are not known"));
        }
        let mut at = 1;
        let transaction = if flags & IN_TRANSACTION == 0 {
            None
        } else {
            at += 8;
            Some(i64::from_be_bytes(array(&bytes, at - 8).ok_or_else(cut)?))
        };
        let count = u32::from_be_bytes(array(&bytes, at).ok_or_else(cut)?);
        let reference = flags & REFERENCE != 0;
        let lengths = at + 4;
        let payload = if reference { lengths } else { lengths + 4 * count as usize };
        if payload > bytes.len() {
            return Err(cut());
        }
        Ok(Reader { bytes, transaction, reference, count, index: 0, lengths, payload })
    }

    /// The next message's number within the entry, and its payload.
    pub(crate) fn next(&mut self) -> Option<Result<(u32, Payload)>> {
        if self.reference || self.index == self.count {
            return None;
        }
        let index = self.index;
        let Some(end) = self.step() else {
            self.index = self.count;
            return Some(Err(Error::Corrupt {
                place: format!("message {index} of an entry"),
                why: "it is cut off".to_owned(),
            }));
        };
        Some(Ok((index, self.bytes.slice(self.payload - end..self.payload))))
    }

    /// Passes over messages without looking at them.
    pub(crate) fn skip(&mut self, count: u32) {
        for _ in 0..count.min(self.count - self.index) {
            if self.step().is_none() {
                self.index = self.count;
                return;
            }
        }
    }

    /// Passes over one message: the length of its payload.
    fn step(&mut self) -> Option<usize> {
        let length = u32::from_be_bytes(array(&self.bytes, self.lengths)?) as usize;
        let end = self.payload.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        (self.index, self.lengths, self.payload) = (self.index + 1, self.lengths + 4, end);
        Some(length)
    }
}

/// The bytes of a number.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
