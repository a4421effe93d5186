//! Dates and times as text, read.

/// Days since 1970-01-01 of a date such as `2026-11-21`.
pub(crate) fn date(text: &str) -> Option<i32> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    if !rest.is_empty() || day == 0 || day > days_in(year, month)? {
        return None;
    }
    i32::try_from(days_from_civil(year, month, day)).ok()
}

/// Microseconds since 1970 of a time such as `2026-11-21T10:02:03.004Z`: RFC 3339, where a space may stand for the `T` and
/// UTC is meant without an offset. Digits behind the microseconds are cut off.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let days = date(text.get(..10)?)?;
    let clock = text.get(10..)?.strip_prefix(['T', 't', ' '])?;
    let (hour, rest) = number(clock, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, mut rest) = number(rest.strip_prefix(':')?, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (kept, _) = number(fraction, digits.min(6))?;
        micros = kept * 10_i64.pow(6 - digits.min(6) as u32);
        rest = &fraction[digits..];
    }
    let seconds = i64::from(days) * 86_400 + hour * 3_600 + minute * 60 + second - offset(rest)?;
    Some(seconds * 1_000_000 + micros)
}

/// Seconds east of UTC.
fn offset(text: &str) -> Option<i64> {
    let sign = match text {
        "" | "Z" | "z" => return Some(0),
        _ if text.starts_with('-') => -1,
        _ if text.starts_with('+') => 1,
        _ => return None,
    };
    let (hours, rest) = number(&text[1..], 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A number of so many digits, and what follows.
fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    // `parse` would take a sign.
    let all_digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { Some((number.parse().ok()?, rest)) } else { None }
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days of the proleptic Gregorian calendar. Source: Howard Hinnant, "chrono-compatible low-level date algorithms",
/// `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::text;

    #[test]
    fn dates_read_back_as_they_are_written() {
        for days in (-719_528..2_932_896).step_by(97).chain([-1, 0, 1, 19_782]) {
            let mut written = Vec::new();
            text::write_date(days, &mut written);
            assert_eq!(date(std::str::from_utf8(&written).unwrap()), Some(days as i32));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2026-04-31",
            "2026-01-00",
            "2026-1-1",
            "+026-01-01",
            "2026-01-01 ",
            "2026-01-01T00:00:00Z",
            "2100-02-29",
            "20260101",
            "ü026-01-01",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_with_their_offset_and_fraction() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00:01", 1_000_000),
            ("1970-01-01t00:00:00.5z", 500_000),
            ("1970-01-01T00:00:00.1234567Z", 123_456),
            ("1970-01-01T02:00:00+02:00", 0),
            ("1969-12-31T23:30:00-00:30", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2024-05-20T10:13:20.123Z", 1_716_200_000_123_000),
        ] {
            assert_eq!(timestamp(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T24:00:00Z",
            "2026-11-21T10:60:00Z",
            "2026-11-21T10:00Z",
            "2026-11-21T10:00:00.Z",
            "2026-11-21T10:00:00+2",
            "2026-11-21T10:00:00+24:00",
            "2026-11-21T10:00:00 Z",
            "2026-11-21X10:00:00Z",
            "2026-11-21T10:00:60Z",
            "2026-11-2ü",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
