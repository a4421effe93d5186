//! What an operator reads later: one line an event, with its time.

use crate::cli::output::say;
use jiff::Timestamp;
use std::fmt::Display;

/// Tells of an event.
pub(super) fn log(event: impl Display) {
    say(format_args!("{:.3} {event}", Timestamp::now()));
}

/// Tells of something that works, and that somebody should know.
pub(super) fn warn(event: impl Display) {
    log(format_args!("warning: {event}"));
}
