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

const POWERS: [f64; 8] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
const WHOLE_POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

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
    let (mut count, mut value) = words::digits(word(window, sign));
    if count == 8 {
        let (more, low) = words::digits(word(window, sign + 8));
        value = value * WHOLE_POWERS.get(more)? + low;
        count += more;
    }
    if count == 0 || count > 1 && window[sign] == b'0' {
        return None;
    }
    let value = value as i64;
    Some((sign + count, if sign == 1 { -value } else { value }))
}

/// A double of at most seven digits on either side of its point, and how long it is.
#[inline(always)]
fn double(window: &[u8; WINDOW]) -> Option<(usize, f64)> {
    let sign = usize::from(window[0] == b'-');
    let (count, mut value) = words::digits(word(window, sign));
    if count == 0 || count > 7 || count > 1 && window[sign] == b'0' {
        return None;
    }
    let mut end = sign + count;
    let mut behind = 0;
    if window[end] == b'.' {
        let (more, low) = words::digits(word(window, end + 1));
        if more == 0 {
            return None;
        }
        value = value * WHOLE_POWERS.get(more)? + low;
        behind = more;
        end += 1 + more;
    }
    // A whole number divided by a power of ten, both exact, is rounded once (Clinger 1990).
    let value = value as i64 as f64 / POWERS.get(behind)?;
    Some((end, if sign == 1 { -value } else { value }))
}

/// Whether a number goes on behind its digits: with a fraction, an exponent, or more of them.
pub(super) fn goes_on(byte: u8) -> bool {
    matches!(byte, b'.' | b'e' | b'E' | b'0'..=b'9')
}
