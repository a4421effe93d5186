//! A storm of alerts into a publisher that takes few of them.

use super::job::{Done, Job, memory, mib};
use crate::cpu::Meter;
use crate::say;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const ALERTS: u64 = 1_000_000;
/// Alerts a second that the publisher takes.
const RATE: u64 = 1_000;
/// Bytes of alerts that may wait.
const OUTBOX: u64 = 64 << 20;
/// Alerts of a group where the storm is grouped.
const OF_A_GROUP: u64 = 1_000;

pub(super) fn measure(folder: &Path, seconds: u64) -> Result<()> {
    let beat = || json!({ "records": ALERTS, "perMs": 100, "users": ALERTS / OF_A_GROUP });
    let saves = || Some(json!({ "outboxBytes": OUTBOX, "drainTimeout": "1s" }));
    let publisher = json!({ "maxAlertsPerSecond": RATE });
    let slow = Job { saves: saves(), publisher: publisher.clone(), ..Job::new(folder, beat()) };
    let first = bounded(&slow, seconds)?;
    let seen = &first.seen;
    let read = first.metric("beat", "records.out");
    ensure!(read < ALERTS && slow.said().contains("sources wait"), "data did not wait: {}", slow.said());
    ensure!(
        (seen.first, seen.out_of_order, seen.last + 1) == (0, 0, seen.alerts as i64),
        "alerts are missing, or out of order: {seen:?}"
    );
    say(format_args!(
        "after {seconds} s: {read} records read, then data waited for the outbox ({} MiB); {} alerts published, in order",
        OUTBOX >> 20,
        seen.alerts
    ))?;
    let rest = Job { resume: true, saves: saves(), ..Job::new(folder, beat()) }.run()?;
    let after = &rest.seen;
    ensure!(
        (after.first, after.out_of_order, after.last + 1) == (seen.last + 1, 0, ALERTS as i64)
            && seen.alerts + after.alerts == ALERTS,
        "alerts are missing, or out of order: {seen:?}, then {after:?}"
    );
    say(format_args!(
        "resumed with a publisher that takes all: the other {} in {:.1} s, in order; none lost, none twice",
        after.alerts,
        rest.spent.wall.as_secs_f64()
    ))?;
    let grouped = Job { publisher, saves: saves(), ..Job::grouped(folder, beat()) }.run()?;
    let seen = &grouped.seen;
    ensure!((seen.alerts, seen.grouped) == (ALERTS / OF_A_GROUP, ALERTS), "{ALERTS} alerts gave {seen:?}");
    say(format_args!("grouped {OF_A_GROUP} to 1: over in {:.1} s", grouped.spent.wall.as_secs_f64()))
}

/// A run that is told to stop after a while; its memory second by second.
fn bounded(job: &Job<'_>, seconds: u64) -> Result<Done> {
    let meter = Meter::start()?;
    let mut child = job.command()?.spawn()?;
    let began = Instant::now();
    let (mut resident, mut peak) = (Vec::new(), 0);
    for second in 1..=seconds {
        std::thread::sleep(Duration::from_secs(second).saturating_sub(began.elapsed()));
        let (now, highest) = memory(child.id()).with_context(|| job.said())?;
        resident.push(format!("{:.0}", mib(now)));
        peak = highest;
    }
    say(format_args!(
        "{ALERTS} alerts, {RATE} published a second: MiB resident, second by second: {}",
        resident.join(" ")
    ))?;
    say(format_args!("at most {:.0} MiB", mib(peak)))?;
    stop(child.id())?;
    let end = child.wait()?;
    ensure!(end.code() == Some(130), "the run ended with {end}: {}", job.said());
    job.done(meter.stop()?)
}

/// Tells a run to stop.
pub(super) fn stop(pid: u32) -> Result<()> {
    let done = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().context("cannot run kill")?;
    ensure!(done.success(), "process {pid} is gone");
    Ok(())
}
