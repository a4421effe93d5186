//! The head of a chain that begins with a source: it reads split after split, or all splits of a live source in turn.

use super::barrier::SplitAt;
use super::chain::{Chain, Message, failure};
use super::opening::Opening;
use super::shared::Shared;
use super::splits::Taken;
use super::windows::SplitState;
use campanile_sdk::proxy::{Answer, Stage};
use campanile_sdk::{Position, Read, Split};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How long sources that have nothing are left alone at first; it doubles.
const IDLE_PAUSE_FIRST: Duration = Duration::from_millis(1);
/// The longest such pause.
const IDLE_PAUSE_MAX: Duration = Duration::from_millis(8);
/// How long a source that is held back waits before it looks again.
const HELD_PAUSE: Duration = Duration::from_millis(5);
/// How often a live source is asked for splits that are new.
const RESCAN_EVERY: Duration = Duration::from_secs(1);

/// Opens one more instance of a live source.
pub(super) type OpenReader = Box<dyn Fn(&Chain, &Taken) -> Result<Stage, String> + Send>;

/// Where the records of a chain come from.
pub(super) enum Head {
    Source(Box<Source>),
    Queue { queue: Receiver<Message>, senders: usize },
}

/// A source, as one chain reads it.
pub(super) struct Source {
    shared: Arc<Shared>,
    rows: usize,
    bytes: usize,
    /// A dry run reads no more records than this.
    at_most: Option<u64>,
    /// Of a live source.
    open_reader: Option<OpenReader>,
    readers: RefCell<Vec<Reader>>,
    /// Splits that were read to their end since the last save point.
    read: RefCell<Vec<SplitAt>>,
    current: Cell<Option<u32>>,
    /// What is told to the source when a save point is on the disk.
    commit: RefCell<Option<Commit>>,
}

/// What a source is told when the save point with this number is on the disk.
struct Commit {
    number: u64,
    positions: Vec<Position>,
    /// Splits that were read to their end: they are done with.
    finished: Vec<u32>,
}

/// An instance of a live source, and the split that it reads.
struct Reader {
    taken: Taken,
    stage: RefCell<Option<Stage>>,
    position: Option<u64>,
    ended: bool,
    leaving: Leaving,
}

/// Whether a split is about to leave.
enum Leaving {
    Not,
    /// It is read no more, and waits for a save point.
    Wanted,
    /// The save point with this number holds how far it was read; and what the source kept of it.
    Saved(u64, Option<Vec<u8>>),
}

impl Reader {
    /// How far it has read, if it has.
    fn read_up_to(&self) -> Vec<Position> {
        let at = |position| Position { split: self.taken.origin.id.clone(), position };
        self.position.map(at).into_iter().collect()
    }
}

impl Source {
    pub(super) fn new(
        shared: Arc<Shared>,
        (rows, bytes): (usize, usize),
        at_most: Option<u64>,
        open_reader: Option<OpenReader>,
    ) -> Source {
        Source {
            shared,
            rows: at_most.map_or(rows, |most| rows.min(usize::try_from(most).unwrap_or(rows)).max(1)),
            bytes,
            at_most,
            open_reader,
            readers: RefCell::default(),
            read: RefCell::default(),
            current: Cell::default(),
            commit: RefCell::default(),
        }
    }

    pub(super) fn read(&self, chain: &Chain) {
        match &self.open_reader {
            None => self.read_each(chain),
            Some(open) => self.read_in_turn(chain, open),
        }
    }

    /// How far its splits are: those that are read, and those that were read to their end since this was last asked.
    pub(super) fn splits(&self, chain: &Chain) -> Vec<SplitAt> {
        let mut splits = self.read.take();
        if let Some(index) = self.current.get() {
            splits.push(SplitAt { index, position: chain.position.get(), finished: false, state: None });
        }
        for reader in self.readers.borrow_mut().iter_mut() {
            let mut stage = reader.stage.borrow_mut();
            let node = &chain.nodes[0];
            let name = chain.shared.stages[node.index].name;
            let state = match stage.as_mut().filter(|_| chain.shared.is_durable()) {
                None => Ok(None),
                Some(stage) => chain.slot.inside(node.index, name, || stage.snapshot()),
            };
            let state = state.unwrap_or_else(|error| {
                chain.shared.fail(node.index, failure(&error, None));
                None
            });
            let index = reader.taken.origin.index;
            if !matches!(reader.leaving, Leaving::Not) {
                reader.leaving = Leaving::Saved(chain.seen.get(), state.clone());
            }
            splits.push(SplitAt { index, position: reader.position, finished: reader.ended, state });
        }
        let at = |split: &SplitAt| {
            let position = split.position?;
            Some(Position { split: self.shared.splits.id(split.index)?, position })
        };
        let finished = splits.iter().filter(|split| split.finished).map(|split| split.index).collect();
        let positions = splits.iter().filter_map(at).collect();
        let mut commit = self.commit.borrow_mut();
        // What was not told yet is told with this.
        let before = commit.take();
        let mut now = Commit { number: chain.seen.get(), positions, finished };
        if let Some(before) = before {
            let known = |position: &Position| now.positions.iter().any(|other| other.split == position.split);
            let more: Vec<Position> = before.positions.into_iter().filter(|position| !known(position)).collect();
            now.positions.extend(more);
            now.finished.extend(before.finished);
        }
        *commit = Some(now);
        splits
    }

