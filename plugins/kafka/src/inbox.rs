//! Delivery reports on their way from the thread that polls to the one that waits for them.

use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Half of a ticket's bits number the call, the other half the message in it.
const HALF: u32 = usize::BITS / 2;

/// What became of a message: its number in its call, and why it was not delivered.
pub(crate) type Report = (usize, Option<Code>);

/// The reports of one call at a time.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    enough: Condvar,
}

#[derive(Default)]
struct State {
    call: usize,
    arrived: Vec<Report>,
    /// How many reports wake who waits.
    wanted: usize,
}

impl Inbox {
    /// Begins a call: reports of those before it are dropped from now on.
    pub(crate) fn begin(&self) -> usize {
        let mut state = self.lock();
        state.call = state.call.wrapping_add(1) & mask();
        state.arrived.clear();
        state.call
    }

    /// Travels with a message, and comes back with its report.
    pub(crate) fn ticket(call: usize, number: usize) -> usize {
        call << HALF | number & mask()
    }

    /// A report is in.
    pub(crate) fn put(&self, ticket: usize, failure: Option<Code>) {
        let mut state = self.lock();
        if state.call != ticket >> HALF {
            return;
        }
        state.arrived.push((ticket & mask(), failure));
        if state.arrived.len() == state.wanted {
            self.enough.notify_one();
        }
    }

    /// Gives what has arrived, into an empty list, waiting a while until it is as many as wanted.
    pub(crate) fn take(&self, into: &mut Vec<Report>, wanted: usize, patience: Duration) {
        let mut state = self.lock();
        state.wanted = wanted;
        if state.arrived.len() < wanted {
            let wait = self.enough.wait_timeout_while(state, patience, |state| state.arrived.len() < wanted);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut state.arrived, into);
        state.wanted = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mask() -> usize {
    (1 << HALF) - 1
}
