//! One clock for both stages, which are in one process.

use std::sync::OnceLock;
use std::time::Instant;

static BEGIN: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since somebody first asked.
pub(crate) fn now_ns() -> i64 {
    let begin = *BEGIN.get_or_init(Instant::now);
    i64::try_from(begin.elapsed().as_nanos()).unwrap_or(i64::MAX)
}
