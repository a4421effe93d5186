//! A group's key: the values of its groupBy keys as one run of bytes.

/// How long a key may be to be kept in place.
const SHORT: usize = 30;

/// A key, kept: most are short, and then comparing them costs no second miss of the cache.
#[derive(Debug)]
pub(super) enum Key {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl From<&[u8]> for Key {
    fn from(key: &[u8]) -> Key {
        let mut short = [0; SHORT];
        match short.get_mut(..key.len()) {
            Some(begin) => {
                begin.copy_from_slice(key);
                Key::Short(key.len() as u8, short)
            }
            None => Key::Long(key.into()),
        }
    }
}

impl Default for Key {
    fn default() -> Key {
        Key::Short(0, [0; SHORT])
    }
}

impl Key {
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Key::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Key::Long(bytes) => bytes,
        }
    }

    /// Bytes it occupies besides itself.
    pub(super) fn heap_bytes(&self) -> usize {
        /// An allocation's own cost.
        const ALLOCATION: usize = 16;
        match self {
            Key::Short(..) => 0,
            Key::Long(bytes) => bytes.len() + ALLOCATION,
        }
    }
}

/// Appends the value of the next groupBy key: its length plus one as unsigned LEB128, then its bytes; zero for a missing one,
/// which is how it differs from an empty one.
pub(super) fn push(key: &mut Vec<u8>, part: Option<&str>) {
    let Some(part) = part else { return key.push(0) };
    let mut length = part.len() as u64 + 1;
    while length >= 0x80 {
        key.push(length as u8 | 0x80);
        length >>= 7;
    }
    key.push(length as u8);
    key.extend_from_slice(part.as_bytes());
}

/// The parts that were pushed, in order.
pub(super) fn parts(mut key: &[u8]) -> impl Iterator<Item = Option<&str>> {
    std::iter::from_fn(move || {
        let mut length = 0u64;
        let mut shift = 0;
        loop {
            let (&byte, rest) = key.split_first()?;
            key = rest;
            length |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let Some(length) = length.checked_sub(1) else { return Some(None) };
        let (part, rest) = key.split_at_checked(length as usize)?;
        key = rest;
        std::str::from_utf8(part).ok().map(Some)
    })
}

/// FNV-1a: slow, but documented and the same everywhere, for ids that outlive the run.
pub(super) fn stable_hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Hashes keys for the table: eight bytes a step, with a secret that keeps whoever writes the data from choosing collisions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hasher {
    secret: u64,
}

impl Hasher {
    pub(super) fn new() -> Hasher {
        use std::hash::{BuildHasher, RandomState};
        Hasher { secret: RandomState::new().hash_one(0) }
    }

    pub(super) fn hash(self, key: &[u8]) -> u64 {
        let mut hash = self.secret ^ key.len() as u64;
        let (words, rest) = key.as_chunks::<8>();
        for word in words {
            hash = fold(hash ^ u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (byte, &key) in last.iter_mut().zip(rest) {
            *byte = key;
        }
        fold(fold(hash ^ u64::from_le_bytes(last)) ^ self.secret.rotate_left(32))
    }
}

#[cfg(test)]
impl Hasher {
    /// A key of sixteen bytes that begins with `number` and after whose two words the hash is folded from `state`.
    pub(super) fn key_with_state(self, number: u64, state: u64) -> Vec<u8> {
        let second = fold(self.secret ^ 16 ^ number) ^ state;
        [number.to_le_bytes(), second.to_le_bytes()].concat()
    }
}

/// Both halves of a product with an odd constant (2^64 divided by the golden ratio): every bit reaches every other.
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}
