//! Values as they nearly always look: short numbers and strings without escapes. What looks otherwise is left to others.

use super::words;
use campanile_sdk::ColumnBuilder;

/// Bytes that are looked at: enough for a number of sixteen digits or a string of [`QUICK_BYTES`].
const WINDOW: usize = 32;
/// The longest string that is read here.
const QUICK_BYTES: usize = 24;

/// How the values of a field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Text,
    /// Text as it is, every other value as its JSON.
    Any,
    Bytes,
    Date,
    Timestamp,
    Decimal,
    /// Not of the schema.
    Ignored,
}

const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const WHOLE_POWERS: [u64; 16] = {
    let mut powers = [1; 16];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Adds the value at `at` to the column and says where it ends; or nothing, and nothing is added. A number that
/// [goes on](goes_on) there was not read to its end.
#[inline(always)]
pub(super) fn push(kind: Kind, column: &mut ColumnBuilder, text: &str, at: usize) -> Option<usize> {
    let window = text.as_bytes().get(at..)?.first_chunk::<WINDOW>()?;
    match kind {
        Kind::Double => {
            let (len, value) = double(window)?;
            column.push_f64(value);
            Some(at + len)
        }
        Kind::Long => {
            let (len, value) = whole(window)?;
            column.push_i64(value);
            Some(at + len)
        }
        Kind::Text | Kind::Any => {
            let end = at + 1 + string(window)?;
            column.push_text(&text[at + 1..end]);
            Some(end + 1)
        }
        _ => None,
    }
}

/// The word at `at`, which is at most [`QUICK_BYTES`].
#[inline(always)]
fn word(window: &[u8; WINDOW], at: usize) -> u64 {
    words::load(window, at.min(WINDOW - 8))
}

/// How long the string is between its quotes.
#[inline(always)]
fn string(window: &[u8; WINDOW]) -> Option<usize> {
    if window[0] != b'"' {
        return None;
    }
    let mut from = 1;
    while from < 1 + QUICK_BYTES {
        let specials = words::specials(word(window, from));
        if specials != 0 {
            let end = from + (specials.trailing_zeros() / 8) as usize;
            return (window[end.min(WINDOW - 1)] == b'"').then_some(end - 1);
        }
        from += 8;
    }
    None
}

/// A whole number of at most fifteen digits, and how long it is.
#[inline(always)]
fn whole(window: &[u8; WINDOW]) -> Option<(usize, i64)> {
    let sign = usize::from(window[0] == b'-');
    let first = word(window, sign);
    let others = words::others(first);
    let (count, value) = if others != 0 {
        let count = words::place(others);
        if count == 0 || count > 1 && window[sign] == b'0' {
            return None;
        }
        (count, words::value(first, count))
    } else {
        let second = word(window, sign + 8);
        let others = words::others(second);
        let more = words::place(others);
        if others == 0 || window[sign] == b'0' {
            return None;
        }
        let low = if more == 0 { 0 } else { words::value(second, more) };
        (8 + more, words::value(first, 8) * WHOLE_POWERS[more & 15] + low)
    };
    let value = value as i64;
    Some((sign + count, if sign == 1 { -value } else { value }))
}

/// A double of at most seven digits in front of its point and eight behind, and how long it is.
#[inline(always)]
fn double(window: &[u8; WINDOW]) -> Option<(usize, f64)> {
    let sign = usize::from(window[0] == b'-');
    let first = word(window, sign);
    let others = words::others(first);
    let count = words::place(others);
    if others == 0 || count == 0 || count > 1 && window[sign] == b'0' {
        return None;
    }
    let (len, value) = if window[sign + count] == b'.' {
        // The end of the digits behind the point is looked for at once, not when those in front of it are read.
        let rest = others & (others - 1);
        let len = if rest != 0 {
            words::place(rest)
        } else {
            match words::others(word(window, sign + 8)) {
                0 => return None,
                others => 8 + words::place(others),
            }
        };
        let behind = len - count - 1;
        let value = match (count + behind, behind) {
            (_, 0) => return None,
            // Without the point it is one number.
            (digits @ ..=8, _) => {
                let front = (1 << (8 * count)) - 1;
                words::value(first & front | word(window, sign + 1) & !front, digits)
            }
            (_, ..=8) => {
                let low = words::value(word(window, sign + count + 1), behind);
                words::value(first, count) * WHOLE_POWERS[behind & 15] + low
            }
            _ => return None,
        };
        // A whole number divided by a power of ten, both exact, is rounded once (Clinger 1990).
        (len, value as i64 as f64 / POWERS[behind & 15])
    } else {
        (count, words::value(first, count) as i64 as f64)
    };
    Some((sign + len, if sign == 1 { -value } else { value }))
}

/// Whether a number goes on behind its digits: with a fraction, an exponent, or more of them.
pub(super) fn goes_on(byte: u8) -> bool {
    matches!(byte, b'.' | b'e' | b'E' | b'0'..=b'9')
}
