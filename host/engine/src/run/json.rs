//! A row as JSON, as sinks write it: for dead letters and dry runs.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, SchemaRef};
use campanile_sdk::Scalar;
use serde_json::{Map, Number, Value};

/// A row as an object, without its nulls.
pub(super) fn object(schema: &SchemaRef, columns: &[ArrayRef], row: usize) -> Value {
    let members = schema.fields().iter().zip(columns).filter(|(_, column)| !column.is_null(row));
    Value::Object(members.map(|(field, column)| (field.name().clone(), value(column, row))).collect())
}

fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    let text = |scalar: Scalar<'_>| Value::String(scalar.to_string());
    match column.data_type() {
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float32 => double(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => text(Scalar::Date(column.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(..) => {
            text(Scalar::Timestamp(column.as_primitive::<TimestampMicrosecondType>().value(row)))
        }
        DataType::Decimal128(_, scale) => {
            text(Scalar::Decimal { unscaled: column.as_primitive::<Decimal128Type>().value(row), scale: *scale })
        }
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Binary => text(Scalar::Bytes(column.as_binary::<i32>().value(row))),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|item| value(&items, item)).collect()
        }
        DataType::Struct(fields) => {
            let parts = column.as_struct();
            let members =
                fields.iter().zip(parts.columns()).map(|(field, part)| (field.name().clone(), value(part, row)));
            Value::Object(members.collect())
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1));
            let members = (0..keys.len()).map(|entry| (keys.value(entry).to_owned(), value(values, entry)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

/// JSON has no words for NaN and infinities.
fn double(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
