//! From when a record should have come until its alert is durable, at half of the rate that the path sustains.

use super::job::{Job, Seen};
use crate::random::Random;
use crate::say;
use anyhow::{Result, ensure};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
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
/// The pause between syncs that are measured while it runs.
const BESIDE_EVERY: Duration = Duration::from_millis(20);

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
    let mut alone = Vec::new();
    sync_while(&folder.join("file"), size, Duration::ZERO, &mut alone, |syncs| syncs < SYNCS)?;
    let (done, beside) = beside(&folder.join("file"), size, || job.run())?;
    sync_while(&folder.join("file"), size, Duration::ZERO, &mut alone, |syncs| syncs < 2 * SYNCS)?;
    let seen = &done.seen;
    check(seen, records)?;
    let ms = |ns: u64| ns as f64 / 1e6;
    let (p50, p99) = (ms(seen.p50), ms(seen.p99));
    say(format_args!(
        "{rate:.0} alerts/s ({part} of the highest), {seconds} s, {:.2} CPUs: due to published p50 {p50:.2} ms, p99 {p99:.2} ms, \
         p99.9 {:.2} ms, at most {:.2} ms",
        done.spent.cpu_seconds() / done.spent.wall.as_secs_f64(),
        ms(seen.p999),
        ms(seen.max),
    ))?;
    for (what, mut syncs) in [("before and after", alone), ("beside the run", beside)] {
        syncs.sort_unstable();
        let sync =
            |part: f64| syncs.get((syncs.len() as f64 * part) as usize).map_or(f64::NAN, |t| t.as_secs_f64() * 1e3);
        say(format_args!(
            "  fdatasync of {} KB {what}: p50 {:.2} ms, p99 {:.2} ms; above it p50 {:.2} ms (asked: 1), p99 {:.2} ms (asked: 5)",
            size.div_ceil(1_000),
            sync(0.5),
            sync(0.99),
            p50 - sync(0.5),
            p99 - sync(0.99),
        ))?;
    }
    Ok(())
}

fn check(seen: &Seen, records: u64) -> Result<()> {
    let Seen { alerts, last, out_of_order, .. } = seen;
    ensure!(
        (*alerts, *last, *out_of_order) == (records, records as i64 - 1, 0),
        "{records} alerts were raised, and {seen:?} came"
    );
    Ok(())
}

/// How long syncing takes while something runs, which it disturbs a little.
fn beside<T>(path: &Path, size: usize, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Duration>)> {
    let over = AtomicBool::new(false);
    let mut times = Vec::new();
    let done = std::thread::scope(|scope| {
        let syncs = scope.spawn(|| sync_while(path, size, BESIDE_EVERY, &mut times, |_| !over.load(Ordering::Relaxed)));
        let done = work();
        over.store(true, Ordering::Relaxed);
        syncs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(done)
    })?;
    Ok((done, times))
}

/// How long appending so many bytes and syncing them takes, with a pause before each time.
fn sync_while(
    path: &Path,
    size: usize,
    pause: Duration,
    times: &mut Vec<Duration>,
    go_on: impl Fn(usize) -> bool,
) -> Result<()> {
    let mut bytes = vec![0; size];
    Random::new(3).fill(&mut bytes);
    let mut file = File::create(path)?;
    while go_on(times.len()) {
        std::thread::sleep(pause);
        let began = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    Ok(fs::remove_file(path)?)
}
