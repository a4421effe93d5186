//! Schemas to arrow-rs and back.

use crate::error::{Error, Result};
use crate::schema::{DataType, Schema, SchemaField};
use arrow_schema::{DataType as Arrow, Field, Fields, TimeUnit};
use std::sync::Arc;

/// A schema as arrow-rs has it.
pub fn schema(schema: &Schema) -> arrow_schema::Schema {
    arrow_schema::Schema::new(fields(&schema.fields))
}

fn fields(fields: &[SchemaField]) -> Fields {
    fields.iter().map(field).collect()
}

fn field(field: &SchemaField) -> Field {
    Field::new(&field.name, data_type(&field.data_type), field.nullable)
}

/// A type as arrow-rs has it.
pub fn data_type(data_type: &DataType) -> Arrow {
    match data_type {
        DataType::Boolean => Arrow::Boolean,
        DataType::Int => Arrow::Int32,
        DataType::Long => Arrow::Int64,
        DataType::Float => Arrow::Float32,
        DataType::Double => Arrow::Float64,
        DataType::String => Arrow::Utf8,
        DataType::Bytes => Arrow::Binary,
        DataType::Date => Arrow::Date32,
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Decimal { precision, scale } => Arrow::Decimal128(*precision, *scale),
        DataType::List { items } => Arrow::List(Arc::new(field(items))),
        DataType::Struct { fields: inner } => Arrow::Struct(fields(inner)),
        DataType::Map { values } => {
            let entries = Fields::from(vec![Field::new("key", Arrow::Utf8, false), field(values)]);
            Arrow::Map(Arc::new(Field::new("entries", Arrow::Struct(entries), false)), false)
        }
    }
}

/// A schema of arrow-rs as ours. A type that we lack is an error, which names the field and what to do.
pub fn from_arrow_schema(schema: &arrow_schema::Schema) -> Result<Schema> {
    Ok(Schema::new(from_fields("", schema.fields())?))
}

fn from_fields(path: &str, fields: &Fields) -> Result<Vec<SchemaField>> {
    for (index, field) in fields.iter().enumerate() {
        if fields[..index].iter().any(|other| other.name() == field.name()) {
            return Err(Error::config(format!("field `{path}{}` stands twice in the schema", field.name())));
        }
    }
    fields.iter().map(|field| from_field(path, field)).collect()
}

fn from_field(path: &str, field: &Field) -> Result<SchemaField> {
    let data_type = from_data_type(&format!("{path}{}", field.name()), field.data_type())?;
    Ok(SchemaField { name: field.name().clone(), data_type, nullable: field.is_nullable() })
}

/// A type of arrow-rs as ours; `field` is named in the error.
pub fn from_data_type(field: &str, arrow: &Arrow) -> Result<DataType> {
    let inner = format!("{field}.");
    Ok(match arrow {
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int32 => DataType::Int,
        Arrow::Int64 => DataType::Long,
        Arrow::Float32 => DataType::Float,
        Arrow::Float64 => DataType::Double,
        Arrow::Utf8 => DataType::String,
        Arrow::Binary => DataType::Bytes,
        Arrow::Date32 => DataType::Date,
        // A time with a zone counts from 1970 in UTC; the zone says only how it is shown.
        Arrow::Timestamp(TimeUnit::Microsecond, Some(_)) => DataType::Timestamp,
        Arrow::Decimal128(precision, scale) => DataType::Decimal { precision: *precision, scale: *scale },
        Arrow::List(items) => DataType::List { items: Box::new(from_field(&inner, items)?) },
        Arrow::Struct(fields) => DataType::Struct { fields: from_fields(&inner, fields)? },
        Arrow::Map(entries, _) => match entry(entries) {
            Some((key, value)) if *key.data_type() == Arrow::Utf8 => {
                DataType::Map { values: Box::new(from_field(&inner, value)?) }
            }
            _ => return Err(Error::config(format!("field `{field}`: the keys of a map are text: cast them to Utf8"))),
        },
        other => {
            let message = format!("field `{field}` is {other}, which no field holds: {}", remedy(other));
            return Err(Error::config(message));
        }
    })
}

/// The key and the value of a map's entries.
fn entry(entries: &Field) -> Option<(&Field, &Field)> {
    match entries.data_type() {
        Arrow::Struct(fields) if fields.len() == 2 => Some((&fields[0], &fields[1])),
        _ => None,
    }
}

fn remedy(arrow: &Arrow) -> String {
    let to = match arrow {
        Arrow::Int8 | Arrow::Int16 | Arrow::UInt8 | Arrow::UInt16 => "Int32",
        Arrow::UInt32 | Arrow::Duration(_) => "Int64",
        Arrow::UInt64 => "Int64 or Decimal128(20, 0)",
        Arrow::Float16 => "Float32",
        Arrow::LargeUtf8 | Arrow::Utf8View | Arrow::Time32(_) | Arrow::Time64(_) | Arrow::Interval(_) => "Utf8",
        Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => "Binary",
        Arrow::Timestamp(..) => "Timestamp(µs, \"UTC\")",
        Arrow::Date64 => "Date32",
        Arrow::Decimal32(..) | Arrow::Decimal64(..) | Arrow::Decimal256(..) => "Decimal128",
        Arrow::LargeList(_) | Arrow::FixedSizeList(..) | Arrow::ListView(_) | Arrow::LargeListView(_) => "List",
        Arrow::Dictionary(_, values) => return format!("cast it to {values}"),
        Arrow::RunEndEncoded(_, values) => return format!("cast it to {}", values.data_type()),
        _ => return "leave it out".to_owned(),
    };
    format!("cast it to {to}")
}

/// Whether values of this type lie as ours do: inner names of lists and maps, and inner nullability, do not matter.
pub fn fits(ours: &DataType, arrow: &Arrow) -> bool {
    match (ours, arrow) {
        (DataType::Timestamp, Arrow::Timestamp(TimeUnit::Microsecond, Some(_))) => true,
        (DataType::List { items }, Arrow::List(given)) => fits(&items.data_type, given.data_type()),
        (DataType::Struct { fields }, Arrow::Struct(given)) => {
            fields.len() == given.len()
                && fields
                    .iter()
                    .zip(given)
                    .all(|(field, given)| field.name == *given.name() && fits(&field.data_type, given.data_type()))
        }
        (DataType::Map { values }, Arrow::Map(entries, _)) => entry(entries)
            .is_some_and(|(key, value)| *key.data_type() == Arrow::Utf8 && fits(&values.data_type, value.data_type())),
        (ours, arrow) => ours.is_scalar() && data_type(ours) == *arrow,
    }
}
