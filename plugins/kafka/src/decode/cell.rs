//! Values that were read, and whether they fit their fields.

use super::decimal;
use campanile_sdk::{ColumnBuilder, DataType, text};
use std::borrow::Cow;

/// Whole doubles beyond this are not sure to be the number that was written.
const EXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;
/// Digits of a decimal number that a double surely keeps.
const EXACT_DIGITS: usize = 15;

/// A value as JSON has it.
#[derive(Debug)]
pub(super) enum Token<'v> {
    Null,
    Boolean(bool),
    Whole(i64),
    /// A whole number beyond 63 bits.
    Large(u64),
    Real(f64),
    Text(Cow<'v, str>),
    List,
    Object,
}

/// A value that fits its field.
#[derive(Debug, PartialEq)]
pub(super) enum Cell<'v> {
    Null,
    Boolean(bool),
    Whole(i64),
    Decimal(i128),
    Real(f64),
    Text(Cow<'v, str>),
    Bytes(Vec<u8>),
}

impl Cell<'_> {
    pub(super) fn push(&self, column: &mut ColumnBuilder) {
        match self {
            Cell::Null => column.push_null(),
            Cell::Boolean(value) => column.push_bool(*value),
            Cell::Whole(value) => column.push_i64(*value),
            Cell::Decimal(value) => column.push_i128(*value),
            Cell::Real(value) => column.push_f64(*value),
            Cell::Text(value) => column.push_text(value),
            Cell::Bytes(value) => column.push_bytes(value),
        }
    }
}

impl<'v> Token<'v> {
    fn word(&self) -> &'static str {
        match self {
            Token::Null => "null",
            Token::Boolean(_) => "a boolean",
            Token::Whole(_) | Token::Large(_) | Token::Real(_) => "a number",
            Token::Text(_) => "text",
            Token::List => "a list",
            Token::Object => "an object",
        }
    }

    /// The value for a field of this type, or what is wrong with it.
    pub(super) fn cell(self, data_type: &DataType) -> Result<Cell<'v>, String> {
        let no_text = |needed: &str| format!("the text is not {needed}");
        match (data_type, self) {
            (_, Token::Null) => Ok(Cell::Null),
            (DataType::Boolean, Token::Boolean(value)) => Ok(Cell::Boolean(value)),
            (DataType::Long, Token::Whole(whole)) => Ok(Cell::Whole(whole)),
            (DataType::Int, Token::Whole(whole)) if i32::try_from(whole).is_ok() => Ok(Cell::Whole(whole)),
            (DataType::Int | DataType::Long, Token::Real(real)) if real.fract() != 0.0 => {
                Err(format!("a number with a fraction where {data_type} is needed"))
            }
            (DataType::Long, Token::Real(real)) if real.abs() <= EXACT_DOUBLE => Ok(Cell::Whole(real as i64)),
            (DataType::Int, Token::Real(real)) if real.abs() <= f64::from(i32::MAX) => Ok(Cell::Whole(real as i64)),
            (DataType::Int | DataType::Long, Token::Whole(_) | Token::Large(_) | Token::Real(_)) => {
                Err(format!("the number does not fit into {data_type}"))
            }
            (DataType::Float, Token::Real(real)) if !(real as f32).is_finite() => {
                Err("the number does not fit into float".to_owned())
            }
            (DataType::Float | DataType::Double, Token::Real(real)) => Ok(Cell::Real(real)),
            (DataType::Float | DataType::Double, Token::Whole(whole)) => Ok(Cell::Real(whole as f64)),
            (DataType::Float | DataType::Double, Token::Large(large)) => Ok(Cell::Real(large as f64)),
            (DataType::String, Token::Text(text)) => Ok(Cell::Text(text)),
            (DataType::Bytes, Token::Text(encoded)) => {
                let mut bytes = Vec::new();
                match text::read_base64(&encoded, &mut bytes) {
                    true => Ok(Cell::Bytes(bytes)),
                    false => Err(no_text("base64 with padding")),
                }
            }
            (DataType::Date, Token::Text(date)) => match text::read_date(&date) {
                Some(days) => Ok(Cell::Whole(i64::from(days))),
                None => Err(no_text("a date such as 2026-11-21")),
            },
            (DataType::Timestamp, Token::Text(time)) => match text::read_timestamp(&time) {
                Some(micros) => Ok(Cell::Whole(micros)),
                None => Err(no_text("an RFC 3339 time with its offset, such as 2026-11-21T10:02:03Z")),
            },
            (DataType::Decimal { precision, scale }, token) => {
                let digits: Cow<'_, str> = match token {
                    Token::Text(number) => number,
                    Token::Whole(number) => number.to_string().into(),
                    Token::Large(number) => number.to_string().into(),
                    Token::Real(number) => {
                        let mut digits = Vec::new();
                        text::write_f64(number, &mut digits);
                        if digits.iter().filter(|byte| byte.is_ascii_digit()).count() > EXACT_DIGITS {
                            return Err(format!(
                                "a number of more than {EXACT_DIGITS} digits is not kept exactly: write it as text"
                            ));
                        }
                        String::from_utf8_lossy(&digits).into_owned().into()
                    }
                    other => return Err(format!("{} where {data_type} is needed", other.word())),
                };
                decimal::read(&digits, *precision, *scale).map(Cell::Decimal).map_err(str::to_owned)
            }
            (_, other) => Err(format!("{} where {data_type} is needed", other.word())),
        }
    }
}
