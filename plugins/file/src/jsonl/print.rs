//! Values as JSON text, printed into a buffer that has room for them: short pieces are stored as whole words, so what is
//! behind the end of a piece may be overwritten.

use super::words;

/// Bytes of room that a number needs, with the words that are stored beyond it.
pub(super) const NUMBER_ROOM: usize = 48;
/// The longest string that is printed word by word.
pub(super) const QUICK_BYTES: usize = 128;
/// Bytes of room that such a string needs.
pub(super) const STRING_ROOM: usize = QUICK_BYTES + 16;

/// Doubles from here up to [`FIXED_END`] are tried as a decimal of few digits.
const FIXED_BEGIN: f64 = 1e-5;
const FIXED_END: f64 = 1e15;
/// Digits that any double keeps: two decimals of no more digits are never the same double.
const KEPT_DIGITS: usize = 15;
/// Adding and taking away this rounds a double below it to a whole number (2^52).
const ROUNDS: f64 = 4_503_599_627_370_496.0;

const POWERS: [u64; KEPT_DIGITS + 1] = {
    let mut powers = [1; KEPT_DIGITS + 1];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};
const DOUBLE_POWERS: [f64; KEPT_DIGITS + 1] = {
    let mut powers = [1.0; KEPT_DIGITS + 1];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = POWERS[i] as f64;
        i += 1;
    }
    powers
};
/// The digits of the numbers below 1,000, the first in the lowest byte; in the highest one how many they are.
static SMALL: [u32; 1_000] = {
    let mut small = [0; 1_000];
    let mut value = 0;
    while value < 1_000 {
        let (mut rest, mut count) = (value as u32, 0);
        while rest > 0 || count == 0 {
            small[value] = (small[value] & 0xff_ffff) << 8 | (b'0' as u32 + rest % 10);
            rest /= 10;
            count += 1;
        }
        small[value] |= count << 24;
        value += 1;
    }
    small
};
const EIGHT_DIGITS: u64 = 100_000_000;
const ZEROS: u64 = 0x3030_3030_3030_3030;
const SPACES: u64 = 0x2020_2020_2020_2020;

