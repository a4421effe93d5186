//! Memory of a million open groups.

use super::job::{Job, memory, mib};
use crate::say;
use anyhow::{Result, bail, ensure};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use wait4::Wait4;

const GROUPS: u64 = 1_000_000;
/// How long the groups are waited for.
const LONGEST: Duration = Duration::from_secs(120);
/// How often it is looked whether they are there.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) fn measure(folder: &Path) -> Result<()> {
    for durable in [false, true] {
        let (one, peak_of_one) = resident(folder, durable, 1)?;
        let (many, peak) = resident(folder, durable, GROUPS)?;
        say(format_args!(
            "{GROUPS} open groups, {}: {:.0} MiB resident, with one group {:.0} MiB: they take {:.0} MB (asked: 300); {} at most {:.0} MB",
            if durable { "durable" } else { "not durable" },
            mib(many),
            mib(one),
            many.saturating_sub(one) as f64 / 1e6,
            if durable { "while all are saved at once" } else { "while all are published at once" },
            peak.saturating_sub(peak_of_one) as f64 / 1e6,
        ))?;
    }
    Ok(())
}

/// Resident memory when all records have been taken, and the groups are open; and the largest, when the run is over.
fn resident(folder: &Path, durable: bool, users: u64) -> Result<(u64, u64)> {
    let reached = folder.join("reached");
    let _ = fs::remove_file(&reached);
    let beat = json!({ "records": GROUPS, "perMs": 100, "users": users, "inTurn": true, "reached": &reached });
    let mut job = Job { durable, ..Job::grouped(folder, beat) };
    if let Some(alerts) = &mut job.alerts {
        (alerts["maxGroups"], alerts["maxGroupBytes"]) = ((2 * GROUPS).into(), (1_u64 << 30).into());
    }
    let mut child = job.command()?.spawn()?;
    let pid = child.id();
    let began = Instant::now();
    while !reached.exists() {
        if began.elapsed() > LONGEST || child.try_wait()?.is_some() {
            child.kill()?;
            bail!("the records were not read: {}", job.said());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let found = memory(pid)?.0;
    super::storm::stop(pid)?;
    let end = child.wait4()?;
    // Not resumed later: groups are published as they are, or kept with the last save point.
    ensure!(end.status.code() == Some(130), "the run ended with {}: {}", end.status, job.said());
    if !durable {
        let seen = job.done(crate::cpu::Meter::start()?.stop()?)?.seen;
        ensure!((seen.alerts, seen.grouped) == (users, GROUPS), "{GROUPS} alerts of {users} users gave {seen:?}");
    }
    Ok((found, end.rusage.maxrss))
}
