//! JSON text in the making: bytes with room behind them, so that short pieces are stored as whole words.

use super::words;
use campanile_sdk::text;

/// Doubles from here up to [`FIXED_END`] are tried as a decimal of few digits.
const FIXED_BEGIN: f64 = 1e-5;
const FIXED_END: f64 = 1e15;
/// Digits that any double keeps: two decimals of no more digits are never the same double.
const KEPT_DIGITS: usize = 15;

const POWERS: [u64; KEPT_DIGITS + 1] = {
    let mut powers = [1; KEPT_DIGITS + 1];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};
const EIGHT_DIGITS: u64 = 100_000_000;
const ZEROS: u64 = 0x3030_3030_3030_3030;
/// Room that any number needs, and the words that are stored beyond it.
const NUMBER_BYTES: usize = 40;

/// Bytes in the making.
#[derive(Debug, Default)]
pub(super) struct Page {
    bytes: Vec<u8>,
    len: usize,
}

impl Page {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets the bytes.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Replaces the byte at `at`.
    #[inline(always)]
    pub(super) fn set(&mut self, at: usize, byte: u8) {
        self.bytes[at] = byte;
    }

    /// Makes sure that so many bytes fit.
    #[inline(always)]
    fn room(&mut self, more: usize) {
        if self.bytes.len() - self.len < more {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let len = (self.len + more).max(self.bytes.len() * 2);
        self.bytes.resize(len, 0);
    }

    /// Stores a word, of which `count` bytes count; there is room.
    #[inline(always)]
    fn word(&mut self, word: u64, count: usize) {
        self.bytes[self.len..self.len + 8].copy_from_slice(&word.to_le_bytes());
        self.len += count;
    }

    /// Adds a byte.
    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        self.room(1);
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Adds bytes.
    #[inline(always)]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len());
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Adds the first `count` of sixteen bytes.
    #[inline(always)]
    pub(super) fn put_short(&mut self, bytes: &[u8; 16], count: usize) {
        self.room(16);
        self.bytes[self.len..self.len + 16].copy_from_slice(bytes);
        self.len += count;
    }

    /// Adds a string in quotes.
    #[inline(always)]
    pub(super) fn string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        // The quotes, and a word beyond the end.
        self.room(bytes.len() + 10);
        let start = self.len;
        self.bytes[start] = b'"';
        self.len += 1;
        let mut rest = bytes;
        let mut specials = 0;
        while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*eight);
            specials |= words::specials(word);
            self.word(word, 8);
            rest = behind;
        }
        if !rest.is_empty() {
            let word = short_word(rest);
            // Spaces behind the end are nothing special.
            specials |= words::specials(word | 0x2020_2020_2020_2020 << (8 * rest.len()));
            self.word(word, rest.len());
        }
        if specials != 0 {
            self.len = start;
            return self.escaped(text);
        }
        self.bytes[self.len] = b'"';
        self.len += 1;
    }

    #[inline(never)]
    fn escaped(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.byte(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            self.put(&rest[..at]);
            match rest[at] {
                b'"' => self.put(b"\\\""),
                b'\\' => self.put(b"\\\\"),
                8 => self.put(b"\\b"),
                9 => self.put(b"\\t"),
                10 => self.put(b"\\n"),
                12 => self.put(b"\\f"),
                13 => self.put(b"\\r"),
                byte => {
                    self.put(b"\\u00");
                    self.byte(HEX[usize::from(byte >> 4)]);
                    self.byte(HEX[usize::from(byte & 15)]);
                }
            }
            rest = &rest[at + 1..];
        }
        self.put(rest);
        self.byte(b'"');
    }

    /// Adds a whole number.
    #[inline(always)]
    pub(super) fn whole(&mut self, value: i64) {
        self.room(NUMBER_BYTES);
        if value < 0 {
            self.bytes[self.len] = b'-';
            self.len += 1;
        }
        self.digits(value.unsigned_abs());
    }

    /// Adds the digits of a whole number; there is room.
    #[inline(always)]
    fn digits(&mut self, value: u64) {
        if value < EIGHT_DIGITS {
            self.leading(value);
        } else if value < EIGHT_DIGITS * EIGHT_DIGITS {
            self.leading(value / EIGHT_DIGITS);
            self.word(eight_digits(value % EIGHT_DIGITS) | ZEROS, 8);
        } else {
            self.put(itoa::Buffer::new().format(value).as_bytes());
        }
    }

    /// Adds up to eight digits, without zeros in front.
    #[inline(always)]
    fn leading(&mut self, value: u64) {
        let digits = eight_digits(value);
        // At least one digit is there.
        let zeros = ((digits | 1 << 63).trailing_zeros() / 8) as usize;
        self.word((digits | ZEROS) >> (8 * zeros), 8 - zeros);
    }

    /// Adds a double as ECMAScript prints it; one that JSON does not have becomes null. `places` is how many digits
    /// stood behind the point of the last one like it: a guess that costs time where it is wrong, and nothing else.
    #[inline(always)]
    pub(super) fn double(&mut self, value: f64, places: &mut usize) {
        self.room(NUMBER_BYTES);
        let magnitude = value.abs();
        if !(FIXED_BEGIN..FIXED_END).contains(&magnitude) {
            return self.uncommon_double(value);
        }
        if value < 0.0 {
            self.bytes[self.len] = b'-';
            self.len += 1;
        }
        let whole = magnitude as u64;
        if whole as f64 == magnitude {
            return self.digits(whole);
        }
        // A decimal of at most 15 digits that reads back as this double is the only one, so it is the shortest.
        let guess = (*places).min(KEPT_DIGITS);
        let scaled = (magnitude * POWERS[guess] as f64 + 0.5) as u64;
        if reads_back(scaled, guess, magnitude) && scaled % 10 != 0 {
            return self.fixed(whole, scaled, guess);
        }
        self.other_double(whole, magnitude, places);
    }

    /// Adds a double between the bounds for which the guess was wrong; its sign is there.
    #[inline(never)]
    fn other_double(&mut self, whole: u64, magnitude: f64, places: &mut usize) {
        let digits = POWERS.iter().take_while(|&&power| power <= whole).count();
        let mut behind = KEPT_DIGITS - digits;
        let mut scaled = (magnitude * POWERS[behind] as f64 + 0.5) as u64;
        if !reads_back(scaled, behind, magnitude) {
            self.put(ryu_js::Buffer::new().format(magnitude).as_bytes());
            return;
        }
        while scaled % 10 == 0 {
            scaled /= 10;
            behind -= 1;
        }
        *places = behind;
        self.fixed(whole, scaled, behind);
    }

    /// Adds `scaled` divided by ten to the power of `places`; its whole part is `whole`.
    #[inline(always)]
    fn fixed(&mut self, whole: u64, scaled: u64, places: usize) {
        self.digits(whole);
        self.bytes[self.len] = b'.';
        self.len += 1;
        let fraction = scaled - whole * POWERS[places];
        match places {
            0..=8 => self.word(eight_digits(fraction * POWERS[8 - places]) | ZEROS, places),
            _ => {
                let (high, low) = (fraction / POWERS[places - 8], fraction % POWERS[places - 8]);
                self.word(eight_digits(high) | ZEROS, 8);
                self.word(eight_digits(low * POWERS[16 - places]) | ZEROS, places - 8);
            }
        }
    }

    #[inline(never)]
    fn uncommon_double(&mut self, value: f64) {
        if value == 0.0 {
            self.byte(b'0');
        } else if value.is_finite() {
            self.put(ryu_js::Buffer::new().format(value).as_bytes());
        } else {
            self.put(b"null");
        }
    }
}

