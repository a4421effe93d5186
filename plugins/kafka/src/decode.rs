//! Messages to rows of columns.

mod avro;
mod cell;
mod decimal;
mod json;

use crate::format::{Format, MESSAGE_FIELD};
use apache_avro::Schema as AvroSchema;
use campanile_sdk::{ColumnBuilder, DataType, Emitter, Error, Result as SdkResult, Schema, SchemaField};
use cell::Cell;
use rdkafka::Message;
use rdkafka::message::Headers;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(crate) use avro::{output_schema as avro_fields, read_schema as read_avro_schema};

#[cfg(test)]
mod tests;

/// Names of unknown fields that are kept.
const UNKNOWN_NAMES: usize = 16;
/// Characters of such a name that are shown.
const NAME_CHARS: usize = 64;

/// What of a message beside its payload becomes a field, and under which name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Further {
    /// Field name and which part, in the order of the fields.
    pub(crate) fields: Vec<(String, Part)>,
}

/// A part of a message beside its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Part {
    Key,
    Topic,
    Partition,
    Offset,
    Timestamp,
    Headers,
}

impl Part {
    fn field(self, name: &str) -> SchemaField {
        match self {
            Part::Key | Part::Headers => SchemaField::new(name, DataType::String),
            Part::Topic => SchemaField::new(name, DataType::String).required(),
            Part::Partition => SchemaField::new(name, DataType::Int).required(),
            Part::Offset => SchemaField::new(name, DataType::Long).required(),
            Part::Timestamp => SchemaField::new(name, DataType::Timestamp),
        }
    }
}

/// The fields that messages hold in a format.
pub(crate) fn content(format: Format, schema: Option<&Schema>) -> Vec<SchemaField> {
    match format {
        // A message may have no payload.
        Format::Text => vec![SchemaField::new(MESSAGE_FIELD, DataType::String)],
        Format::Jsonl | Format::Avro => schema.map(|schema| schema.fields.clone()).unwrap_or_default(),
    }
}

/// The fields of the records: what messages hold, and what else of them has a name.
pub(crate) fn output(mut fields: Vec<SchemaField>, further: &Further) -> Schema {
    fields.extend(further.fields.iter().map(|(name, part)| part.field(name)));
    Schema::new(fields)
}

/// Rows that were read and not emitted yet.
#[derive(Debug)]
pub(crate) struct Decoder {
    format: Format,
    /// The fields that messages hold; what else of them has a name stands behind these.
    fields: Vec<SchemaField>,
    parts: Vec<Part>,
    avro: Option<AvroSchema>,
    columns: Vec<ColumnBuilder>,
    positions: Vec<u64>,
    /// Values of fields that the schema does not have.
    pub(crate) unknown: u64,
    /// Their names, the first of them, with how often each stood there.
    pub(crate) unknown_names: BTreeMap<String, u64>,
}

impl Decoder {
    pub(crate) fn new(
        format: Format,
        fields: Vec<SchemaField>,
        further: &Further,
        avro: Option<AvroSchema>,
    ) -> SdkResult<Decoder> {
        Ok(Decoder {
            format,
            columns: ColumnBuilder::all(&output(fields.clone(), further))?,
            fields,
            parts: further.fields.iter().map(|(_, part)| *part).collect(),
            avro,
            positions: Vec::new(),
            unknown: 0,
            unknown_names: BTreeMap::new(),
        })
    }

    /// How many rows wait to be emitted.
    pub(crate) fn rows(&self) -> usize {
        self.positions.len()
    }

    /// Adds a row, or says why the message is none.
    pub(crate) fn push(&mut self, message: &impl Message) -> Result<(), String> {
        let key = message.key().map(std::str::from_utf8).transpose();
        let key = match self.parts.contains(&Part::Key) {
            true => key.map_err(|_| "its key is not UTF-8".to_owned())?,
            false => None,
        };
        let headers = match self.parts.contains(&Part::Headers) {
            true => message.headers().map(headers_json).transpose()?,
            false => None,
        };
        self.push_payload(message.payload())?;
        for (part, column) in self.parts.iter().zip(&mut self.columns[self.fields.len()..]) {
            let text = |column: &mut ColumnBuilder, text: Option<&str>| match text {
                Some(text) => column.push_text(text),
                None => column.push_null(),
            };
            match part {
                Part::Key => text(column, key),
                Part::Topic => text(column, Some(message.topic())),
                Part::Headers => text(column, headers.as_deref()),
                Part::Partition => column.push_i64(i64::from(message.partition())),
                Part::Offset => column.push_i64(message.offset()),
                Part::Timestamp => match message.timestamp().to_millis() {
                    Some(ms) => column.push_i64(ms.saturating_mul(1_000)),
                    None => column.push_null(),
                },
            }
        }
        self.positions.push(message.offset().unsigned_abs());
        Ok(())
    }

    fn push_payload(&mut self, payload: Option<&[u8]>) -> Result<(), String> {
        let nothing = "it has no payload";
        match self.format {
            Format::Text => match payload {
                None => self.columns[0].push_null(),
                Some(payload) => {
                    let text = std::str::from_utf8(payload)
                        .map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to() + 1))?;
                    self.columns[0].push_text(text);
                }
            },
            Format::Jsonl => {
                let mut cells = Vec::new();
                let (unknown, names) = (&mut self.unknown, &mut self.unknown_names);
                let mut note = |name: &str| note_unknown(unknown, names, name);
                json::read(payload.ok_or(nothing)?, &self.fields, &mut cells, &mut note)?;
                for (column, cell) in self.columns.iter_mut().zip(&cells) {
                    cell.as_ref().unwrap_or(&Cell::Null).push(column);
                }
            }
            Format::Avro => {
                let schema = self.avro.as_ref().ok_or("there is no schema")?;
                let cells = avro::read(payload.ok_or(nothing)?, schema, &self.fields)?;
                self.columns.iter_mut().zip(&cells).for_each(|(column, cell)| cell.push(column));
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

    /// What there is to say about fields that the schema does not have.
    pub(crate) fn take_unknown(&mut self) -> Option<(u64, String)> {
        let unknown = std::mem::take(&mut self.unknown);
        let names = std::mem::take(&mut self.unknown_names);
        let names = names.iter().map(|(name, count)| format!("`{name}` ({count})")).collect::<Vec<_>>().join(", ");
        (unknown > 0).then(|| {
            (unknown, format!("{unknown} values of fields that the schema does not have were ignored: {names}"))
        })
    }
}

fn note_unknown(unknown: &mut u64, names: &mut BTreeMap<String, u64>, name: &str) {
    *unknown += 1;
    let shown: String = name.chars().take(NAME_CHARS).collect();
    if names.len() < UNKNOWN_NAMES || names.contains_key(&shown) {
        *names.entry(shown).or_default() += 1;
    }
}

/// Headers as a JSON object of texts; of several of one name the last.
fn headers_json(headers: &impl Headers) -> Result<String, String> {
    let mut object = serde_json::Map::new();
    for header in headers.iter() {
        let value = match header.value.map(std::str::from_utf8) {
            None => serde_json::Value::Null,
            Some(Ok(text)) => text.into(),
            Some(Err(_)) => return Err(format!("its header `{}` is not UTF-8", header.key)),
        };
        object.insert(header.key.to_owned(), value);
    }
    Ok(serde_json::Value::Object(object).to_string())
}

/// An error for a schema file.
fn of_file(path: &str, what: impl std::fmt::Display) -> Error {
    Error::config(format!("`schemaFile` {path}: {what}"))
}
