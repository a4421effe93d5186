//! What save points cost a run with many groups that change.

use super::job::{Done, Job};
use crate::messaging::median;
use crate::say;
use anyhow::{Result, ensure};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const USERS: u64 = 10_000;
/// Records that tell how many fill the time.
const TRIAL: u64 = 4_000_000;
/// Runs of each, in turns; the median counts.
const TURNS: usize = 3;
/// The interval that is measured, one that no run reaches, and one so short that its cost stands out from what runs differ by.
const INTERVALS: [&str; 3] = ["10s", "1h", "500ms"];
/// How many of the short ones the one that is measured takes.
const SHORT_ONES: f64 = 20.0;

pub(super) fn measure(folder: &Path, seconds: u64) -> Result<()> {
    let run = |records: u64, interval: &str| -> Result<Done> {
        let beat = json!({ "records": records, "perMs": 100, "users": USERS });
        let saves = Some(json!({ "interval": interval }));
        let done = Job { saves, ..Job::grouped(folder, beat) }.run()?;
        let seen = &done.seen;
        ensure!((seen.alerts, seen.grouped) == (USERS, records), "{records} records of {USERS} users gave {seen:?}");
        Ok(done)
    };
    let trial = run(TRIAL, INTERVALS[1])?;
    let records = (TRIAL as f64 / trial.spent.wall.as_secs_f64() * seconds as f64) as u64;
    let mut times = INTERVALS.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..TURNS {
        for (interval, (wall, cpu)) in INTERVALS.iter().zip(&mut times) {
            let spent = run(records, interval)?.spent;
            wall.push(spent.wall);
            cpu.push(spent.user + spent.system);
        }
    }
    let [(wall, cpu), (wall_without, cpu_without), (wall_short, cpu_short)] =
        times.map(|(wall, cpu)| (seconds_of(wall), seconds_of(cpu)));
    let cost = |with: f64, without: f64| (with / without - 1.0) * 100.0;
    say(format_args!(
        "save points every 10 s, {USERS} groups that change, {records} records: {wall:.2} s wall and {cpu:.2} CPU s; \
         without {wall_without:.2} and {cpu_without:.2}: they cost {:+.1} % wall and {:+.1} % CPU (asked: 2)",
        cost(wall, wall_without),
        cost(cpu, cpu_without),
    ))?;
    say(format_args!(
        "every 500 ms they cost {:+.1} % wall and {:+.1} % CPU; a twentieth of that is {:+.2} % and {:+.2} %",
        cost(wall_short, wall_without),
        cost(cpu_short, cpu_without),
        cost(wall_short, wall_without) / SHORT_ONES,
        cost(cpu_short, cpu_without) / SHORT_ONES,
    ))
}

fn seconds_of(times: Vec<Duration>) -> f64 {
    median(times).as_secs_f64()
}
