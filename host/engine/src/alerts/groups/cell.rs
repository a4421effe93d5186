//! What a group remembers for its aggregates.
use crate::alerts::Sum;

/// The state of one aggregate, or of several that need the same, in one group.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// How many alerts carried a value.
    Carried(u64),
    /// The numbers' sum, and how many they were.
    Sum(Sum, u64),
    /// The smallest number; infinite before the first.
    Min(f64),
    /// The largest number; infinite before the first.
    Max(f64),
}

impl Cell {
    /// Adds a value that is there; `number` when it is one.
    pub(super) fn add(&mut self, number: Option<f64>) {
        match (self, number) {
            (Cell::Carried(count), _) => *count += 1,
            (Cell::Sum(sum, count), Some(number)) => {
                sum.add(number);
                *count += 1;
            }
            (Cell::Min(min), Some(number)) => *min = min.min(number),
            (Cell::Max(max), Some(number)) => *max = max.max(number),
            (_, None) => {}
        }
    }

    /// Adds what a cell of the same kind holds.
    pub(super) fn merge(&mut self, other: &Cell) {
        match (self, other) {
            (Cell::Carried(count), Cell::Carried(other)) => *count += other,
            (Cell::Sum(sum, count), Cell::Sum(other, others)) => {
                sum.merge(other);
                *count += others;
            }
            (Cell::Min(min), Cell::Min(other)) => *min = min.min(*other),
            (Cell::Max(max), Cell::Max(other)) => *max = max.max(*other),
            _ => {}
        }
    }

    /// A number for its kind, which stands in save points.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Cell::Carried(_) => 1,
            Cell::Sum(..) => 2,
            Cell::Min(_) => 3,
            Cell::Max(_) => 4,
        }
    }

    /// Bytes it occupies besides itself.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Cell::Sum(sum, _) => sum.heap_bytes(),
            _ => 0,
        }
    }
}
