//! Decimals from text.

/// The unscaled value of a decimal with so many digits, `scale` of them behind the point; or what is wrong.
pub(crate) fn read(text: &str, precision: u8, scale: i8) -> Result<i128, &'static str> {
    const NO_NUMBER: &str = "the text is not a decimal number";
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| NO_NUMBER)?),
        None => (text, 0),
    };
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(NO_NUMBER);
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = [whole.trim_start_matches('0'), fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    let kept = digits.trim_end_matches('0');
    const TOO_LARGE: &str = "the number does not fit into decimal";
    let value: i128 = kept.parse().map_err(|_| TOO_LARGE)?;
    let dropped = (digits.len() - kept.len()) as i64;
    let shift = i64::from(exponent) + dropped - fraction.len() as i64 + i64::from(scale);
    if shift < 0 {
        return Err("the number has more digits behind the point than its decimal keeps");
    }
    if kept.len() as i64 + shift > i64::from(precision) {
        return Err(TOO_LARGE);
    }
    let unscaled = 10_i128.checked_pow(shift as u32).and_then(|power| value.checked_mul(power)).ok_or(TOO_LARGE)?;
    Ok(if negative { -unscaled } else { unscaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        for (text, unscaled) in [
            ("12.34", 1_234),
            ("-12.340", -1_234),
            ("12", 1_200),
            ("0", 0),
            ("-0.00", 0),
            ("0.05", 5),
            ("1e1", 1_000),
            ("125e-2", 125),
            ("999.99", 99_999),
        ] {
            assert_eq!(read(text, 5, 2), Ok(unscaled), "{text}");
        }
        assert_eq!(read("1200", 3, -2), Ok(12));
    }

    #[test]
    fn what_is_no_decimal_or_does_not_fit_is_refused() {
        for text in ["", "-", ".5", "5.", "1,5", "0x10", "1e", "NaN", "1e99999999999", "+1"] {
            assert!(read(text, 5, 2).unwrap_err().contains("not a decimal number"), "{text}");
        }
        for text in ["1000", "1e30", "1e2000000000"] {
            assert!(read(text, 5, 2).unwrap_err().contains("does not fit"), "{text}");
        }
        for text in ["0.001", "1e-2000000000"] {
            assert!(read(text, 5, 2).unwrap_err().contains("behind the point"), "{text}");
        }
        assert!(read("1250", 3, -2).unwrap_err().contains("behind the point"));
    }
}
