//! Numbers that tell alerts of one place apart, so that no two of a run have the same id.

use std::collections::HashMap;

/// Counts the alerts of each place, for as long as more of it may come.
#[derive(Debug, Default)]
pub(super) struct Ordinals {
    counted: HashMap<(u32, u64), u32>,
    last: (u32, u64),
}

impl Ordinals {
    /// A call of the stage begins. It works on rows of its own, and goes on at most with the row that was the last: a
    /// stage before may have made many batches of one record.
    pub(super) fn begin(&mut self) {
        if self.counted.len() > 1 {
            let last = self.last;
            self.counted.retain(|place, _| *place == last);
        }
    }

    /// The number of the next alert of this split and position.
    pub(super) fn next(&mut self, split: u32, position: u64) -> u32 {
        self.last = (split, position);
        let count = self.counted.entry(self.last).or_default();
        *count += 1;
        *count - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_of_a_row_are_numbered_in_whatever_order_rows_come() {
        let mut ordinals = Ordinals::default();
        let numbers = [0, 1, 1, 0, 2, 0].map(|position| ordinals.next(0, position));
        assert_eq!(numbers, [0, 0, 1, 1, 0, 2]);
        assert_eq!(ordinals.next(1, 0), 0, "another split");
    }

    #[test]
    fn a_record_that_goes_on_in_the_next_batch_is_numbered_on_and_others_are_forgotten() {
        let mut ordinals = Ordinals::default();
        assert_eq!([0, 1].map(|position| ordinals.next(0, position)), [0, 0]);
        ordinals.begin();
        assert_eq!(ordinals.next(0, 1), 1);
        assert_eq!(ordinals.counted.len(), 1);
    }
}
