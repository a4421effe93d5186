//! Messages to rows of columns.

use crate::decimal;
use crate::format::{Format, MESSAGE_FIELD};
use campanile_sdk::{ColumnBuilder, DataType, Emitter, Message, Result as SdkResult, Schema, SchemaField, text};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Names of unknown fields that are kept.
const UNKNOWN_NAMES: usize = 16;
/// Characters of such a name that are shown.
const NAME_CHARS: usize = 64;
/// Whole doubles beyond this are not sure to be the number that was written.
const EXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;
/// Digits of a decimal number that a double surely keeps.
const EXACT_DIGITS: usize = 15;

/// Rows that were read and not emitted yet.
#[derive(Debug)]
pub(crate) struct Decoder {
    format: Format,
    /// The fields that messages hold; those of the id and the time stand behind them.
    fields: Vec<SchemaField>,
    with_id: bool,
    with_time: bool,
    columns: Vec<ColumnBuilder>,
    positions: Vec<u64>,
    /// Values of fields that the schema does not have.
    pub(crate) unknown: u64,
    /// Their names, the first of them, with how often each stood there.
    pub(crate) unknown_names: BTreeMap<String, u64>,
}

/// The fields that messages hold in a format.
pub(crate) fn content(format: Format, schema: Option<&Schema>) -> Vec<SchemaField> {
    match format {
        Format::Text => vec![SchemaField::new(MESSAGE_FIELD, DataType::String).required()],
        Format::Bytes => vec![SchemaField::new(MESSAGE_FIELD, DataType::Bytes).required()],
        Format::Jsonl => schema.map(|schema| schema.fields.clone()).unwrap_or_default(),
    }
}

/// The fields of the records: what messages hold, and the id and the time where they have names.
pub(crate) fn output(mut fields: Vec<SchemaField>, id: Option<&str>, time: Option<&str>) -> Schema {
    fields.extend(id.map(|name| SchemaField::new(name, DataType::String).required()));
    fields.extend(time.map(|name| SchemaField::new(name, DataType::Timestamp).required()));
    Schema::new(fields)
}

/// A value that fits its field.
enum Cell<'v> {
    Null,
    Boolean(bool),
    Whole(i64),
    Decimal(i128),
    Real(f64),
    Text(&'v str),
    Bytes(Vec<u8>),
}

impl Decoder {
    pub(crate) fn new(
        format: Format,
        schema: Option<&Schema>,
        id: Option<&str>,
        time: Option<&str>,
    ) -> SdkResult<Decoder> {
        let fields = content(format, schema);
        Ok(Decoder {
            format,
            columns: ColumnBuilder::all(&output(fields.clone(), id, time))?,
            fields,
            with_id: id.is_some(),
            with_time: time.is_some(),
            positions: Vec::new(),
            unknown: 0,
            unknown_names: BTreeMap::new(),
        })
    }

    /// Adds a row, or says why the message is none.
    pub(crate) fn push(&mut self, message: &Message<'_>, position: u64) -> Result<(), String> {
        match self.format {
            Format::Bytes => self.columns[0].push_bytes(message.payload),
            Format::Text => {
                let text = std::str::from_utf8(message.payload)
                    .map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to() + 1))?;
                self.columns[0].push_text(text);
            }
            Format::Jsonl => self.push_json(message.payload)?,
        }
        let mut further = self.columns[self.fields.len()..].iter_mut();
        if let Some(column) = further.next_if(self.with_id) {
            column.push_text(&message.id.to_string());
        }
        if let Some(column) = further.next_if(self.with_time) {
            column.push_i64(i64::try_from(message.id.timestamp_ms()).map_or(i64::MAX, |ms| ms.saturating_mul(1_000)));
        }
        self.positions.push(position);
        Ok(())
    }

    fn push_json(&mut self, payload: &[u8]) -> Result<(), String> {
        let value: Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
        let Value::Object(record) = &value else {
            return Err(format!("{} where a record in braces is needed", word(&value)));
        };
        // All are looked at before any is added: a row is whole or not there.
        let cells: Vec<Cell<'_>> = self.fields.iter().map(|field| cell_of(field, record)).collect::<Result<_, _>>()?;
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            match cell {
                Cell::Null => column.push_null(),
                Cell::Boolean(value) => column.push_bool(value),
                Cell::Whole(value) => column.push_i64(value),
                Cell::Decimal(value) => column.push_i128(value),
                Cell::Real(value) => column.push_f64(value),
                Cell::Text(value) => column.push_text(value),
                Cell::Bytes(value) => column.push_bytes(&value),
            }
        }
        for name in record.keys().filter(|name| !self.fields.iter().any(|field| field.name == **name)) {
            self.unknown += 1;
            let shown: String = name.chars().take(NAME_CHARS).collect();
            if self.unknown_names.len() < UNKNOWN_NAMES || self.unknown_names.contains_key(&shown) {
                *self.unknown_names.entry(shown).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Hands the rows on.
    pub(crate) fn emit(&mut self, emitter: &mut Emitter<'_>) -> SdkResult<()> {
        if self.positions.is_empty() {
            return Ok(());
        }
        let emitted = emitter.emit_columns(&mut self.columns, &self.positions);
        self.positions.clear();
        emitted
    }
}

/// Takes the next one where it is asked for.
trait NextIf: Iterator {
    fn next_if(&mut self, wanted: bool) -> Option<Self::Item> {
        if wanted { self.next() } else { None }
    }
}

impl<I: Iterator> NextIf for I {}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn cell_of<'v>(field: &SchemaField, record: &'v Map<String, Value>) -> Result<Cell<'v>, String> {
    let cell = match record.get(&field.name) {
        None if !field.nullable => Err("it is missing, and the schema allows no null".to_owned()),
        Some(Value::Null) if !field.nullable => Err("null where the schema allows none".to_owned()),
        None | Some(Value::Null) => Ok(Cell::Null),
        Some(value) => cell(&field.data_type, value),
    };
    cell.map_err(|what| format!("field `{}`: {what}", field.name))
}

