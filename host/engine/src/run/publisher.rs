//! A publisher's thread: takes alerts, keeps the rate, publishes, tries again, sets rejected ones aside.

mod bucket;
mod inbox;

pub(super) use inbox::Inbox;

use super::services::Numbers;
use super::shared::Shared;
use super::watch::Slot;
use crate::outbox::Settled;
use crate::spec::OnFailure;
use bucket::Bucket;
use campanile_sdk::proxy::{AlertOut, Stage};
use campanile_sdk::{ErrorKind, Outcome};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Pieces of [`PUBLISH_ALERTS_MAX`] alerts that may wait in front of a publisher, in a run that is not durable.
pub(super) const QUEUE_BATCHES: usize = 32;
/// Alerts handed on in one piece, and to a publisher in one call where nothing is said.
pub(super) const PUBLISH_ALERTS_MAX: usize = 512;
/// The first pause before alerts are tried again; it doubles.
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
/// The longest pause.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// A pause is shorter or longer by up to this part of it, so that publishers do not all come back at once.
const JITTER: f64 = 0.2;
/// How often a waiting publisher looks whether the run was told to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Publisher {
    pub(super) index: usize,
    pub(super) stage: Stage,
    pub(super) inbox: Inbox,
    pub(super) shared: Arc<Shared>,
    pub(super) slot: Slot,
    pub(super) on_failure: OnFailure,
    pub(super) max_per_second: Option<f64>,
    pub(super) batch_size: usize,
    pub(super) linger: Duration,
    /// How long alerts are tried again; nothing for as long as it takes.
    pub(super) retry_for: Option<Duration>,
    /// Where the plugin learns the numbers of alerts.
    pub(super) numbers: Arc<Numbers>,
}

/// What is left to do with an alert of a call.
enum Open {
    Wanted(u64, AlertOut),
    Settled(Settled),
}

impl Publisher {
    /// Runs until there is nothing more. The stage comes back, to be closed.
    pub(super) fn run(mut self) -> Stage {
        let mut bucket = self.max_per_second.map(Bucket::new);
        loop {
            let alerts = self.inbox.next(&self.shared, self.batch_size, self.linger);
            let mut alerts = match alerts {
                Ok(Some(alerts)) => VecDeque::from(alerts),
                Ok(None) => {
                    self.tell_waiting("");
                    return self.stage;
                }
                Err(error) => {
                    self.shared.fail(self.index, format!("its alerts cannot be read: {error}"));
                    return self.stage;
                }
            };
            self.inbox.took(&self.shared, self.index, alerts.len());
            while !alerts.is_empty() {
                let over = || self.inbox.gives_up(&self.shared);
                let most = alerts.len().min(self.batch_size);
                let Some(n) = bucket.as_mut().map_or(Some(most), |bucket| bucket.take(most, &over)) else {
                    self.tell_waiting("");
                    return self.stage;
                };
                let now: Vec<(u64, AlertOut)> = alerts.drain(..n).collect();
                if !self.publish_all(now) {
                    self.inbox.broken(&self.shared, self.index);
                    return self.stage;
                }
            }
        }
    }

    /// Publishes until each alert is done, rejected or given up. False when the publisher shall not go on.
    fn publish_all(&mut self, alerts: Vec<(u64, AlertOut)>) -> bool {
        let mut begun = Instant::now();
        let mut pause = BACK_OFF_FIRST;
        let mut open: VecDeque<Open> = alerts.into_iter().map(|(number, alert)| Open::Wanted(number, alert)).collect();
        loop {
            let left = open.len();
            let (reason, fatal) = self.publish_once(&mut open);
            if !self.settle(&mut open) {
                return false;
            }
            if open.len() < left {
                // It goes on: the others have not been tried for long.
                (begun, pause) = (Instant::now(), BACK_OFF_FIRST);
            }
            if let Some(error) = fatal {
                let left = open.iter().filter(|open| matches!(open, Open::Wanted(..))).count();
                self.shared.fail(self.index, format!("{error}; {left} alerts were not published"));
                return false;
            }
            if open.is_empty() {
                return true;
            }
            let tried = begun.elapsed();
            let tired = self.retry_for.is_some_and(|bound| tried + pause > bound);
            if self.inbox.gives_up(&self.shared)
                || !self.inbox.keeps() && self.shared.is_stopped() && tried > BACK_OFF_MAX
            {
                return self.leave(open, &reason, tried);
            }
            if tired {
                return self.give_up(open, &reason, tried);
            }
            self.wait(pause);
            pause = (pause * 2).min(BACK_OFF_MAX);
        }
    }

