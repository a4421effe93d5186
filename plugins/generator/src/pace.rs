//! Records a second, by the host's clock.

/// A bucket of tokens, one for each record that may be made now. It holds as many as fall into a second, so that a
/// pause is not made up for by a flood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rate: f64,
    tokens: f64,
    last_ms: i64,
}

impl Pace {
    pub(crate) fn new(rate: f64, now_ms: i64) -> Pace {
        Pace { rate, tokens: 1.0, last_ms: now_ms }
    }

    /// How many records may be made now.
    pub(crate) fn ready(&mut self, now_ms: i64) -> usize {
        // A clock that was set back gives nothing, and counts from there.
        let elapsed = now_ms.saturating_sub(self.last_ms).max(0);
        self.last_ms = now_ms;
        self.tokens = (self.tokens + elapsed as f64 * self.rate / 1_000.0).min(self.rate.max(1.0));
        self.tokens as usize
    }

    pub(crate) fn take(&mut self, records: usize) {
        self.tokens -= records as f64;
    }

    /// Milliseconds until the next one may be made.
    pub(crate) fn wait_ms(&self) -> u64 {
        ((1.0 - self.tokens).max(0.0) * 1_000.0 / self.rate).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_with_time_and_no_more_than_for_a_second() {
        let mut pace = Pace::new(10.0, 0);
        assert_eq!(pace.ready(0), 1);
        pace.take(1);
        assert_eq!((pace.ready(99), pace.ready(100)), (0, 1));
        pace.take(1);
        assert_eq!(pace.wait_ms(), 100);
        assert_eq!(pace.ready(1_000_000), 10);
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing_for_long() {
        let mut pace = Pace::new(1_000.0, 1_000_000);
        pace.take(pace.tokens as usize);
        assert_eq!(pace.ready(0), 0);
        assert_eq!(pace.ready(5), 5);
    }

    #[test]
    fn a_slow_pace_waits_for_its_record() {
        let mut pace = Pace::new(0.5, 0);
        pace.take(1);
        assert_eq!(pace.wait_ms(), 2_000);
        assert_eq!((pace.ready(1_999), pace.ready(2_000)), (0, 1));
    }
}
