//! The id of a message.

use campanile_abi::MESSAGE_ID_BYTES;
use std::fmt;
use std::str::FromStr;

/// Where a message stands in its topic: ordered as messages are, given once. People read and write it as 40 hexadecimal
/// digits.
///
/// Big-endian: the milliseconds of the publication (8 bytes), a number within that millisecond (2); then the same two of
/// the call that stored the payload, zero for a message that was published with its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; MESSAGE_ID_BYTES]);

impl MessageId {
    /// The id of a message that was published with its payload.
    pub fn new(timestamp_ms: u64, sequence: u16) -> MessageId {
        let mut bytes = [0; MESSAGE_ID_BYTES];
        bytes[..8].copy_from_slice(&timestamp_ms.to_be_bytes());
        bytes[8..10].copy_from_slice(&sequence.to_be_bytes());
        MessageId(bytes)
    }

    /// Milliseconds since 1970 of the publication.
    pub fn timestamp_ms(&self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|i| self.0[i]))
    }

    /// The number among the messages of one millisecond. Messages whose payloads were stored before they were published
    /// share it.
    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.0[8], self.0[9]])
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no message id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseMessageIdError(String);

impl fmt::Display for ParseMessageIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no message id: 40 hexadecimal digits", self.0)
    }
}

impl std::error::Error for ParseMessageIdError {}

impl FromStr for MessageId {
    type Err = ParseMessageIdError;

    fn from_str(text: &str) -> Result<MessageId, ParseMessageIdError> {
        const DIGITS: usize = 2 * MESSAGE_ID_BYTES;
        let digits: Option<Vec<u32>> = text.chars().take(DIGITS + 1).map(|digit| digit.to_digit(16)).collect();
        match digits.filter(|digits| digits.len() == DIGITS) {
            Some(digits) => Ok(MessageId(std::array::from_fn(|i| (digits[2 * i] * 16 + digits[2 * i + 1]) as u8))),
            None => Err(ParseMessageIdError(text.chars().take(DIGITS + 1).collect())),
        }
    }
}
