//! What a child told, and what a folder must hold after it.

use crate::child::{message, opened, options, topic};
use campanile_messaging::{Fetch, MessageId, Messaging, Publish, Transaction};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Whether a request is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was begun: it is there, or not, as a whole.
    Begun,
    There,
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Publish,
    Store,
    Reference,
    Write,
    Rollback,
    Create,
    Delete,
}

/// One request.
#[derive(Clone, Debug)]
struct Op {
    kind: Kind,
    state: State,
    /// Topics, their generations, how many messages.
    parts: Vec<(String, u32, usize)>,
    transaction: i64,
    /// A rollback's publication; a write's cursor.
    other: String,
    /// The ids that it was acknowledged with.
    ids: Option<(MessageId, MessageId)>,
    /// It was acknowledged before this one began: its ids are greater.
    after: MessageId,
}

#[derive(Clone, Debug, Default)]
struct Topic {
    live: bool,
    generation: u32,
    ttl_secs: Option<u32>,
}

/// A request as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    op: String,
    first: MessageId,
    last: MessageId,
    count: usize,
}

/// Everything that was told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    ops: HashMap<String, Op>,
    topics: BTreeMap<String, Topic>,
    ended: BTreeSet<i64>,
    /// The greatest id that was told or read.
    top: MessageId,
    pub(crate) now_ms: u64,
    pub(crate) sequences: Vec<u64>,
    pub(crate) acknowledged: usize,
    problems: Vec<String>,
}

impl Model {
    pub(crate) fn new() -> Model {
        Model { now_ms: 1_800_000_000_000, sequences: vec![0; 4], ..Model::default() }
    }

