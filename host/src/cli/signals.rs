//! Ctrl-C and SIGTERM: the first asks for an end, the second ends the process. SIGUSR1 and SIGUSR2 make a run wait and go on.

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

/// What a shell expects of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Calls `first` when the first signal comes, on a thread of its own; the second one ends the process at once.
pub(super) fn install(first: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let mut first = Some(first);
    listen(&[SIGINT, SIGTERM, SIGHUP], move |_| match first.take() {
        Some(first) => first(),
        None => end_at_once(),
    })
}

/// Calls `wait` on SIGUSR1 with true, on SIGUSR2 with false.
pub(super) fn install_wait(wait: impl Fn(bool) + Send + 'static) -> anyhow::Result<()> {
    listen(&[SIGUSR1, SIGUSR2], move |signal| wait(signal == SIGUSR1))
}

fn listen(signals: &[i32], mut take: impl FnMut(i32) + Send + 'static) -> anyhow::Result<()> {
    let mut signals = Signals::new(signals).context("cannot take signals")?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(&mut take)).context("cannot start a thread for signals")?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the second signal does not wait for what may never return")]
fn end_at_once() -> ! {
    std::process::exit(INTERRUPTED)
}
