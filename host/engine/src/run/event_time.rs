//! When records happened: a field of theirs, as milliseconds since 1970, and how far each split has come.
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, TimeUnit};
use campanile_sdk::Schema;
use campanile_sdk::text::{read_timestamp, write_timestamp};

use crate::alerts::time_field;
use crate::batch::Batch;

const DAY_MS: i64 = 86_400_000;

/// How much of a value is shown.
const SHOWN_BYTES: usize = 120;

/// Reads the times of the records that come to one instance of a stage. Belongs to the thread of its chain.
#[derive(Debug)]
pub(super) struct EventTime {
    field: String,
    column: usize,
    max_ahead_ms: i64,
    /// The largest time of each split so far.
    latest: HashMap<u32, i64>,
    /// The split asked for last: nearly always the next one too.
    current: Cell<Option<(u32, Option<i64>)>>,
}

/// When the rows of a batch happened.
#[derive(Debug)]
pub(super) struct Times {
    ms: ScalarBuffer<i64>,
    /// How many rows were looked at, and the largest time among them: rows are asked for in their order.
    passed: Cell<(usize, Option<i64>)>,
}

/// Rows that tell no time, each with what is wrong; ascending.
pub(super) type BadTimes = Vec<(u32, String)>;

impl EventTime {
    /// Reads `field` of records of this schema. The error says why it tells no time.
    pub(super) fn new(schema: &Schema, field: &str, max_ahead_ms: i64) -> Result<EventTime, String> {
        let column = time_field(schema, field).map_err(|(message, hint)| match hint {
            Some(hint) => format!("timeField: {message} ({hint})"),
            None => format!("timeField: {message}"),
        })?;
        Ok(EventTime {
            field: field.to_owned(),
            column,
            max_ahead_ms,
            latest: HashMap::new(),
            current: Cell::new(None),
        })
    }

    /// The times of a batch's rows, and the rows without one: where the field is null or no time, or further ahead of
    /// the clock (`now_ms`) than is allowed. What stands in the times for these means nothing.
    pub(super) fn read(&mut self, batch: &Batch, now_ms: i64) -> (Times, BadTimes) {
        let Some(column) = batch.columns().get(self.column) else {
            let reason = format!("there is no field `{}`, which has to tell when the record happened", self.field);
            let bad = (0..batch.rows() as u32).map(|row| (row, reason.clone()));
            return (Times::new(vec![0; batch.rows()].into()), bad.collect());
        };
        let bound = now_ms.saturating_add(self.max_ahead_ms);
        let (times, unreadable) = read_column(column);
        let latest = times.iter().fold(i64::MIN, |latest, &time| latest.max(time));
        if latest <= bound && column.null_count() == 0 && unreadable.is_empty() {
            return (Times::new(times), BadTimes::new());
        }
        let mut bad = BadTimes::new();
        let mut unreadable = unreadable.into_iter().peekable();
        for (row, &time) in times.iter().enumerate() {
            let reason = if column.is_null(row) {
                "null".to_owned()
            } else if unreadable.next_if_eq(&row).is_some() {
                format!("{}, which is no time (RFC 3339, or milliseconds since 1970)", shown(column, row))
            } else if time > bound {
                let ahead = crate::spec::duration::print(std::time::Duration::from_millis(self.max_ahead_ms as u64));
                format!("{}, which is further ahead of the clock than maxAhead allows ({ahead})", rfc3339(time))
            } else {
                continue;
            };
            bad.push((row as u32, format!("`{}` has to tell when the record happened, but is {reason}", self.field)));
        }
        (Times::new(times), bad)
    }

    /// A split brought rows of these times, all of which are good.
    pub(super) fn note(&mut self, split: u32, times: &Times) {
        if let Some(latest) = times.ms.iter().copied().max() {
            self.advance(split, latest);
        }
    }

    /// A split has come as far as this, milliseconds since 1970: what a save point says.
    pub(super) fn advance(&mut self, split: u32, latest_ms: i64) {
        let latest = self.latest.entry(split).or_insert(latest_ms);
        *latest = (*latest).max(latest_ms);
        self.current.set(None);
    }

