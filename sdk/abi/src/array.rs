//! The array of the Arrow C data interface, <https://arrow.apache.org/docs/format/CDataInterface.html>.

use std::ffi::c_void;

/// One array as the specification lays it out. A batch is an array of struct type without nulls, its children the columns.
#[repr(C)]
#[derive(Debug)]
pub struct ArrowArray {
    /// Rows.
    pub length: i64,
    /// Rows that are null, or -1 where nobody counted.
    pub null_count: i64,
    /// Rows to skip at the start of each buffer.
    pub offset: i64,
    /// How many buffers.
    pub n_buffers: i64,
    /// How many children.
    pub n_children: i64,
    /// The buffers; the first is the validity bitmap, or null where no row is null.
    pub buffers: *mut *const c_void,
    /// The children.
    pub children: *mut *mut ArrowArray,
    /// Always null here: dictionaries do not cross.
    pub dictionary: *mut ArrowArray,
    /// Frees the array, in the library that made it. Null once it is moved or released, and for arrays that are lent.
    pub release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    /// The producer's own.
    pub private_data: *mut c_void,
}

impl ArrowArray {
    /// Nothing.
    pub const EMPTY: ArrowArray = ArrowArray {
        length: 0,
        null_count: 0,
        offset: 0,
        n_buffers: 0,
        n_children: 0,
        buffers: std::ptr::null_mut(),
        children: std::ptr::null_mut(),
        dictionary: std::ptr::null_mut(),
        release: None,
        private_data: std::ptr::null_mut(),
    };
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(std::mem::size_of::<ArrowArray>() == 80);
