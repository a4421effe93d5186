//! Ctrl-C and SIGTERM: the first asks for an end, the second ends the process.

use anyhow::Context;

/// What a shell expects of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Calls `first` when the first signal comes, on a thread of its own; the second one ends the process at once.
pub(super) fn install(first: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let mut first = Some(first);
    let handler = move || match first.take() {
        Some(first) => first(),
        None => end_at_once(),
    };
    ctrlc::set_handler(handler).context("cannot take Ctrl-C")
}

#[expect(clippy::disallowed_methods, reason = "the second signal does not wait for what may never return")]
fn end_at_once() -> ! {
    std::process::exit(INTERRUPTED)
}
