//! What every plugin of a kind has to keep.

use super::harness::Harness;
use crate::kind::Kind;
use serde_json::Value;

/// Checks what a host relies on: `configure` answers the same twice, no record at all is fine, and how records are cut into
/// batches changes nothing.
///
/// # Panics
/// If the plugin does not keep it; the message says what.
pub fn check_contract(harness: &Harness, records: &[Value]) {
    let kind = harness.kind();
    let harness = match kind {
        Kind::Source | Kind::AlertPublisher => harness.clone(),
        _ => harness.clone().input(super::rows::infer(records)),
    };
    let answer = |what: &str| match harness.configure() {
        Ok((outputs, _)) => outputs,
        Err(error) => panic!("{what}: `configure` fails: {error}"),
    };
    assert!(answer("at first") == answer("the second time"), "`configure` answers differently when asked again");
    match kind {
        Kind::Transform | Kind::Splitter => {
            let run = |rows: usize, records: &[Value]| match harness.clone().batch_rows(rows).run(records.to_vec()) {
                Ok(collected) => collected,
                Err(error) => panic!("with batches of {rows}: {error}"),
            };
            let nothing = run(1, &[]);
            assert!(nothing.errors.is_empty(), "there are errors without any record");
            let whole = run(usize::MAX, records);
            for rows in [1, 2, 3] {
                let mut cut = run(rows, records);
                cut.calls = whole.calls;
                assert!(cut == whole, "with batches of {rows} records other things come out:\n{cut:#?}\n{whole:#?}");
            }
            let mut silent = harness.clone().without_publisher().run(records.to_vec()).expect("runs without publisher");
            assert!(silent.alerts.iter().all(Vec::is_empty), "payloads are made though nobody takes alerts");
            assert!(silent.alerts.len() == whole.alerts.len(), "without publisher other alerts are counted");
            silent.alerts.clone_from(&whole.alerts);
            silent.calls = whole.calls;
            assert!(silent == whole, "without publisher other things come out");
        }
        Kind::Source => {
            let first = harness.splits().unwrap_or_else(|error| panic!("`splits` fails: {error}"));
            let again = harness.splits().unwrap_or_else(|error| panic!("`splits` fails: {error}"));
            assert!(first == again, "`splits` answers differently when asked again");
            let read = harness.read().unwrap_or_else(|error| panic!("`read` fails: {error}"));
            if let (1, Some(&middle)) = (first.len(), read.positions.get(read.positions.len() / 2)) {
                let rest = harness.read_from(&first[0], middle).unwrap_or_else(|error| panic!("a seek fails: {error}"));
                let behind = read.positions.iter().filter(|&&position| position > middle).count();
                assert!(
                    rest.records.len() == behind,
                    "reading from a position gives {} rows, not {behind}",
                    rest.records.len()
                );
                assert!(read.records.ends_with(&rest.records), "reading from a position gives other rows");
            }
        }
        _ => {}
    }
}
