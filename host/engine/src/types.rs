//! Our schemas as Arrow's.

use arrow_schema::{DataType as Arrow, Field, Fields, Schema as ArrowSchema, SchemaRef, TimeUnit};
use campanile_sdk::{DataType, Schema, SchemaField};
use std::sync::Arc;

/// The Arrow schema of the columns that a stage of this schema takes or makes.
pub(crate) fn arrow_schema(schema: &Schema) -> SchemaRef {
    Arc::new(ArrowSchema::new(schema.fields.iter().map(field).collect::<Vec<_>>()))
}

fn field(field: &SchemaField) -> Field {
    Field::new(&field.name, data_type(&field.data_type), field.nullable)
}

/// The Arrow type in which values of a type cross.
pub(crate) fn data_type(data_type: &DataType) -> Arrow {
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
        DataType::Struct { fields } => Arrow::Struct(fields.iter().map(field).collect::<Fields>()),
        DataType::Map { values } => {
            let key = Field::new("key", Arrow::Utf8, false);
            let entries = Arrow::Struct(Fields::from(vec![key, field(values).with_name("value")]));
            Arrow::Map(Arc::new(Field::new("entries", entries, false)), false)
        }
        other => unreachable!("a type without a layout: {other}"),
    }
}

/// The schema of the error records of a stage: the same fields, each of which may be null.
pub(crate) fn error_schema(schema: &Schema) -> Schema {
    let fields = schema.fields.iter().cloned().map(|field| SchemaField { nullable: true, ..field });
    Schema::new(fields.collect())
}
