//! What a run says when a plugin takes the process down: the stage that was inside.
//!
//! An abort, a wild pointer, a stack overflow or a call of `exit` inside a plugin cannot be caught. It ends the process;
//! these handlers only see to it that the last line names the stage, and that the exit code is 1.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

#[derive(Clone, Copy)]
struct Name {
    ptr: *const u8,
    len: usize,
}

thread_local! {
    // Constant and without destructor, so that a signal handler may read it.
    static INSIDE: Cell<Name> = const { Cell::new(Name { ptr: std::ptr::null(), len: 0 }) };
}

// The stage entered last by any thread: what there is to say when the dying thread belongs to a plugin.
static LAST_PTR: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LAST_LEN: AtomicUsize = AtomicUsize::new(0);
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Marks the calling thread as inside a stage until it is dropped.
pub struct Inside {
    before: Name,
}

impl Inside {
    /// Enters the stage with this name.
    #[inline]
    pub fn enter(stage: &'static str) -> Inside {
        let name = Name { ptr: stage.as_ptr(), len: stage.len() };
        LAST_LEN.store(0, Ordering::Relaxed);
        LAST_PTR.store(stage.as_ptr().cast_mut(), Ordering::Relaxed);
        LAST_LEN.store(stage.len(), Ordering::Relaxed);
        Inside { before: INSIDE.replace(name) }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        INSIDE.set(self.before);
    }
}

/// The stage that was entered last, by any thread.
pub fn last_entered() -> Option<&'static str> {
    let last = Name { ptr: LAST_PTR.load(Ordering::Relaxed), len: LAST_LEN.load(Ordering::Relaxed) };
    if last.ptr.is_null() || last.len == 0 {
        return None;
    }
    // SAFETY: names are `&'static str`; pointer and length belong together but for a thread that enters just now, which
    // stores the length 0 first.
    std::str::from_utf8(unsafe { std::slice::from_raw_parts(last.ptr, last.len) }).ok()
}

/// Installs the handlers, once for the process. For the binary: a host that embeds the engine has its own.
#[cfg(unix)]
pub fn install() {
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return;
    }
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
        // SAFETY: the handler only reads atomics and a constant thread-local, writes to a descriptor, and ends.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as extern "C" fn(i32) as usize;
            // On the thread's alternative stack, so that a stack overflow can be told.
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
    // SAFETY: the function is of the type that `atexit` takes.
    unsafe { libc::atexit(on_exit) };
}

/// Nothing to install here.
#[cfg(not(unix))]
pub fn install() {}

#[cfg(unix)]
extern "C" fn on_signal(signal: i32) {
    let what: &[u8] = match signal {
        libc::SIGABRT => b"aborted",
        libc::SIGILL => b"ran an illegal instruction",
        libc::SIGFPE => b"failed in arithmetic",
        _ => b"touched memory that is not its own, or ran out of stack",
    };
    let inside = INSIDE.get();
    if inside.len > 0 {
        write(&[b"error: the process ends: stage `", slice(inside), b"` ", what, b"\n"]);
    } else {
        let last = Name { ptr: LAST_PTR.load(Ordering::Relaxed), len: LAST_LEN.load(Ordering::Relaxed) };
        if last.len > 0 {
            write(&[
                b"error: the process ends: a thread outside any stage ",
                what,
                b"; the last stage inside was `",
                slice(last),
                b"`\n",
            ]);
        } else {
            write(&[b"error: the process ends: it ", what, b"\n"]);
        }
    }
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(1) };
}

#[cfg(unix)]
extern "C" fn on_exit() {
    let inside = INSIDE.try_with(Cell::get).unwrap_or(Name { ptr: std::ptr::null(), len: 0 });
    if inside.len > 0 {
        write(&[b"error: the process ends: stage `", slice(inside), b"` called exit\n"]);
        // SAFETY: ends the process; an exit asked for by a plugin is a failure, whatever code it named.
        unsafe { libc::_exit(1) };
    }
}

#[cfg(unix)]
fn slice(name: Name) -> &'static [u8] {
    if name.ptr.is_null() {
        return b"?";
    }
    // SAFETY: names are `&'static str`.
    unsafe { std::slice::from_raw_parts(name.ptr, name.len) }
}

#[cfg(unix)]
fn write(parts: &[&[u8]]) {
    for part in parts {
        // SAFETY: the descriptor is standard error, the bytes are readable.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
}
