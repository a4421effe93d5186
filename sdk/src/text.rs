//! How values are written as text, in payloads and in JSON: numbers as ECMAScript prints them, times RFC 3339 in UTC;
//! and how some of it is read.

mod read;

pub use read::{read_base64, read_date, read_timestamp};

/// A double as ECMAScript prints it: the shortest digits that read back, `182` not `182.0`, `-0` as `0`.
pub fn write_f64(value: f64, out: &mut Vec<u8>) {
    // Whole numbers within 2^53 print as integers, which is cheaper and the same text.
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < 1 << 53 {
        return write_i64(whole, out);
    }
    if let Some((digits, places)) = short_decimal(value) {
        if value < 0.0 {
            out.push(b'-');
        }
        let (whole, fraction) = (digits / POWERS[places], digits % POWERS[places]);
        write_i64(whole, out);
        out.push(b'.');
        let mut text = itoa::Buffer::new();
        let text = text.format(fraction);
        out.extend(std::iter::repeat_n(b'0', places - text.len()));
        out.extend_from_slice(text.as_bytes());
        return;
    }
    if value.is_finite() {
        lay_out(zmij::Buffer::new().format_finite(value), out);
    } else {
        write_not_finite(value, out);
    }
}

const POWERS: [i64; 5] = [1, 10, 100, 1_000, 10_000];

/// The digits of a double that is a decimal of few places, and how many places. No two decimals of up to 15 digits are the
/// same double, so one that reads back, without a zero at its end, is the shortest. It reads back if the division gives
/// the double again, for both numbers are exact (W. D. Clinger, "How to read floating point numbers accurately").
fn short_decimal(value: f64) -> Option<(i64, usize)> {
    let value = value.abs();
    if !(1e-3..1e10).contains(&value) {
        return None;
    }
    (1..POWERS.len()).find_map(|places| {
        let digits = (value * POWERS[places] as f64 + 0.5) as i64;
        (digits as f64 / POWERS[places] as f64 == value).then_some((digits, places))
    })
}

/// A float as ECMAScript would print it, by its own shortest digits.
pub fn write_f32(value: f32, out: &mut Vec<u8>) {
    if value == 0.0 {
        out.push(b'0');
    } else if value.is_finite() {
        lay_out(zmij::Buffer::new().format_finite(value), out);
    } else {
        write_not_finite(f64::from(value), out);
    }
}

fn write_not_finite(value: f64, out: &mut Vec<u8>) {
    let text = if value.is_nan() {
        "NaN"
    } else if value < 0.0 {
        "-Infinity"
    } else {
        "Infinity"
    };
    out.extend_from_slice(text.as_bytes());
}

/// A number other than 0 in its shortest digits (`-12.5`, `0.00125`, `1.25e-7`), laid out as ECMAScript does: ECMA-262,
/// `Number::toString`, whose names `digits`, `k` and `n` stand here too. (The shortest digits come from what serde_json
/// brings along: another crate's tables would be ten kilobytes in every plugin.)
fn lay_out(printed: &str, out: &mut Vec<u8>) {
    let (mantissa, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if unsigned.len() < mantissa.len() {
        out.push(b'-');
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let start = out.len();
    out.extend_from_slice(whole.as_bytes());
    out.extend_from_slice(fraction.as_bytes());
    let zeros = out[start..].iter().take_while(|&&digit| digit == b'0').count();
    out.drain(start..start + zeros);
    while out.len() > start + 1 && out.last() == Some(&b'0') {
        out.pop();
    }
    let k = (out.len() - start) as i32;
    let n = whole.len() as i32 - zeros as i32 + exponent.parse::<i32>().unwrap_or_default();
    let zeros = |count: i32| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or_default());
    match n {
        1..=21 if k <= n => out.extend(zeros(n - k)),
        1..=21 => out.insert(start + n as usize, b'.'),
        -5..=0 => {
            out.splice(start..start, b"0.".iter().copied().chain(zeros(-n)));
        }
        _ => {
            if k > 1 {
                out.insert(start + 1, b'.');
            }
            out.extend_from_slice(if n > 0 { b"e+" } else { b"e-" });
            write_i64(i64::from((n - 1).abs()), out);
        }
    }
}

/// A whole number.
pub fn write_i64(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A decimal number with all digits of its scale.
pub fn write_decimal(unscaled: i128, scale: i8, out: &mut Vec<u8>) {
    if scale <= 0 {
        out.extend_from_slice(unscaled.to_string().as_bytes());
        if unscaled != 0 {
            out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
        }
        return;
    }
    let scale = scale as usize;
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    if unscaled < 0 {
        out.push(b'-');
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.extend_from_slice(whole.as_bytes());
    out.push(b'.');
    out.extend_from_slice(fraction.as_bytes());
}

/// A date as `2026-11-21`, from days since 1970-01-01.
pub fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    let sign = if year < 0 { "-" } else { "" };
    out.extend_from_slice(format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs()).as_bytes());
}

/// A time as `2026-11-21T10:02:03.004Z`, from microseconds since 1970: milliseconds always, microseconds where there are.
pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    const DAY: i64 = 86_400_000_000;
    write_date(micros.div_euclid(DAY), out);
    let rest = micros.rem_euclid(DAY);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let clock = format!("T{hours:02}:{minutes:02}:{seconds:02}");
    out.extend_from_slice(clock.as_bytes());
    let fraction =
        if fraction % 1_000 == 0 { format!(".{:03}Z", fraction / 1_000) } else { format!(".{fraction:06}Z") };
    out.extend_from_slice(fraction.as_bytes());
}

