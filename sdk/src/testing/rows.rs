//! Records as JSON to columns and back.
#![allow(unsafe_code, reason = "reads arrays as the shim does")]

use crate::batch::{Batch, Record, Scalar};
use crate::builder::ColumnBuilder;
use crate::field::Field;
use crate::schema::{DataType, Schema, SchemaField};
use crate::shim::columns;
use campanile_abi::{ArrowArray, BatchV1, Slice};
use serde_json::{Map, Value};
use std::ffi::c_void;

/// The schema that records seem to have: whole numbers are long, others double.
pub(super) fn infer(records: &[Value]) -> Schema {
    let mut schema = Schema::default();
    for (name, value) in records.iter().filter_map(Value::as_object).flatten() {
        let data_type = match value {
            Value::Null => continue,
            Value::Bool(_) => DataType::Boolean,
            Value::Number(number) if number.is_f64() => DataType::Double,
            Value::Number(_) => DataType::Long,
            _ => DataType::String,
        };
        match schema.index_of(name) {
            None => schema.fields.push(SchemaField::new(name, data_type)),
            Some(index) if data_type == DataType::Double => schema.fields[index].data_type = data_type,
            Some(_) => {}
        }
    }
    schema
}

/// Columns of these records.
pub(super) fn columns_of(schema: &Schema, records: &[Value]) -> crate::Result<Vec<ColumnBuilder>> {
    let mut columns = ColumnBuilder::all(schema)?;
    for record in records {
        for (field, column) in schema.fields.iter().zip(&mut columns) {
            match (&field.data_type, record.get(&field.name).unwrap_or(&Value::Null)) {
                (DataType::Boolean, Value::Bool(value)) => column.push_bool(*value),
                (DataType::Double | DataType::Float, Value::Number(value)) => {
                    column.push_f64(value.as_f64().unwrap_or_default());
                }
                (_, Value::Number(value)) => column.push_i64(value.as_i64().unwrap_or_default()),
                (DataType::Bytes, Value::String(value)) => column.push_bytes(value.as_bytes()),
                (_, Value::String(value)) => column.push_text(value),
                _ => column.push_null(),
            }
        }
    }
    Ok(columns)
}

extern "C" fn retain(_: *const BatchV1) -> *mut c_void {
    std::ptr::null_mut()
}

extern "C" fn release(_: *mut c_void) {}

/// A batch as a host lends it.
pub(super) fn lend(array: &ArrowArray, positions: &[u64]) -> BatchV1 {
    BatchV1 {
        size: std::mem::size_of::<BatchV1>(),
        array,
        split: Slice::new(b"test"),
        positions: if positions.is_empty() { std::ptr::null() } else { positions.as_ptr() },
        retain,
        release,
        owner: std::ptr::null(),
    }
}

/// The values of an array that a plugin emitted, row by row, each as long as `schema` has fields.
pub(super) fn values_of(array: &ArrowArray, schema: &Schema) -> Vec<Vec<Value>> {
    assert_eq!(array.n_children as usize, schema.fields.len(), "as many columns as the output has fields");
    let lent = lend(array, &[]);
    let mut views = Vec::new();
    // SAFETY: the array is one that the plugin's shim exported, of the types that its schema says.
    let rows = unsafe { columns::view(&lent, &schema.fields, &mut views) };
    let batch = Batch { rows, columns: &views, schema, raw: None };
    let values = batch.records().map(|record| {
        (0..schema.fields.len()).map(|column| json_of(record, column)).collect()
    });
    values.collect()
}

fn json_of(record: Record<'_>, column: usize) -> Value {
    let scalar = record.scalar(Field::at(column as u32));
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => value.into(),
        Scalar::Long(value) => value.into(),
        Scalar::Float(value) => value.into(),
        Scalar::Double(value) => value.into(),
        other => other.to_string().into(),
    }
}

/// Values as an object; nulls are left out.
pub(super) fn object(schema: &Schema, values: Vec<Value>) -> Value {
    let members = schema.fields.iter().zip(values).filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(field, value)| (field.name.clone(), value)).collect::<Map<_, _>>())
}
