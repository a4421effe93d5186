//! Values of one type as values of another.

use campanile_sdk::text::{read_date, read_timestamp};
use campanile_sdk::{ColumnBuilder, DataType, Scalar};
use schemars::JsonSchema;
use serde::Deserialize;

/// A type that fields can be cast to.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Target {
    String,
    Int,
    Long,
    Float,
    Double,
    Boolean,
    Date,
    Timestamp,
}

impl Target {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Target::String => DataType::String,
            Target::Int => DataType::Int,
            Target::Long => DataType::Long,
            Target::Float => DataType::Float,
            Target::Double => DataType::Double,
            Target::Boolean => DataType::Boolean,
            Target::Date => DataType::Date,
            Target::Timestamp => DataType::Timestamp,
        }
    }

    /// Whether values of this type can be cast at all.
    pub(crate) fn takes(self, from: &DataType) -> bool {
        match self {
            _ if *from == self.data_type() => true,
            Target::String => from.is_scalar(),
            Target::Int | Target::Long | Target::Float | Target::Double => {
                from.is_number() || *from == DataType::String
            }
            Target::Boolean | Target::Date | Target::Timestamp => *from == DataType::String,
        }
    }

    /// Adds a value to a column of this type, unless it cannot be cast. `text` is room to print it in.
    pub(crate) fn push(self, value: Scalar<'_>, text: &mut Vec<u8>, column: &mut ColumnBuilder) -> bool {
        if value.is_null() {
            column.push_null();
            return true;
        }
        match self {
            Target::String => {
                text.clear();
                value.write(text);
                let written = std::str::from_utf8(text);
                written.map(|text| column.push_text(text)).is_ok()
            }
            Target::Int => {
                let fits = |number: &i64| i32::try_from(*number).is_ok();
                whole(value).filter(fits).map(|number| column.push_i64(number)).is_some()
            }
            Target::Long => whole(value).map(|number| column.push_i64(number)).is_some(),
            Target::Float => float(value).map(|number| column.push_f64(f64::from(number))).is_some(),
            Target::Double => double(value).map(|number| column.push_f64(number)).is_some(),
            Target::Boolean => boolean(value).map(|value| column.push_bool(value)).is_some(),
            Target::Date => {
                let days = trimmed(value).and_then(read_date);
                days.map(|days| column.push_i64(i64::from(days))).is_some()
            }
            Target::Timestamp => {
                let micros = trimmed(value).and_then(timestamp);
                micros.map(|micros| column.push_i64(micros)).is_some()
            }
        }
    }
}

/// Microseconds since 1970 of a time; without an offset UTC is meant.
fn timestamp(text: &str) -> Option<i64> {
    read_timestamp(text).or_else(|| read_timestamp(&format!("{text}Z")))
}

fn trimmed(value: Scalar<'_>) -> Option<&str> {
    match value {
        Scalar::Text(text) => Some(text.trim_ascii()),
        _ => None,
    }
}

/// 2^63, the first double that is too large for a long.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

fn whole(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Long(number) => Some(number),
        Scalar::Float(number) => whole_double(f64::from(number)),
        Scalar::Double(number) => whole_double(number),
        Scalar::Decimal { unscaled, scale } => whole_decimal(unscaled, scale),
        Scalar::Text(text) => {
            let text = text.trim_ascii();
            // Beyond 2^53 a double no longer tells which integer was meant.
            let fraction = |text| number(text).and_then(whole_double).filter(|number| number.unsigned_abs() <= 1 << 53);
            text.parse().ok().or_else(|| fraction(text))
        }
        _ => None,
    }
}

fn whole_double(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && (-TOO_LARGE..TOO_LARGE).contains(&number)).then_some(number as i64)
}

fn whole_decimal(unscaled: i128, scale: i8) -> Option<i64> {
    // A power of ten that is too large for an i128 divides nothing but 0.
    let power = 10_i128.checked_pow(u32::from(scale.unsigned_abs()));
    let whole = match power {
        _ if unscaled == 0 => Some(0),
        Some(power) if scale < 0 => unscaled.checked_mul(power),
        Some(power) => (unscaled % power == 0).then_some(unscaled / power),
        None => None,
    };
    whole.and_then(|whole| i64::try_from(whole).ok())
}

/// Rounded once; what would become infinite is none.
fn float(value: Scalar<'_>) -> Option<f32> {
    let finite = |number: f32| Some(number).filter(|number| number.is_finite());
    match value {
        Scalar::Float(number) => Some(number),
        Scalar::Double(number) if !number.is_finite() => Some(number as f32),
        Scalar::Double(number) => finite(number as f32),
        Scalar::Long(number) => Some(number as f32),
        Scalar::Decimal { .. } => value.to_string().parse().ok().and_then(finite),
        Scalar::Text(text) => plain(text.trim_ascii())?.parse().ok().and_then(finite),
        _ => None,
    }
}

fn double(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Double(number) => Some(number),
        Scalar::Float(number) => Some(f64::from(number)),
        Scalar::Long(number) => Some(number as f64),
        Scalar::Decimal { .. } => number(&value.to_string()),
        Scalar::Text(text) => number(text.trim_ascii()),
        _ => None,
    }
}

/// Text that is written with what numbers are written with: `parse` would take `inf` and `nan` too.
fn plain(text: &str) -> Option<&str> {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).then_some(text)
}

fn number(text: &str) -> Option<f64> {
    plain(text)?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn boolean(value: Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Boolean(value) => Some(value),
        Scalar::Text(text) if text.trim_ascii().eq_ignore_ascii_case("true") => Some(true),
        Scalar::Text(text) if text.trim_ascii().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_numbers_where_they_fit() {
        assert_eq!(whole(Scalar::Decimal { unscaled: 1_200, scale: 2 }), Some(12));
        assert_eq!(whole(Scalar::Decimal { unscaled: 1_234, scale: 2 }), None);
        assert_eq!(whole(Scalar::Decimal { unscaled: 12, scale: -2 }), Some(1_200));
        assert_eq!(whole(Scalar::Decimal { unscaled: i128::MAX, scale: -100 }), None);
        assert_eq!(whole(Scalar::Decimal { unscaled: 0, scale: 100 }), Some(0));
        assert_eq!(double(Scalar::Decimal { unscaled: -1_234, scale: 2 }), Some(-12.34));
        assert_eq!(float(Scalar::Decimal { unscaled: 1, scale: 1 }), Some(0.1));
    }

    #[test]
    fn a_time_without_an_offset_is_one_of_utc() {
        for (text, micros) in [
            ("1970-01-01 00:00:01", Some(1_000_000)),
            ("1970-01-01T00:00:00.1234567", Some(123_456)),
            ("1970-01-01T02:00:00+02:00", Some(0)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("2026-11-21", None),
            ("2026-11-21T10:00Z", None),
            ("2026-11-21T10:00:00 Z", None),
            ("2026-02-29T10:00:00", None),
        ] {
            assert_eq!(timestamp(text), micros, "{text}");
        }
    }

    #[test]
    fn doubles_fit_a_long_up_to_its_ends() {
        assert_eq!(whole_double(-TOO_LARGE), Some(i64::MIN));
        assert_eq!(whole_double(TOO_LARGE), None);
        assert_eq!(whole_double(f64::NAN), None);
        assert_eq!(whole_double(0.5), None);
    }
}
