//! Numbers: the short ones, which nearly all are, at once; the others digit by digit.

use super::fault::{Fault, What};
use super::scan::Scan;
use super::words;

type Result<T> = std::result::Result<T, Fault>;

/// Digits of which every number fits into 64 bits with a sign.
const SAFE_DIGITS: usize = 18;

/// Powers of ten, all of them doubles.
const POWERS: [f64; SAFE_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
/// The powers of ten up to that of [`SAFE_DIGITS`].
const WHOLE_POWERS: [u64; SAFE_DIGITS + 1] = {
    let mut powers = [1; SAFE_DIGITS + 1];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};
/// Up to here every whole number is a double.
const MAX_EXACT: u64 = 1 << 53;

/// How many digits stand at `at` (at most 24 are looked at), and their value, right for up to [`SAFE_DIGITS`] of them.
#[inline(always)]
fn digits(bytes: &[u8], at: usize) -> (usize, u64) {
    let (count, value) = words::digits(words::load(bytes, at));
    if count < 8 {
        return (count, value);
    }
    let (more, low) = words::digits(words::load(bytes, at + 8));
    let value = value * WHOLE_POWERS[more] + low;
    if more < 8 {
        return (8 + more, value);
    }
    let (more, low) = words::digits(words::load(bytes, at + 16));
    (16 + more, value.wrapping_mul(WHOLE_POWERS[more]).wrapping_add(low))
}

/// A whole number. `12.0` and `1e2` are whole, too.
#[inline(always)]
pub(super) fn whole(scan: &mut Scan<'_>) -> Result<i64> {
    let bytes = scan.bytes();
    let negative = scan.peek() == b'-';
    let from = scan.at + usize::from(negative);
    let (count, value) = digits(bytes, from);
    let end = from + count;
    let uncommon = count == 0
        || count > SAFE_DIGITS
        || count > 1 && bytes[from] == b'0'
        || matches!(bytes.get(end), Some(b'.' | b'e' | b'E'));
    if uncommon {
        return uncommon_whole(scan);
    }
    scan.at = end;
    Ok(if negative { -(value as i64) } else { value as i64 })
}

#[cold]
fn uncommon_whole(scan: &mut Scan<'_>) -> Result<i64> {
    let at = scan.at;
    let number = Exact::of(scan.number()?);
    number
        .shifted(0, What::Fraction)
        .and_then(|value| i64::try_from(value).ok().ok_or(What::Range))
        .map_err(|what| Fault { what, at })
}

/// A double, correctly rounded.
#[inline(always)]
pub(super) fn double(scan: &mut Scan<'_>) -> Result<f64> {
    let bytes = scan.bytes();
    let negative = scan.peek() == b'-';
    let from = scan.at + usize::from(negative);
    let (count, mut value) = digits(bytes, from);
    let mut end = from + count;
    let mut behind = 0;
    let mut uncommon = count == 0 || count > 1 && bytes[from] == b'0';
    if bytes.get(end) == Some(&b'.') {
        let (more, low) = digits(bytes, end + 1);
        uncommon |= more == 0;
        value = value.wrapping_mul(WHOLE_POWERS[more.min(SAFE_DIGITS)]).wrapping_add(low);
        behind = more;
        end += 1 + more;
    }
    // A whole number divided by a power of ten, both exact, is rounded once (Clinger 1990).
    uncommon |= count + behind > SAFE_DIGITS || value > MAX_EXACT || matches!(bytes.get(end), Some(b'e' | b'E'));
    if uncommon {
        return uncommon_double(scan);
    }
    scan.at = end;
    let value = value as f64 / POWERS[behind.min(SAFE_DIGITS)];
    Ok(if negative { -value } else { value })
}

#[inline(never)]
fn uncommon_double(scan: &mut Scan<'_>) -> Result<f64> {
    let at = scan.at;
    match fast_float2::parse::<f64, _>(scan.number()?) {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(Fault { what: What::Range, at }),
    }
}

/// A float, correctly rounded.
pub(super) fn float(scan: &mut Scan<'_>) -> Result<f32> {
    let at = scan.at;
    match fast_float2::parse::<f32, _>(scan.number()?) {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(Fault { what: What::Range, at }),
    }
}

/// A number digit by digit: `digits` times ten to the power of `exponent`, the last digit not zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    negative: bool,
    /// Nothing where they are too many.
    digits: Option<u128>,
    exponent: i64,
}

impl Exact {
    /// A number in JSON's grammar.
    pub(super) fn of(number: &str) -> Exact {
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let mut exponent = match exponent.parse::<i64>() {
            Ok(exponent) => exponent,
            Err(_) if exponent.starts_with('-') => i64::from(i32::MIN),
            Err(_) => i64::from(i32::MAX),
        };
        let (mut digits, mut zeros, mut behind) = (Some(0_u128), 0_u32, false);
        for byte in mantissa.bytes() {
            match byte {
                b'.' => behind = true,
                b'0' => zeros += 1,
                b'1'..=b'9' => {
                    digits = digits.and_then(|digits| {
                        let shift = if digits == 0 { 1 } else { 10_u128.checked_pow(zeros + 1)? };
                        digits.checked_mul(shift)?.checked_add(u128::from(byte - b'0'))
                    });
                    zeros = 0;
                }
                _ => {}
            }
            exponent = exponent.saturating_sub(i64::from(behind && byte != b'.'));
        }
        exponent = exponent.saturating_add(i64::from(zeros));
        Exact { negative: mantissa.starts_with('-'), digits, exponent }
    }