    /// Takes over what a child told: whole lines.
    pub(crate) fn tell(&mut self, text: &str) {
        for line in text.lines().filter_map(|line| line.split_once("@ ").map(|(_, line)| line)) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                ">" => self.begun(&words),
                "<" => self.acknowledged(&words),
                "end" => drop(self.ended.insert(words[1].parse().unwrap())),
                "time" => self.now_ms = self.now_ms.max(words[1].parse().unwrap()),
                _ => {}
            }
        }
    }

    fn begun(&mut self, words: &[&str]) {
        let name = words[1].to_owned();
        let part = |at: usize| -> (String, u32, usize) {
            let generation = self.topics.get(words[at]).map_or(1, |topic| topic.generation);
            (words[at].to_owned(), generation, words.get(at + 1).map_or(0, |count| count.parse().unwrap()))
        };
        let long = |at: usize| words[at].parse::<i64>().unwrap();
        let (kind, parts, transaction, other) = match words[2] {
            "publish" => (Kind::Publish, vec![part(3)], long(5), ""),
            "store" => (Kind::Store, vec![part(3)], long(5), ""),
            "reference" => (Kind::Reference, vec![(words[3].to_owned(), 1, 0)], long(4), ""),
            "rollback" => (Kind::Rollback, vec![], 0, words[3]),
            "write" => (Kind::Write, vec![part(3), part(5)], 0, words[7]),
            "create" => (Kind::Create, vec![part(3)], 0, ""),
            "delete" => (Kind::Delete, vec![(words[3].to_owned(), 0, 0)], 0, ""),
            other => panic!("{other}"),
        };
        if let Some((producer, sequence)) = name.strip_prefix('p').and_then(|name| name.split_once('.')) {
            let producer: usize = producer.parse().unwrap();
            self.sequences[producer] = self.sequences[producer].max(sequence.parse().unwrap());
            // It is said again: nothing new where it is there already.
            if self.ops.get(&name).is_some_and(|op| op.state == State::There) {
                return;
            }
        }
        let (ids, after) = (None, self.top);
        self.ops
            .insert(name, Op { kind, state: State::Begun, parts, transaction, other: other.to_owned(), ids, after });
    }

    fn acknowledged(&mut self, words: &[&str]) {
        self.acknowledged += 1;
        let Some(op) = self.ops.get_mut(words[1]) else { panic!("{words:?} never began") };
        if words.len() > 2 {
            let (first, last): (MessageId, MessageId) = (words[2].parse().unwrap(), words[3].parse().unwrap());
            let repeated = words[4] == "true";
            match op.ids {
                Some(ids) if !repeated || ids != (first, last) => {
                    self.problems.push(format!("{words:?}: it was there as {ids:?}, and is not told as a repetition"));
                }
                None if repeated => self.problems.push(format!("{words:?}: it is new, and told as a repetition")),
                None if first <= op.after => {
                    self.problems.push(format!("{words:?}: {} was given before", op.after));
                }
                _ => {}
            }
            op.ids = Some((first, last));
            self.top = self.top.max(last);
        }
        op.state = State::There;
        let (kind, parts) = (op.kind, op.parts.clone());
        self.settle_topic(kind, &parts);
    }

    fn settle_topic(&mut self, kind: Kind, parts: &[(String, u32, usize)]) {
        match kind {
            Kind::Create => {
                let topic = self.topics.entry(parts[0].0.clone()).or_default();
                topic.live = true;
                topic.generation += 1;
                topic.ttl_secs = (parts[0].2 > 0).then_some(parts[0].2 as u32);
            }
            Kind::Delete => self.topics.entry(parts[0].0.clone()).or_default().live = false,
            _ => {}
        }
    }

    /// Opens a folder and holds it against what was told. What was begun and not acknowledged is settled by what is
    /// there. `lossy`: the end of what was acknowledged may be missing; returns how many requests are.
    pub(crate) fn check(&mut self, folder: &Path, lossy: bool) -> Result<usize, String> {
        let now_ms = Arc::new(AtomicU64::new(self.now_ms));
        let tms = Messaging::open(folder, options(&now_ms, lossy)).map_err(|error| format!("opening: {error}"))?;
        self.check_topics(&tms, lossy);
        self.publish_references(&tms);
        let live: Vec<String> =
            self.topics.iter().filter(|(_, topic)| topic.live).map(|(name, _)| name.clone()).collect();
        let mut seen: HashMap<String, BTreeMap<String, Run>> = HashMap::new();
        for name in &live {
            let runs = self.runs(&tms, name, None);
            self.check_order(name, &runs);
            if name == "tx" {
                self.check_transactions(&tms, name, &runs);
            }
            for run in runs {
                self.top = self.top.max(run.last);
                let earlier = seen.entry(run.op.clone()).or_default().insert(name.clone(), run.clone());
                if earlier.is_some() {
                    self.problems.push(format!("{name}: {} is there twice", run.op));
                }
            }
        }
        let lost = self.settle(&seen, lossy);
        self.check_cursors(&tms, lossy);
        if self.problems.is_empty() { Ok(lost) } else { Err(self.problems.join("\n")) }
    }

    /// Creations and deletions on their way are settled; each topic is as it was told.
    fn check_topics(&mut self, tms: &Messaging, lossy: bool) {
        let flying: Vec<String> =
            self.ops.iter().filter(|(_, op)| op.state == State::Begun).map(|(name, _)| name.clone()).collect();
        for name in flying {
            let op = &self.ops[&name];
            let (kind, parts) = (op.kind, op.parts.clone());
            let there = match kind {
                Kind::Create => tms.topic(&topic(&parts[0].0)).is_ok(),
                Kind::Delete => tms.topic(&topic(&parts[0].0)).is_err(),
                _ => continue,
            };
            if there {
                self.settle_topic(kind, &parts);
            }
            self.ops.get_mut(&name).unwrap().state = if there { State::There } else { State::Absent };
        }
        for (name, expected) in &mut self.topics {
            match tms.topic(&topic(name)) {
                Ok(found) if expected.live => {
                    if (found.generation, found.ttl_secs) != (expected.generation, expected.ttl_secs) {
                        self.problems.push(format!("{name}: {found:?}, not {expected:?}"));
                    }
                }
                Err(_) if !expected.live => {}
                Err(_) if lossy => expected.live = false,
                other => self.problems.push(format!("{name}: {other:?}, not {expected:?}")),
            }
        }
    }

    /// Publishes what was stored and not yet published: so it is seen.
    fn publish_references(&mut self, tms: &Messaging) {
        let mut stored: BTreeMap<i64, String> = BTreeMap::new();
        let stores = self.ops.iter().filter(|(_, op)| op.kind == Kind::Store);
        let stores: HashMap<String, i64> = stores.map(|(name, op)| (name.clone(), op.transaction)).collect();
        for op in self.ops.values().filter(|op| op.kind == Kind::Store && op.state != State::Absent) {
            stored.insert(op.transaction, op.parts[0].0.clone());
        }
        for op in self.ops.values_mut().filter(|op| op.kind == Kind::Reference && op.state == State::Begun) {
            // One on its way is there if what it stands for is seen.
            let all = tms.fetch(&topic(&op.parts[0].0), &Fetch::default()).unwrap().map(Result::unwrap);
            let seen =
                all.map(|message| opened(&message.payload).0).any(|name| stores.get(&name) == Some(&op.transaction));
            op.state = if seen { State::There } else { State::Absent };
        }
        for op in self.ops.values().filter(|op| op.kind == Kind::Reference && op.state == State::There) {
            stored.remove(&op.transaction);
        }
        for (pointer, name) in stored {
            let published = tms.publish(&topic(&name), Publish::new(&[]).in_transaction(pointer)).unwrap();
            let line = format!(
                "@ > late-{pointer} reference {name} {pointer}\n@ < late-{pointer} {} {} false\n",
                published.first, published.last
            );
            self.tell(&line);
        }
    }

    /// What a topic holds, request by request; each message is what it says it is.
    fn runs(&mut self, tms: &Messaging, name: &str, transaction: Option<Transaction>) -> Vec<Run> {
        let fetch = Fetch { transaction: transaction.map(Into::into), ..Fetch::default() };
        let mut runs: Vec<Run> = Vec::new();
        let mut last = MessageId::default();
        let mut expected: Option<(String, usize)> = None;
        for read in tms.fetch(&topic(name), &fetch).unwrap() {
            let read = match read {
                Ok(read) => read,
                Err(error) => {
                    self.problems.push(format!("{name}: reading behind {last}: {error}"));
                    break;
                }
            };
            let (op, index, size) = opened(&read.payload);
            if read.payload[..] != message(&op, index, size)[..] {
                self.problems.push(format!("{name}: message {index} of {op} is damaged"));
            }
            if read.id <= last {
                self.problems.push(format!("{name}: {} behind {last}", read.id));
            }
            last = read.id;
            if expected.take().is_some_and(|(of, next)| (of.as_str(), next) != (op.as_str(), index))
                || (index == 0) == runs.last().is_some_and(|run| run.op == op)
            {
                self.problems.push(format!("{name}: message {index} of {op} stands behind {:?}", runs.last()));
            }
            match runs.last_mut() {
                Some(run) if index > 0 && run.op == op => (run.last, run.count) = (read.id, index + 1),
                _ => runs.push(Run { op: op.clone(), first: read.id, last: read.id, count: 1 }),
            }
            let Some(known) = self.ops.get(&op) else {
                self.problems.push(format!("{name}: {op} never began"));
                continue;
            };
            let generation = self.topics[name].generation;
            match known.parts.iter().find(|part| part.0 == name && part.1 == generation) {
                Some((.., count)) if index + 1 < *count => expected = Some((op, index + 1)),
                Some((.., count)) if index + 1 == *count => {}
                _ => self.problems.push(format!("{name}: message {index} of {op} does not belong here: {known:?}")),
            }
        }
        if let Some((op, index)) = expected {
            self.problems.push(format!("{name}: {op} is cut off before message {index}"));
        }
        runs
    }

    /// The requests of one thread, and of one producer, stand in their order; and each behind all that was acknowledged
    /// before it began.
    fn check_order(&mut self, name: &str, runs: &[Run]) {
        let mut latest: HashMap<&str, (u64, u64)> = HashMap::new();
        for run in runs {
            let Some(op) = self.ops.get(&run.op) else { continue };
            let mut numbers = run.op.split('.');
            let (first, second, third) = (numbers.next().unwrap(), numbers.next().unwrap(), numbers.next());
            let number = |text: &str| text.parse::<u64>().unwrap();
            let (who, order) = match third {
                Some(third) => (second, (number(first), number(third))),
                None => (first, (0, number(second))),
            };
            let stored = op.kind == Kind::Store;
            if !stored && latest.insert(who, order).is_some_and(|before| before >= order) {
                self.problems.push(format!("{name}: {} is out of order", run.op));
            }
            if run.first <= op.after || op.ids.is_some_and(|ids| ids != (run.first, run.last)) {
                self.problems.push(format!("{name}: {run:?} was told as {op:?}"));
            }
        }
    }

    /// Readers within transactions see what is committed and not rolled back, and none of what is in progress.
    fn check_transactions(&mut self, tms: &Messaging, name: &str, plain: &[Run]) {
        let of = |run: &Run| self.ops.get(&run.op).map_or(0, |op| op.transaction);
        let open: Vec<i64> =
            plain.iter().map(of).filter(|pointer| *pointer != 0 && !self.ended.contains(pointer)).collect();
        let filter = |in_progress: &[i64], invalid: &[i64]| {
            let (in_progress, invalid) = (in_progress.to_vec(), invalid.to_vec());
            Some(Transaction { read_pointer: i64::MAX, in_progress, invalid, ..Transaction::default() })
        };
        let rolled_back = |state: State| -> BTreeSet<String> {
            let rollbacks = self.ops.values().filter(|op| op.kind == Kind::Rollback && op.state == state);
            rollbacks.map(|op| op.other.clone()).collect()
        };
        let (gone, going) = (rolled_back(State::There), rolled_back(State::Begun));
        let visible = |run: &&Run| !gone.contains(&run.op);
        let closed = |run: &&Run| !open.contains(&of(run));
        let without: Vec<Run> = plain.iter().filter(visible).filter(closed).cloned().collect();
        let until: Vec<Run> = plain.iter().filter(visible).take_while(closed).cloned().collect();
        let (read, held) = (self.runs(tms, name, filter(&[], &open)), self.runs(tms, name, filter(&open, &[])));
        // A rollback on its way is there or not.
        let mut undone = BTreeSet::new();
        for op in going {
            if !read.iter().any(|run| run.op == op) && without.iter().any(|run| run.op == op) {
                undone.insert(op);
            }
        }
        for op in self.ops.values_mut().filter(|op| op.kind == Kind::Rollback && op.state == State::Begun) {
            op.state = if undone.contains(&op.other) { State::There } else { State::Absent };
        }
        let left = |runs: Vec<Run>| -> Vec<Run> { runs.into_iter().filter(|run| !undone.contains(&run.op)).collect() };
        for (what, read, expected) in [("committed", read, left(without)), ("in order", held, left(until))] {
            if read != expected {
                let named = |runs: Vec<Run>| runs.into_iter().map(|run| run.op).collect::<Vec<_>>().join(" ");
                let (read, expected) = (named(read), named(expected));
                self.problems.push(format!("{name}: a reader of what is {what} sees\n{read}\nnot\n{expected}"));
            }
        }
    }

    /// What was acknowledged is seen, and what was settled before is as it was.
    fn settle(&mut self, seen: &HashMap<String, BTreeMap<String, Run>>, lossy: bool) -> usize {
        let none = BTreeMap::new();
        let (mut lost, mut first_lost) = (0, MessageId::MAX);
        for (name, op) in &mut self.ops {
            if !matches!(op.kind, Kind::Publish | Kind::Write | Kind::Store) {
                continue;
            }
            let runs = seen.get(name).unwrap_or(&none);
            // What lies in topics that are gone, or has expired, is not to be seen.
            let mut due = Vec::new();
            for (topic, generation, _) in &op.parts {
                let Some(known) = self.topics.get(topic) else { continue };
                let expired = known.ttl_secs.map_or(0, |ttl| self.now_ms - u64::from(ttl) * 1000);
                let kept = op.ids.is_none_or(|(first, _)| first.timestamp_ms >= expired);
                if known.live && known.generation == *generation && kept {
                    due.push(topic);
                }
            }
            let there = due.iter().filter(|topic| runs.contains_key(**topic)).count();
            if there > 0 && there < due.len() {
                self.problems.push(format!("half of {name} is there: {op:?}"));
            }
            match (op.state, there > 0) {
                (State::There, false) if lossy => {
                    (lost, op.state) = (lost + 1, State::Absent);
                    first_lost = first_lost.min(op.ids.map_or(MessageId::MAX, |ids| ids.0));
                }
                (State::There, false) if !due.is_empty() => {
                    self.problems.push(format!("{name} was acknowledged and is missing: {op:?}"));
                }
                (State::Absent, true) => self.problems.push(format!("{name} was not there before: {op:?}")),
                (State::Begun, there) => {
                    op.state = if there { State::There } else { State::Absent };
                    op.ids = runs.values().next().filter(|_| op.kind == Kind::Publish).map(|run| (run.first, run.last));
                }
                _ => {}
            }
        }
        let last_seen = seen.values().flat_map(BTreeMap::values).map(|run| run.last).max().unwrap_or_default();
        if last_seen > first_lost {
            self.problems.push(format!("{first_lost} is lost, and {last_seen} behind it is not"));
        }
        lost
    }

    /// A cursor stands where the last write that is there put it.
    fn check_cursors(&mut self, tms: &Messaging, lossy: bool) {
        let mut expected: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
        for (name, op) in self.ops.iter().filter(|(_, op)| op.kind == Kind::Write && op.state == State::There) {
            let mut numbers = name.split('.').map(|number| number.parse::<u64>().unwrap());
            let order = (numbers.next().unwrap(), numbers.nth(1).unwrap(), name.as_str());
            let latest = expected.entry(&op.other).or_insert(order);
            *latest = order.max(*latest);
        }
        for thread in 0..self.sequences.len() {
            let name = format!("cursor-{thread}");
            let found = tms.cursor(&name).unwrap().map(|value| String::from_utf8(value).unwrap());
            let expected = expected.get(name.as_str()).map(|(.., op)| (*op).to_owned());
            if found != expected && !lossy {
                self.problems.push(format!("{name} is {found:?}, not {expected:?}"));
            }
        }
    }
}
