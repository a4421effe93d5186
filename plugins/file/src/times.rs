//! Dates and times from text.

const DAY_SECONDS: i64 = 86_400;

/// Days since 1970-01-01 from `2026-11-21`; years of up to seven digits, with a sign before those before year 0.
pub(crate) fn date(text: &str) -> Option<i32> {
    let (days, rest) = days(text)?;
    if rest.is_empty() { i32::try_from(days).ok() } else { None }
}

/// Microseconds since 1970 from RFC 3339, `2026-11-21T10:02:03.5+01:00`; digits behind the microseconds are cut off, and
/// a leap second is the first one of the next minute.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::text;

    #[test]
    fn dates_come_back_as_they_were_written() {
        for days in (-1_000_000..3_000_000).step_by(97).chain([-719_468, -719_469, 0, -1, 19_782]) {
            let mut written = Vec::new();
            text::write_date(i64::from(days), &mut written);
            assert_eq!(date(std::str::from_utf8(&written).unwrap()), Some(days));
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-1-1",
            "26-01-01",
            "2026-01-01 ",
            "",
            "2026-04-31",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        assert!(date("2024-02-29").is_some());
    }

    #[test]
    fn times_are_read_in_any_offset() {
        let micros = 1_716_200_000_123_456;
        for text in [
            "2024-05-20T10:13:20.123456Z",
            "2024-05-20t10:13:20.123456z",
            "2024-05-20 10:13:20.1234567+00:00",
            "2024-05-20T12:13:20.123456+02:00",
            "2024-05-20T04:43:20.123456-05:30",
        ] {
            assert_eq!(timestamp(text), Some(micros), "{text}");
        }
        assert_eq!(timestamp("2024-05-20T10:13:20Z"), Some(1_716_200_000_000_000));
        assert_eq!(timestamp("2016-12-31T23:59:60Z"), timestamp("2017-01-01T00:00:00Z"));
        for text in [
            "2024-05-20",
            "2024-05-20T10:13:20",
            "2024-05-20T10:13Z",
            "2024-05-20T24:00:00Z",
            "2024-05-20T10:13:20.Z",
            "2024-05-20T10:13:20+2:00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
