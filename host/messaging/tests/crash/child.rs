//! The process that is killed: it publishes from several threads, and tells on its standard output what it is about to do
//! and what was acknowledged.
//!
//! ```text
//! @ time MS                                        the clock goes to this time
//! @ > OP publish TOPIC COUNT TRANSACTION           it begins; OP names it, and so does each of its messages
//! @ > OP store TOPIC COUNT TRANSACTION
//! @ > OP reference TOPIC TRANSACTION
//! @ > OP rollback PUBLISHED-OP
//! @ > OP write TOPIC COUNT TOPIC COUNT CURSOR      the cursor's value becomes OP
//! @ > OP create TOPIC TTL, @ > OP delete TOPIC
//! @ < OP [FIRST LAST REPEATED]                     it was acknowledged
//! @ ! OP ERROR                                     it was refused
//! @ end TRANSACTION                                it is no longer in progress
//! @ uncleaned ERROR                                what has expired could not be removed
//! @ ended ERROR                                    a thread ends: nothing more can be written
//! @ read OP ...                                    all that a reader sees (after an error)
//! ```

use crate::random::Random;
use campanile_messaging::{
    Durability, Error, Fetch, MessageId, Messaging, Options, Publish, Published, Result, RollbackRange, TimeSource,
    TopicId,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const FOLDER: &str = "CRASH_FOLDER";
const SETTINGS: &str = "CRASH_SETTINGS";

/// Topics that stay; the messages of the last live this long, in seconds.
pub(crate) const TOPICS: [(&str, Option<u32>); 4] = [("a", None), ("b", None), ("tx", None), ("short", Some(10))];

/// A producer's messages in one request at most.
const MOST_PRODUCED: u64 = 4;

/// What a child does.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) round: u64,
    pub(crate) threads: u64,
    /// The time at which it begins, in milliseconds.
    pub(crate) now_ms: u64,
    pub(crate) relaxed: bool,
    /// Publishes much, so that tables and journals are written.
    pub(crate) heavy: bool,
    /// Publishes to the topic `a` alone, and ends after the first error or this many.
    pub(crate) plain: u64,
    /// The last number of each thread's producer; 0: none.
    pub(crate) sequences: Vec<u64>,
}

impl Settings {
    pub(crate) fn new(seed: u64, round: u64, now_ms: u64) -> Settings {
        Settings { seed, round, threads: 4, now_ms, relaxed: false, heavy: false, plain: 0, sequences: vec![0; 4] }
    }

    fn write(&self) -> String {
        let Settings { seed, round, threads, now_ms, relaxed, heavy, plain, sequences } = self;
        let sequences: Vec<_> = sequences.iter().map(u64::to_string).collect();
        let (relaxed, heavy, sequences) = (u8::from(*relaxed), u8::from(*heavy), sequences.join(" "));
        format!("{seed} {round} {threads} {now_ms} {relaxed} {heavy} {plain} {sequences}")
    }

    fn read(text: &str) -> Settings {
        let numbers: Vec<u64> = text.split(' ').map(|number| number.parse().unwrap()).collect();
        let [seed, round, threads, now_ms, relaxed, heavy, plain, sequences @ ..] = &numbers[..] else {
            panic!("{text}")
        };
        let (relaxed, heavy, sequences) = (*relaxed == 1, *heavy == 1, sequences.to_vec());
        let (seed, round, threads, now_ms, plain) = (*seed, *round, *threads, *now_ms, *plain);
        Settings { seed, round, threads, now_ms, relaxed, heavy, plain, sequences }
    }

    /// This test program, to be started once more as the child.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::child", "--nocapture", "--quiet"]);
        command.env(FOLDER, folder).env(SETTINGS, self.write());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }
}

/// Not a test of its own: what the tests start.
#[test]
fn child() {
    let (Some(folder), Ok(settings)) = (std::env::var_os(FOLDER), std::env::var(SETTINGS)) else { return };
    Child::run(&PathBuf::from(folder), Settings::read(&settings));
}

pub(crate) fn topic(name: &str) -> TopicId {
    TopicId::new("default", name).unwrap()
}

pub(crate) fn options(now_ms: &Arc<AtomicU64>, relaxed: bool) -> Options {
    let now_ms = now_ms.clone();
    Options {
        durability: if relaxed { Durability::Relaxed } else { Durability::Fsync },
        tx_max_lifetime: None,
        clean_every: Duration::from_millis(20),
        min_free_bytes: 0,
        time: TimeSource::new(move || now_ms.load(Ordering::SeqCst)),
        ..Options::default()
    }
}

