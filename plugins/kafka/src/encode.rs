//! Records as what stands in messages.

mod avro;
mod json;

use crate::format::{Format, MESSAGE_FIELD};
use apache_avro::Schema as AvroSchema;
use campanile_sdk::{Any, Error, Field, Input, Record, Result, Text};

#[cfg(test)]
mod tests;

/// Makes payloads of records of one schema.
#[derive(Debug)]
pub(crate) enum Encoder {
    Json(json::Printer),
    Text(Field<Text>),
    Avro(Box<avro::Writer>),
}

impl Encoder {
    pub(crate) fn new(
        format: Format,
        field: Option<&str>,
        avro: Option<AvroSchema>,
        input: Input<'_>,
    ) -> Result<Encoder> {
        match format {
            Format::Jsonl => json::Printer::new(input.schema()).map(Encoder::Json),
            Format::Text => input.text(field.unwrap_or(MESSAGE_FIELD)).map(Encoder::Text),
            Format::Avro => {
                let avro = avro.ok_or_else(|| Error::fatal("there is no schema"))?;
                avro::Writer::new(avro, input).map(|writer| Encoder::Avro(Box::new(writer)))
            }
        }
    }

    /// The payload: nothing for a message without any. Why there can be none is an error.
    pub(crate) fn encode(&self, record: &Record<'_>) -> Result<Option<Vec<u8>>, String> {
        match self {
            Encoder::Json(printer) => {
                let mut out = Vec::with_capacity(128);
                printer.print(record, &mut out);
                Ok(Some(out))
            }
            // What was read without a payload is written so.
            Encoder::Text(field) => Ok(record.text(*field).map(|text| text.as_bytes().to_vec())),
            Encoder::Avro(writer) => writer.write(record).map(Some),
        }
    }
}

/// The texts of fields, nothing where one is null.
pub(crate) fn texts(record: &Record<'_>, fields: &[Field<Any>]) -> Vec<Option<String>> {
    let text = |field: &Field<Any>| {
        let value = record.scalar(*field);
        (!value.is_null()).then(|| value.to_string())
    };
    fields.iter().map(text).collect()
}
