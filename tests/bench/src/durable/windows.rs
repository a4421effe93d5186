//! Windows by event time against the same groups without windows.

use super::job::{Done, Job};
use crate::messaging::median;
use crate::say;
use anyhow::{Result, ensure};
use serde_json::json;
use std::path::Path;

const USERS: u64 = 10_000;
const RECORDS: u64 = 8_000_000;
const WINDOW_MS: u64 = 10_000;
/// Alerts of a user in a window.
const DENSITIES: [u64; 2] = [100, 10];
/// Runs of each, in turns; the median counts.
const TURNS: usize = 3;

pub(super) fn measure(folder: &Path) -> Result<()> {
    for durable in [false, true] {
        for density in DENSITIES {
            compare(folder, durable, density)?;
        }
    }
    Ok(())
}

fn compare(folder: &Path, durable: bool, density: u64) -> Result<()> {
    let per_ms = density * USERS / WINDOW_MS;
    let windows = RECORDS.div_ceil(per_ms * WINDOW_MS);
    let run = |windowed: bool| -> Result<Done> {
        let beat = json!({ "records": RECORDS, "perMs": per_ms, "users": USERS });
        let mut job = Job { durable, ..Job::grouped(folder, beat) };
        if let Some(alerts) = job.alerts.as_mut().filter(|_| windowed) {
            alerts["window"] = "10s".into();
            alerts["timeField"] = "ts".into();
        }
        let done = job.run()?;
        let seen = &done.seen;
        let late = done.metric("high", "alerts.late");
        let most = if windowed { (windows + 1) * USERS } else { USERS };
        ensure!(
            seen.grouped + late == RECORDS && late == 0 && seen.alerts <= most,
            "{RECORDS} alerts were raised, {late} were late, and {seen:?} came"
        );
        Ok(done)
    };
    let (mut with, mut without, mut published) = (Vec::new(), Vec::new(), 0);
    for _ in 0..TURNS {
        let done = run(true)?;
        published = done.seen.alerts;
        with.push(done.spent);
        without.push(run(false)?.spent);
    }
    let cpu = |spent: &[crate::cpu::Spent]| median(spent.iter().map(|spent| spent.user + spent.system).collect());
    let wall = |spent: &[crate::cpu::Spent]| median(spent.iter().map(|spent| spent.wall).collect());
    say(format_args!(
        "windows of 10 s, {USERS} keys, {density} alerts a key and window, {}: {published} groups of {RECORDS} alerts; speed to that without windows {:.2} by CPU, \
         {:.2} by wall (asked: 0.7)",
        if durable { "durable" } else { "not durable" },
        cpu(&without).as_secs_f64() / cpu(&with).as_secs_f64(),
        wall(&without).as_secs_f64() / wall(&with).as_secs_f64(),
    ))
}
