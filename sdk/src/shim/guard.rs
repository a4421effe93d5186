//! Panics stop here: a host cannot catch the panic of another copy of the standard library.

use crate::error::{Error, ErrorKind, Result};
use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::sync::Once;

thread_local! {
    /// How deep this thread is inside entries of this library.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// What the hook heard of the panic that is unwinding.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Listens, once for this library, to panics of the code that the host called; others go where they went before.
fn install_hook() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                return before(info);
            }
            let message = info.payload_as_str().unwrap_or("a value that is no text");
            let place = info.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
            HEARD.with(|heard| *heard.borrow_mut() = Some(format!("panicked at {place}: {message}")));
        }));
    });
}

/// Runs the author's code; a panic becomes an error of kind [`ErrorKind::Panic`] that says what and where.
pub(crate) fn run<T>(code: impl FnOnce() -> Result<T>) -> Result<T> {
    install_hook();
    DEPTH.set(DEPTH.get() + 1);
    let result = std::panic::catch_unwind(AssertUnwindSafe(code));
    DEPTH.set(DEPTH.get() - 1);
    result.unwrap_or_else(|payload| {
        // Dropping the payload would run the author's code once more, and it may panic again.
        std::mem::forget(payload);
        let heard = HEARD.with(|heard| heard.borrow_mut().take());
        Err(Error::new(ErrorKind::Panic, heard.unwrap_or_else(|| "panicked".to_owned())))
    })
}
