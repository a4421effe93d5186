//! Numbers that tell alerts of one place apart, so that no two of a run have the same id.

use std::collections::HashMap;

/// Records in order: which of several ways they came, and their split.
pub(super) type Stream = (u32, u32);

/// Counts the alerts of each place, for as long as more of it may come.
#[derive(Debug, Default)]
pub(super) struct Ordinals {
    /// Of this call of the stage.
    counted: HashMap<(Stream, u64), u32>,
    last: Option<(Stream, u64)>,
    /// Of the calls before: the last position of each stream, and how many alerts it has.
    before: HashMap<Stream, (u64, u32)>,
}

impl Ordinals {
    /// A call of the stage begins. It works on rows of its own, and goes on at most with the row that was the last of its
    /// stream: a stage before may have made many batches of one record.
    pub(super) fn begin(&mut self) {
        let Some((stream, position)) = self.last.take() else { return };
        let count = self.counted.get(&(stream, position)).copied().unwrap_or_default();
        self.before.insert(stream, (position, count));
        self.counted.clear();
    }

    /// The number of the next alert of this position.
    pub(super) fn next(&mut self, stream: Stream, position: u64) -> u32 {
        self.last = Some((stream, position));
        let before = &self.before;
        let count = self.counted.entry((stream, position)).or_insert_with(|| {
            let last = before.get(&stream).filter(|(last, _)| *last == position);
            last.map_or(0, |(_, count)| *count)
        });
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
        let numbers = [0, 1, 1, 0, 2, 0].map(|position| ordinals.next((0, 0), position));
        assert_eq!(numbers, [0, 0, 1, 1, 0, 2]);
        assert_eq!(ordinals.next((0, 1), 0), 0, "another split");
        assert_eq!(ordinals.next((7, 0), 0), 0, "another way");
    }

    #[test]
    fn a_record_that_goes_on_in_a_later_batch_is_numbered_on_and_others_are_forgotten() {
        let mut ordinals = Ordinals::default();
        assert_eq!([0, 1].map(|position| ordinals.next((0, 0), position)), [0, 0]);
        ordinals.begin();
        assert_eq!(ordinals.next((0, 1), 1), 0, "another split comes between");
        ordinals.begin();
        assert_eq!(ordinals.next((0, 0), 1), 1);
        ordinals.begin();
        assert_eq!((ordinals.counted.len(), ordinals.before.len()), (0, 2));
    }
}
