#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::sink::FileSink;
use crate::source::FileSource;
use campanile_sdk::testing::{self, Harness};
use campanile_sdk::{DataType, Schema, SchemaField};
use serde_json::{Value, json};

fn sink(folder: &Path) -> Harness {
    let schema = Schema::new(vec![SchemaField::new("n", DataType::Long)]);
    let properties = json!({ "path": folder.join("out.parquet"), "format": "parquet" });
    testing::sink::<FileSink>(properties).input(schema).durable()
}

fn records(numbers: std::ops::Range<i64>) -> Vec<Value> {
    numbers.map(|n| json!({ "n": n })).collect()
}

fn read(folder: &Path) -> Vec<Value> {
    let properties = json!({ "path": folder.join("out-*.parquet"), "format": "parquet" });
    testing::source::<FileSource>(properties).read().unwrap().records
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn parts_are_known_by_their_names() {
    for (path, number, part) in [
        ("/a/out.parquet", 1, "/a/out-000001.parquet"),
        ("out", 12, "out-000012"),
        ("out.v2.parquet", 1_234_567, "out.v2-1234567.parquet"),
    ] {
        assert_eq!(name(Path::new(path), number), Path::new(part));
        assert_eq!(number_of(Path::new(path), Path::new(part)), Some(number));
    }
    for other in ["out.parquet", "out-1.parquet", "out-0000001.parquet", "out-000001.csv", "outer-000001.parquet"] {
        assert_eq!(number_of(Path::new("out.parquet"), Path::new(other)), None, "{other}");
    }
}

#[test]
fn a_run_that_is_killed_and_resumed_writes_what_an_undisturbed_one_writes() {
    let folder = tempfile::tempdir().unwrap();
    testing::check_restored_sink(&sink(folder.path()), &records(0..4), || read(folder.path()));
    assert!(names(folder.path()).iter().all(|name| !name.ends_with(".part")));
}

#[test]
fn each_save_point_with_records_has_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let sink = sink(folder.path());
    let first = sink.saved(records(0..2), records(2..3)).unwrap();
    assert_eq!(names(folder.path()), ["out-000001.parquet", "out-000002.parquet.part"]);
    let second = sink.clone().resumed(&first).saved(records(2..4), []).unwrap();
    assert_eq!(names(folder.path()), ["out-000001.parquet", "out-000002.parquet"]);
    let same = sink.clone().resumed(&second).saved([], []).unwrap();
    assert_eq!(same.state, second.state, "without records there is no part");
    // A part of behind the save point goes, whole or not.
    sink.clone().resumed(&first).run(records(5..7)).unwrap();
    assert_eq!(names(folder.path()), ["out-000001.parquet", "out-000002.parquet"]);
    assert_eq!(read(folder.path()), [records(0..2), records(5..7)].concat());
    sink.clone().resumed(&first).run([]).unwrap();
    assert_eq!(names(folder.path()), ["out-000001.parquet"]);
}

#[test]
fn a_bounded_run_that_begins_anew_replaces_parts_and_a_live_one_appends() {
    let folder = tempfile::tempdir().unwrap();
    let sink = sink(folder.path());
    let first = sink.saved(records(0..1), []).unwrap();
    sink.clone().resumed(&first).run(records(1..2)).unwrap();
    sink.run(records(7..8)).unwrap();
    assert_eq!((names(folder.path()), read(folder.path())), (vec!["out-000001.parquet".to_owned()], records(7..8)));
    std::fs::write(folder.path().join("out-000001.csv"), "another's").unwrap();
    let live = sink.live();
    let saved = live.saved(records(8..9), records(9..10)).unwrap();
    std::fs::remove_file(folder.path().join("out-000001.parquet")).unwrap();
    live.clone().resumed(&saved).abort_after(records(10..11)).unwrap();
    assert_eq!(names(folder.path()), ["out-000001.csv", "out-000002.parquet", "out-000003.parquet.part"]);
    live.run([]).unwrap();
    assert_eq!(names(folder.path()), ["out-000001.csv", "out-000002.parquet"]);
    assert_eq!(read(folder.path()), records(8..9));
}

#[test]
fn a_run_without_records_has_a_part_that_tells_the_fields() {
    let folder = tempfile::tempdir().unwrap();
    sink(folder.path()).run([]).unwrap();
    assert_eq!(names(folder.path()), ["out-000001.parquet"]);
    assert!(read(folder.path()).is_empty());
}

#[test]
fn a_part_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let sink = sink(folder.path());
    let saved = sink.saved(records(0..1), []).unwrap();
    std::fs::remove_file(folder.path().join("out-000001.parquet")).unwrap();
    let error = sink.resumed(&saved).run([]).unwrap_err().to_string();
    assert!(error.contains("out-000001.parquet` is missing, which the run had written"), "{error}");
    assert!(error.ends_with("a run without --resume starts afresh"));
}

#[test]
fn a_plain_run_writes_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let properties = json!({ "path": folder.path().join("out.parquet"), "format": "parquet" });
    testing::sink::<FileSink>(properties).run(records(0..2)).unwrap();
    assert_eq!(names(folder.path()), ["out.parquet"]);
}