#[inline(always)]
fn store(out: &mut [u8], at: usize, word: u64) {
    out[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

/// Bytes of any number; there is room. Says where they end.
#[inline(always)]
pub(super) fn bytes(out: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    out[at..at + bytes.len()].copy_from_slice(bytes);
    at + bytes.len()
}

/// A string in quotes, of at most [`QUICK_BYTES`] and without anything to be escaped; or nothing.
#[inline(always)]
pub(super) fn quick_string(out: &mut [u8], at: usize, text: &str) -> Option<usize> {
    let mut rest = text.as_bytes();
    if rest.len() > QUICK_BYTES {
        return None;
    }
    out[at] = b'"';
    let mut end = at + 1;
    let mut specials = 0;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        specials |= words::specials(word);
        store(out, end, word);
        end += 8;
        rest = behind;
    }
    if !rest.is_empty() {
        let word = short_word(rest);
        // Spaces behind the end are nothing special.
        specials |= words::specials(word | SPACES << (8 * rest.len()));
        store(out, end, word);
        end += rest.len();
    }
    out[end] = b'"';
    (specials == 0).then_some(end + 1)
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

/// Any string in quotes.
#[inline(never)]
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            byte => {
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// A whole number; there is room for [`NUMBER_ROOM`].
#[inline(always)]
pub(super) fn whole(out: &mut [u8], at: usize, value: i64) -> usize {
    let at = sign(out, at, value < 0);
    digits(out, at, value.unsigned_abs())
}

/// A minus, where there is one.
#[inline(always)]
fn sign(out: &mut [u8], at: usize, negative: bool) -> usize {
    out[at] = b'-';
    at + usize::from(negative)
}

/// The digits of a whole number.
#[inline(always)]
fn digits(out: &mut [u8], at: usize, value: u64) -> usize {
    if let Some(&small) = usize::try_from(value).ok().and_then(|value| SMALL.get(value)) {
        out[at..at + 4].copy_from_slice(&small.to_le_bytes());
        at + (small >> 24) as usize
    } else if value < EIGHT_DIGITS {
        leading(out, at, value)
    } else if value < EIGHT_DIGITS * EIGHT_DIGITS {
        let at = leading(out, at, value / EIGHT_DIGITS);
        store(out, at, eight_digits(value % EIGHT_DIGITS) | ZEROS);
        at + 8
    } else {
        bytes(out, at, itoa::Buffer::new().format(value).as_bytes())
    }
}

/// Up to eight digits, without zeros in front.
#[inline(always)]
fn leading(out: &mut [u8], at: usize, value: u64) -> usize {
    let digits = eight_digits(value);
    // At least one digit is there.
    let zeros = (digits | 1 << 63).trailing_zeros() as usize / 8;
    store(out, at, (digits | ZEROS) >> (8 * zeros));
    at + 8 - zeros
}

/// Eight digits, the first in the lowest byte, of a number below 10^8: it is split into fours, pairs and ones, all at
/// once. Source: Paul Khuong, "How to print integers really fast".
#[inline(always)]
fn eight_digits(value: u64) -> u64 {
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & (0x7f | 0x7f << 32);
    let pairs = hundreds | (fours - 100 * hundreds) << 16;
    let tens = (pairs.wrapping_mul(103) >> 10) & (0xf | 0xf << 16 | 0xf << 32 | 0xf << 48);
    tens | (pairs - 10 * tens) << 8
}

/// A double as ECMAScript prints it; one that JSON does not have is null. There is room for [`NUMBER_ROOM`]. `places` is
/// how many digits stood behind the point of the last one like it: a guess that costs time where it is wrong, and nothing
/// else.
#[inline(always)]
pub(super) fn double(out: &mut [u8], at: usize, value: f64, places: &mut usize) -> usize {
    let magnitude = value.abs();
    if !(FIXED_BEGIN..FIXED_END).contains(&magnitude) {
        return uncommon_double(out, at, value);
    }
    let at = sign(out, at, value < 0.0);
    let whole = magnitude as i64;
    if whole as f64 == magnitude {
        return digits(out, at, whole as u64);
    }
    let mut behind = (*places).min(KEPT_DIGITS);
    let Some(mut scaled) = decimal(magnitude, behind) else {
        return other_double(out, at, magnitude, places);
    };
    while scaled % 10 == 0 {
        scaled /= 10;
        behind -= 1;
    }
    fixed(out, at, whole as u64, scaled, behind)
}

/// The decimal with so many digits behind its point that is read as this double, as a whole number; or nothing.
///
/// One that has at most 15 digits is the only one of them, so without its last zeros it is the shortest.
#[inline(always)]
fn decimal(magnitude: f64, places: usize) -> Option<u64> {
    let power = DOUBLE_POWERS[places];
    let rounded = magnitude * power + ROUNDS;
    let scaled = rounded - ROUNDS;
    // Both are exact, so the division is rounded once, as reading is.
    if scaled < FIXED_END && scaled / power == magnitude {
        return Some(rounded.to_bits() - ROUNDS.to_bits());
    }
    None
}

/// A double for which the guess was wrong.
#[inline(never)]
fn other_double(out: &mut [u8], at: usize, magnitude: f64, places: &mut usize) -> usize {
    let whole = magnitude as u64;
    let mut behind = KEPT_DIGITS - POWERS.iter().take_while(|&&power| power <= whole).count();
    let Some(mut scaled) = decimal(magnitude, behind) else {
        return bytes(out, at, ryu_js::Buffer::new().format_finite(magnitude).as_bytes());
    };
    while scaled % 10 == 0 {
        scaled /= 10;
        behind -= 1;
    }
    *places = behind;
    fixed(out, at, whole, scaled, behind)
}

/// `scaled` divided by ten to the power of `places`, whose whole part is `whole`.
#[inline(always)]
fn fixed(out: &mut [u8], at: usize, whole: u64, scaled: u64, places: usize) -> usize {
    let at = digits(out, at, whole);
    out[at] = b'.';
    let fraction = scaled - whole * POWERS[places];
    if places <= 8 {
        store(out, at + 1, eight_digits(fraction * POWERS[8 - places]) | ZEROS);
    } else {
        let (high, low) = (fraction / POWERS[places - 8], fraction % POWERS[places - 8]);
        store(out, at + 1, eight_digits(high) | ZEROS);
        store(out, at + 9, eight_digits(low * POWERS[16 - places]) | ZEROS);
    }
    at + 1 + places
}

#[inline(never)]
fn uncommon_double(out: &mut [u8], at: usize, value: f64) -> usize {
    if value == 0.0 {
        bytes(out, at, b"0")
    } else if value.is_finite() {
        bytes(out, at, ryu_js::Buffer::new().format_finite(value).as_bytes())
    } else {
        bytes(out, at, b"null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut [u8]) -> usize) -> String {
        let mut out = [b'?'; NUMBER_ROOM];
        let end = write(&mut out);
        String::from_utf8(out[..end].to_vec()).unwrap()
    }

    #[test]
    fn whole_numbers_print_all_their_digits() {
        let mut values = vec![0, 1, -1, i64::MAX, i64::MIN, 1_716_200_000_000, 9_999_999_999_999_999];
        for exponent in 0..19 {
            let power = 10_i64.pow(exponent);
            values.extend([power - 1, power, power + 1, -power]);
        }
        for value in values {
            assert_eq!(written(|out| whole(out, 0, value)), value.to_string());
        }
    }

    #[test]
    fn doubles_print_as_ecmascript_prints_them() {
        let mut values = vec![
            0.0,
            -0.0,
            1.0,
            -83.4,
            48.123456,
            0.1,
            0.3,
            1e21,
            1e-7,
            1e-6,
            1e-5,
            5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            0.30000000000000004,
            1e15,
            999_999_999_999_999.9,
            999_999_999_999_999.0,
            123_456_789.123_456_78,
            1e14 + 0.5,
            0.99999999999999,
            0.999_999_999_999_999_9,
            9_007_199_254_740_993.0,
            4.35,
            0.000_01,
            0.000_012_5,
        ];
        let mut state = 7_u64;
        for round in 0..100_000 {
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
            let expected =
                if value.is_finite() { ryu_js::Buffer::new().format(value).to_owned() } else { "null".into() };
            assert_eq!(written(|out| double(out, 0, value, &mut places)), expected, "{value:e} with a guess");
            assert_eq!(written(|out| double(out, 0, value, &mut 0)), expected, "{value:e} without a guess");
        }
    }

    #[test]
    fn strings_are_written_as_serde_writes_them() {
        let all: String = (0..0x80_u8).map(char::from).chain("é\u{2028}😀".chars()).collect();
        let mut texts =
            vec![String::new(), all.clone(), "\u{7f}".into(), "x".repeat(QUICK_BYTES), "x".repeat(QUICK_BYTES + 1)];
        for len in 0..=72 {
            texts.push("abcdefghijklmnopqrstuvwxyz0123456789".repeat(4)[..len].to_owned());
            for position in 0..len {
                let mut text = "x".repeat(len);
                text.replace_range(position..=position, ["\"", "\\", "\n", "\u{1}", "é"][len % 5]);
                texts.push(text);
            }
        }
        for text in texts {
            let expected = serde_json::to_string(&text).unwrap();
            let mut long = Vec::new();
            string(&mut long, &text);
            assert_eq!(String::from_utf8(long).unwrap(), expected);
            let mut out = [b'?'; STRING_ROOM];
            match quick_string(&mut out, 3, &text) {
                Some(end) => assert_eq!(std::str::from_utf8(&out[3..end]).unwrap(), expected),
                None => assert!(text.len() > QUICK_BYTES || expected.len() != text.len() + 2, "{text}"),
            }
        }
    }
}
