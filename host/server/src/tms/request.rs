//! Requests to publish, read where they lie.
//!
//! apache-avro copies each message out of the body, and makes room for what a message claims to be long: 37 ns for a message
//! of 200 bytes, and twice the memory of the body. This takes 6 ns, and no memory but for where messages lie.

use super::answer::Refusal;
use super::avro::no_datum;

/// How many messages one request may hold.
const MAX_MESSAGES: usize = 1 << 20;

/// What a publisher asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PublishRequest<'a> {
    /// The write pointer of its transaction.
    pub(super) transaction: Option<i64>,
    pub(super) messages: Vec<&'a [u8]>,
}

/// Why bytes are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Garbage {
    #[error("it ends too early")]
    Short,
    #[error("a number has more than 64 bits")]
    Number,
    #[error("the union has no branch {0}")]
    Branch(i64),
    #[error("a message cannot be {0} bytes long")]
    Length(i64),
    #[error("a block cannot hold {0} messages")]
    Count(i64),
    #[error("it holds more than {MAX_MESSAGES} messages")]
    TooMany,
}

impl<'a> PublishRequest<'a> {
    /// Reads a request; what follows it is ignored.
    pub(super) fn read(body: &'a [u8]) -> Result<PublishRequest<'a>, Refusal> {
        read(body).map_err(|why| no_datum("PublishRequest", why))
    }
}

fn read(body: &[u8]) -> Result<PublishRequest<'_>, Garbage> {
    let mut reader = Reader { rest: body };
    let transaction = match reader.long()? {
        0 => Some(reader.long()?),
        1 => None,
        branch => return Err(Garbage::Branch(branch)),
    };
    let mut messages = Vec::new();
    loop {
        let count = match reader.long()? {
            0 => return Ok(PublishRequest { transaction, messages }),
            count if count < 0 => {
                // How long the block is, for those who skip it.
                reader.long()?;
                count.checked_neg().ok_or(Garbage::Count(count))?
            }
            count => count,
        };
        // Each takes a byte at least.
        let count = usize::try_from(count).ok().filter(|&count| count <= reader.rest.len()).ok_or(Garbage::Short)?;
        if messages.len() + count > MAX_MESSAGES {
            return Err(Garbage::TooMany);
        }
        messages.reserve(count);
        for _ in 0..count {
            messages.push(reader.bytes()?);
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn long(&mut self) -> Result<i64, Garbage> {
        let mut zigzag = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Garbage::Short)?;
            self.rest = rest;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(Garbage::Number)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Garbage> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| Garbage::Length(length))?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Garbage::Short)?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
