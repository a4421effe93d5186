//! Ids that never go back.

use crate::MessageId;

/// Ids within one millisecond.
pub(crate) const IDS_PER_MS: u32 = 1 << 16;

/// Gives every id once and in order, also when the clock of the machine steps back or the process begins again within the
/// millisecond in which it ended.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The millisecond of the last ids.
    ms: u64,
    /// How many of it are taken.
    taken: u32,
}

impl Clock {
    /// A clock that goes on behind `last`, the greatest id that was ever given.
    pub(crate) fn after(last: MessageId) -> Clock {
        let never = last == MessageId::default();
        Clock { ms: last.timestamp_ms, taken: if never { 0 } else { u32::from(last.sequence) + 1 } }
    }

    /// `count` ids that follow each other, at most [`IDS_PER_MS`]; returns the first. They lie within one millisecond,
    /// the first later one with room for all.
    pub(crate) fn take(&mut self, now_ms: u64, count: u32) -> MessageId {
        debug_assert!(count <= IDS_PER_MS);
        if now_ms > self.ms {
            (self.ms, self.taken) = (now_ms, 0);
        }
        if self.taken + count > IDS_PER_MS {
            (self.ms, self.taken) = (self.ms + 1, 0);
        }
        let first = MessageId::new(self.ms, self.taken as u16);
        self.taken += count;
        first
    }

    /// The greatest id that was given.
    pub(crate) fn last(&self) -> MessageId {
        match self.taken {
            0 => MessageId::default(),
            taken => MessageId::new(self.ms, (taken - 1) as u16),
        }
    }
}

#[cfg(test)]
mod tests;
