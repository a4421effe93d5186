//! Whether a stage that was killed goes on as if it had not been.

use super::capture::Collected;
use super::harness::Harness;
use super::saving::Saved;
use crate::error::Result;
use crate::kind::Kind;
use crate::source::Read;
use serde_json::Value;

/// Checks that a transform, a splitter or a source that is restored from its snapshot goes on as if it had not stopped: it is
/// killed behind every record (a source: behind every call of `read`, of its first split), and what comes out before and
/// after is together what comes out of an undisturbed run. A source takes no records.
///
/// # Panics
/// If it does not, or is of another kind; the message says where it was cut.
pub fn check_restored(harness: &Harness, records: &[Value]) {
    match harness.kind() {
        Kind::Transform | Kind::Splitter => {
            let harness = with_input(harness, records);
            let whole = expect("undisturbed", harness.run(records.to_vec()));
            for cut in 0..=records.len() {
                let place = format!("cut behind {cut} records");
                let (before, after) = records.split_at(cut);
                let saved = expect(&place, harness.saved(before.to_vec(), after.to_vec()));
                let rest = expect(&place, harness.clone().resumed(&saved).run(after.to_vec()));
                same(&place, &saved, rest, &whole);
            }
        }
        Kind::Source => check_source(&harness.clone().durable().batch_rows(1)),
        other => {
            panic!("a plugin of the kind {other} is not checked so: use `check_restored_sink`, or a test of its own")
        }
    }
}

/// Checks that a sink that is restored from its snapshot goes on as if it had not stopped: it is killed behind every record,
/// once with all the other records written behind the save point, once with none; and `output`, which reads what the sink
/// has written, gives the same as after an undisturbed run.
///
/// # Panics
/// If it does not; the message says where it was cut.
pub fn check_restored_sink<T: PartialEq + std::fmt::Debug>(
    harness: &Harness,
    records: &[Value],
    mut output: impl FnMut() -> T,
) {
    let harness = with_input(harness, records);
    expect("undisturbed", harness.run(records.to_vec()));
    let whole = output();
    for cut in 0..=records.len() {
        let (before, after) = records.split_at(cut);
        for lost in [after, &[]] {
            let place = format!("cut behind {cut} records, with {} behind the save point", lost.len());
            let saved = expect(&place, harness.saved(before.to_vec(), lost.to_vec()));
            assert!(cut == 0 || saved.state.is_some(), "{place}: the sink saved no state");
            expect(&place, harness.clone().resumed(&saved).run(after.to_vec()));
            let there = output();
            assert!(there == whole, "{place}: other output:\n{there:#?}\nundisturbed:\n{whole:#?}");
        }
    }
}

/// Every part of the records has the schema of them all.
fn with_input(harness: &Harness, records: &[Value]) -> Harness {
    let schema = harness.input.clone().unwrap_or_else(|| super::rows::infer(records));
    harness.clone().durable().input(schema)
}

fn check_source(harness: &Harness) {
    let splits = expect("`splits`", harness.splits());
    let Some(split) = splits.first() else { panic!("the source has no split to be read") };
    let mut reading = expect("undisturbed", harness.reading());
    while expect("undisturbed", reading.read()) == Read::More {}
    let whole = expect("undisturbed", reading.end());
    for calls in 0.. {
        let place = format!("cut behind {calls} calls of `read`");
        let mut reading = expect(&place, harness.reading());
        let mut go_on = true;
        for _ in 0..calls {
            go_on = expect(&place, reading.read()) == Read::More;
        }
        if !go_on {
            return;
        }
        let saved = expect(&place, reading.saved());
        std::mem::forget(reading);
        let resumed = harness.clone().resumed(&saved);
        let rest = expect(&place, resumed.read_split(split, saved.collected.positions.last().copied()));
        same(&place, &saved, rest, &whole);
    }
}

fn expect<T>(place: &str, result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{place}: {error}"))
}

fn same(place: &str, saved: &Saved, rest: Collected, whole: &Collected) {
    let mut both = saved.collected.clone();
    for (port, records) in &mut both.ports {
        records.extend_from_slice(rest.port(port));
    }
    both.schemas = rest.schemas;
    both.positions.extend(rest.positions);
    both.errors.extend(rest.errors);
    both.alerts.extend(rest.alerts);
    both.records = both.ports.iter().flat_map(|(_, records)| records.clone()).collect();
    both.calls = whole.calls;
    assert!(both == *whole, "{place}, other things come out:\n{both:#?}\nundisturbed:\n{whole:#?}");
}
