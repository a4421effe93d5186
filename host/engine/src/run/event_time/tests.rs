#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::batch::Origin;
use arrow_array::{
    Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use campanile_sdk::{DataType as Type, SchemaField};
use std::sync::Arc;

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

fn schema(data_type: Type) -> Schema {
    Schema::new(vec![SchemaField::new("id", Type::Long), SchemaField::new("at", data_type)])
}

fn batch(times: impl Array + 'static) -> Batch {
    let rows = times.len();
    let ids = Int64Array::from_iter_values(0..rows as i64);
    Batch::new(rows, vec![Arc::new(ids), Arc::new(times)], Origin::default())
}

fn read(data_type: Type, times: impl Array + 'static) -> (Vec<i64>, Vec<String>) {
    let mut event_time = EventTime::new(&schema(data_type), "at", HOUR).unwrap();
    let batch = batch(times);
    let (times, bad) = event_time.read(&batch, NOW);
    let rows = 0..batch.rows();
    let good = rows.filter(|row| bad.iter().all(|(other, _)| *other as usize != *row)).map(|row| times.of_row(row));
    (good.collect(), bad.into_iter().map(|(row, reason)| format!("{row}: {reason}")).collect())
}

fn good(data_type: Type, times: impl Array + 'static) -> Vec<i64> {
    let (times, bad) = read(data_type, times);
    assert_eq!(bad, [""; 0]);
    times
}

#[test]
fn timestamps_of_any_unit_are_milliseconds() {
    assert_eq!(good(Type::Timestamp, TimestampSecondArray::from(vec![1_600_000_000, -1])), [1_600_000_000_000, -1_000]);
    assert_eq!(good(Type::Timestamp, TimestampMillisecondArray::from(vec![NOW, -1])), [NOW, -1]);
    assert_eq!(good(Type::Timestamp, TimestampMicrosecondArray::from(vec![NOW * 1_000 + 999, -1])), [NOW, -1]);
    assert_eq!(good(Type::Timestamp, TimestampNanosecondArray::from(vec![1_999_999, -1])), [1, -1]);
}

#[test]
fn longs_are_milliseconds_and_dates_midnight() {
    assert_eq!(good(Type::Long, Int64Array::from(vec![5, 3, i64::MIN])), [5, 3, i64::MIN]);
    assert_eq!(good(Type::Date, Date32Array::from(vec![0, 1, -1])), [0, DAY_MS, -DAY_MS]);
}

#[test]
fn texts_are_rfc_3339_or_milliseconds() {
    let texts = ["2023-11-14T22:13:20Z", " 2023-11-14T23:13:20.5+01:00 ", "1700000000000", "-5"];
    assert_eq!(good(Type::String, StringArray::from(texts.to_vec())), [NOW, NOW + 500, NOW, -5]);
}

#[test]
fn what_is_no_time_is_told_with_its_value() {
    let long = "x".repeat(200);
    let texts = vec![Some("2023-11-14T22:13:20Z"), None, Some("yesterday"), Some(""), Some(&*long), Some("1e3")];
    let (times, bad) = read(Type::String, StringArray::from(texts));
    assert_eq!(times, [NOW]);
    let no_time = |row, value: &str| {
        format!(
            "{row}: `at` has to tell when the record happened, but is {value}, which is no time (RFC 3339, or \
             milliseconds since 1970)"
        )
    };
    assert_eq!(
        bad,
        [
            "1: `at` has to tell when the record happened, but is null".to_owned(),
            no_time(2, "\"yesterday\""),
            no_time(3, "\"\""),
            no_time(4, &format!("\"{}\"…", &long[..120])),
            no_time(5, "\"1e3\""),
        ]
    );
}

#[test]
fn what_a_null_hides_is_no_time() {
    let hidden = Int64Array::new(vec![1, i64::MAX, 3].into(), Some(vec![true, false, true].into()));
    let (times, bad) = read(Type::Long, hidden);
    assert_eq!(times, [1, 3]);
    assert_eq!(bad, ["1: `at` has to tell when the record happened, but is null"]);
}

#[test]
fn what_is_too_far_ahead_is_refused() {
    let (times, bad) = read(Type::Long, Int64Array::from(vec![NOW + HOUR, NOW + HOUR + 1, i64::MAX]));
    assert_eq!(times, [NOW + HOUR]);
    let ahead = |row, time| {
        format!(
            "{row}: `at` has to tell when the record happened, but is {time}, which is further ahead of the clock than \
             maxAhead allows (1h)"
        )
    };
    assert_eq!(bad, [ahead(1, "2023-11-14T23:13:20.001Z"), ahead(2, "9223372036854775807 ms after 1970")]);
}

#[test]
fn a_column_of_another_type_than_declared_tells_no_time() {
    let (times, bad) = read(Type::Long, Float64Array::from(vec![Some(1.0), None]));
    assert_eq!((times.len(), bad.len()), (0, 2));
    assert!(bad[0].contains("of type Float64"), "{bad:?}");
}

#[test]
fn a_field_that_tells_no_time_is_refused_at_the_start() {
    let error = |data_type, field| EventTime::new(&schema(data_type), field, HOUR).unwrap_err();
    assert_eq!(error(Type::Long, "att"), "timeField: there is no field `att` (did you mean `at`?)");
    assert_eq!(
        error(Type::Int, "at"),
        "timeField: `at` is of type int, which tells no time (it can be a timestamp, a date, a long or a string)"
    );
}

#[test]
fn each_split_has_a_time_of_its_own() {
    let mut event_time = EventTime::new(&schema(Type::Long), "at", HOUR).unwrap();
    assert_eq!((event_time.latest(0), event_time.latest(1)), (None, None));
    let (times, _) = event_time.read(&batch(Int64Array::from(vec![10, 30, 20])), NOW);
    let before = |event_time: &EventTime, split| [0, 1, 2].map(|row| event_time.latest_before(split, &times, row));
    assert_eq!(before(&event_time, 0), [None, Some(10), Some(30)]);
    assert_eq!(before(&event_time, 0), [None, Some(10), Some(30)], "also asked again");
    event_time.note(0, &times);
    assert_eq!((event_time.latest(0), event_time.latest(1)), (Some(30), None));
    event_time.advance(1, 15);
    event_time.advance(1, 5);
    assert_eq!(before(&event_time, 1), [Some(15), Some(15), Some(30)]);
    let (nothing, _) = event_time.read(&batch(Int64Array::from(Vec::<i64>::new())), NOW);
    event_time.note(7, &nothing);
    assert_eq!(event_time.latest(7), None);
    assert_eq!(nothing.of_row(0), i64::MAX);
}
