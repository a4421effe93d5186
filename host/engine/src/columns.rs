//! Columns in and out of plugins: the only file of the engine that holds `unsafe`.
//!
//! Invariants: what is lent stays while the batch does, or until a plugin gives back what it retained; what comes in is
//! checked (counts, lengths, null buffers, offsets, UTF-8) before anything reads it.
#![allow(unsafe_code, reason = "arrays cross the boundary here")]

use crate::batch::{Batch, Inner, Origin};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::{DataType, SchemaRef};
use campanile_abi::{ArrowArray, BatchV1, Slice};
use campanile_sdk::Result;
use campanile_sdk::proxy::{Downstream, ErrorsOut, Incoming, Stage};
use std::ffi::c_void;
use std::sync::Arc;

/// How a batch looks to plugins: an array of pointers into its columns.
#[derive(Debug)]
pub(crate) struct Lent {
    array: ArrowArray,
    _children: Box<[ArrowArray]>,
    _child_pointers: Box<[*mut ArrowArray]>,
    _buffers: Box<[[*const c_void; 3]]>,
    _no_buffer: Box<[*const c_void; 1]>,
    /// Bitmaps that had to be moved to the start of a byte.
    _realigned: Vec<arrow_buffer::Buffer>,
    /// Columns of nested types, exported by arrow-rs.
    _nested: Vec<FFI_ArrowArray>,
}

// SAFETY: the pointers lead into columns that are never changed, and which the batch keeps alive.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl Lent {
    fn new(rows: usize, columns: &[ArrayRef]) -> Lent {
        let mut realigned = Vec::new();
        let mut nested = Vec::new();
        let mut buffers = vec![[std::ptr::null::<c_void>(); 3]; columns.len()].into_boxed_slice();
        let mut children = Vec::with_capacity(columns.len());
        for (column, buffers) in columns.iter().zip(buffers.iter_mut()) {
            buffers[0] = column.nulls().map_or(std::ptr::null(), |nulls| validity(nulls, &mut realigned));
            let n_buffers = match column.data_type() {
                DataType::Boolean => {
                    buffers[1] = bits(column.as_boolean().values(), &mut realigned);
                    2
                }
                DataType::Int32 => one(buffers, column.as_primitive::<Int32Type>().values().as_ptr()),
                DataType::Int64 => one(buffers, column.as_primitive::<Int64Type>().values().as_ptr()),
                DataType::Float32 => one(buffers, column.as_primitive::<Float32Type>().values().as_ptr()),
                DataType::Float64 => one(buffers, column.as_primitive::<Float64Type>().values().as_ptr()),
                DataType::Date32 => one(buffers, column.as_primitive::<Date32Type>().values().as_ptr()),
                DataType::Timestamp(..) => {
                    one(buffers, column.as_primitive::<TimestampMicrosecondType>().values().as_ptr())
                }
                DataType::Decimal128(..) => one(buffers, column.as_primitive::<Decimal128Type>().values().as_ptr()),
                DataType::Utf8 => {
                    let text = column.as_string::<i32>();
                    buffers[2] = text.values().as_ptr().cast();
                    one(buffers, text.offsets().as_ptr()) + 1
                }
                DataType::Binary => {
                    let bytes = column.as_binary::<i32>();
                    buffers[2] = bytes.values().as_ptr().cast();
                    one(buffers, bytes.offsets().as_ptr()) + 1
                }
                _ => {
                    nested.push(FFI_ArrowArray::new(&column.to_data()));
                    0
                }
            };
            children.push(if n_buffers == 0 {
                let exported: *const FFI_ArrowArray = &nested[nested.len() - 1];
                // SAFETY: both are the array of the C data interface. The copy is lent: it has no `release`, and the
                // original, kept in `nested`, frees what both point to.
                let mut lent = unsafe { exported.cast::<ArrowArray>().read() };
                lent.release = None;
                lent
            } else {
                ArrowArray {
                    length: rows as i64,
                    null_count: column.null_count() as i64,
                    n_buffers,
                    buffers: buffers.as_mut_ptr(),
                    ..ArrowArray::EMPTY
                }
            });
        }
        let mut children = children.into_boxed_slice();
        let mut child_pointers: Box<[*mut ArrowArray]> = children.iter_mut().map(std::ptr::from_mut).collect();
        let mut no_buffer = Box::new([std::ptr::null::<c_void>()]);
        let array = ArrowArray {
            length: rows as i64,
            n_buffers: 1,
            n_children: child_pointers.len() as i64,
            buffers: no_buffer.as_mut_ptr(),
            children: child_pointers.as_mut_ptr(),
            ..ArrowArray::EMPTY
        };
        Lent {
            array,
            _children: children,
            _child_pointers: child_pointers,
            _buffers: buffers,
            _no_buffer: no_buffer,
            _realigned: realigned,
            _nested: nested,
        }
    }
}

