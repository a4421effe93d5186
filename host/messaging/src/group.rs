//! Group commit: writes that come while one is on its way to the disk go together with the next.
//!
//! Whoever finds nobody leading leads: takes all that wait, commits them as one, tells each its outcome, and hands the
//! lead to the first who came meanwhile. So a single publisher pays no switch of threads, and many share one `fdatasync`.

use crate::step::{Published, Step};
use crate::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// What one commit holds, in bytes, unless a single write is larger.
const MAX_GROUP_BYTES: usize = 8 << 20;
/// What may wait to be committed, in bytes: who comes then waits before the queue.
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// One write: its steps, then its outcome.
pub(crate) struct Ticket {
    pub(crate) steps: Vec<Step>,
    bytes: usize,
    alone: bool,
    turn: Mutex<Turn>,
    woken: Condvar,
}

enum Turn {
    Wait,
    Lead,
    Done(Result<Vec<Published>>),
    Taken,
}

impl Ticket {
    fn new(steps: Vec<Step>) -> Arc<Ticket> {
        let bytes = steps.iter().map(Step::bytes).sum();
        let alone = steps.iter().any(Step::alone);
        Arc::new(Ticket { steps, bytes, alone, turn: Mutex::new(Turn::Wait), woken: Condvar::new() })
    }

    fn tell(&self, turn: Turn) {
        *locked(&self.turn) = turn;
        self.woken.notify_one();
    }

    /// Waits for the outcome, or for the lead: none.
    fn wait(&self) -> Option<Result<Vec<Published>>> {
        let waits = |turn: &mut Turn| matches!(turn, Turn::Wait);
        let mut turn =
            self.woken.wait_while(locked(&self.turn), waits).unwrap_or_else(|poisoned| poisoned.into_inner());
        match std::mem::replace(&mut *turn, Turn::Taken) {
            Turn::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<Ticket>>,
    bytes: usize,
    led: bool,
}

/// The writes that wait.
#[derive(Default)]
pub(crate) struct Group {
    queue: Mutex<Queue>,
    room: Condvar,
}

impl Group {
    /// Commits steps together with those of others. `commit` gets a group and answers for each write in it.
    pub(crate) fn submit(
        &self,
        steps: Vec<Step>,
        commit: impl Fn(&[Arc<Ticket>]) -> Vec<Result<Vec<Published>>>,
    ) -> Result<Vec<Published>> {
        let ticket = Ticket::new(steps);
        let full = |queue: &mut Queue| queue.bytes > MAX_QUEUED_BYTES;
        let mut queue =
            self.room.wait_while(locked(&self.queue), full).unwrap_or_else(|poisoned| poisoned.into_inner());
        queue.bytes += ticket.bytes;
        queue.waiting.push_back(ticket.clone());
        let lead = !std::mem::replace(&mut queue.led, true);
        drop(queue);
        if !lead && let Some(outcome) = ticket.wait() {
            return outcome;
        }
        // The leader's own write is the first that waits: it is in the group.
        let mut led = Led { group: self, tickets: self.next() };
        let outcomes = commit(&led.tickets);
        led.tell(outcomes);
        drop(led);
        ticket.wait().unwrap_or_else(|| Err(Error::Poisoned("a write was lost".to_owned())))
    }

    /// Takes a group from the front of the queue.
    fn next(&self) -> Vec<Arc<Ticket>> {
        let mut queue = locked(&self.queue);
        let (mut count, mut bytes) = (0, 0);
        for ticket in &queue.waiting {
            if count > 0 && (bytes + ticket.bytes > MAX_GROUP_BYTES || ticket.alone) {
                break;
            }
            (count, bytes) = (count + 1, bytes + ticket.bytes);
            if ticket.alone {
                break;
            }
        }
        queue.bytes -= bytes;
        self.room.notify_all();
        queue.waiting.drain(..count).collect()
    }
}

/// A group on its way. However it ends, everybody in it is answered and somebody leads the next.
struct Led<'g> {
    group: &'g Group,
    tickets: Vec<Arc<Ticket>>,
}

impl Led<'_> {
    fn tell(&mut self, outcomes: Vec<Result<Vec<Published>>>) {
        self.tickets.drain(..).zip(outcomes).for_each(|(ticket, outcome)| ticket.tell(Turn::Done(outcome)));
    }
}

impl Drop for Led<'_> {
    fn drop(&mut self) {
        let lost = std::iter::repeat_with(|| Err(Error::Poisoned("a commit was cut off".to_owned())));
        self.tell(lost.take(self.tickets.len()).collect());
        let mut queue = locked(&self.group.queue);
        match queue.waiting.front() {
            Some(next) => next.tell(Turn::Lead),
            None => queue.led = false,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
