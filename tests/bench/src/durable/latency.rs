//! From when a record should have come until its alert is durable, at half of the rate that the path sustains.

use super::job::{Job, Seen};
use crate::random::Random;
use crate::say;
use anyhow::{Result, ensure};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Alerts that tell the highest rate.
const FULL: u64 = 1_000_000;
/// Bytes of alerts that may wait while that rate is measured: what is held back then is not measured as sustained.
const FULL_OUTBOX: u64 = 16 << 20;
/// Seconds at the beginning that are not measured.
const WARM_UP: u64 = 2;
/// Bytes of an alert as it is written, about.
const ALERT_BYTES: f64 = 300.0;
/// Syncs that are measured on each side of the run.
const SYNCS: usize = 2_000;

pub(super) fn measure(folder: &Path, seconds: u64) -> Result<()> {
    let beat =
        |records: u64, rate: Option<f64>| json!({ "records": records, "rate": rate, "perMs": 100, "users": 10_000 });
    let saves = Some(json!({ "outboxBytes": FULL_OUTBOX }));
    let full = Job { saves, ..Job::new(folder, beat(FULL, None)) }.run()?.seen;
    check(&full, FULL)?;
    let highest = FULL as f64 / (full.took_ns as f64 / 1e9);
    say(format_args!("highest rate sustained: {highest:.0} alerts/s, each one synced before it is published"))?;
    for part in [0.5, 0.25, 0.02] {
        let rate = (highest * part).round();
        at_rate(folder, rate, part, seconds, &beat)?;
    }
    Ok(())
}

fn at_rate(
    folder: &Path,
    rate: f64,
    part: f64,
    seconds: u64,
    beat: &dyn Fn(u64, Option<f64>) -> serde_json::Value,
) -> Result<()> {
    let records = (rate * (seconds + WARM_UP) as f64) as u64;
    let job = Job { skip: (rate as u64) * WARM_UP, ..Job::new(folder, beat(records, Some(rate))) };
    // What comes in a millisecond is about what is written at once.
    let size = ((rate / 1e3).ceil() * ALERT_BYTES) as usize;
    let mut syncs = sync_times(folder, size)?;
    let done = job.run()?;
    syncs.extend(sync_times(folder, size)?);
    let seen = &done.seen;
    check(seen, records)?;
    syncs.sort_unstable();
    let sync = |part: f64| syncs[(syncs.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    let ms = |ns: u64| ns as f64 / 1e6;
    let (p50, p99) = (ms(seen.p50), ms(seen.p99));
    say(format_args!(
        "{rate:.0} alerts/s ({part} of the highest), {seconds} s, {:.2} CPUs: due to published p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {:.2} ms, \
         at most {:.2} ms; fdatasync of {} KB p50 {:.2} ms, p99 {:.2} ms; above it p50 {:.2} (asked: 1), p99 {:.2} (asked: 5)",
        done.spent.cpu_seconds() / done.spent.wall.as_secs_f64(),
        ms(seen.p999),
        ms(seen.max),
        size.div_ceil(1_000),
        sync(0.5),
        sync(0.99),
        p50 - sync(0.5),
        p99 - sync(0.99),
    ))
}

fn check(seen: &Seen, records: u64) -> Result<()> {
    let Seen { alerts, last, out_of_order, .. } = seen;
    ensure!(
        (*alerts, *last, *out_of_order) == (records, records as i64 - 1, 0),
        "{records} alerts were raised, and {seen:?} came"
    );
    Ok(())
}

/// How long appending so many bytes and syncing them takes.
fn sync_times(folder: &Path, size: usize) -> Result<Vec<Duration>> {
    let mut bytes = vec![0; size];
    Random::new(3).fill(&mut bytes);
    let path = folder.join("file");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&bytes)?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
    }
    fs::remove_file(&path)?;
    Ok(times)
}
