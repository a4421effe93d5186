//! A schema from the first lines.

use crate::format::{Part, ReadOptions, SAMPLE_RECORDS};
use crate::lines::{Fill, Lines};
use campanile_sdk::{DataType, Result, Schema, SchemaField};
use serde_json::{Number, Value};
use std::path::PathBuf;

/// Whole numbers up to here are exact as a double.
const MAX_EXACT: u64 = 1 << 53;

/// What lines seem to hold.
#[derive(Debug, Default)]
pub(crate) struct Inferred {
    pub(crate) schema: Schema,
    /// The text fields in which values of any type stood.
    pub(crate) any: Vec<String>,
}

/// What was seen in a field.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    boolean: bool,
    number: bool,
    /// A whole number of more than 53 bits, and one that 64 bits with a sign do not hold or that has a fraction.
    wide: bool,
    not_long: bool,
    text: bool,
    nested: bool,
}

/// Infers a schema from the first records of these files: every field may be null; numbers are double, or long where a
/// whole one needs more than 53 bits; what else is not one and the same scalar is text.
pub(crate) fn infer(paths: &[PathBuf], options: &ReadOptions) -> Result<Inferred> {
    let mut seen: Vec<(String, Seen)> = Vec::new();
    let mut records = 0;
    'files: for path in paths {
        let mut lines = Lines::sample(&Part::whole(path), options.max_line_bytes)?;
        loop {
            match lines.fill()? {
                Fill::Lines => {}
                Fill::Long => lines.skip_long(),
                Fill::Idle | Fill::End => break,
            }
            let whole = lines.whole();
            let (bytes, mut count) = (whole.len(), 0);
            for line in whole.split_inclusive(|&byte| byte == b'\n') {
                count += 1;
                // A broken line is told when it is read.
                if let Ok(Value::Object(record)) = serde_json::from_slice(line) {
                    records += 1;
                    for (name, value) in record {
                        note(&mut seen, name, &value);
                    }
                }
                if records == SAMPLE_RECORDS {
                    break 'files;
                }
            }
            lines.take(bytes, count);
        }
    }
    let any = seen.iter().filter(|(_, seen)| seen.is_any()).map(|(name, _)| name.clone()).collect();
    let fields = seen.into_iter().map(|(name, seen)| SchemaField::new(name, seen.data_type())).collect();
    Ok(Inferred { schema: Schema::new(fields), any })
}

fn note(fields: &mut Vec<(String, Seen)>, name: String, value: &Value) {
    let place = fields.iter().position(|(field, _)| *field == name).unwrap_or_else(|| {
        fields.push((name, Seen::default()));
        fields.len() - 1
    });
    let seen = &mut fields[place].1;
    match value {
        Value::Null => {}
        Value::Bool(_) => seen.boolean = true,
        Value::Number(number) => {
            seen.number = true;
            seen.wide |= magnitude(number).is_some_and(|magnitude| magnitude > MAX_EXACT);
            seen.not_long |= number.as_i64().is_none()
                && number.as_f64().is_none_or(|value| value.fract() != 0.0 || value.abs() >= 9.2e18);
        }
        Value::String(_) => seen.text = true,
        Value::Array(_) | Value::Object(_) => seen.nested = true,
    }
}

fn magnitude(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs))
}

impl Seen {
    fn data_type(self) -> DataType {
        match (self.boolean, self.number, self.text || self.nested) {
            (true, false, false) => DataType::Boolean,
            (false, true, false) if self.wide && !self.not_long => DataType::Long,
            (false, true, false) => DataType::Double,
            _ => DataType::String,
        }
    }

    /// Whether it is text though not all values were.
    fn is_any(self) -> bool {
        self.data_type() == DataType::String && (self.nested || self.boolean || self.number || !self.text)
    }
}
