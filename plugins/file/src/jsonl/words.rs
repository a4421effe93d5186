//! Eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The eight bytes from `at` on, the first in the lowest byte; zero where there are none.
#[inline(always)]
pub(super) fn load(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => load_end(bytes, at),
    }
}

/// Sixteen bytes as two words.
#[inline(always)]
pub(super) fn halves(bytes: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*bytes);
    (both as u64, (both >> 64) as u64)
}

#[cold]
fn load_end(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut eight = [0; 8];
    eight[..rest.len().min(8)].copy_from_slice(&rest[..rest.len().min(8)]);
    u64::from_le_bytes(eight)
}

/// The high bit of each byte that ends the plain part of a string (a quote, a backslash, a control character): the
/// lowest one is exact, those above it may be too many.
#[inline(always)]
pub(super) fn specials(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let zeros = (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash);
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (zeros | controls) & HIGH
}

/// The high bit of each byte that is no digit.
#[inline(always)]
pub(super) fn others(word: u64) -> u64 {
    let nibbles = word ^ (ONES * b'0' as u64);
    (((nibbles & !HIGH) + ONES * 0x76) | nibbles) & HIGH
}

/// Which byte has the lowest one of these high bits; 8 where there is none.
#[inline(always)]
pub(super) fn place(high: u64) -> usize {
    (high.trailing_zeros() / 8) as usize
}

/// The value of the first `count` bytes, which are one to eight digits.
#[inline(always)]
pub(super) fn value(word: u64, count: usize) -> u64 {
    // Zeros in front do not change the value.
    let nibbles = (word ^ (ONES * b'0' as u64)) << ((64 - 8 * count) & 63);
    // Neighbours are joined: digits to pairs, pairs to fours, fours to eight.
    let pairs = nibbles.wrapping_mul(10).wrapping_add(nibbles >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

/// How many digits stand at the beginning of the word, and their value.
#[inline(always)]
pub(super) fn digits(word: u64) -> (usize, u64) {
    let count = place(others(word));
    (count, if count == 0 { 0 } else { value(word, count) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_up_to_the_first_that_is_none() {
        for (text, count, value) in [
            ("12345678", 8, 12_345_678),
            ("1234567,", 7, 1_234_567),
            ("0.5", 1, 0),
            ("42}\n", 2, 42),
            ("-1", 0, 0),
            ("", 0, 0),
            ("9/8:7", 1, 9),
            ("9\u{e9}9", 1, 9),
            ("99999999", 8, 99_999_999),
        ] {
            assert_eq!(digits(load(text.as_bytes(), 0)), (count, value), "{text}");
        }
    }

    #[test]
    fn every_byte_that_ends_a_string_is_found_and_no_other() {
        for position in 0..8 {
            for byte in 0..=255_u8 {
                let mut text = *b"abcd\xc3\xa9gh";
                text[position] = byte;
                let special = byte == b'"' || byte == b'\\' || byte < 0x20;
                let first = specials(u64::from_le_bytes(text)).trailing_zeros() / 8;
                assert_eq!(first as usize, if special { position } else { 8 }, "{byte} at {position}");
            }
        }
    }
}
