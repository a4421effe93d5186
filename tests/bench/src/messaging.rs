//! The store of TMS against a file that is appended to, with `fdatasync` before each acknowledgement on both sides.

use crate::random::Random;
use crate::say;
use anyhow::{Context, Result, ensure};
use campanile_messaging::{Durability, Fetch, Messaging, Options, Publish, TopicId};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of a message.
const MESSAGE_BYTES: usize = 200;
/// Messages of a request.
const BATCH: usize = 1_024;
/// Requests of a turn; turns of store and file take turns.
const REQUESTS: usize = 500;
/// Turns of each; the median counts.
const TURNS: usize = 7;
/// Publishers that share commits.
const PUBLISHERS: usize = 64;
/// Messages of each publisher in a turn.
const SINGLE: usize = 500;
/// Messages whose cost in memory is looked at.
const MANY: usize = 10_000_000;

/// Prints what the store costs.
pub(crate) fn measure(folder: &Path) -> Result<()> {
    let folder = Scratch::new(folder)?;
    let mut bytes = vec![0; BATCH * MESSAGE_BYTES];
    Random::new(7).fill(&mut bytes);
    let messages: Vec<&[u8]> = bytes.chunks(MESSAGE_BYTES).collect();
    say(format_args!("{MESSAGE_BYTES} bytes a message, incompressible; fdatasync before each acknowledgement"))?;
    // First, while this process holds nothing else.
    many(&folder.0, &messages)?;
    batches(&folder.0, &messages, &bytes)?;
    publishers(&folder.0, messages[0])?;
    deletion(&folder.0, &messages)
}

fn batches(folder: &Path, messages: &[&[u8]], bytes: &[u8]) -> Result<()> {
    let (tms, topic) = open(&folder.join("batches"), Options::default())?;
    let mut file = File::create(folder.join("file"))?;
    let (mut store, mut append) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        append.push(timed(|| {
            for _ in 0..REQUESTS {
                file.write_all(bytes)?;
                file.sync_data()?;
            }
            Ok(())
        })?);
        store.push(timed(|| {
            for _ in 0..REQUESTS {
                tms.publish(&topic, Publish::new(messages))?;
            }
            Ok(())
        })?);
    }
    let (store, append) = (median(store), median(append));
    let rate = |time: Duration| (REQUESTS * BATCH) as f64 / time.as_secs_f64() / 1e6;
    say(format_args!(
        "batches of {BATCH}: {:.2} M messages/s, appending to a file {:.2} M/s: ratio {:.2}",
        rate(store),
        rate(append),
        append.as_secs_f64() / store.as_secs_f64()
    ))?;
    let mut read = 0;
    let time = timed(|| {
        for message in tms.fetch(&topic, &Fetch::default())? {
            read += usize::from(message?.payload.len() == MESSAGE_BYTES);
        }
        Ok(())
    })?;
    ensure!(read == TURNS * REQUESTS * BATCH, "{read} messages were read");
    say(format_args!("plain fetch: {:.1} M messages/s", read as f64 / time.as_secs_f64() / 1e6))
}

fn publishers(folder: &Path, message: &[u8]) -> Result<()> {
    let (tms, topic) = open(&folder.join("publishers"), Options::default())?;
    let (mut one, mut all) = (Vec::new(), Vec::new());
    let publish = || -> Result<()> {
        for _ in 0..SINGLE {
            tms.publish(&topic, Publish::new(&[message]))?;
        }
        Ok(())
    };
    for _ in 0..TURNS {
        one.push(timed(publish)?);
        all.push(timed(|| {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..PUBLISHERS).map(|_| scope.spawn(publish)).collect();
                threads
                    .into_iter()
                    .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })
        })?);
    }
    let one = SINGLE as f64 / median(one).as_secs_f64();
    let all = (PUBLISHERS * SINGLE) as f64 / median(all).as_secs_f64();
    say(format_args!(
        "single messages: one publisher {one:.0}/s, {PUBLISHERS} publishers {all:.0}/s: ratio {:.1}",
        all / one
    ))
}

/// Memory and the time to open with many messages stored.
fn many(folder: &Path, messages: &[&[u8]]) -> Result<()> {
    let folder = folder.join("many");
    let (tms, topic) = open(&folder, Options { durability: Durability::Relaxed, ..Options::default() })?;
    for _ in 0..MANY / BATCH {
        tms.publish(&topic, Publish::new(messages))?;
    }
    let filled = resident()?;
    drop(tms);
    let mut opened = None;
    let time = timed(|| {
        opened = Some(Messaging::open(&folder, Options::default())?);
        Ok(())
    })?;
    say(format_args!(
        "{:.0} M messages stored: {filled} MiB resident after writing them, {} MiB after opening, opened in {} ms",
        MANY as f64 / 1e6,
        resident()?,
        time.as_millis()
    ))?;
    drop(opened);
    Ok(fs::remove_dir_all(&folder)?)
}

/// Whether publishers wait while topics end.
fn deletion(folder: &Path, messages: &[&[u8]]) -> Result<()> {
    let (tms, topic) = open(&folder.join("deletion"), Options::default())?;
    let publish = |times: &mut Vec<Duration>| {
        let began = Instant::now();
        tms.publish(&topic, Publish::new(&messages[..10]))?;
        times.push(began.elapsed());
        anyhow::Ok(())
    };
    let (mut quiet, mut deleting) = (Vec::new(), Vec::new());
    for _ in 0..5_000 {
        publish(&mut quiet)?;
    }
    for turn in 0..5 {
        let other = TopicId::new("default", &format!("other-{turn}"))?;
        tms.create_topic(&other, None)?;
        for _ in 0..500 {
            tms.publish(&other, Publish::new(messages))?;
        }
        std::thread::scope(|scope| {
            let cleaner = scope.spawn(|| {
                tms.delete_topic(&other)?;
                tms.clean()
            });
            while deleting.len() < 1_000 * (turn + 1) || !cleaner.is_finished() {
                publish(&mut deleting)?;
            }
            cleaner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).context("cleaning")
        })?;
    }
    let p99 = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() * 99 / 100].as_micros()
    };
    say(format_args!(
        "publishing 10 messages: p99 {} us, while topics of 512,000 messages are deleted p99 {} us",
        p99(quiet),
        p99(deleting)
    ))
}

fn open(folder: &Path, options: Options) -> Result<(Messaging, TopicId)> {
    let tms = Messaging::open(folder, options)?;
    let topic = TopicId::new("default", "t")?;
    tms.create_topic(&topic, None)?;
    Ok((tms, topic))
}

pub(crate) fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Resident memory of this process, in MiB.
fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("resident memory is known on Linux alone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("no VmRSS")?.parse()?;
    Ok(kib / 1024)
}

/// A folder that goes with the benchmark.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn new(within: &Path) -> Result<Scratch> {
        let folder = within.join(format!("campanile-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
