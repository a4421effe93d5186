//! The plugin's half of saving and restoring.

use crate::error::{Error, Result};
use crate::shim::stage::{enter, status};
use campanile_abi::{Failure, MAX_STATE_BYTES, Owned, Slice, StateV1};
use std::ffi::c_void;
use std::mem::size_of;

/// The same for every plugin: what it saves is behind [`Stage`](crate::shim::stage::Stage).
pub(crate) static TABLE: StateV1 = StateV1 { size: size_of::<StateV1>(), snapshot, restore };

/// What a plugin that saves nothing answers to a state.
pub(crate) fn unsaved<T>() -> Result<T> {
    Err(Error::fatal(
        "there is a saved state for this stage, but its plugin saves none: use the version of the plugin that saved it, or \
         start the run anew",
    ))
}

/// That a state is larger than what crosses.
pub(crate) fn too_large(bytes: usize) -> Error {
    Error::fatal(format!(
        "the state to be saved has {bytes} bytes, where at most {MAX_STATE_BYTES} are allowed: let the stage keep less"
    ))
}

extern "C" fn snapshot(instance: *mut c_void, out: *mut Owned, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| {
        // How large it may be is looked at where it comes out: in one place for all libraries.
        let state = instance.stage.snapshot()?.unwrap_or_default();
        if !state.is_empty() {
            // SAFETY: the host lends a place for the answer.
            unsafe { out.write(Owned::new(state)) };
        }
        Ok(())
    }))
}

extern "C" fn restore(instance: *mut c_void, state: Slice, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| {
        // SAFETY: lent by the host for this entry.
        instance.stage.restore(unsafe { state.bytes() })
    }))
}
