//! Records a second.

use std::time::Duration;

/// A bucket of tokens, one for each record that may be made now. It holds as many as fall into a second, so that a
/// pause is not made up for by a flood. Times are those since the pace began, by a clock that is never set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rate: f64,
    tokens: f64,
    last: Duration,
}

impl Pace {
    pub(crate) fn new(rate: f64) -> Pace {
        Pace { rate, tokens: 1.0, last: Duration::ZERO }
    }

    /// How many records may be made now.
    pub(crate) fn ready(&mut self, now: Duration) -> usize {
        let elapsed = now.saturating_sub(self.last);
        self.last = now;
        self.tokens = (self.tokens + elapsed.as_secs_f64() * self.rate).min(self.rate.max(1.0));
        self.tokens as usize
    }

    pub(crate) fn take(&mut self, records: usize) {
        self.tokens -= records as f64;
    }

    /// How long until the next one may be made.
    pub(crate) fn wait(&self) -> Duration {
        let seconds = (1.0 - self.tokens).max(0.0) / self.rate;
        // A nanosecond more: a wait that is rounded down would not be enough.
        Duration::try_from_secs_f64(seconds).map_or(Duration::MAX, |wait| wait.saturating_add(Duration::from_nanos(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn tokens_come_with_time_and_no_more_than_for_a_second() {
        let mut pace = Pace::new(10.0);
        assert_eq!(pace.ready(ms(0)), 1);
        pace.take(1);
        assert_eq!((pace.ready(ms(99)), pace.ready(ms(100))), (0, 1));
        pace.take(1);
        assert_eq!(pace.wait().as_millis(), 100);
        assert_eq!(pace.ready(ms(1_000_000)), 10);
    }

    #[test]
    fn a_slow_pace_waits_for_its_record() {
        let mut pace = Pace::new(0.5);
        pace.take(1);
        assert_eq!(pace.wait().as_millis(), 2_000);
        assert_eq!((pace.ready(ms(1_999)), pace.ready(ms(2_000))), (0, 1));
        assert_eq!(Pace { tokens: 0.0, ..Pace::new(1e-300) }.wait(), Duration::MAX);
    }

    #[test]
    fn a_fast_pace_waits_for_no_longer_than_its_record() {
        let mut pace = Pace::new(100_000.0);
        pace.take(1);
        let wait = pace.wait();
        assert!(wait <= Duration::from_micros(11), "{wait:?}");
        assert_eq!(pace.ready(wait), 1);
        pace.take(1);
        assert_eq!(pace.ready(wait + ms(1)), 100);
    }
}
