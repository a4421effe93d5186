//! What bytes, text and failures look like when they cross.

/// An entry went well.
pub const OK: i32 = 0;
/// The callee asks to stop: no failure, but nothing more is wanted.
pub const STOP: i32 = 1;
/// An entry failed; its [`Failure`] says why.
pub const FAILED: i32 = -1;

/// Borrowed bytes, or borrowed UTF-8 text, valid for the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The first byte; may be null where `len` is 0.
    pub ptr: *const u8,
    /// How many bytes.
    pub len: usize,
}

impl Slice {
    /// No bytes.
    pub const EMPTY: Slice = Slice { ptr: std::ptr::null(), len: 0 };

    /// Lends `bytes`.
    pub const fn new(bytes: &[u8]) -> Slice {
        Slice { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// `ptr` and `len` describe readable bytes that live and stay unchanged for `'a`.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }

    /// The text; what is no UTF-8 is replaced.
    ///
    /// # Safety
    /// As for [`Slice::bytes`].
    pub unsafe fn text<'a>(self) -> std::borrow::Cow<'a, str> {
        // SAFETY: the caller's promise.
        String::from_utf8_lossy(unsafe { self.bytes() })
    }
}

/// Bytes that the callee made and the caller frees by `free`.
#[repr(C)]
#[derive(Debug)]
pub struct Owned {
    /// The first byte; null while empty.
    pub ptr: *mut u8,
    /// How many bytes.
    pub len: usize,
    /// How many were allocated.
    pub cap: usize,
    /// Frees them, in the library that made them; null while empty.
    pub free: Option<extern "C" fn(*mut u8, usize, usize)>,
}

impl Owned {
    /// Nothing.
    pub const EMPTY: Owned = Owned { ptr: std::ptr::null_mut(), len: 0, cap: 0, free: None };

    /// Hands `bytes` out.
    pub fn new(bytes: Vec<u8>) -> Owned {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Owned { ptr: bytes.as_mut_ptr(), len: bytes.len(), cap: bytes.capacity(), free: Some(free_here) }
    }

    /// The bytes as our own; frees the other side's.
    ///
    /// # Safety
    /// `self` was made by [`Owned::new`], here or in the other library.
    pub unsafe fn take(self) -> Vec<u8> {
        let Some(free) = self.free else { return Vec::new() };
        // SAFETY: made by `Owned::new`, so `ptr` and `len` describe initialised bytes.
        let copy = unsafe { Slice { ptr: self.ptr, len: self.len }.bytes() }.to_vec();
        free(self.ptr, self.len, self.cap);
        copy
    }

    /// Frees the other side's bytes without looking at them.
    ///
    /// # Safety
    /// As for [`Owned::take`].
    pub unsafe fn discard(self) {
        if let Some(free) = self.free {
            free(self.ptr, self.len, self.cap);
        }
    }
}

extern "C" fn free_here(ptr: *mut u8, len: usize, cap: usize) {
    // SAFETY: only handed out by `Owned::new`, with the parts of a `Vec` of this library's allocator.
    drop(unsafe { Vec::from_raw_parts(ptr, len, cap) });
}

/// Why an entry failed.
#[repr(C)]
#[derive(Debug)]
pub struct Failure {
    /// 1 config, 2 record, 3 retry, 4 fatal, 5 panic; 0 for "an emitter call failed, the host knows why".
    pub kind: u32,
    /// The input row that was being worked on, or -1.
    pub row: i64,
    /// JSON: `{"message": text, "causes": [text], "findings": […]}`.
    pub text: Owned,
}

impl Failure {
    /// No failure yet.
    pub const NONE: Failure = Failure { kind: 0, row: -1, text: Owned::EMPTY };
}