fn cell<'v>(data_type: &DataType, value: &'v Value) -> Result<Cell<'v>, String> {
    let no_text = |needed: &str| format!("the text is not {needed}");
    match (data_type, value) {
        (DataType::Boolean, Value::Bool(value)) => Ok(Cell::Boolean(*value)),
        (DataType::Int | DataType::Long, Value::Number(number)) => {
            let whole = match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => whole,
                (None, Some(real)) if real.fract() != 0.0 => {
                    return Err(format!("a number with a fraction where {data_type} is needed"));
                }
                (None, Some(real)) if real.abs() <= EXACT_DOUBLE => real as i64,
                _ => return Err(format!("the number does not fit into {data_type}")),
            };
            if *data_type == DataType::Int && i32::try_from(whole).is_err() {
                return Err("the number does not fit into int".to_owned());
            }
            Ok(Cell::Whole(whole))
        }
        (DataType::Float, Value::Number(number)) => match number.as_f64() {
            Some(real) if (real as f32).is_finite() => Ok(Cell::Real(real)),
            _ => Err("the number does not fit into float".to_owned()),
        },
        (DataType::Double, Value::Number(number)) => match number.as_f64() {
            Some(real) => Ok(Cell::Real(real)),
            None => Err("the number does not fit into double".to_owned()),
        },
        (DataType::String, Value::String(text)) => Ok(Cell::Text(text)),
        (DataType::Bytes, Value::String(encoded)) => {
            let mut bytes = Vec::new();
            match text::read_base64(encoded, &mut bytes) {
                true => Ok(Cell::Bytes(bytes)),
                false => Err(no_text("base64 with padding")),
            }
        }
        (DataType::Date, Value::String(date)) => match text::read_date(date) {
            Some(days) => Ok(Cell::Whole(i64::from(days))),
            None => Err(no_text("a date such as 2026-11-21")),
        },
        (DataType::Timestamp, Value::String(time)) => match text::read_timestamp(time) {
            Some(micros) => Ok(Cell::Whole(micros)),
            None => Err(no_text("an RFC 3339 time with its offset, such as 2026-11-21T10:02:03Z")),
        },
        (DataType::Decimal { precision, scale }, Value::String(number)) => {
            decimal::read(number, *precision, *scale).map(Cell::Decimal).map_err(str::to_owned)
        }
        (DataType::Decimal { precision, scale }, Value::Number(number)) => {
            let digits = number.to_string();
            if number.is_f64() && digits.bytes().filter(u8::is_ascii_digit).count() > EXACT_DIGITS {
                return Err(format!(
                    "a number of more than {EXACT_DIGITS} digits is not kept exactly: write it as text"
                ));
            }
            decimal::read(&digits, *precision, *scale).map(Cell::Decimal).map_err(str::to_owned)
        }
        (_, value) => Err(format!("{} where {data_type} is needed", word(value))),
    }
}

#[cfg(test)]
mod tests;