fn one<T>(buffers: &mut [*const c_void; 3], values: *const T) -> i64 {
    buffers[1] = values.cast();
    2
}

fn validity(nulls: &NullBuffer, realigned: &mut Vec<arrow_buffer::Buffer>) -> *const c_void {
    bits(nulls.inner(), realigned)
}

/// The bits from the start of a byte.
fn bits(bits: &BooleanBuffer, realigned: &mut Vec<arrow_buffer::Buffer>) -> *const c_void {
    if bits.offset().is_multiple_of(8) {
        return bits.values()[bits.offset() / 8..].as_ptr().cast();
    }
    realigned.push(bits.sliced());
    realigned[realigned.len() - 1].as_ptr().cast()
}

extern "C" fn retain(batch: *const BatchV1) -> *mut c_void {
    // SAFETY: the plugin hands back the batch of its running call; `owner` is the batch's inner part.
    unsafe {
        let owner = (*batch).owner.cast::<Inner>();
        Arc::increment_strong_count(owner);
        owner.cast_mut().cast()
    }
}

extern "C" fn release(token: *mut c_void) {
    // SAFETY: a token of `retain`, given back once.
    unsafe { Arc::decrement_strong_count(token.cast_const().cast::<Inner>()) };
}

/// Lends a batch for the duration of `call`.
fn lend<T>(batch: &Batch, call: impl FnOnce(&BatchV1) -> T) -> T {
    let inner = &batch.0;
    let lent = inner.lent.get_or_init(|| Lent::new(inner.rows, &inner.columns));
    let split = inner.origin.split.as_ref().map_or("", |split| &split.id);
    call(&BatchV1 {
        size: std::mem::size_of::<BatchV1>(),
        array: &lent.array,
        split: Slice::new(split.as_bytes()),
        positions: inner.origin.positions.as_ref().map_or(std::ptr::null(), |positions| positions.as_ptr()),
        retain,
        release,
        owner: Arc::as_ptr(inner).cast(),
    })
}

/// Hands a batch to a transform, a splitter or a sink. False for "nothing more is wanted".
pub(crate) fn process(stage: &mut Stage, batch: &Batch, downstream: &mut dyn Downstream) -> Result<bool> {
    // SAFETY: the plan connects stages by equal schemas, and each batch was checked against that of its producer.
    lend(batch, |lent| unsafe { stage.process(lent, downstream) })
}

/// Hands error records to an error transform; one error for each row of the batch.
pub(crate) fn process_errors(
    stage: &mut Stage,
    batch: &Batch,
    errors: &ErrorsOut<'_>,
    downstream: &mut dyn Downstream,
) -> Result<bool> {
    // SAFETY: as in `process`; the lists of an error batch are made together.
    lend(batch, |lent| unsafe { stage.process_errors(lent, errors, downstream) })
}

/// Columns that a plugin gave away, checked against the schema that it declared.
pub(crate) fn import(
    mut incoming: Incoming,
    schema: &SchemaRef,
    fields: &[usize],
) -> std::result::Result<(usize, Vec<ArrayRef>), String> {
    let array = &mut incoming.0;
    let rows = usize::try_from(array.length).map_err(|_| format!("its batch has {} rows", array.length))?;
    if array.n_children != fields.len() as i64 || (array.n_children > 0 && array.children.is_null()) {
        return Err(format!("its batch has {} columns where {} were declared", array.n_children, fields.len()));
    }
    if array.offset != 0 {
        return Err(format!("its batch begins at row {}, not at 0", array.offset));
    }
    let mut columns = Vec::with_capacity(fields.len());
    for (index, &field) in fields.iter().enumerate() {
        let field = schema.field(field);
        // SAFETY: the array has this many children; null ones are refused.
        let child = unsafe { (*array.children.add(index)).as_mut() };
        let child = child.ok_or_else(|| format!("column `{}` is missing", field.name()))?;
        check(child, rows, field.data_type()).map_err(|wrong| format!("column `{}` {wrong}", field.name()))?;
        // Taken out of its parent, as the C data interface allows: the parent's release passes over it.
        let child = std::mem::replace(child, ArrowArray::EMPTY);
        // SAFETY: both are the array of the C data interface.
        let child = unsafe { std::mem::transmute::<ArrowArray, FFI_ArrowArray>(child) };
        // SAFETY: buffers, lengths and offsets were checked as far as they can be.
        let data = unsafe { arrow_array::ffi::from_ffi_and_data_type(child, field.data_type().clone()) };
        let data = data.map_err(|error| format!("column `{}`: {error}", field.name()))?;
        data.validate_full().map_err(|error| format!("column `{}`: {error}", field.name()))?;
        let column = make_array(data);
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(format!("column `{}` has nulls, but was declared without", field.name()));
        }
        columns.push(column);
    }
    Ok((rows, columns))
}