    /// The largest time that a split brought, in milliseconds since 1970.
    pub(super) fn latest(&self, split: u32) -> Option<i64> {
        match self.current.get() {
            Some((current, latest)) if current == split => latest,
            _ => {
                let latest = self.latest.get(&split).copied();
                self.current.set(Some((split, latest)));
                latest
            }
        }
    }

    /// The largest time that any split brought, in milliseconds since 1970.
    pub(super) fn latest_of_all(&self) -> Option<i64> {
        self.latest.values().max().copied()
    }

    /// The largest time that a split brought before this row of the batch at hand, whose times are not noted yet. A row
    /// is late when the end of its window, and the lateness allowed, is not after that.
    pub(super) fn latest_before(&self, split: u32, times: &Times, row: usize) -> Option<i64> {
        self.latest(split).max(times.largest_before(row))
    }
}

impl Times {
    fn new(ms: ScalarBuffer<i64>) -> Times {
        Times { ms, passed: Cell::new((0, None)) }
    }

    /// When a row happened, milliseconds since 1970; a row that is not there, at the end of all times.
    pub(super) fn of_row(&self, row: usize) -> i64 {
        self.ms.get(row).copied().unwrap_or(i64::MAX)
    }

    /// The largest time of the rows before this one.
    fn largest_before(&self, row: usize) -> Option<i64> {
        let (from, largest) = match self.passed.get() {
            (passed, largest) if passed <= row => (passed, largest),
            _ => (0, None),
        };
        let rows = self.ms.get(from..row).unwrap_or_default();
        let largest = largest.max(rows.iter().copied().max());
        self.passed.set((row, largest));
        largest
    }
}

/// The milliseconds of a column's values, and the rows, ascending, whose values are there and tell none.
fn read_column(column: &ArrayRef) -> (ScalarBuffer<i64>, Vec<usize>) {
    let converted = |values: &[i64], convert: fn(i64) -> i64| {
        (values.iter().map(|&value| convert(value)).collect::<Vec<i64>>().into(), Vec::new())
    };
    match column.data_type() {
        DataType::Int64 => (column.as_primitive::<Int64Type>().values().clone(), Vec::new()),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            (column.as_primitive::<TimestampMillisecondType>().values().clone(), Vec::new())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            converted(column.as_primitive::<TimestampMicrosecondType>().values(), |value| value.div_euclid(1_000))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            converted(column.as_primitive::<TimestampNanosecondType>().values(), |value| value.div_euclid(1_000_000))
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            converted(column.as_primitive::<TimestampSecondType>().values(), |value| value.saturating_mul(1_000))
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().values();
            (days.iter().map(|&day| i64::from(day) * DAY_MS).collect::<Vec<i64>>().into(), Vec::new())
        }
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            let mut unreadable = Vec::new();
            let times: Vec<i64> = (0..texts.len())
                .map(|row| {
                    // What a null hides is not read, and shall not look like a time.
                    let time = if texts.is_null(row) { Some(i64::MIN) } else { read_text(texts.value(row)) };
                    time.unwrap_or_else(|| {
                        unreadable.push(row);
                        i64::MIN
                    })
                })
                .collect();
            (times.into(), unreadable)
        }
        _ => (vec![i64::MIN; column.len()].into(), (0..column.len()).filter(|&row| column.is_valid(row)).collect()),
    }
}

/// RFC 3339, or milliseconds since 1970.
fn read_text(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    read_timestamp(text).map(|micros| micros.div_euclid(1_000))
}

/// A value that is no time.
fn shown(column: &ArrayRef, row: usize) -> String {
    let Some(texts) = column.as_string_opt::<i32>() else { return format!("of type {}", column.data_type()) };
    let value = texts.value(row);
    match value.floor_char_boundary(SHOWN_BYTES) {
        end if end < value.len() => format!("{:?}…", &value[..end]),
        _ => format!("{value:?}"),
    }
}

/// A time for people; one beyond what a calendar says as its milliseconds.
fn rfc3339(ms: i64) -> String {
    let Some(micros) = ms.checked_mul(1_000) else { return format!("{ms} ms after 1970") };
    let mut text = Vec::new();
    write_timestamp(micros, &mut text);
    String::from_utf8(text).unwrap_or_default()
}
