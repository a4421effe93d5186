//! Transactions as their manager, Tephra, encodes them: a struct of Thrift's binary protocol.
//!
//! ```thrift
//! struct TTransaction {
//!   1: i64 transactionId,                   6: i32 type,
//!   2: i64 readPointer,                     7: i64 writePointer,
//!   3: list<i64> invalids,                  8: list<i64> checkpointWritePointers,
//!   4: list<i64> inProgress,                9: i32 visibilityLevel
//!   5: i64 firstShort,
//! }
//! ```
//!
//! Fields 1, 5, 6 and 9 decide nothing for a reader of messages. Unknown fields are skipped, as Thrift wants it; what follows
//! the struct is ignored.

use campanile_messaging::Transaction;

/// How deep structs and lists in fields that are skipped may nest.
const MAX_DEPTH: usize = 16;

// The types of values that mean something here.
const STOP: u8 = 0;
const BOOL: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 4;
const I16: u8 = 6;
const I32: u8 = 8;
const I64: u8 = 10;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const MAP: u8 = 13;
const SET: u8 = 14;
const LIST: u8 = 15;

/// Why bytes are no transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Garbage {
    #[error("it ends too early")]
    Short,
    #[error("a list of {0} is longer than what is left")]
    List(i32),
    #[error("{0} is no type of a value")]
    Type(u8),
    #[error("values nest deeper than {MAX_DEPTH}")]
    Deep,
    #[error("it has no read pointer")]
    NoReadPointer,
}

/// The transaction that these bytes stand for.
pub(super) fn transaction(bytes: &[u8]) -> Result<Transaction, Garbage> {
    let mut reader = Reader { rest: bytes };
    let mut transaction = Transaction::default();
    let mut read_pointer = None;
    loop {
        let kind = reader.byte()?;
        if kind == STOP {
            break;
        }
        match (reader.short()?, kind) {
            (2, I64) => read_pointer = Some(reader.long()?),
            (7, I64) => transaction.write_pointer = reader.long()?,
            (3, LIST) => transaction.invalid = reader.longs()?,
            (4, LIST) => transaction.in_progress = reader.longs()?,
            (8, LIST) => transaction.checkpoint_write_pointers = reader.longs()?,
            _ => reader.skip(kind, MAX_DEPTH)?,
        }
    }
    transaction.read_pointer = read_pointer.ok_or(Garbage::NoReadPointer)?;
    // In order, each piece of an answer finds it so.
    transaction.invalid.sort_unstable();
    transaction.in_progress.sort_unstable();
    transaction.checkpoint_write_pointers.sort_unstable();
    Ok(transaction)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Garbage> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Garbage::Short)?;
        self.rest = rest;
        Ok(*array)
    }

    fn byte(&mut self) -> Result<u8, Garbage> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Result<i16, Garbage> {
        self.array().map(i16::from_be_bytes)
    }

    fn int(&mut self) -> Result<i32, Garbage> {
        self.array().map(i32::from_be_bytes)
    }

    fn long(&mut self) -> Result<i64, Garbage> {
        self.array().map(i64::from_be_bytes)
    }

    /// A count of values of at least `bytes` each, held against what is left.
    fn count(&mut self, bytes: usize) -> Result<usize, Garbage> {
        let said = self.int()?;
        let count = usize::try_from(said).map_err(|_| Garbage::List(said))?;
        if count.saturating_mul(bytes) > self.rest.len() { Err(Garbage::List(said)) } else { Ok(count) }
    }

    fn longs(&mut self) -> Result<Vec<i64>, Garbage> {
        let kind = self.byte()?;
        let count = self.count(size_of::<i64>())?;
        if kind != I64 && count > 0 {
            return Err(Garbage::Type(kind));
        }
        (0..count).map(|_| self.long()).collect()
    }

    fn advance(&mut self, bytes: usize) -> Result<(), Garbage> {
        self.rest = self.rest.get(bytes..).ok_or(Garbage::Short)?;
        Ok(())
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), Garbage> {
        let depth = depth.checked_sub(1).ok_or(Garbage::Deep)?;
        match kind {
            BOOL | BYTE => self.advance(1),
            I16 => self.advance(2),
            I32 => self.advance(4),
            I64 | DOUBLE => self.advance(8),
            STRING => {
                let length = self.count(1)?;
                self.advance(length)
            }
            STRUCT => loop {
                let kind = self.byte()?;
                if kind == STOP {
                    return Ok(());
                }
                self.short()?;
                self.skip(kind, depth)?;
            },
            LIST | SET => {
                let kind = self.byte()?;
                (0..self.count(1)?).try_for_each(|_| self.skip(kind, depth))
            }
            MAP => {
                let (key, value) = (self.byte()?, self.byte()?);
                (0..self.count(2)?).try_for_each(|_| {
                    self.skip(key, depth)?;
                    self.skip(value, depth)
                })
            }
            kind => Err(Garbage::Type(kind)),
        }
    }
}

#[cfg(test)]
mod tests;
