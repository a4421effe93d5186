//! Ctrl-C and SIGTERM: the first asks the run to end, the second ends the process.

use crate::cli::output::say;
use anyhow::Context;
use campanile_engine::Stop;
use std::sync::Arc;

/// What a shell expects of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Installs the handlers, on a thread of their own.
pub(super) fn install(stop: &Arc<Stop>) -> anyhow::Result<()> {
    let stop = Arc::clone(stop);
    let handler = move || {
        if stop.is_stopped() {
            end_at_once();
        }
        stop.stop();
        say("stopping: sources end, what was read is finished; once more ends at once");
    };
    ctrlc::set_handler(handler).context("cannot take Ctrl-C")
}

#[expect(clippy::disallowed_methods, reason = "the second signal does not wait for plugins that may never return")]
fn end_at_once() -> ! {
    std::process::exit(INTERRUPTED)
}
