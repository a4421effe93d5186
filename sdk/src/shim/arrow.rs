//! Batches to arrow-rs and back, through the C data interface that both sides speak.

use crate::error::{Error, Result};
use arrow_array::ffi::{FFI_ArrowArray, from_ffi_and_data_type};
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;
use campanile_abi::{ArrowArray, BatchV1};
use std::ffi::c_void;

// Both are the specification's struct, field by field: one is moved into the other as it lies there.
const _: () = assert!(std::mem::size_of::<ArrowArray>() == std::mem::size_of::<FFI_ArrowArray>());
const _: () = assert!(std::mem::align_of::<ArrowArray>() == std::mem::align_of::<FFI_ArrowArray>());

/// The host's promise to keep a batch, given back when the last buffer of it is dropped.
struct Retained {
    token: *mut c_void,
    release: extern "C" fn(*mut c_void),
}

impl Drop for Retained {
    fn drop(&mut self) {
        (self.release)(self.token);
    }
}

unsafe extern "C" fn give_back(array: *mut ArrowArray) {
    // SAFETY: arrow-rs calls this once, with the array that `import` made.
    let array = unsafe { &mut *array };
    array.release = None;
    // SAFETY: `private_data` is the box that `import` leaked.
    drop(unsafe { Box::from_raw(array.private_data.cast::<Retained>()) });
}

/// The rows of a batch as a struct array of arrow-rs: the host's own buffers where it keeps them beyond the call, else a
/// copy. `data_type` is the struct of the stage's input schema.
pub(crate) fn import(raw: &BatchV1, data_type: DataType) -> Result<ArrayData> {
    // SAFETY: the host lends an array with the batch, for as long as `raw`.
    let lent = unsafe { &*raw.array };
    let columns = if let DataType::Struct(fields) = &data_type { fields.len() } else { 0 };
    if lent.n_children != columns as i64 {
        let message = format!("the host lent a batch of {} columns for an input of {columns} fields", lent.n_children);
        return Err(Error::fatal(message));
    }
    let token = (raw.retain)(raw);
    let kept = !token.is_null();
    let array = ArrowArray {
        release: if kept { Some(give_back) } else { None },
        private_data: if kept {
            Box::into_raw(Box::new(Retained { token, release: raw.release })).cast()
        } else {
            std::ptr::null_mut()
        },
        ..*lent
    };
    // SAFETY: the same layout, asserted above; what `release` frees belongs to this copy alone.
    let array = unsafe { std::mem::transmute::<ArrowArray, FFI_ArrowArray>(array) };
    // SAFETY: the batch is laid out as the input schema of `open` says, and its buffers stay until `release`, or (where
    // there is none) until this function returns.
    let data = unsafe { from_ffi_and_data_type(array, data_type) }?;
    if kept {
        return Ok(data);
    }
    copy(&data)
}

/// The same array in buffers of our own.
fn copy(data: &ArrayData) -> Result<ArrayData> {
    let own = |buffer: &Buffer| Buffer::from(buffer.as_slice());
    let nulls = data.nulls().map(|nulls| {
        let bits = BooleanBuffer::new(own(nulls.buffer()), nulls.offset(), nulls.len());
        NullBuffer::new(bits)
    });
    let copied = ArrayData::builder(data.data_type().clone())
        .len(data.len())
        .offset(data.offset())
        .nulls(nulls)
        .buffers(data.buffers().iter().map(own).collect())
        .child_data(data.child_data().iter().map(copy).collect::<Result<_>>()?);
    // SAFETY: byte for byte what was lent, which the host promises to be valid.
    Ok(unsafe { copied.skip_validation(true) }.build()?)
}

/// Rows of arrow-rs, to be given away.
pub(crate) fn export_batch(batch: RecordBatch) -> ArrowArray {
    let array = FFI_ArrowArray::new(&StructArray::from(batch).to_data());
    // SAFETY: the same layout, asserted above; the array moves, so that its drop is now the receiver's `release`.
    unsafe { std::mem::transmute::<FFI_ArrowArray, ArrowArray>(array) }
}
