//! Avro's binary encoding to the values of a row.

use super::cell::Cell;
use super::of_file;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::{Decimal, Schema as AvroSchema};
use campanile_sdk::{DataType, Result as SdkResult, Schema, SchemaField};
use std::borrow::Cow;

/// The largest schema file that is read: 1 MiB.
const MAX_SCHEMA_BYTES: u64 = 1 << 20;

/// Reads a schema file.
pub(crate) fn read_schema(path: &str) -> SdkResult<AvroSchema> {
    let size = std::fs::metadata(path).map_err(|error| of_file(path, error))?.len();
    if size > MAX_SCHEMA_BYTES {
        return Err(of_file(path, format!("{size} bytes are more than the {MAX_SCHEMA_BYTES} that are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| of_file(path, error))?;
    AvroSchema::parse_str(&text).map_err(|error| of_file(path, error))
}

/// The fields of records of an Avro schema.
pub(crate) fn output_schema(schema: &AvroSchema) -> Result<Schema, String> {
    let AvroSchema::Record(record) = schema else { return Err("it describes no record".to_owned()) };
    let fields = record.fields.iter().map(|field| {
        let (data_type, nullable) = type_of(&field.schema).map_err(|what| format!("field `{}`: {what}", field.name))?;
        let made = SchemaField::new(&field.name, data_type);
        Ok(if nullable { made } else { made.required() })
    });
    Ok(Schema::new(fields.collect::<Result<Vec<_>, String>>()?))
}

/// What a value of this schema becomes, and whether it may be null.
fn type_of(schema: &AvroSchema) -> Result<(DataType, bool), String> {
    let data_type = match schema {
        AvroSchema::Boolean => DataType::Boolean,
        AvroSchema::Int => DataType::Int,
        AvroSchema::Long => DataType::Long,
        AvroSchema::Float => DataType::Float,
        AvroSchema::Double => DataType::Double,
        AvroSchema::Bytes | AvroSchema::Fixed(_) => DataType::Bytes,
        AvroSchema::String | AvroSchema::Enum(_) | AvroSchema::Uuid(_) => DataType::String,
        AvroSchema::Date => DataType::Date,
        AvroSchema::TimestampMillis | AvroSchema::TimestampMicros | AvroSchema::TimestampNanos => DataType::Timestamp,
        AvroSchema::Decimal(decimal) => match (u8::try_from(decimal.precision), i8::try_from(decimal.scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) => DataType::Decimal { precision, scale },
            _ => return Err("a decimal of more than 38 digits, which records do not carry".to_owned()),
        },
        AvroSchema::Union(union) => {
            let mut others = union.variants().iter().filter(|variant| !matches!(variant, AvroSchema::Null));
            let nullable = union.variants().iter().any(|variant| matches!(variant, AvroSchema::Null));
            return match (others.next(), others.next()) {
                (Some(only), None) => type_of(only).map(|(data_type, _)| (data_type, nullable)),
                _ => Err("a union of several types, which records do not carry yet".to_owned()),
            };
        }
        _ => return Err("a type that records do not carry yet".to_owned()),
    };
    Ok((data_type, false))
}

/// Reads a record; each field of it is one of `fields`, in their order.
pub(super) fn read(
    mut payload: &[u8],
    schema: &AvroSchema,
    fields: &[SchemaField],
) -> Result<Vec<Cell<'static>>, String> {
    let reader = GenericDatumReader::builder(schema).build().map_err(|error| error.to_string())?;
    let value = reader.read_value(&mut payload).map_err(|error| error.to_string())?;
    if !payload.is_empty() {
        return Err(format!("{} bytes are left behind the record: it was written with another schema", payload.len()));
    }
    let Value::Record(values) = value else { return Err("it holds no record".to_owned()) };
    let cells = values
        .into_iter()
        .zip(fields)
        .map(|((name, value), field)| cell(value, &field.data_type).map_err(|what| format!("field `{name}`: {what}")));
    cells.collect()
}

fn cell(value: Value, data_type: &DataType) -> Result<Cell<'static>, String> {
    Ok(match value {
        Value::Null => Cell::Null,
        Value::Boolean(value) => Cell::Boolean(value),
        Value::Int(value) | Value::Date(value) => Cell::Whole(i64::from(value)),
        Value::Long(value) | Value::TimestampMicros(value) => Cell::Whole(value),
        Value::TimestampMillis(ms) => Cell::Whole(ms.saturating_mul(1_000)),
        Value::TimestampNanos(ns) => Cell::Whole(ns.div_euclid(1_000)),
        Value::Float(value) => Cell::Real(f64::from(value)),
        Value::Double(value) => Cell::Real(value),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => Cell::Bytes(bytes),
        Value::String(text) | Value::Enum(_, text) => Cell::Text(Cow::Owned(text)),
        Value::Uuid(uuid) => Cell::Text(Cow::Owned(uuid.to_string())),
        Value::Decimal(decimal) => Cell::Decimal(unscaled(&decimal)?),
        Value::Union(_, value) => cell(*value, data_type)?,
        _ => return Err(format!("it is no {data_type}")),
    })
}

fn unscaled(decimal: &Decimal) -> Result<i128, String> {
    let bytes = Vec::<u8>::try_from(decimal).map_err(|error| error.to_string())?;
    let too_large = || "the number does not fit into decimal".to_owned();
    let fill = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [fill; 16];
    let from = whole.len().checked_sub(bytes.len()).ok_or_else(too_large)?;
    whole[from..].copy_from_slice(&bytes);
    Ok(i128::from_be_bytes(whole))
}
