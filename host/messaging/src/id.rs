//! The id of a message.

use std::fmt;
use std::str::FromStr;

/// Where a message stands in its topic: ordered by time, given once.
///
/// 20 bytes, big-endian, compared as they lie: milliseconds of the publication (8), a number within that millisecond (2);
/// then the same two of the call that stored the payload, zero for a message that was published with its payload. People
/// read it as 40 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// Milliseconds since 1970 of the publication.
    pub timestamp_ms: u64,
    /// The number among those of one millisecond.
    pub sequence: u16,
    /// Milliseconds since 1970 at which the payload was stored; 0 if it came with the publication.
    pub payload_timestamp_ms: u64,
    /// The number of the stored payload among those of one millisecond.
    pub payload_sequence: u16,
}

impl MessageId {
    /// Bytes of an id.
    pub const LEN: usize = 20;
    /// Not less than any other id.
    pub const MAX: MessageId = MessageId {
        timestamp_ms: u64::MAX,
        sequence: u16::MAX,
        payload_timestamp_ms: u64::MAX,
        payload_sequence: u16::MAX,
    };

    /// The id of a message that was published with its payload.
    pub const fn new(timestamp_ms: u64, sequence: u16) -> MessageId {
        MessageId { timestamp_ms, sequence, payload_timestamp_ms: 0, payload_sequence: 0 }
    }

    /// The id as it travels.
    pub fn to_bytes(self) -> [u8; MessageId::LEN] {
        let mut bytes = [0; MessageId::LEN];
        bytes[..8].copy_from_slice(&self.timestamp_ms.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.payload_timestamp_ms.to_be_bytes());
        bytes[18..].copy_from_slice(&self.payload_sequence.to_be_bytes());
        bytes
    }

    /// The id that travelled as these bytes.
    pub fn from_bytes(bytes: [u8; MessageId::LEN]) -> MessageId {
        let long = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
        let short = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        MessageId {
            timestamp_ms: long(0),
            sequence: short(8),
            payload_timestamp_ms: long(10),
            payload_sequence: short(18),
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no message id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no message id: 40 hexadecimal digits")]
pub struct ParseMessageIdError(String);

impl FromStr for MessageId {
    type Err = ParseMessageIdError;

    fn from_str(text: &str) -> Result<MessageId, ParseMessageIdError> {
        let wrong = || ParseMessageIdError(text.chars().take(2 * MessageId::LEN + 1).collect());
        let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len() == 2 * MessageId::LEN).ok_or_else(wrong)?;
        Ok(MessageId::from_bytes(std::array::from_fn(|i| (digits[2 * i] * 16 + digits[2 * i + 1]) as u8)))
    }
}

#[cfg(test)]
mod tests;
