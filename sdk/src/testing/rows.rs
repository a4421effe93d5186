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
    let field = |row, column: usize| match &schema.fields[column].data_type {
        scalar if scalar.is_scalar() => json_of(batch.record(row), column),
        // SAFETY: as above.
        nested => unsafe { nested_json(&**array.children.add(column), nested, row) },
    };
    (0..rows).map(|row| (0..schema.fields.len()).map(|column| field(row, column)).collect()).collect()
}

/// A value of any type, as JSON.
///
/// # Safety
/// The array is laid out as the type says, and has such a row.
unsafe fn nested_json(array: &ArrowArray, data_type: &DataType, row: usize) -> Value {
    // SAFETY: the caller's promise, which holds for children too: a list's offsets are within its child.
    unsafe {
        let column = columns::column(array, data_type);
        if column.is_null(row) {
            return Value::Null;
        }
        let child = |index: usize| &**array.children.add(index);
        match data_type {
            DataType::List { items } => {
                column.range(row).map(|row| nested_json(child(0), &items.data_type, row)).collect()
            }
            DataType::Struct { fields } => {
                let row = row + array.offset as usize;
                let members = fields
                    .iter()
                    .enumerate()
                    .map(|(index, field)| (field.name.clone(), nested_json(child(index), &field.data_type, row)));
                Value::Object(members.collect())
            }
            DataType::Map { values } => {
                let entries = child(0);
                let (keys, items) = (&**entries.children, &**entries.children.add(1));
                let members = column.range(row).map(|row| {
                    let row = row + entries.offset as usize;
                    let key = columns::column(keys, &DataType::String).text(row).unwrap_or_default().to_owned();
                    (key, nested_json(items, &values.data_type, row))
                });
                Value::Object(members.collect())
            }
            scalar => {
                let schema = Schema::new(vec![SchemaField::new("", scalar.clone())]);
                let batch = Batch { rows: row + 1, columns: &[column], schema: &schema, raw: None };
                json_of(batch.record(row), 0)
            }
        }
    }
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
