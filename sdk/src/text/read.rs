//! Dates, times and bytes from text.

const DAY_SECONDS: i64 = 86_400;

/// Days since 1970-01-01 from `2026-11-21`; years of up to seven digits, with a sign before those before year 0.
pub fn read_date(text: &str) -> Option<i32> {
    let (days, rest) = days(text)?;
    if rest.is_empty() { i32::try_from(days).ok() } else { None }
}

/// Microseconds since 1970 from RFC 3339, `2026-11-21T10:02:03.5+01:00`; digits behind the microseconds are cut off, and
/// a leap second is the first one of the next minute.
pub fn read_timestamp(text: &str) -> Option<i64> {
    let (days, rest) = days(text)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (hours, rest) = two(rest)?;
    let (minutes, rest) = two(rest.strip_prefix(':')?)?;
    let (seconds, mut rest) = two(rest.strip_prefix(':')?)?;
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let six = fraction.bytes().take(digits).chain(std::iter::repeat(b'0')).take(6);
        micros = six.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        rest = &fraction[digits..];
    }
    let offset = match rest.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let (hours, rest) = two(&rest[1..])?;
            let (minutes, rest) = two(rest.strip_prefix(':')?)?;
            if hours > 23 || minutes > 59 || !rest.is_empty() {
                return None;
            }
            let seconds = hours * 3_600 + minutes * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = days.checked_mul(DAY_SECONDS)?.checked_add(hours * 3_600 + minutes * 60 + seconds - offset)?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

/// The day of a date, and what stands behind it.
fn days(text: &str) -> Option<(i64, &str)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    if !(4..=7).contains(&count) {
        return None;
    }
    let year: i64 = digits[..count].parse().ok()?;
    let year = if negative { -year } else { year };
    let (month, rest) = two(digits[count..].strip_prefix('-')?)?;
    let (day, rest) = two(rest.strip_prefix('-')?)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > longest {
        return None;
    }
    // Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let year_of_era = year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468, rest))
}

/// Two digits.
fn two(text: &str) -> Option<(i64, &str)> {
    match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => {
            Some((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), &text[2..]))
        }
        _ => None,
    }
}

/// Bytes from base64, RFC 4648 §4, added to `out`; false where the text is not base64 with padding.
pub fn read_base64(text: &str, out: &mut Vec<u8>) -> bool {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return false;
    }
    let padding = bytes.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let digits = &bytes[..bytes.len() - padding];
    for chunk in digits.chunks(4) {
        let mut group = 0_u32;
        for &digit in chunk {
            let Some(value) = value(digit) else { return false };
            group = group << 6 | value;
        }
        group <<= 6 * (4 - chunk.len());
        let [_, decoded @ ..] = group.to_be_bytes();
        let count = chunk.len() - 1;
        // Bits that no byte takes are zero: there is one text for the same bytes.
        if decoded[count..].iter().any(|&byte| byte != 0) {
            return false;
        }
        out.extend_from_slice(&decoded[..count]);
    }
    true
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests;
