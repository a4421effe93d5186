//! An outbox that is trimmed while it is filled, in a process that is killed.

use crate::child::{options, topic};
use crate::random::Random;
use campanile_messaging::{Fetch, MessageId, Messaging, Options, Publish};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const FOLDER: &str = "TRIM_FOLDER";
const SEED: &str = "TRIM_SEED";
/// Requests that lie in the outbox at least before it is trimmed.
const WAITING: usize = 5;

fn open(folder: &Path) -> Messaging {
    let usual = options(&Arc::new(AtomicU64::new(1_800_000_000_000)), false);
    // Small enough that tables are written and dropped all the time.
    let tms = Messaging::open(folder, Options { memtable_bytes: 1 << 20, ..usual }).unwrap();
    for name in ["outbox", "delivered"] {
        if tms.topic(&topic(name)).is_err() {
            tms.create_topic(&topic(name), None).unwrap();
        }
    }
    tms
}

/// A word of a message: 0 is its number, 1 that of the first message of its request.
fn word(payload: &[u8], nth: usize) -> u64 {
    let digits = payload.split(|byte| *byte == b' ').nth(nth).unwrap();
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}

/// What lies in the outbox, request by request: only whole ones can go.
fn requests(tms: &Messaging) -> Vec<Vec<(u64, MessageId)>> {
    let messages = tms.fetch(&topic("outbox"), &Fetch::default()).unwrap().map(Result::unwrap);
    let messages: Vec<_> = messages.map(|read| (word(&read.payload, 1), word(&read.payload, 0), read.id)).collect();
    let requests = messages.chunk_by(|one, next| one.0 == next.0);
    requests.map(|request| request.iter().map(|(_, number, id)| (*number, *id)).collect()).collect()
}

fn numbers(tms: &Messaging, name: &str) -> Vec<(u64, MessageId)> {
    let messages = tms.fetch(&topic(name), &Fetch::default()).unwrap().map(Result::unwrap);
    messages.map(|message| (word(&message.payload, 0), message.id)).collect()
}

/// The number of the last message that was delivered and trimmed; none: 0.
fn trimmed(tms: &Messaging) -> u64 {
    tms.cursor("trimmed").unwrap().map_or(0, |value| word(&value, 0))
}

/// Not a test of its own: the process that is killed. It tells the last number published, and how far it has trimmed.
#[test]
fn child() {
    let (Some(folder), Ok(seed)) = (std::env::var_os(FOLDER), std::env::var(SEED)) else { return };
    let tms = open(Path::new(&folder));
    let mut random = Random::new(seed.parse().unwrap());
    let mut waiting = requests(&tms);
    let mut last = waiting.iter().flatten().last().map_or_else(|| trimmed(&tms), |(number, _)| *number);
    let tell = |line: String| {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(format!("@ {line}\n").as_bytes()).unwrap();
        stdout.flush().unwrap();
    };
    loop {
        let size = if random.below(4) == 0 { 100_000 } else { 100 };
        let texts: Vec<_> =
            (1..=1 + random.below(4)).map(|n| format!("{} {} {}", last + n, last + 1, "x".repeat(size))).collect();
        let messages: Vec<_> = texts.iter().map(String::as_bytes).collect();
        let published = tms.publish(&topic("outbox"), Publish::new(&messages)).unwrap();
        let id = |n: u64| MessageId { sequence: published.first.sequence + n as u16, ..published.first };
        waiting.push((0..messages.len() as u64).map(|n| (last + 1 + n, id(n))).collect());
        last += messages.len() as u64;
        tell(format!("published {last}"));
        if waiting.len() > WAITING && random.below(2) == 0 {
            let delivered: Vec<_> = waiting.drain(..1 + random.below(WAITING as u64) as usize).flatten().collect();
            let texts: Vec<_> = delivered.iter().map(|(number, _)| number.to_string()).collect();
            let messages: Vec<_> = texts.iter().map(String::as_bytes).collect();
            let (through, id) = *delivered.last().unwrap();
            tms.write(|write| {
                write.cursor("trimmed", through.to_string().as_bytes())?;
                write.publish(&topic("delivered"), Publish::new(&messages))?;
                write.trim(&topic("outbox"), id)
            })
            .unwrap();
            tell(format!("trimmed {through}"));
        }
        if random.below(20) == 0 {
            tms.clean().unwrap();
        }
    }
}

#[test]
fn a_write_that_trims_is_there_as_a_whole_or_not_at_all_when_the_process_is_killed() {
    let seed = crate::seed();
    let mut random = Random::new(seed);
    let folder = crate::fast_folder();
    let (mut published, mut gone) = (0, 0);
    for round in 0..crate::rounds(12) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "trim::child", "--nocapture", "--quiet"]);
        command.env(FOLDER, folder.path()).env(SEED, (seed + round).to_string());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = 1 + random.below(400);
        let mut told = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            let Some((_, line)) = line.split_once("@ ") else { continue };
            match line.split_once(' ').unwrap() {
                ("published", last) => published = last.parse::<u64>().unwrap(),
                (_, through) => gone = through.parse::<u64>().unwrap(),
            }
            told += 1;
            if told == lines {
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success(), "round {round} of seed {seed}: it ends by the kill");
        let tms = open(folder.path());
        let through = trimmed(&tms);
        let (outbox, delivered) = (numbers(&tms, "outbox"), numbers(&tms, "delivered"));
        let what = format!("round {round} of seed {seed}, published {published}, trimmed {gone}, found {through}");
        assert!(through >= gone, "{what}");
        assert!(delivered.iter().map(|(number, _)| *number).eq(1..=through), "{what}");
        let end = outbox.last().map_or(through, |(number, _)| *number);
        assert!(end >= published, "{what}: {end} is the last");
        assert!(outbox.iter().map(|(number, _)| *number).eq(through + 1..=end), "{what}: in the outbox {outbox:?}");
        (published, gone) = (end, through);
    }
    assert!(gone > 100, "much was trimmed");
}