/// Whether the decimal is of few digits and is read as this double: both numbers are exact, so the division is rounded
/// once, as reading is.
#[inline(always)]
fn reads_back(scaled: u64, places: usize, magnitude: f64) -> bool {
    scaled < POWERS[KEPT_DIGITS] && scaled as f64 / POWERS[places] as f64 == magnitude
}

/// One to seven bytes as a word.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4));
    }
    u64::from(bytes[0]) | u64::from(bytes[len / 2]) << (8 * (len / 2)) | u64::from(bytes[len - 1]) << (8 * (len - 1))
}

/// Eight digits, the first in the lowest byte, of a number below 10^8. Source: the reverse of Daniel Lemire, "Quickly
/// parsing eight digits"; Paul Khuong, "How to print integers really fast".
#[inline(always)]
fn eight_digits(value: u64) -> u64 {
    let fours = value / 10_000 | (value % 10_000) << 32;
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & (0x7f | 0x7f << 32);
    let pairs = hundreds | (fours - 100 * hundreds) << 16;
    let tens = (pairs.wrapping_mul(103) >> 10) & (0xf | 0xf << 16 | 0xf << 32 | 0xf << 48);
    tens | (pairs - 10 * tens) << 8
}

/// Adds what the SDK writes, in quotes where it is no number.
pub(super) fn put_scalar(page: &mut Page, scalar: &campanile_sdk::Scalar<'_>, scratch: &mut Vec<u8>) {
    use campanile_sdk::Scalar;
    scratch.clear();
    match *scalar {
        Scalar::Float(value) if !value.is_finite() => return page.put(b"null"),
        Scalar::Float(value) => text::write_f32(value, scratch),
        _ => {
            scratch.push(b'"');
            scalar.write(scratch);
            scratch.push(b'"');
        }
    }
    page.put(scratch);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::default();
        write(&mut page);
        String::from_utf8(page.bytes().to_vec()).unwrap()
    }

    #[test]
    fn whole_numbers_print_all_their_digits() {
        let mut values = vec![0, 1, -1, i64::MAX, i64::MIN, 1_716_200_000_000, 9_999_999_999_999_999];
        for exponent in 0..19 {
            let power = 10_i64.pow(exponent);
            values.extend([power - 1, power, power + 1, -power]);
        }
        for value in values {
            assert_eq!(written(|page| page.whole(value)), value.to_string());
        }
    }

    #[test]
    fn doubles_print_as_ecmascript_prints_them() {
        let mut values = vec![
            0.0, -0.0, 1.0, -83.4, 48.123456, 0.1, 0.3, 1e21, 1e-7, 1e-6, 1e-5, 5e-324, f64::MAX, f64::MIN_POSITIVE,
            0.30000000000000004, 1e15, 999_999_999_999_999.9, 999_999_999_999_999.0, 123_456_789.123_456_78, 1e14 + 0.5,
            0.99999999999999, 0.999_999_999_999_999_9, 9_007_199_254_740_993.0, 4.35, 0.000_01, 0.000_012_5,
        ];
        let mut state = 7_u64;
        for round in 0..300_000 {
            // A linear congruential generator (Knuth, MMIX): the same numbers in every run.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let bits = state ^ state >> 29;
            values.push(match round % 5 {
                0 => f64::from_bits(bits),
                1 => (bits >> 44) as f64 / 10_f64.powi((bits % 7) as i32),
                2 => (bits >> 14) as f64 / 10_f64.powi((bits % 17) as i32),
                3 => (bits >> 30) as f64 / 1e6,
                _ => f64::from_bits(0x3f00_0000_0000_0000 + (bits >> 5)),
            });
        }
        let mut places = 0;
        for value in values {
            let expected = if value.is_finite() { ryu_js::Buffer::new().format(value).to_owned() } else { "null".into() };
            assert_eq!(written(|page| page.double(value, &mut places)), expected, "{value:e} with a guess");
            assert_eq!(written(|page| page.double(value, &mut 0)), expected, "{value:e} without a guess");
        }
    }

    #[test]
    fn strings_are_written_as_serde_writes_them() {
        let all: String = (0..0x80_u8).map(char::from).chain("é\u{2028}😀".chars()).collect();
        let mut texts = vec![String::new(), all.clone(), "\u{7f}".into()];
        for len in 0..40 {
            texts.push("abcdefghijklmnopqrstuvwxyz0123456789".repeat(2)[..len].to_owned());
            for position in 0..len {
                let mut text = "x".repeat(len);
                text.replace_range(position..=position, ["\"", "\\", "\n", "\u{1}", "é"][len % 5]);
                texts.push(text);
            }
        }
        for text in texts {
            assert_eq!(written(|page| page.string(&text)), serde_json::to_string(&text).unwrap());
        }
    }
}