/// What arrow-rs would believe.
fn check(array: &ArrowArray, rows: usize, data_type: &DataType) -> std::result::Result<(), String> {
    let buffers = match data_type {
        DataType::Utf8 | DataType::Binary => 3,
        DataType::Struct(_) => 1,
        _ => 2,
    };
    if array.release.is_none() {
        return Err("was released already".to_owned());
    }
    if array.length != rows as i64 {
        return Err(format!("has {} rows where the batch has {rows}", array.length));
    }
    if array.offset < 0 || array.offset > i64::from(i32::MAX) {
        return Err(format!("begins at row {}", array.offset));
    }
    if array.n_buffers != buffers || array.buffers.is_null() {
        return Err(format!("has {} buffers where {data_type} has {buffers}", array.n_buffers));
    }
    if array.null_count > array.length || array.null_count < -1 {
        return Err(format!("says that {} of {rows} rows are null", array.null_count));
    }
    // SAFETY: the array has this many buffers.
    let buffer = |index: usize| unsafe { *array.buffers.add(index) };
    if array.null_count > 0 && buffer(0).is_null() {
        return Err(format!("says that {} rows are null, and has no null buffer", array.null_count));
    }
    let children: &[&DataType] = match data_type {
        DataType::List(field) | DataType::Map(field, _) => &[field.data_type()],
        _ => &[],
    };
    let n_children = if let DataType::Struct(fields) = data_type { fields.len() } else { children.len() };
    if array.n_children != n_children as i64 || (n_children > 0 && array.children.is_null()) {
        return Err(format!("has {} children where {data_type} has {n_children}", array.n_children));
    }
    if rows == 0 {
        return Ok(());
    }
    if buffers > 1 && buffer(1).is_null() {
        return Err("has no values".to_owned());
    }
    if matches!(data_type, DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(..)) {
        check_offsets(buffer(1), array.offset as usize, rows)?;
    }
    if let DataType::Struct(fields) = data_type {
        for (index, field) in fields.iter().enumerate() {
            check_child(array, index, field.data_type())?;
        }
    }
    for (index, data_type) in children.iter().enumerate() {
        check_child(array, index, data_type)?;
    }
    Ok(())
}

fn check_child(array: &ArrowArray, index: usize, data_type: &DataType) -> std::result::Result<(), String> {
    // SAFETY: the array has this many children; null ones are refused.
    let child = unsafe { (*array.children.add(index)).as_ref() }.ok_or("has a child that is missing")?;
    let rows = usize::try_from(child.length).map_err(|_| "has a child of negative length".to_owned())?;
    check(child, rows, data_type)
}

fn check_offsets(offsets: *const c_void, skip: usize, rows: usize) -> std::result::Result<(), String> {
    let offsets = offsets.cast::<i32>();
    if !offsets.is_aligned() {
        return Err("has offsets that are not aligned".to_owned());
    }
    // SAFETY: an array of this many rows has one offset more.
    let offsets = unsafe { std::slice::from_raw_parts(offsets.add(skip), rows + 1) };
    if offsets[0] < 0 {
        return Err(format!("has a negative offset ({})", offsets[0]));
    }
    match offsets.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(row) => Err(format!("has offsets that shrink at row {row} ({} to {})", offsets[row], offsets[row + 1])),
        None => Ok(()),
    }
}

/// A batch of columns that a plugin made anew.
pub(crate) fn import_batch(
    incoming: Incoming,
    schema: &SchemaRef,
    origin: impl FnOnce(usize) -> std::result::Result<Origin, String>,
) -> std::result::Result<Batch, String> {
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let (rows, columns) = import(incoming, schema, &all)?;
    Ok(Batch::new(rows, columns, origin(rows)?))
}
