//! Runs that keep alerts in an outbox and are saved on the way: what that costs, by the real binary.

mod groups;
mod job;
mod latency;
mod save_points;
mod storm;
mod windows;

use crate::messaging::Scratch;
use anyhow::{Result, bail};
use std::path::Path;

/// The parts, in the order in which they are measured.
pub(crate) const PARTS: &str = "latency|saves|windows|groups|storm";

/// How long a part runs where nothing is said: seconds.
const SECONDS: u64 = 30;

/// Measures one part, or all.
pub(crate) fn measure(folder: &Path, part: Option<&str>, seconds: Option<u64>) -> Result<()> {
    let scratch = Scratch::new(folder)?;
    let seconds = seconds.unwrap_or(SECONDS);
    for one in PARTS.split('|').filter(|one| part.is_none_or(|part| part == *one)) {
        match one {
            "latency" => latency::measure(scratch.path(), seconds)?,
            "saves" => save_points::measure(scratch.path(), seconds)?,
            "windows" => windows::measure(scratch.path())?,
            "groups" => groups::measure(scratch.path())?,
            _ => storm::measure(scratch.path(), seconds)?,
        }
    }
    match part {
        Some(part) if !PARTS.split('|').any(|one| one == part) => bail!("no part `{part}`: it is one of {PARTS}"),
        _ => Ok(()),
    }
}
