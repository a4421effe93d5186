//! Alerts that may go now, at a rate.

use std::time::{Duration, Instant};

/// How often whoever waits looks whether the run is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A bucket of tokens that holds one second's worth, a token an alert.
pub(super) struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(per_second: f64) -> Bucket {
        Bucket { per_second, tokens: per_second.max(1.0), filled: Instant::now() }
    }

    /// How many of `wanted` may go, after waiting for at least one; nothing when it is given up.
    pub(super) fn take(&mut self, wanted: usize, gives_up: &dyn Fn() -> bool) -> Option<usize> {
        loop {
            let now = Instant::now();
            let fresh = now.duration_since(self.filled).as_secs_f64() * self.per_second;
            self.tokens = (self.tokens + fresh).min(self.per_second.max(1.0));
            self.filled = now;
            if self.tokens >= 1.0 {
                let taken = (self.tokens as usize).min(wanted);
                self.tokens -= taken as f64;
                return Some(taken);
            }
            if gives_up() {
                return None;
            }
            let missing = Duration::from_secs_f64((1.0 - self.tokens) / self.per_second);
            std::thread::park_timeout(missing.min(LOOK_EVERY));
        }
    }
}
