//! Opening a library: the only `dlopen` here. Libraries are never closed: buffers, threads and statics point into them.

use crate::root::{RootRef, SYMBOL};
use crate::{ABI_REVISION, LibraryV1, OLDEST_ABI_REVISION, Opaque, StageV1, id};
use abi_stable::library::{AbiHeaderRef, LibraryError};
use std::path::Path;

/// Which step of loading failed, and the values of both sides.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The system's loader refused the file, in its words.
    Open(String),
    /// The library does not export the root.
    NoRoot,
    /// The library was built with a root of another layout.
    Layout {
        /// One line.
        summary: String,
        /// All that abi_stable has to say, some kilobytes.
        detail: String,
    },
    /// The library was built for a revision that this host does not understand.
    Revision {
        /// The oldest that is understood.
        oldest: u32,
        /// The newest that is understood.
        newest: u32,
        /// The library's.
        library: u32,
    },
    /// The library does not answer what every library answers.
    NoLibraryTable,
}

/// A library that was opened and found compatible.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    table: &'static LibraryV1,
    abi_revision: u32,
}

impl Library {
    /// Opens a library. The caller has read its manifest already: opening runs its code.
    pub fn open(path: &Path) -> Result<Library, LoadError> {
        #[cfg(unix)]
        let opened = {
            use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
            // SAFETY: the initialisers of the library run; the caller decided to trust it.
            unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
        };
        #[cfg(not(unix))]
        // SAFETY: as above.
        let opened = unsafe { libloading::Library::new(path) };
        let library = opened.map_err(|error| LoadError::Open(words_of(&error)))?;
        // SAFETY: the symbol, where it exists, is the static that `export_plugin!` wrote, whose first bytes are the
        // header that abi_stable checks before it looks at anything behind it.
        let header = unsafe { library.get::<AbiHeaderRef>(SYMBOL) }.map(|symbol| *symbol);
        let header = header.map_err(|_| LoadError::NoRoot)?;
        std::mem::forget(library);
        let root = header.upgrade().map_err(layout)?.init_root_module::<RootRef>().map_err(layout)?;
        let abi_revision = root.abi_revision();
        if !(OLDEST_ABI_REVISION..=ABI_REVISION).contains(&abi_revision) {
            return Err(LoadError::Revision {
                oldest: OLDEST_ABI_REVISION,
                newest: ABI_REVISION,
                library: abi_revision,
            });
        }
        let table = root.interface()(id::LIBRARY, 1).cast::<LibraryV1>();
        // SAFETY: null, or what the id stands for; the library is never closed.
        let table = unsafe { table.as_ref() }.ok_or(LoadError::NoLibraryTable)?;
        Ok(Library { table, abi_revision })
    }

    /// A library that is linked in, for tests and benchmarks.
    pub fn linked(interface: extern "C" fn(u32, u32) -> *const Opaque) -> Option<Library> {
        let table = interface(id::LIBRARY, 1).cast::<LibraryV1>();
        // SAFETY: null, or what the id stands for; code that is linked in stays.
        let table = unsafe { table.as_ref() }?;
        Some(Library { table, abi_revision: ABI_REVISION })
    }

    /// The revision that the library was built for.
    pub fn abi_revision(&self) -> u32 {
        self.abi_revision
    }

    /// How many plugins it holds.
    pub fn count(&self) -> u32 {
        self.table.count
    }

    /// What the plugin `index` can do whatever its kind.
    pub fn stage(&self, index: u32) -> Option<&'static StageV1> {
        // SAFETY: the type is the one that the id stands for.
        unsafe { self.table(index, id::STAGE, 1) }
    }

    /// The table of interface `id` of the plugin `index`.
    ///
    /// # Safety
    /// `T` is the table that `id` and `min_revision` stand for.
    pub unsafe fn table<T>(&self, index: u32, id: u32, min_revision: u32) -> Option<&'static T> {
        let table = (self.table.interface)(index, id, min_revision).cast::<T>();
        // SAFETY: null, or by the caller's promise a `T`; the library is never closed.
        unsafe { table.as_ref() }
    }
}

fn layout(error: LibraryError) -> LoadError {
    let detail = error.to_string();
    let summary = match error {
        LibraryError::AbiInstability(_) => "the layout of the root differs".to_owned(),
        LibraryError::InvalidAbiHeader(_) => "the library was made with another abi_stable (host: 0.11)".to_owned(),
        _ => detail.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown reason").trim().to_owned(),
    };
    LoadError::Layout { summary, detail }
}

/// The loader's own words: libloading keeps them in the source.
fn words_of(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words = error.to_string();
        source = error.source();
    }
    words
}