    /// The instances of a live source, each with how far it has read.
    pub(super) fn into_readers(self) -> Vec<(Vec<Position>, Stage)> {
        let readers = self.readers.into_inner().into_iter();
        readers.filter_map(|reader| Some((reader.read_up_to(), reader.stage.into_inner()?))).collect()
    }

    /// Stands still where that is asked for, tells what is saved, and waits while the run is held. False when it shall end.
    fn go_on(&self, chain: &Chain) -> bool {
        loop {
            let requested = chain.barrier.requested();
            if requested > chain.seen.get() {
                chain.stand_still(requested, Some(self));
            }
            self.tell_saved(chain);
            if chain.shared.must_end() {
                return false;
            }
            if !chain.shared.is_held() {
                return true;
            }
            std::thread::park_timeout(HELD_PAUSE);
        }
    }

    fn tell_saved(&self, chain: &Chain) {
        let saved = chain.barrier.saved();
        let due = self.commit.borrow_mut().take_if(|commit| commit.number <= saved);
        let Some(Commit { positions, finished, .. }) = due else { return };
        let commit = |stage: &RefCell<Option<Stage>>, positions: &[Position]| {
            chain.call_one(stage, &chain.nodes[0], None, None, |stage, _| {
                stage.commit_positions(positions).map(|()| true)
            })
        };
        if self.open_reader.is_none() {
            if !positions.is_empty() {
                commit(&chain.nodes[0].stage, &positions);
            }
            return;
        }
        for reader in self.readers.borrow().iter() {
            let own = positions.iter().find(|position| position.split == reader.taken.origin.id);
            commit(&reader.stage, own.map_or(&[], std::slice::from_ref));
        }
        let left = |reader: &mut Reader| {
            let is_done = reader.ended && finished.contains(&reader.taken.origin.index);
            is_done || matches!(reader.leaving, Leaving::Saved(number, _) if number <= saved)
        };
        let left: Vec<Reader> = self.readers.borrow_mut().extract_if(.., left).collect();
        left.into_iter().for_each(|reader| self.let_go(chain, reader));
    }

    /// Closes the reader of a split that leaves, or was read to its end.
    fn let_go(&self, chain: &Chain, reader: Reader) {
        let (index, slot) = (chain.nodes[0].index, &chain.slot);
        let name = chain.shared.stages[index].name;
        if let Some(mut stage) = reader.stage.into_inner() {
            let mut quiet = Opening { alerts: None, slot, broken: None };
            let closed = slot.inside(index, name, || stage.close(&mut quiet));
            if let Some(wrong) = quiet.broken.or_else(|| closed.err().map(|error| failure(&error, None))) {
                chain.shared.fail(index, wrong);
            }
            slot.inside(index, name, || drop(stage));
        }
        if let (Leaving::Saved(_, state), false) = (reader.leaving, reader.ended) {
            self.shared.splits.give_back(reader.taken.origin.index, state);
        }
    }

    /// Reads no more of the splits that may leave and are not named any more.
    fn note_left(&self, chain: &Chain, splits: &[Split]) {
        for reader in self.readers.borrow_mut().iter_mut() {
            let split = &reader.taken.split;
            let is_named = splits.iter().any(|named| named.id == split.id);
            if split.leaves() && !is_named && matches!(reader.leaving, Leaving::Not) {
                reader.leaving = Leaving::Wanted;
                chain.barrier.want();
            }
        }
    }

    /// Whether a dry run has what it wants.
    fn has_enough(&self, chain: &Chain) -> bool {
        let out = chain.metrics(&chain.nodes[0]).records_out.load(Ordering::Relaxed);
        let enough = self.at_most.is_some_and(|most| out >= most);
        if enough {
            chain.shared.read_enough();
        }
        enough
    }

