//! Columns of our own as Arrow arrays, given away: the receiver calls `release`, which frees them here.

use crate::builder::{ColumnBuilder, Values};
use campanile_abi::ArrowArray;
use std::ffi::c_void;

/// What an exported array keeps alive: its pointer tables, and its values where it is a column.
struct Private {
    _buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
    _column: Option<ColumnBuilder>,
}

/// A struct array of these columns, `rows` long.
pub(crate) fn export(columns: Vec<ColumnBuilder>, rows: usize) -> ArrowArray {
    let children = columns.into_iter().map(|column| Box::into_raw(Box::new(export_column(column)))).collect();
    assemble(rows, 0, vec![std::ptr::null()], children, None)
}

fn export_column(column: ColumnBuilder) -> ArrowArray {
    let validity =
        if column.nulls > 0 { column.validity.as_ptr().cast::<c_void>() } else { std::ptr::null::<c_void>() };
    let buffers = match &column.values {
        Values::Bits(values) => vec![validity, values.as_ptr().cast()],
        Values::I32(values) => vec![validity, values.as_ptr().cast()],
        Values::I64(values) => vec![validity, values.as_ptr().cast()],
        Values::I128(values) => vec![validity, values.as_ptr().cast()],
        Values::F32(values) => vec![validity, values.as_ptr().cast()],
        Values::F64(values) => vec![validity, values.as_ptr().cast()],
        Values::Text { ends, data } | Values::Bytes { ends, data } => {
            vec![validity, ends.as_ptr().cast(), data.as_ptr().cast()]
        }
    };
    // The buffers point into the vectors' allocations, which stay where they are when the builder moves.
    assemble(column.len, column.nulls, buffers, Vec::new(), Some(column))
}

fn assemble(
    rows: usize,
    nulls: usize,
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
    column: Option<ColumnBuilder>,
) -> ArrowArray {
    let mut private = Box::new(Private { _buffers: buffers, children, _column: column });
    ArrowArray {
        length: rows as i64,
        null_count: nulls as i64,
        offset: 0,
        n_buffers: private._buffers.len() as i64,
        n_children: private.children.len() as i64,
        buffers: private._buffers.as_mut_ptr(),
        children: private.children.as_mut_ptr(),
        dictionary: std::ptr::null_mut(),
        release: Some(release),
        private_data: Box::into_raw(private).cast(),
    }
}

/// Frees an array that [`export`] made.
unsafe extern "C" fn release(array: *mut ArrowArray) {
    // SAFETY: called once by the receiver, with an array that `assemble` made.
    let array = unsafe { &mut *array };
    // SAFETY: `private_data` is the box that `assemble` leaked.
    let private = unsafe { Box::from_raw(array.private_data.cast::<Private>()) };
    for &child in &private.children {
        // SAFETY: children were boxed in `export`. A receiver may have moved one out and left `release` null.
        let mut child = unsafe { Box::from_raw(child) };
        if let Some(release) = child.release {
            // SAFETY: not released before.
            unsafe { release(&mut *child) };
        }
    }
    array.release = None;
}

/// Releases an array that nobody took over.
pub(crate) fn discard(array: &mut ArrowArray) {
    if let Some(release) = array.release {
        // SAFETY: not released before, as `release` is still set.
        unsafe { release(array) };
    }
}