/// Year, month and day of the proleptic Gregorian calendar. Source: Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Bytes in base64 with padding, RFC 4648 §4.
pub fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let group = (u32::from(chunk[0]) << 16)
            | (u32::from(*chunk.get(1).unwrap_or(&0)) << 8)
            | u32::from(*chunk.get(2).unwrap_or(&0));
        for digit in 0..4 {
            if digit <= chunk.len() {
                out.push(DIGITS[(group >> (18 - 6 * digit)) as usize & 63]);
            } else {
                out.push(b'=');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_print_as_ecmascript_prints_them() {
        for (value, text) in [
            (182.0, "182"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1e-7, "1e-7"),
            (1e-6, "0.000001"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(written(|out| write_f64(value, out)), text);
        }
    }

    #[test]
    fn decimals_of_few_places_print_as_all_others() {
        for number in 0..200_000_i64 {
            for scale in [10.0, 1e3, 1e4, 1e5, 3.0, 1e7] {
                let value = (number - 1_000) as f64 * 7.0 / scale;
                let expected = ryu_js::Buffer::new().format(value).to_owned();
                assert_eq!(written(|out| write_f64(value, out)), expected);
            }
        }
    }

    #[test]
    fn every_number_prints_as_ecmascript_prints_it() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..30_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (double, float) = (f64::from_bits(bits), f32::from_bits((bits >> 32) as u32));
            // Exponents near 0, where the layouts change, are rare among bits.
            let near = (bits >> 11) as f64 * 10_f64.powi((bits % 60) as i32 - 45);
            for value in [double, near, -near, near.round()] {
                assert_eq!(written(|out| write_f64(value, out)), ryu_js::Buffer::new().format(value));
            }
            for value in [float, near as f32] {
                assert_eq!(written(|out| write_f32(value, out)), ryu_js::Buffer::new().format(value));
            }
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX, 1e21, 1e-6, 1e-7, 123e-7]
        {
            assert_eq!(written(|out| write_f64(value, out)), ryu_js::Buffer::new().format(value));
            let value = value as f32;
            assert_eq!(written(|out| write_f32(value, out)), ryu_js::Buffer::new().format(value));
        }
        assert_eq!(written(|out| write_f32(-0.0, out)), ryu_js::Buffer::new().format(-0.0_f32));
    }

    #[test]
    fn dates_and_times_are_iso_in_utc() {
        assert_eq!(written(|out| write_date(0, out)), "1970-01-01");
        assert_eq!(written(|out| write_date(-1, out)), "1969-12-31");
        assert_eq!(written(|out| write_date(19_782, out)), "2024-02-29");
        assert_eq!(written(|out| write_timestamp(1_716_200_000_123_000, out)), "2024-05-20T10:13:20.123Z");
        assert_eq!(written(|out| write_timestamp(-1, out)), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn decimals_keep_their_digits() {
        assert_eq!(written(|out| write_decimal(-5, 2, out)), "-0.05");
        assert_eq!(written(|out| write_decimal(12_345, 2, out)), "123.45");
        assert_eq!(written(|out| write_decimal(12, -2, out)), "1200");
    }

    #[test]
    fn bytes_are_base64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(written(|out| write_base64(bytes.as_bytes(), out)), text);
        }
    }
}
