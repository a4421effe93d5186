//! Numbers and texts as bytes, for save points: unsigned LEB128, signed ones in zigzag, texts behind their length.

pub(super) fn put_u64(into: &mut Vec<u8>, number: u64) {
    put_u128(into, number.into());
}

pub(super) fn put_i64(into: &mut Vec<u8>, number: i64) {
    put_i128(into, number.into());
}

pub(super) fn put_i128(into: &mut Vec<u8>, number: i128) {
    put_u128(into, ((number << 1) ^ (number >> 127)) as u128);
}

pub(super) fn put_u128(into: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

pub(super) fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

/// Reads what was put. None means that the bytes are damaged.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.u128()?.try_into().ok()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.u128()?.try_into().ok()
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.i128()?.try_into().ok()
    }

    pub(super) fn i128(&mut self) -> Option<i128> {
        let number = self.u128()?;
        Some((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        let mut number = 0;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            let shifted = part << shift;
            if shifted >> shift != part {
                return None;
            }
            number |= shifted;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn f64(&mut self) -> Option<f64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u64()?.try_into().ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The end: whatever follows is damage.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_read(a: u64, b: i64, c: i128, d: u128, text: String) {
            let mut bytes = Vec::new();
            put_u64(&mut bytes, a);
            put_i64(&mut bytes, b);
            put_i128(&mut bytes, c);
            put_u128(&mut bytes, d);
            put_bytes(&mut bytes, text.as_bytes());
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.u64(), Some(a));
            prop_assert_eq!(reader.i64(), Some(b));
            prop_assert_eq!(reader.i128(), Some(c));
            prop_assert_eq!(reader.u128(), Some(d));
            prop_assert_eq!(reader.bytes(), Some(text.as_bytes()));
            prop_assert_eq!(reader.end(), Some(()));
        }
    }
}