    /// The number times ten to the power of `scale`; `fraction` where that is not whole.
    pub(super) fn shifted(self, scale: i8, fraction: What) -> std::result::Result<i128, What> {
        if self.digits == Some(0) {
            return Ok(0);
        }
        let exponent = self.exponent.saturating_add(i64::from(scale));
        let exponent = u32::try_from(exponent).map_err(|_| if exponent < 0 { fraction } else { What::Range })?;
        let value = 10_u128.checked_pow(exponent).and_then(|power| self.digits?.checked_mul(power));
        let value = value.and_then(|value| i128::try_from(value).ok()).ok_or(What::Range)?;
        Ok(if self.negative { -value } else { value })
    }

    /// The number as a decimal of this type.
    pub(super) fn decimal(self, precision: u8, scale: i8) -> std::result::Result<i128, What> {
        let value = self.shifted(scale, What::Scale)?;
        // Precisions go up to 38, for which the power fits.
        let bound = 10_u128.pow(u32::from(precision.min(38)));
        if value.unsigned_abs() < bound { Ok(value) } else { Err(What::Range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(parse: impl Fn(&mut Scan<'_>) -> Result<T>, text: &str) -> std::result::Result<T, What> {
        let line = format!("{text},\n");
        let mut scan = Scan { text: &line, at: 0 };
        let value = parse(&mut scan).map_err(|fault| fault.what)?;
        assert_eq!(scan.at, text.len(), "{text} is read to its end");
        Ok(value)
    }

    #[test]
    fn whole_numbers_keep_all_64_bits() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("1716200000000", 1_716_200_000_000),
            ("-12345678", -12_345_678),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("12.0", 12),
            ("1e2", 100),
            ("1.50E1", 15),
            ("100000000000000000000e-2", 1_000_000_000_000_000_000),
            ("0e999999999999999999999", 0),
            ("0.000", 0),
        ] {
            assert_eq!(read(whole, text), Ok(value), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_not_whole_or_too_large_are_told_apart() {
        for (text, what) in [
            ("9223372036854775808", What::Range),
            ("-9223372036854775809", What::Range),
            ("1e999999999999999999999", What::Range),
            ("12.5", What::Fraction),
            ("1e-1", What::Fraction),
            ("1e-99999999999999999999", What::Fraction),
            ("01", What::Number),
            ("-", What::Number),
            ("1.", What::Number),
            ("1e", What::Number),
            ("-01", What::Number),
        ] {
            assert_eq!(read(whole, text), Err(what), "{text}");
            if what == What::Number {
                assert_eq!(read(double, text), Err(what), "{text}");
            }
        }
    }

    #[test]
    fn doubles_are_those_of_the_standard_library() {
        for text in [
            "0",
            "-0.0",
            "83.4",
            "48.123456",
            "11.654321",
            "9007199254740993",
            "123456789012345678901234567890",
            "1e22",
            "1e23",
            "2.2250738585072014e-308",
            "5e-324",
            "1.7976931348623157e308",
            "0.1234567812345678",
            "12345678.12345678",
            "0.00000001",
            "0.000000001",
            "1.123456789",
            "0.30000000000000004",
            "9007199254740991.5",
            "1E5",
            "1e-5",
            "3.0",
        ] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(read(double, text).map(f64::to_bits), Ok(expected.to_bits()), "{text}");
        }
        assert_eq!(read(double, "1e400"), Err(What::Range));
        assert_eq!(read(float, "1e39"), Err(What::Range));
        assert_eq!(read(float, "0.1"), Ok(0.1));
    }

    #[test]
    fn any_double_comes_back_from_any_of_its_texts() {
        // A linear congruential generator (Knuth, MMIX): the same numbers in every run.
        let mut state = 1_u64;
        for round in 0..60_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = match round % 3 {
                0 => f64::from_bits(state),
                1 => (state >> 20) as f64 / POWERS[(state % 12) as usize],
                _ => (state >> 44) as f64 / POWERS[(state % 9) as usize],
            };
            if value.is_finite() {
                for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                    let expected: f64 = text.parse().unwrap();
                    assert_eq!(read(double, &text).map(f64::to_bits), Ok(expected.to_bits()), "{text}");
                }
            }
        }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        let decimal = |text: &str| Exact::of(text).decimal(5, 2);
        assert_eq!(decimal("123.45"), Ok(12_345));
        assert_eq!(decimal("-1.5"), Ok(-150));
        assert_eq!(decimal("1e2"), Ok(10_000));
        assert_eq!(decimal("1.500"), Ok(150));
        assert_eq!(decimal("1.005"), Err(What::Scale));
        assert_eq!(decimal("1000"), Err(What::Range));
        assert_eq!(Exact::of("99999999999999999999999999999999999999").decimal(38, 0), Ok(10_i128.pow(38) - 1));
        assert_eq!(Exact::of("100000000000000000000000000000000000000").decimal(38, 0), Err(What::Range));
    }
}
