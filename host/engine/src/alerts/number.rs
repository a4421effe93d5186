//! Numbers as alerts carry them: read from text, printed as text.
#[cfg(test)]
mod tests;

/// Digits whose value is below 2^53, so that one division by a power of ten rounds correctly.
const EXACT_DIGITS: usize = 15;

/// The powers of ten that such a division can need; doubles hold each exactly.
const TENS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Reads a number: trimmed of ASCII white space, the whole text is `[+-]? digits[.digits] [e[+-]digits]` (`.5`, `5.` and a
/// capital `E` too). Correctly rounded. None when the text is anything else, or too large for a double.
pub fn parse(text: impl AsRef<[u8]>) -> Option<f64> {
    parse_trimmed(text.as_ref().trim_ascii())
}

/// [`parse`] for a text without white space around it.
pub(super) fn parse_trimmed(text: &[u8]) -> Option<f64> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    // Overflows on long texts only, which do not use it.
    let mut mantissa = 0u64;
    let whole = digits(text, &mut mantissa);
    let mut end = whole;
    let mut fraction = 0;
    if text.get(end) == Some(&b'.') {
        fraction = digits(&text[end + 1..], &mut mantissa);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let number = match &text[end..] {
        [] if whole + fraction <= EXACT_DIGITS => mantissa as f64 / TENS[fraction],
        [] => correctly_rounded(text)?,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = match exponent {
                [b'+' | b'-', rest @ ..] => rest,
                _ => exponent,
            };
            if exponent.is_empty() || !exponent.iter().all(u8::is_ascii_digit) {
                return None;
            }
            correctly_rounded(text)?
        }
        _ => return None,
    };
    Some(if negative { -number } else { number })
}

/// Prints a number as ECMAScript does: the shortest text that reads back, `182` not `182.0`, plain digits from 1e-6 to below
/// 1e21, `-0` as `0`.
pub fn print(number: f64, into: &mut String) {
    into.push_str(ryu_js::Buffer::new().format(number));
}

/// How many digits `text` begins with, appended to `mantissa`.
fn digits(text: &[u8], mantissa: &mut u64) -> usize {
    let mut count = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    count
}

/// The general way, for a text whose grammar is known to be right.
fn correctly_rounded(text: &[u8]) -> Option<f64> {
    fast_float2::parse::<f64, _>(text).ok().filter(|number| number.is_finite())
}