    /// One call: what became of the alerts is noted among them. The last reason to try again, and an error that is final.
    fn publish_once(&mut self, open: &mut VecDeque<Open>) -> (String, Option<campanile_sdk::Error>) {
        let mut numbers = Vec::new();
        let mut alerts = Vec::new();
        for one in open.iter() {
            if let Open::Wanted(number, alert) = one {
                numbers.push(*number);
                alerts.push(alert.clone());
            }
        }
        self.numbers.set(numbers);
        let name = self.shared.stages[self.index].name;
        let stage = &mut self.stage;
        let (outcomes, result) = self.slot.inside(self.index, name, || stage.publish(&alerts));
        let mut outcomes = outcomes.into_iter();
        let mut reason = String::new();
        for one in open.iter_mut() {
            let Open::Wanted(_, alert) = one else { continue };
            match outcomes.next() {
                Some(Outcome::Retry(why)) => reason = why,
                Some(Outcome::Rejected(why)) => *one = Open::Settled(self.reject(alert, why)),
                Some(_) => *one = Open::Settled(Settled::Published),
                None => {}
            }
        }
        (reason, result.err().filter(|error| error.kind() != ErrorKind::Retry))
    }

    /// Lets go of the first alerts that are settled; false where that failed.
    fn settle(&mut self, open: &mut VecDeque<Open>) -> bool {
        let mut settled = Vec::new();
        while let Some(Open::Settled(_)) = open.front() {
            if let Some(Open::Settled(one)) = open.pop_front() {
                settled.push(one);
            }
        }
        if settled.is_empty() {
            return true;
        }
        let metrics = &self.shared.stages[self.index].metrics;
        let published = settled.iter().filter(|one| matches!(one, Settled::Published)).count() as u64;
        let rejected = settled.len() as u64 - published;
        if let Err(error) = self.inbox.settle(settled, &self.shared, self.shared.now_ms()) {
            self.shared.fail(self.index, format!("what was published cannot be noted: {error}"));
            return false;
        }
        metrics.alerts_published.fetch_add(published, Ordering::Relaxed);
        metrics.alerts_rejected.fetch_add(rejected, Ordering::Relaxed);
        metrics.alerts_waiting.fetch_sub(published + rejected, Ordering::Relaxed);
        true
    }

    fn wait(&self, pause: Duration) {
        let until = Instant::now() + jittered(pause);
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.inbox.gives_up(&self.shared) {
                return;
            }
            std::thread::park_timeout(left.min(LOOK_EVERY));
        }
    }

    /// The run ends before the publisher has taken everything: what is durable waits for the next run.
    fn leave(&mut self, open: VecDeque<Open>, reason: &str, tried: Duration) -> bool {
        if !self.inbox.keeps() {
            return self.give_up(open, reason, tried);
        }
        self.tell_waiting(reason);
        false
    }

    /// Says how many alerts the run leaves in its outbox, if it does.
    fn tell_waiting(&self, reason: &str) {
        let waiting = self.shared.stages[self.index].metrics.alerts_waiting.load(Ordering::Relaxed);
        if waiting == 0 || !self.inbox.keeps() {
            return;
        }
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        self.shared
            .problem(self.index, format!("{waiting} alerts wait for the next run, which publishes them first{why}"));
    }

    /// Alerts that could not be published in all the time there was.
    fn give_up(&mut self, mut open: VecDeque<Open>, reason: &str, tried: Duration) -> bool {
        let why = format!("not published within {:.0} s: {reason}", tried.as_secs_f64());
        if self.inbox.keeps() && self.on_failure == OnFailure::Fail {
            // They stay where they are, in their order: the next run publishes them first.
            let left = open.len();
            self.shared.fail(self.index, format!("{left} alerts were {why}; they wait for the next run"));
            return false;
        }
        for one in &mut open {
            if let Open::Wanted(_, alert) = one {
                *one = Open::Settled(self.reject(alert, why.clone()));
            }
        }
        self.settle(&mut open)
    }

    /// An alert will never be published: it is set aside, with its reason.
    fn reject(&self, alert: &AlertOut, reason: String) -> Settled {
        let told = format!("alert {} was rejected: {reason}", alert.id);
        match self.on_failure {
            OnFailure::Drop => return Settled::Dropped,
            OnFailure::Fail => self.shared.fail(self.index, told),
            OnFailure::Keep => self.shared.problem(self.index, told),
        }
        if !self.inbox.keeps()
            && let Some(letters) = self.shared.dead_letters.get()
        {
            let payload: serde_json::Map<_, _> =
                alert.payload.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
            let alert = json!({ "id": alert.id, "stageName": alert.stage, "payload": payload });
            let written = letters.write_alert(self.shared.stages[self.index].name, &reason, alert);
            written.unwrap_or_else(|message| self.shared.fail_run(message));
        }
        Settled::Aside(reason)
    }
}

/// A pause, a little shorter or longer.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0) as u32;
    let part = f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0;
    pause.mul_f64(1.0 + part * JITTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_keep_near() {
        let pauses: Vec<Duration> = (0..32).map(|_| jittered(Duration::from_secs(1))).collect();
        assert!(pauses.iter().all(|pause| (0.8..=1.2).contains(&pause.as_secs_f64())), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
