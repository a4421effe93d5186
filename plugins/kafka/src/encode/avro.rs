//! Records in Avro's binary encoding.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema as AvroSchema};
use campanile_sdk::{Any, Error, Field, Input, Record, Result, Scalar};

/// Writes records by an Avro schema: each of its fields is a field of the records with the same name.
#[derive(Debug)]
pub(crate) struct Writer {
    schema: AvroSchema,
    /// By field of the Avro schema: its name, and where it stands in records; nothing where records lack it.
    fields: Vec<(String, Option<Field<Any>>)>,
}

impl Writer {
    pub(super) fn new(schema: AvroSchema, input: Input<'_>) -> Result<Writer> {
        let AvroSchema::Record(record) = &schema else {
            return Err(Error::config("the schema in `schemaFile` describes no record"));
        };
        let fields = record.fields.iter().map(|field| match input.any(&field.name) {
            Ok(found) => Ok((field.name.clone(), Some(found))),
            Err(_) if of_null(&field.schema).is_some() => Ok((field.name.clone(), None)),
            Err(error) => Err(error.context("the schema in `schemaFile` has a field that records lack")),
        });
        let fields = fields.collect::<Result<_>>()?;
        Ok(Writer { schema, fields })
    }

    pub(super) fn write(&self, record: &Record<'_>) -> Result<Vec<u8>, String> {
        let AvroSchema::Record(schema) = &self.schema else { return Err("there is no schema".to_owned()) };
        let values = self.fields.iter().zip(&schema.fields).map(|((name, field), schema)| {
            let scalar = field.map_or(Scalar::Null, |field| record.scalar(field));
            value(&scalar, &schema.schema)
                .map(|value| (name.clone(), value))
                .map_err(|what| format!("field `{name}`: {what}"))
        });
        let values = Value::Record(values.collect::<Result<_, String>>()?);
        let writer = GenericDatumWriter::builder(&self.schema).build().map_err(|error| error.to_string())?;
        writer.write_value_to_vec(values).map_err(|error| error.to_string())
    }
}

/// Which variant of a union is null.
fn of_null(schema: &AvroSchema) -> Option<usize> {
    match schema {
        AvroSchema::Union(union) => union.variants().iter().position(|variant| matches!(variant, AvroSchema::Null)),
        _ => None,
    }
}

fn value(scalar: &Scalar<'_>, schema: &AvroSchema) -> Result<Value, String> {
    if let AvroSchema::Union(union) = schema {
        let index = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        if scalar.is_null() {
            let null = of_null(schema).ok_or("null where the schema allows none")?;
            return Ok(Value::Union(index(null), Box::new(Value::Null)));
        }
        let fits =
            union.variants().iter().enumerate().find_map(|(at, variant)| Some((at, value(scalar, variant).ok()?)));
        let (at, value) = fits.ok_or("it fits no type of the union")?;
        return Ok(Value::Union(index(at), Box::new(value)));
    }
    Ok(match (schema, *scalar) {
        (AvroSchema::Boolean, Scalar::Boolean(value)) => Value::Boolean(value),
        (AvroSchema::Int, Scalar::Long(value)) => {
            Value::Int(i32::try_from(value).map_err(|_| "the number does not fit into int")?)
        }
        (AvroSchema::Long, Scalar::Long(value)) => Value::Long(value),
        (AvroSchema::Float, Scalar::Float(value)) => Value::Float(value),
        (AvroSchema::Double, Scalar::Double(value)) => Value::Double(value),
        (AvroSchema::Double, Scalar::Float(value)) => Value::Double(f64::from(value)),
        (AvroSchema::Bytes, Scalar::Bytes(value)) => Value::Bytes(value.to_vec()),
        (AvroSchema::String, Scalar::Text(text)) => Value::String(text.to_owned()),
        (AvroSchema::Enum(symbols), Scalar::Text(text)) => {
            let at = symbols.symbols.iter().position(|symbol| symbol == text).ok_or("it is no symbol of the enum")?;
            Value::Enum(u32::try_from(at).unwrap_or(u32::MAX), text.to_owned())
        }
        (AvroSchema::Date, Scalar::Date(days)) => Value::Date(days),
        (AvroSchema::TimestampMillis, Scalar::Timestamp(micros)) => Value::TimestampMillis(micros.div_euclid(1_000)),
        (AvroSchema::TimestampMicros, Scalar::Timestamp(micros)) => Value::TimestampMicros(micros),
        (AvroSchema::Decimal(decimal), Scalar::Decimal { unscaled, scale })
            if i64::from(scale) == decimal.scale as i64 =>
        {
            Value::Decimal(Decimal::from(unscaled.to_be_bytes()))
        }
        (_, Scalar::Null) => return Err("null where the schema allows none".to_owned()),
        _ => return Err("its type is another than the schema's".to_owned()),
    })
}
