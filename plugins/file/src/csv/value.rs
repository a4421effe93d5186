//! Values from text.

use campanile_sdk::{ColumnBuilder, DataType, text};

/// Why a text is no value of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is none; what it should be.
    Not(&'static str),
    /// A number with a fraction, or with more digits behind the point than the type keeps.
    Fraction,
    /// A number that the type cannot hold.
    Range,
}

impl Fault {
    /// The fault in words.
    pub(super) fn message(self, text: &str, data_type: &DataType) -> String {
        let shown = shortened(text);
        match self {
            Fault::Not(what) => format!("`{shown}` is not {what}"),
            Fault::Fraction => format!("`{shown}` has more digits behind the point than its {data_type} keeps"),
            Fault::Range => format!("`{shown}` does not fit into {data_type}"),
        }
    }
}

/// A text as messages show it.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 64;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Adds the value that the text stands for; where it stands for none, nothing is added.
pub(super) fn push(text: &str, data_type: &DataType, column: &mut ColumnBuilder) -> Result<(), Fault> {
    let bare = text.trim_ascii();
    match data_type {
        DataType::String => column.push_text(text),
        DataType::Boolean => column.push_bool(boolean(bare)?),
        DataType::Int => column.push_i64(i32::try_from(whole(bare)?).map_err(|_| Fault::Range)?.into()),
        DataType::Long => column.push_i64(whole(bare)?),
        DataType::Float => column.push_f64(f64::from(float::<f32>(bare, f32::is_finite)?)),
        DataType::Double => column.push_f64(float::<f64>(bare, f64::is_finite)?),
        DataType::Decimal { precision, scale } => {
            let unscaled = decimal(bare, i32::from(*scale))?;
            if unscaled.unsigned_abs() >= 10_u128.pow(u32::from(*precision).min(38)) {
                return Err(Fault::Range);
            }
            column.push_i128(unscaled);
        }
        DataType::Bytes => {
            let mut bytes = Vec::new();
            if !text::read_base64(bare, &mut bytes) {
                return Err(Fault::Not("base64"));
            }
            column.push_bytes(&bytes);
        }
        DataType::Date => {
            column.push_i64(text::read_date(bare).ok_or(Fault::Not("a date such as 2026-11-21"))?.into());
        }
        DataType::Timestamp => {
            const NOT: Fault = Fault::Not("a time such as 2026-11-21T10:02:03Z, with its zone");
            column.push_i64(text::read_timestamp(bare).ok_or(NOT)?);
        }
        _ => return Err(Fault::Not("a list, struct or map, which csv cannot hold")),
    }
    Ok(())
}

pub(super) fn boolean(text: &str) -> Result<bool, Fault> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Fault::Not("true or false")),
    }
}

/// A whole number; `12.0` and `1e3` are such.
fn whole(text: &str) -> Result<i64, Fault> {
    match text.parse() {
        Ok(value) => Ok(value),
        Err(_) => i64::try_from(decimal(text, 0)?).map_err(|_| Fault::Range),
    }
}

fn float<F: fast_float2::FastFloat>(text: &str, is_finite: fn(F) -> bool) -> Result<F, Fault> {
    const NOT: Fault = Fault::Not("a number");
    let value: F = fast_float2::parse(text).map_err(|_| NOT)?;
    // The words that the writer writes for what is no number; not the many others that the parser knows.
    if is_finite(value) || matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return Ok(value);
    }
    let digits = text.trim_start_matches(['+', '-']);
    Err(if digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') { Fault::Range } else { NOT })
}

/// A decimal number times ten to the power of `scale`, exactly.
fn decimal(text: &str, scale: i32) -> Result<i128, Fault> {
    const NOT: Fault = Fault::Not("a number");
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NOT)?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(NOT);
    }
    let fraction = fraction.trim_end_matches('0');
    let mut unscaled: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let more = unscaled.checked_mul(10).and_then(|tens| tens.checked_add(i128::from(digit - b'0')));
        unscaled = more.ok_or(Fault::Range)?;
    }
    if unscaled == 0 {
        return Ok(0);
    }
    let fraction = i32::try_from(fraction.len()).map_err(|_| Fault::Range)?;
    let shift = scale.saturating_sub(fraction).saturating_add(exponent);
    let power = |shift: u32| 10_i128.checked_pow(shift);
    let unscaled = if shift >= 0 {
        power(shift.unsigned_abs()).and_then(|power| unscaled.checked_mul(power)).ok_or(Fault::Range)?
    } else {
        match power(shift.unsigned_abs()) {
            Some(power) if unscaled % power == 0 => unscaled / power,
            _ => return Err(Fault::Fraction),
        }
    };
    Ok(if negative { -unscaled } else { unscaled })
}

#[cfg(test)]
mod tests;