    /// Reads one split after the other.
    fn read_each(&self, chain: &Chain) {
        let node = &chain.nodes[0];
        while self.go_on(chain) {
            let Some(taken) = self.shared.splits.take(node.index) else { return };
            let index = taken.origin.index;
            node.goes_on();
            chain.position.set(taken.position);
            self.current.set(Some(index));
            let begun =
                chain.call(node, None, None, |stage, _| stage.begin(&taken.split, taken.position).map(|()| true));
            if begun != Answer::Go {
                return;
            }
            let mut pause = IDLE_PAUSE_FIRST;
            loop {
                if !self.go_on(chain) {
                    return;
                }
                let mut read = Read::End;
                let begun_ms = self.shared.now_ms();
                let answer = chain.call(node, None, Some(&taken.origin), |stage, outlet| {
                    read = stage.read(self.rows, self.bytes, outlet)?;
                    Ok(true)
                });
                if answer != Answer::Go || self.has_enough(chain) {
                    return;
                }
                match read {
                    Read::More => {
                        pause = IDLE_PAUSE_FIRST;
                        self.shared.splits.set_state(index, SplitState::Active);
                    }
                    Read::Idle => {
                        self.shared.splits.set_idle(index, begun_ms);
                        std::thread::park_timeout(pause);
                        pause = (pause * 2).min(IDLE_PAUSE_MAX);
                    }
                    Read::End => break,
                }
            }
            // Told to stop, a source says "end" where it is not.
            if chain.shared.must_end() {
                return;
            }
            self.current.set(None);
            let position = chain.position.get();
            self.read.borrow_mut().push(SplitAt { index, position, finished: true, state: None });
            self.shared.splits.set_state(index, SplitState::Finished);
        }
    }

    /// Reads all splits of a live source in turn, each with an instance of its own.
    fn read_in_turn(&self, chain: &Chain, open: &OpenReader) {
        let node = &chain.nodes[0];
        let mut pause = IDLE_PAUSE_FIRST;
        let mut scanned = Instant::now();
        let mut turn = 0;
        while self.go_on(chain) {
            if node.instance == 0 && scanned.elapsed() >= RESCAN_EVERY {
                scanned = Instant::now();
                let mut splits = Vec::new();
                let asked = chain.call(node, None, None, |stage, _| {
                    splits = stage.splits()?;
                    Ok(true)
                });
                if asked != Answer::Go {
                    return;
                }
                self.note_left(chain, &splits);
                self.shared.splits.add((node.index, chain.shared.stages[node.index].name), splits);
            }
            if let Some(taken) = self.shared.splits.take(node.index)
                && !self.begin(chain, open, taken)
            {
                return;
            }
            let mut news = false;
            let mut readers = self.readers.borrow_mut();
            let count = readers.len();
            // Where the turn was broken off it goes on: whatever breaks it, each split has its own.
            let first = turn;
            for number in (0..count).map(|step| (first + step) % count) {
                let goes_on = |reader: &&mut Reader| !reader.ended && matches!(reader.leaving, Leaving::Not);
                let Some(reader) = readers.get_mut(number).filter(goes_on) else { continue };
                turn = number + 1;
                match self.read_one(chain, reader) {
                    Some(Read::More) => news = true,
                    Some(Read::Idle | Read::End) => {}
                    None => return,
                }
                if chain.barrier.requested() > chain.seen.get() || chain.shared.is_held() {
                    break;
                }
            }
            drop(readers);
            if news {
                pause = IDLE_PAUSE_FIRST;
            } else {
                std::thread::park_timeout(pause);
                pause = (pause * 2).min(IDLE_PAUSE_MAX);
            }
        }
    }

    fn begin(&self, chain: &Chain, open: &OpenReader, taken: Taken) -> bool {
        let node = &chain.nodes[0];
        node.goes_on();
        let stage = match open(chain, &taken) {
            Ok(stage) => RefCell::new(Some(stage)),
            Err(message) => {
                chain.shared.fail(node.index, message);
                return false;
            }
        };
        let begun = chain.call_one(&stage, node, None, None, |stage, _| {
            if let Some(state) = &taken.state {
                stage.restore(state)?;
            }
            stage.begin(&taken.split, taken.position).map(|()| true)
        });
        let position = taken.position;
        if position.is_none() {
            // Where it begins may be known only now, and could not be found again after a crash.
            chain.barrier.want();
        }
        self.readers.borrow_mut().push(Reader { taken, stage, position, ended: false, leaving: Leaving::Not });
        begun == Answer::Go
    }

    /// One read of one split; nothing where the chain shall end.
    fn read_one(&self, chain: &Chain, reader: &mut Reader) -> Option<Read> {
        chain.position.set(reader.position);
        let mut read = Read::End;
        let begun_ms = self.shared.now_ms();
        let origin = &reader.taken.origin;
        let answer = chain.call_one(&reader.stage, &chain.nodes[0], None, Some(origin), |stage, outlet| {
            read = stage.read(self.rows, self.bytes, outlet)?;
            Ok(true)
        });
        reader.position = chain.position.get();
        if answer != Answer::Go || self.has_enough(chain) {
            return None;
        }
        match read {
            Read::End if !chain.shared.must_end() => {
                reader.ended = true;
                self.shared.splits.set_state(origin.index, SplitState::Finished);
            }
            Read::Idle => self.shared.splits.set_idle(origin.index, begun_ms),
            Read::End | Read::More => self.shared.splits.set_state(origin.index, SplitState::Active),
        }
        Some(read)
    }
}