/// A message that says where it belongs; what follows is checked byte by byte.
pub(crate) fn message(op: &str, index: usize, size: usize) -> Vec<u8> {
    let mut message = format!("{op}/{index}/{size}|").into_bytes();
    let mut random =
        Random::new(op.bytes().chain([index as u8]).fold(7_u64, |hash, byte| hash.wrapping_mul(31) + u64::from(byte)));
    let piece: [u8; 48] = std::array::from_fn(|_| random.next() as u8);
    while message.len() < size {
        message.extend(piece);
    }
    message
}

fn tell(line: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("@ {line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

struct Child {
    tms: Messaging,
    settings: Settings,
    now_ms: Arc<AtomicU64>,
}

/// What one thread has begun.
#[derive(Default)]
struct Begun {
    number: u64,
    /// A transaction in progress: its pointer and what it published.
    transaction: Option<(i64, Vec<(String, Published)>)>,
    /// A transaction that stored payloads.
    stored: Option<i64>,
    sequence: u64,
}

impl Child {
    fn run(folder: &Path, settings: Settings) {
        let now_ms = Arc::new(AtomicU64::new(settings.now_ms));
        tell("open");
        let tms = match Messaging::open(folder, options(&now_ms, settings.relaxed)) {
            Ok(tms) => tms,
            Err(error) => return tell(&format!("! open {error}")),
        };
        let child = Child { tms, settings, now_ms };
        for (n, (name, ttl_secs)) in TOPICS.into_iter().enumerate() {
            if child.tms.topic(&topic(name)).is_err() {
                let op = format!("{}.9.{n}", child.settings.round);
                let made = child.create(&op, name, ttl_secs);
                assert!(made.is_ok() || child.settings.plain > 0, "{made:?}");
            }
        }
        if child.settings.plain > 0 {
            return child.plain();
        }
        std::thread::scope(|scope| {
            for thread in 0..child.settings.threads {
                let child = &child;
                scope.spawn(move || child.work(thread));
            }
        });
    }

    /// One publication after another, until one fails; then what is refused, and what is read.
    fn plain(&self) {
        let mut random = Random::new(self.settings.seed);
        for n in 0..self.settings.plain {
            let op = format!("{}.0.{n}", self.settings.round);
            if self.publish(&op, "a", 1 + random.below(5) as usize, 200, None).is_err() {
                for n in n + 1..n + 4 {
                    let op = format!("{}.0.{n}", self.settings.round);
                    let _ = self.publish(&op, "a", 1, 20, None);
                }
                let _ = self.create(&format!("{}.0.{}", self.settings.round, n + 4), "late", None);
                break;
            }
        }
        let read = self.tms.fetch(&topic("a"), &Fetch::default()).unwrap();
        let mut ops: Vec<String> = read.map(|message| opened(&message.unwrap().payload).0).collect();
        ops.dedup();
        tell(&format!("read {}", ops.join(" ")));
        tell(&format!("check {:?}", self.tms.check()));
    }

    fn work(&self, thread: u64) {
        let Settings { seed, round, ref sequences, .. } = self.settings;
        let mut random = Random::new(seed * 1_000 + round * 10 + thread);
        let mut begun = Begun { sequence: sequences[thread as usize], ..Begun::default() };
        // Whether it was written is not known after a crash: it is said again.
        let again = if begun.sequence > 0 { self.produce_again(thread, &mut random, &mut begun) } else { Ok(()) };
        let first = again.and_then(|()| -> Result<()> {
            loop {
                self.step(thread, &mut random, &mut begun)?
            }
        });
        if let Err(error) = first {
            tell(&format!("ended {error}"));
        }
    }

    fn step(&self, thread: u64, random: &mut Random, begun: &mut Begun) -> Result<()> {
        begun.number += 1;
        let round = self.settings.round;
        let op = format!("{round}.{thread}.{}", begun.number);
        let name = ["a", "b", "short"][random.below(3) as usize];
        let heavy = self.settings.heavy;
        match random.below(100) {
            _ if heavy && random.below(4) == 0 => self.publish(&op, "a", 3, 900 << 10, None).map(drop),
            0..30 => self.publish(&op, name, 1, random.below(2_000) as usize, None).map(drop),
            30..50 => {
                let (count, size) = (2 + random.below(40) as usize, random.below(1_500) as usize);
                self.publish(&op, name, count, size, None).map(drop)
            }
            50 => self.publish(&op, "b", 3, 400 << 10, None).map(drop),
            51 if random.below(3) == 0 => self.publish(&op, "b", 17_000, 0, None).map(drop),
            51..60 => {
                // Some of it was said before, now and then.
                let back = if random.below(3) == 0 { random.below(MOST_PRODUCED) } else { 0 };
                let from = (begun.sequence + 1).saturating_sub(back).max(1);
                self.produce(thread, from, begun.sequence + 1 - from + 1 + random.below(MOST_PRODUCED - back), begun)
            }
            60..72 => self.write(&op, thread, 1 + random.below(3) as usize),
            72..84 => self.transact(&op, thread, random, begun),
            84..90 => self.stores(&op, thread, random, begun),
            90..95 => self.make(&op, thread, random),
            95..99 => {
                let now_ms = self.now_ms.load(Ordering::SeqCst) + 1 + random.below(1_500);
                tell(&format!("time {now_ms}"));
                self.now_ms.fetch_max(now_ms, Ordering::SeqCst);
                Ok(())
            }
            _ => match self.tms.clean() {
                // It is tried again another time.
                Err(Error::Storage(why)) => {
                    tell(&format!("uncleaned {why}"));
                    Ok(())
                }
                cleaned => cleaned,
            },
        }
    }

    fn tried<R>(&self, op: &str, outcome: Result<R>, answer: impl Fn(&R) -> String) -> Result<R> {
        match &outcome {
            Ok(done) => tell(format!("< {op} {}", answer(done)).trim_end()),
            Err(error) => tell(&format!("! {op} {error}")),
        }
        outcome
    }

    fn publish(&self, op: &str, name: &str, count: usize, size: usize, transaction: Option<i64>) -> Result<Published> {
        let messages: Vec<_> = (0..count).map(|index| message(op, index, size)).collect();
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let mut publish = Publish::new(&messages);
        if let Some(pointer) = transaction {
            publish = publish.in_transaction(pointer);
        }
        tell(&format!("> {op} publish {name} {count} {}", transaction.unwrap_or(0)));
        self.tried(op, self.tms.publish(&topic(name), publish), ids)
    }

    /// Says again, in other pieces, what a producer said last, and goes on.
    fn produce_again(&self, thread: u64, random: &mut Random, begun: &mut Begun) -> Result<()> {
        let last = begun.sequence;
        let mut from = last.saturating_sub(MOST_PRODUCED + random.below(5)).max(1);
        while from <= last {
            let count = 1 + random.below(MOST_PRODUCED);
            self.produce(thread, from, count, begun)?;
            from += count;
        }
        Ok(())
    }

    /// A producer's messages from a number on, in one request. Each is the same whenever it says it again, and is told of as
    /// if it were a request of its own.
    fn produce(&self, thread: u64, from: u64, count: u64, begun: &mut Begun) -> Result<()> {
        begun.sequence = begun.sequence.max(from + count - 1);
        let name = format!("p{thread}");
        let ops: Vec<_> = (from..from + count).map(|number| format!("{name}.{number}")).collect();
        let messages: Vec<_> = ops.iter().map(|op| message(op, 0, 60)).collect();
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        ops.iter().for_each(|op| tell(&format!("> {op} publish a 1 0")));
        let publish = Publish::new(&messages).from_producer(&name, from);
        let published = self.tms.publish(&topic("a"), publish).inspect_err(|error| {
            tell(&format!("! {} {error}", ops[0]));
        })?;
        assert_eq!(published.repeated, published.count == 0);
        let (left_out, written) = ops.split_at(ops.len() - published.count);
        left_out.iter().for_each(|op| tell(&format!("< {op}")));
        for (op, n) in written.iter().zip(0..) {
            let id = MessageId { sequence: published.first.sequence + n, ..published.first };
            assert!(op != &ops[ops.len() - 1] || id == published.last);
            tell(&format!("< {op} {id} {id} false"));
        }
        Ok(())
    }

    fn write(&self, op: &str, thread: u64, count: usize) -> Result<()> {
        let messages = [message(op, 0, 50), message(op, 1, 700), message(op, 2, 0)];
        let messages: Vec<&[u8]> = messages.iter().take(count).map(Vec::as_slice).collect();
        let cursor = format!("cursor-{thread}");
        tell(&format!("> {op} write a {count} b 1 {cursor}"));
        let outcome = self.tms.write(|write| {
            write.publish(&topic("a"), Publish::new(&messages))?;
            write.cursor(&cursor, op.as_bytes())?;
            write.publish(&topic("b"), Publish::new(&messages[..1]))
        });
        self.tried(op, outcome, |()| String::new())
    }

    fn pointer(&self, thread: u64, begun: &Begun) -> i64 {
        (self.settings.round * 1_000_000 + begun.number * 10 + thread + 1) as i64
    }

    fn transact(&self, op: &str, thread: u64, random: &mut Random, begun: &mut Begun) -> Result<()> {
        let (pointer, mut published) =
            begun.transaction.take().unwrap_or_else(|| (self.pointer(thread, begun), Vec::new()));
        match random.below(4) {
            0 if !published.is_empty() => tell(&format!("end {pointer}")),
            1 if !published.is_empty() => {
                tell(&format!("end {pointer}"));
                for (n, (of, Published { first, last, .. })) in published.into_iter().enumerate() {
                    let op = format!("{op}x{n}");
                    tell(&format!("> {op} rollback {of}"));
                    let range = RollbackRange { transaction: pointer, start: first, end: last };
                    self.tried(&op, self.tms.rollback(&topic("tx"), &range), |()| String::new())?;
                }
            }
            _ => {
                let count = 1 + random.below(4) as usize;
                let done = self.publish(op, "tx", count, 80, Some(pointer))?;
                published.push((op.to_owned(), done));
                begun.transaction = Some((pointer, published));
            }
        }
        Ok(())
    }

    fn stores(&self, op: &str, thread: u64, random: &mut Random, begun: &mut Begun) -> Result<()> {
        let pointer = begun.stored.unwrap_or_else(|| self.pointer(thread, begun));
        if begun.stored.take().is_some() && random.below(3) == 0 {
            tell(&format!("> {op} reference tx {pointer}"));
            let publish = Publish::new(&[]).in_transaction(pointer);
            self.tried(op, self.tms.publish(&topic("tx"), publish), ids)?;
            if random.below(2) == 0 {
                tell(&format!("end {pointer}"));
            }
            return Ok(());
        }
        begun.stored = Some(pointer);
        let count = 1 + random.below(5) as usize;
        let payloads: Vec<_> = (0..count).map(|index| message(op, index, 300)).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        tell(&format!("> {op} store tx {count} {pointer}"));
        self.tried(op, self.tms.store(&topic("tx"), pointer, &payloads), |()| String::new())
    }

    /// A topic that comes and goes.
    fn make(&self, op: &str, thread: u64, random: &mut Random) -> Result<()> {
        let name = format!("made-{thread}");
        if self.tms.topic(&topic(&name)).is_err() {
            return self.create(op, &name, None);
        }
        if random.below(3) > 0 {
            return self.publish(op, &name, 1 + random.below(3) as usize, 100, None).map(drop);
        }
        tell(&format!("> {op} delete {name}"));
        self.tried(op, self.tms.delete_topic(&topic(&name)), |()| String::new())
    }

    fn create(&self, op: &str, name: &str, ttl_secs: Option<u32>) -> Result<(), Error> {
        tell(&format!("> {op} create {name} {}", ttl_secs.unwrap_or(0)));
        self.tried(op, self.tms.create_topic(&topic(name), ttl_secs), |()| String::new())
    }
}

fn ids(published: &Published) -> String {
    format!("{} {} {}", published.first, published.last, published.repeated)
}

/// The op, the index and the size that a message says it has.
pub(crate) fn opened(payload: &[u8]) -> (String, usize, usize) {
    let head = payload.split(|byte| *byte == b'|').next().unwrap();
    let head = std::str::from_utf8(head).unwrap_or_else(|_| panic!("no head: {}", payload.escape_ascii()));
    let mut parts = head.split('/');
    let mut part = || parts.next().unwrap_or_else(|| panic!("no head: {}", payload.escape_ascii()));
    (part().to_owned(), part().parse().unwrap(), part().parse().unwrap())
}
