//! Selects the rows of a batch that meet a condition.

use campanile_sdk::{Batch, Field, Record, Text, any_within};

/// A condition that is resolved against a schema.
#[derive(Clone, Debug, Default)]
pub(crate) enum Selection {
    #[default]
    None,
    Real {
        field: Field<f64>,
        range: Range<f64>,
    },
    Whole {
        field: Field<i64>,
        range: Range<i64>,
    },
    Text {
        field: Field<Text>,
        value: String,
        equal: bool,
    },
    Boolean {
        field: Field<bool>,
        value: bool,
        equal: bool,
    },
}

/// Numbers from `low` to `high`, or all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<T> {
    pub(crate) low: T,
    pub(crate) high: T,
    pub(crate) inside: bool,
}

impl<T: PartialOrd + Copy> Range<T> {
    #[inline(always)]
    fn holds(self, value: T) -> bool {
        // Both sides are computed always, so that the loop over a column has no branches.
        ((value >= self.low) & (value <= self.high)) == self.inside
    }
}

impl Selection {
    /// Puts the numbers of the rows that meet the condition into `rows`, or, with `wanted` false, of those that do not.
    pub(crate) fn select(&self, batch: &Batch<'_>, wanted: bool, rows: &mut Vec<u32>) {
        rows.clear();
        match self {
            Selection::None => select_records(batch, rows, |_| !wanted),
            Selection::Real { field, range } => match batch.f64s(*field) {
                Some(values) => select_values(values, rows, *range, wanted, |block| {
                    any_within(block, range.low, range.high, range.inside == wanted)
                }),
                None => select_records(batch, rows, |record| {
                    record.f64(*field).is_some_and(|value| range.holds(value)) == wanted
                }),
            },
            Selection::Whole { field, range } => match batch.i64s(*field) {
                Some(values) => select_values(values, rows, *range, wanted, |block| {
                    block.iter().any(|&value| range.holds(value) == wanted)
                }),
                None => select_records(batch, rows, |record| {
                    record.i64(*field).is_some_and(|value| range.holds(value)) == wanted
                }),
            },
            Selection::Text { field, value, equal } => select_records(batch, rows, |record| {
                record.text(*field).is_some_and(|text| (text == value) == *equal) == wanted
            }),
            Selection::Boolean { field, value, equal } => select_records(batch, rows, |record| {
                record.bool(*field).is_some_and(|is| (is == *value) == *equal) == wanted
            }),
        }
    }
}

fn select_records(batch: &Batch<'_>, rows: &mut Vec<u32>, wanted: impl Fn(Record<'_>) -> bool) {
    for (row, record) in (0..).zip(batch.records()) {
        if wanted(record) {
            rows.push(row);
        }
    }
}

/// Values that are compared together: few enough that a rare row costs little.
const BLOCK: usize = 16;

/// `any` tells whether a block holds anything that is wanted: most hold nothing.
fn select_values<T: PartialOrd + Copy>(
    values: &[T],
    rows: &mut Vec<u32>,
    range: Range<T>,
    wanted: bool,
    any: impl Fn(&[T; BLOCK]) -> bool,
) {
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let mut first = 0;
    for block in blocks {
        if any(block) {
            let mut found = [0; BLOCK];
            let mut count = 0;
            for (row, &value) in (first..).zip(block) {
                found[count % BLOCK] = row;
                count += usize::from(range.holds(value) == wanted);
            }
            rows.extend_from_slice(&found[..count]);
        }
        first += BLOCK as u32;
    }
    rows.extend((first..).zip(rest).filter(|&(_, &value)| range.holds(value) == wanted).map(|(row, _)| row));
}
