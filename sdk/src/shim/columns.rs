//! Reading the columns of a batch that the host lends.

use crate::schema::{DataType, SchemaField};
use campanile_abi::{ArrowArray, BatchV1};

/// How a column's values lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Bits,
    I32,
    I64,
    I128,
    F32,
    F64,
    Text,
    Bytes,
    Nested,
}

impl Layout {
    pub(crate) fn of(data_type: &DataType) -> Layout {
        match data_type {
            DataType::Boolean => Layout::Bits,
            DataType::Int | DataType::Date => Layout::I32,
            DataType::Long | DataType::Timestamp => Layout::I64,
            DataType::Decimal { .. } => Layout::I128,
            DataType::Float => Layout::F32,
            DataType::Double => Layout::F64,
            DataType::String => Layout::Text,
            DataType::Bytes => Layout::Bytes,
            DataType::List { .. } | DataType::Struct { .. } | DataType::Map { .. } => Layout::Nested,
        }
    }
}

/// One column, for as long as its batch is lent. Rows are checked by the caller against the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) layout: Layout,
    validity: *const u8,
    values: *const u8,
    data: *const u8,
    offset: usize,
}

/// Views of the columns of a batch, put into `columns` in place of what was there.
///
/// # Safety
/// The batch is one that the host lends, laid out as `fields` say; the views are not used after the call.
pub(crate) unsafe fn view(batch: &BatchV1, fields: &[SchemaField], columns: &mut Vec<Column>) -> usize {
    columns.clear();
    // SAFETY: the host lends a struct array with one child for each field.
    let array = unsafe { &*batch.array };
    for (index, field) in fields.iter().enumerate() {
        // SAFETY: as above.
        columns.push(unsafe { column(&**array.children.add(index), &field.data_type) });
    }
    array.length as usize
}

/// A view of one array. Of lists it knows where each begins and ends, of structs and maps which are null.
///
/// # Safety
/// The array is laid out as the type says; the view is not used after the array is released.
pub(crate) unsafe fn column(array: &ArrowArray, data_type: &DataType) -> Column {
    // SAFETY: an Arrow array of this layout has so many buffers.
    let buffer = |i: usize| unsafe {
        if (i as i64) < array.n_buffers { (*array.buffers.add(i)).cast::<u8>() } else { std::ptr::null() }
    };
    let validity = if array.null_count == 0 { std::ptr::null() } else { buffer(0) };
    let layout = Layout::of(data_type);
    Column { layout, validity, values: buffer(1), data: buffer(2), offset: array.offset as usize }
}

impl Column {
    /// # Safety
    /// `row` is within the batch, which is still lent. The same holds for every reader below.
    #[inline(always)]
    pub(crate) unsafe fn is_null(&self, row: usize) -> bool {
        if self.validity.is_null() {
            return false;
        }
        let row = row + self.offset;
        // SAFETY: a validity bitmap has a bit for each row.
        unsafe { *self.validity.add(row / 8) & (1 << (row % 8)) == 0 }
    }

    #[inline(always)]
    unsafe fn value<T: Copy>(&self, row: usize) -> T {
        // SAFETY: the caller chose `T` by the layout; Arrow buffers are aligned to it, or at least readable.
        unsafe { self.values.cast::<T>().add(row + self.offset).read_unaligned() }
    }

    #[inline(always)]
    pub(crate) unsafe fn f64(&self, row: usize) -> Option<f64> {
        // SAFETY: the caller's promise, and the layout names the type.
        unsafe {
            if self.is_null(row) {
                return None;
            }
            match self.layout {
                Layout::F64 => Some(self.value::<f64>(row)),
                Layout::F32 => Some(f64::from(self.value::<f32>(row))),
                Layout::I64 => Some(self.value::<i64>(row) as f64),
                Layout::I32 => Some(f64::from(self.value::<i32>(row))),
                _ => None,
            }
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn i64(&self, row: usize) -> Option<i64> {
        // SAFETY: the caller's promise, and the layout names the type.
        unsafe {
            if self.is_null(row) {
                return None;
            }
            match self.layout {
                Layout::I64 => Some(self.value::<i64>(row)),
                Layout::I32 => Some(i64::from(self.value::<i32>(row))),
                _ => None,
            }
        }
    }

    pub(crate) unsafe fn i128(&self, row: usize) -> Option<i128> {
        // SAFETY: the caller's promise, and the layout names the type.
        unsafe { if self.layout != Layout::I128 || self.is_null(row) { None } else { Some(self.value::<i128>(row)) } }
    }

    #[inline(always)]
    pub(crate) unsafe fn bool(&self, row: usize) -> Option<bool> {
        // SAFETY: the caller's promise, and the layout names the type.
        unsafe {
            if self.layout != Layout::Bits || self.is_null(row) {
                return None;
            }
            let row = row + self.offset;
            Some(*self.values.add(row / 8) & (1 << (row % 8)) != 0)
        }
    }

    /// Where a list or a map begins and ends in its child.
    ///
    /// # Safety
    /// As above; and the column is one of lists or maps.
    pub(crate) unsafe fn range(&self, row: usize) -> std::ops::Range<usize> {
        // SAFETY: the caller's promise; the host checked the offsets.
        unsafe { self.value::<i32>(row) as usize..self.value::<i32>(row + 1) as usize }
    }

    #[inline(always)]
    pub(crate) unsafe fn bytes<'a>(&self, row: usize) -> Option<&'a [u8]> {
        if !matches!(self.layout, Layout::Text | Layout::Bytes) {
            return None;
        }
        // SAFETY: the caller's promise; the host checked the offsets.
        unsafe {
            if self.is_null(row) {
                return None;
            }
            let (start, end) = (self.value::<i32>(row) as usize, self.value::<i32>(row + 1) as usize);
            if start == end {
                return Some(&[]);
            }
            Some(std::slice::from_raw_parts(self.data.add(start), end - start))
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn text<'a>(&self, row: usize) -> Option<&'a str> {
        if self.layout != Layout::Text {
            return None;
        }
        // SAFETY: the caller's promise; the host checked that text columns hold UTF-8 at each value.
        unsafe { self.bytes(row).map(|bytes| std::str::from_utf8_unchecked(bytes)) }
    }

    /// The values of a column without nulls as they lie there, where `T` is their type.
    pub(crate) unsafe fn slice<'a, T: Copy>(&self, layout: Layout, rows: usize) -> Option<&'a [T]> {
        if self.layout != layout || !self.validity.is_null() {
            return None;
        }
        if rows == 0 {
            return Some(&[]);
        }
        let start = self.values.cast::<T>();
        if !start.is_aligned() {
            return None;
        }
        // SAFETY: the caller's promise; aligned, as was just asked.
        Some(unsafe { std::slice::from_raw_parts(start.add(self.offset), rows) })
    }
}
