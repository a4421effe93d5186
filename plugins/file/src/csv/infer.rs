//! The schema that a file seems to have.

use super::header::Header;
use super::records::{Next, Records};
use super::value::boolean;
use crate::format::{CsvOptions, SAMPLE_RECORDS};
use campanile_sdk::{DataType, Result, Schema, SchemaField};

/// What was seen in a column.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    booleans: bool,
    numbers: bool,
    /// A whole number of more than 53 bits, which a double cannot hold.
    long: bool,
    fractions: bool,
    texts: bool,
}

impl Seen {
    fn note(&mut self, text: &str) {
        match number(text) {
            _ if boolean(text).is_ok() => self.booleans = true,
            Number::None => self.texts = true,
            Number::Whole(Some(value)) if value.unsigned_abs() > 1 << 53 => (self.numbers, self.long) = (true, true),
            Number::Whole(Some(_)) => self.numbers = true,
            // More digits than any number type keeps: the text keeps them.
            Number::Whole(None) => self.texts = true,
            Number::Fraction => (self.numbers, self.fractions) = (true, true),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Seen { texts: true, .. } | Seen { booleans: true, numbers: true, .. } => DataType::String,
            Seen { booleans: true, .. } => DataType::Boolean,
            Seen { long: true, fractions: false, .. } => DataType::Long,
            Seen { numbers: true, .. } => DataType::Double,
            _ => DataType::String,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    None,
    /// A whole number, if 64 bits hold it.
    Whole(Option<i64>),
    Fraction,
}

/// What JSON calls a number: a zero in front, as in a postcode, makes it a text.
fn number(text: &str) -> Number {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return Number::None;
    }
    at += whole;
    if at == bytes.len() {
        return Number::Whole(text.parse().ok());
    }
    if bytes[at] == b'.' {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return Number::None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return Number::None;
        }
        at += exponent;
    }
    // Out of a double's range it is kept as text.
    match text.parse::<f64>() {
        Ok(value) if at == bytes.len() && value.is_finite() => Number::Fraction,
        _ => Number::None,
    }
}

/// The schema of these records; of no fields where there are none. What cannot be read is left out.
pub(super) fn infer(records: &mut Records, options: &CsvOptions) -> Result<Schema> {
    let mut header = None;
    if options.header {
        match Header::read(records)? {
            Ok(read) => header = Some(read),
            Err(_) => return Ok(Schema::default()),
        }
    }
    let (mut columns, mut sampled) = (Vec::new(), 0);
    while sampled < SAMPLE_RECORDS {
        match records.next()? {
            Next::Record => {}
            Next::Broken(_) => continue,
            Next::Idle | Next::End => break,
        }
        let Ok(record) = simdutf8::basic::from_utf8(records.raw()) else { continue };
        let fields = records.fields();
        let header = header.get_or_insert_with(|| Header::numbered(fields.len()));
        if fields.len() != header.names.len() {
            continue;
        }
        columns.resize(header.names.len(), Seen::default());
        for (index, seen) in columns.iter_mut().enumerate() {
            let text = fields.text(index, record);
            if text.is_empty() && fields.quoted(index) {
                seen.texts = true;
            } else if !text.is_empty() && !options.nulls.iter().any(|null| null == text) {
                seen.note(text);
            }
        }
        sampled += 1;
    }
    let names = header.map(|header| header.names).unwrap_or_default();
    let fields = names.into_iter().zip(columns).map(|(name, seen)| SchemaField::new(name, seen.data_type()));
    Ok(Schema::new(fields.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(texts: &[&str]) -> DataType {
        let mut seen = Seen::default();
        texts.iter().for_each(|text| seen.note(text));
        seen.data_type()
    }

    #[test]
    fn a_column_has_the_type_that_holds_all_its_values() {
        assert_eq!(seen(&["1", "2.5", "1e3"]), DataType::Double);
        assert_eq!(seen(&["1", "9007199254740992"]), DataType::Double);
        assert_eq!(seen(&["1", "9007199254740993"]), DataType::Long);
        assert_eq!(seen(&["1.5", "9007199254740993"]), DataType::Double);
        assert_eq!(seen(&["12345678901234567890"]), DataType::String);
        assert_eq!(seen(&["true", "False"]), DataType::Boolean);
        assert_eq!(seen(&["true", "1"]), DataType::String);
        assert_eq!(seen(&["1", "x"]), DataType::String);
        assert_eq!(seen(&[]), DataType::String);
    }

    #[test]
    fn what_json_does_not_call_a_number_is_text() {
        for text in ["007", "+1", ".5", "5.", "1e", "-", "1 ", "NaN", "0x1", "1e400", "1,5"] {
            assert_eq!(number(text), Number::None, "{text}");
        }
        for text in ["0.5", "-1.5e-3", "3944e5"] {
            assert_eq!(number(text), Number::Fraction, "{text}");
        }
        assert_eq!(number("-42"), Number::Whole(Some(-42)));
    }
}
