#![allow(clippy::unwrap_used, reason = "tests")]

use crate::source::FileSource;
use campanile_sdk::testing::{self, Collected, Harness, Reading, TestLog};
use campanile_sdk::{Read, Split};
use serde_json::{Value, json};
use std::fs::{File, rename, write};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The position of a byte in one of the files of a name.
fn at(number: u64, offset: u64) -> u64 {
    number << 48 | offset
}

/// A folder with a log that is followed.
struct Log {
    folder: TempDir,
    told: TestLog,
    more: Value,
}

impl Log {
    fn new(more: Value) -> Log {
        Log { folder: tempfile::tempdir().unwrap(), told: TestLog::default(), more }
    }

    fn jsonl() -> Log {
        Log::new(json!({ "schema": [{ "name": "n", "type": "long" }] }))
    }

    fn text() -> Log {
        Log::new(json!({ "format": "text" }))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        write(self.path(name), content).unwrap();
    }

    fn append(&self, name: &str, content: &str) {
        let mut file = File::options().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(content.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        rename(self.path(from), self.path(to)).unwrap();
    }

    /// Sets when a file was written to last, in seconds.
    fn written_at(&self, name: &str, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
        File::options().append(true).open(self.path(name)).unwrap().set_modified(time).unwrap();
    }

    fn harness(&self, path: &str) -> Harness {
        let mut properties = json!({ "path": self.path(path), "follow": true });
        for (key, value) in self.more.as_object().unwrap() {
            properties[key] = value.clone();
        }
        testing::source::<FileSource>(properties).live().log(&self.told)
    }

    fn reading(&self) -> Reading {
        self.harness("app.log").reading().unwrap()
    }

    fn split(&self) -> Split {
        let path = self.path("app.log");
        let path = path.to_str().unwrap();
        Split::new(path).with("path", path).with("start", 0)
    }

    fn warnings(&self) -> Vec<String> {
        self.told.messages().into_iter().filter(|message| message.starts_with("2 ")).collect()
    }
}

/// Reads what is there.
fn drain(reading: &mut Reading) {
    while reading.read().unwrap() == Read::More {}
}

fn lines(got: &Collected) -> Vec<&str> {
    got.records.iter().map(|record| record["line"].as_str().unwrap()).collect()
}

#[test]
fn what_is_appended_is_read_at_once_and_never_waited_for() {
    let log = Log::jsonl();
    log.write("app.log", "{\"n\":1}\n");
    let mut reading = log.reading();
    assert_eq!(reading.read().unwrap(), Read::More, "what is there is emitted though it is little");
    assert_eq!(reading.read().unwrap(), Read::Idle);
    assert_eq!(reading.read().unwrap(), Read::Idle);
    log.append("app.log", "{\"n\":2}\n{\"n\":3}\n");
    assert_eq!(reading.read().unwrap(), Read::More);
    assert_eq!(reading.read().unwrap(), Read::Idle);
    let got = reading.end().unwrap();
    assert_eq!(got.records, [json!({ "n": 1 }), json!({ "n": 2 }), json!({ "n": 3 })]);
    assert_eq!(got.positions, [0, 8, 16]);
}

#[test]
fn a_line_without_its_end_is_waited_for() {
    for format in ["jsonl", "csv"] {
        let mut log = Log::jsonl();
        log.more["format"] = json!(format);
        let pieces = if format == "csv" {
            ["", "n", "\n1\n", "1", "2", "\n"]
        } else {
            ["{", "\"n\":1}\n", "{\"n\"", ":1", "2", "}\n"]
        };
        let mut reading = log.reading();
        for piece in pieces {
            log.append("app.log", piece);
            drain(&mut reading);
        }
        let got = reading.end().unwrap();
        assert_eq!(got.records, [json!({ "n": 1 }), json!({ "n": 12 })], "{format}");
        assert!(got.errors.is_empty(), "{:?}", got.errors);
    }
}

#[test]
fn a_line_over_the_limit_is_an_error_before_it_ends() {
    let mut log = Log::text();
    log.more["maxLineBytes"] = json!(10);
    log.write("app.log", "0123456789ab");
    let mut reading = log.reading();
    drain(&mut reading);
    log.append("app.log", "cdef");
    drain(&mut reading);
    log.append("app.log", "ghi\nshort\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(got.errors.len(), 1);
    assert!(got.errors[0].message.starts_with("the line is longer than 10 bytes"));
    assert_eq!(lines(&got), ["short"]);
    assert_eq!(got.positions, [20]);
}

#[test]
fn a_rotated_file_is_read_to_its_end_and_then_the_new_one() {
    let log = Log::text();
    log.write("app.log", "a\nb\n");
    let mut reading = log.reading();
    drain(&mut reading);
    log.rename("app.log", "app.log.1");
    drain(&mut reading);
    // The writer has not opened the new file yet, though it is there.
    log.append("app.log.1", "c\n");
    log.write("app.log", "");
    drain(&mut reading);
    log.append("app.log.1", "last");
    log.append("app.log", "d\ne");
    drain(&mut reading);
    log.append("app.log", "\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(lines(&got), ["a", "b", "c", "last", "d", "e"]);
    assert_eq!(got.positions, [0, 2, 4, 6, at(1, 0), at(1, 2)]);
    assert_eq!(log.warnings(), [""; 0]);
}

#[test]
fn a_file_that_was_rotated_twice_between_two_looks_is_read_too() {
    let log = Log::text();
    log.write("app.log", "a\n");
    log.write("app.log.0", "from before\n");
    log.written_at("app.log.0", 0);
    let mut reading = log.reading();
    drain(&mut reading);
    log.written_at("app.log", 1);
    log.rename("app.log", "app.log.2");
    log.write("app.log.1", "b\n");
    log.written_at("app.log.1", 2);
    log.write("app.log", "c\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(lines(&got), ["a", "b", "c"]);
    assert_eq!(got.positions, [0, at(1, 0), at(2, 0)]);
}

#[test]
fn a_truncated_file_is_read_from_its_start_and_that_is_told() {
    let log = Log::text();
    log.write("app.log", "first\nsecond\nhalf");
    let mut reading = log.reading();
    drain(&mut reading);
    let file = File::options().write(true).open(log.path("app.log")).unwrap();
    file.set_len(0).unwrap();
    log.append("app.log", "third\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(lines(&got), ["first", "second", "half", "third"]);
    assert_eq!(got.positions, [0, 6, 13, at(1, 0)]);
    let told = log.warnings();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("was truncated: reading it from its start; what was written to it behind byte 17 may be"));
}

#[test]
fn a_file_that_was_truncated_and_is_longer_again_is_noticed() {
    let log = Log::text();
    log.write("app.log", "a\n");
    let mut reading = log.reading();
    drain(&mut reading);
    log.write("app.log", "b\nc\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(lines(&got), ["a", "b", "c"]);
    assert_eq!(log.warnings().len(), 1);
}

#[test]
fn what_was_written_before_a_file_was_truncated_is_read_from_its_copy() {
    let log = Log::text();
    let long = "x".repeat(2_000);
    log.write("app.log", &format!("{long}\nha"));
    let mut reading = log.reading();
    drain(&mut reading);
    log.append("app.log", "lf\nunseen\n");
    std::fs::copy(log.path("app.log"), log.path("app.log.1")).unwrap();
    log.write("app.log", "new\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(lines(&got), [&long, "half", "unseen", "new"]);
    assert_eq!(got.positions, [0, 2_001, 2_006, at(1, 0)]);
    assert!(log.warnings()[0].contains("from its copy"), "{:?}", log.warnings());
}

#[test]
fn files_that_all_begin_alike_are_told_from_each_other() {
    let log = Log::text();
    let banner = "=".repeat(2_000);
    log.write("app.log.2", &format!("{banner}\nolder, and longer\n"));
    log.write("app.log", &format!("{banner}\nold\n"));
    let mut reading = log.reading();
    drain(&mut reading);
    let saved = reading.saved().unwrap();
    // Truncated, and longer again than what was read.
    log.write("app.log", &format!("{banner}\nnew, and longer\n"));
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(lines(&got), [&banner, "old", &banner, "new, and longer"]);
    assert!(log.warnings()[0].contains("may be missing"));
    let got = log.harness("app.log").resumed(&saved).read_from(&log.split(), 2_001).unwrap();
    assert_eq!(lines(&got), [&banner, "new, and longer"]);
}

#[test]
fn a_file_that_vanishes_is_waited_for() {
    let log = Log::text();
    let mut reading = log.reading();
    assert_eq!(reading.read().unwrap(), Read::Idle, "it may come later");
    log.write("app.log", "a\n");
    drain(&mut reading);
    std::fs::remove_file(log.path("app.log")).unwrap();
    assert_eq!(reading.read().unwrap(), Read::Idle);
    log.write("app.log", "b\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(lines(&got), ["a", "b"]);
    assert_eq!(got.positions, [0, at(1, 0)]);
}

#[test]
fn each_file_of_csv_has_its_header_and_records_may_have_lines() {
    let mut log = Log::jsonl();
    log.more =
        json!({ "format": "csv", "schema": [{ "name": "a", "type": "string" }, { "name": "b", "type": "long" }] });
    log.write("app.log", "a,b\nx,1\n\"two\n");
    let mut reading = log.reading();
    drain(&mut reading);
    log.append("app.log", "lines\",2\n");
    drain(&mut reading);
    log.rename("app.log", "app.log.1");
    log.write("app.log", "b,a\n3,y\nbad\n");
    drain(&mut reading);
    let got = reading.end().unwrap();
    assert_eq!(
        got.records,
        [json!({ "a": "x", "b": 1 }), json!({ "a": "two\nlines", "b": 2 }), json!({ "a": "y", "b": 3 })]
    );
    assert_eq!(got.positions, [4, 8, at(1, 4)]);
    assert_eq!((got.errors[0].line, got.errors[0].position), (3, Some(at(1, 8))));
}

#[test]
fn a_run_goes_on_behind_any_row_and_any_error() {
    for format in ["jsonl", "csv"] {
        let mut log = Log::jsonl();
        log.more["format"] = json!(format);
        let line = |n: u64| if format == "csv" { format!("{n}\n") } else { format!("{{\"n\":{n}}}\n") };
        let header = if format == "csv" { "n\n" } else { "" };
        log.write("app.log", &format!("{header}{}bad\n{}\nworse\n", line(1), line(2)));
        let mut reading = log.reading();
        drain(&mut reading);
        let saved = reading.saved().unwrap();
        std::mem::forget(reading);
        log.append("app.log", &line(3));
        let resumed = log.harness("app.log").resumed(&saved);
        let all = log.reading();
        let all = {
            let mut all = all;
            drain(&mut all);
            all.end().unwrap()
        };
        assert_eq!((all.records.len(), all.errors.len()), (3, 2));
        let positions = all.positions.iter().copied().chain(all.errors.iter().map(|error| error.position.unwrap()));
        for position in positions {
            let rest = resumed.read_from(&log.split(), position).unwrap();
            let behind = all.positions.iter().filter(|&&other| other > position).count();
            assert_eq!(rest.records, all.records[3 - behind..], "{format} behind {position}");
            let errors = all.errors.iter().filter(|error| error.position.unwrap() > position);
            assert!(rest.errors.iter().eq(errors), "with the same lines");
        }
    }
}

#[test]
fn a_file_that_was_rotated_while_nobody_looked_is_found_again() {
    let log = Log::text();
    log.write("app.log", "a\nb\n");
    let mut reading = log.reading();
    drain(&mut reading);
    let saved = reading.saved().unwrap();
    std::mem::forget(reading);
    log.append("app.log", "c\n");
    log.written_at("app.log", 1);
    log.rename("app.log", "app.log-20261121");
    log.write("app.log-20261122", "d\n");
    log.written_at("app.log-20261122", 2);
    log.write("app.log", "e\n");
    log.write("app.log.bak", "no\n");
    let got = log.harness("app.log").resumed(&saved).read_from(&log.split(), 0).unwrap();
    assert_eq!(lines(&got), ["b", "c", "d", "e"]);
    assert_eq!(got.positions, [2, 4, at(1, 0), at(2, 0)]);
    assert_eq!(log.warnings(), [""; 0]);
}

#[test]
fn a_file_that_is_gone_is_told_and_the_new_one_read_from_its_start() {
    let log = Log::text();
    log.write("app.log", "a\nb\n");
    let mut reading = log.reading();
    drain(&mut reading);
    let saved = reading.saved().unwrap();
    std::mem::forget(reading);
    std::fs::remove_file(log.path("app.log")).unwrap();
    log.write("app.log", "c\nd\n");
    let got = log.harness("app.log").resumed(&saved).read_from(&log.split(), 2).unwrap();
    assert_eq!(lines(&got), ["c", "d"], "also where the number of its inode is used again");
    assert_eq!(got.positions, [at(1, 0), at(1, 2)]);
    let told = log.warnings();
    assert!(told[0].contains("app.log` when the run was saved is not there any more"), "{told:?}");
}

#[test]
fn a_file_that_was_truncated_while_nobody_looked_is_read_from_its_start() {
    let log = Log::text();
    log.write("app.log", &"x\n".repeat(1_000));
    let mut reading = log.reading();
    drain(&mut reading);
    let saved = reading.saved().unwrap();
    std::mem::forget(reading);
    log.append("app.log", "unseen\n");
    std::fs::copy(log.path("app.log"), log.path("app.log.1")).unwrap();
    log.write("app.log", "new\n");
    let resumed = log.harness("app.log").resumed(&saved);
    let got = resumed.read_from(&log.split(), 1_998).unwrap();
    assert_eq!(lines(&got), ["unseen", "new"], "its copy has the rest");
    std::fs::remove_file(log.path("app.log.1")).unwrap();
    let got = resumed.read_from(&log.split(), 1_998).unwrap();
    assert_eq!(lines(&got), vec!["new"]);
    assert_eq!(got.positions, vec![at(1, 0)]);
    assert_eq!(log.warnings().len(), 1);
}

#[test]
fn a_save_point_in_the_second_file_is_found_in_it() {
    let log = Log::text();
    log.write("app.log", "a\n");
    let mut reading = log.reading();
    drain(&mut reading);
    log.rename("app.log", "app.log.1");
    log.write("app.log", "b");
    drain(&mut reading);
    // Nothing of the second file is a record yet: the newest position is one of the first.
    let saved = reading.saved().unwrap();
    assert_eq!(saved.collected.positions, [0]);
    std::mem::forget(reading);
    log.append("app.log", "c\n");
    let resumed = log.harness("app.log").resumed(&saved);
    let got = resumed.read_from(&log.split(), 0).unwrap();
    assert_eq!(lines(&got), vec!["bc"]);
    assert_eq!(got.positions, vec![at(1, 0)]);
    // And where it was rotated too.
    log.rename("app.log", "app.log.0");
    log.write("app.log", "d\n");
    let got = resumed.read_from(&log.split(), 0).unwrap();
    assert_eq!(lines(&got), vec!["bc", "d"]);
    assert_eq!(got.positions, vec![at(1, 0), at(2, 0)]);
}

#[test]
fn a_position_alone_is_enough_where_the_file_is_the_same() {
    let log = Log::text();
    log.write("app.log", "a\nb\nc\n");
    let harness = log.harness("app.log");
    assert_eq!(lines(&harness.read_from(&log.split(), 0).unwrap()), ["b", "c"]);
    assert_eq!(lines(&harness.read_from(&log.split(), 4).unwrap()), [""; 0]);
    let got = harness.read_from(&log.split(), 6).unwrap();
    assert_eq!(got.positions, [at(1, 0), at(1, 2), at(1, 4)]);
    assert!(log.warnings()[0].contains("is shorter than what was read of it"));
    let error = harness.restored(b"{\"version\":9,\"number\":0,\"file\":null}").splits().unwrap_err().to_string();
    assert!(error.contains("is of version 9"), "{error}");
}

#[test]
fn files_that_appear_for_a_pattern_are_new_splits_and_those_that_vanish_stay() {
    let log = Log::text();
    let harness = log.harness("*.log");
    assert!(harness.splits().unwrap().is_empty(), "nothing matches yet");
    log.write("b.log", "");
    let mut names = super::Names::default();
    let pattern = log.path("*.lo*");
    let mut look = || {
        let files = names.look(pattern.to_str().unwrap(), campanile_sdk::Services::default()).unwrap();
        files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(look(), ["b.log"]);
    log.write("a.log", "");
    log.write("a.log.gz", "");
    assert_eq!(look(), ["a.log", "b.log"]);
    std::fs::remove_file(log.path("a.log")).unwrap();
    assert_eq!(look(), ["a.log", "b.log"]);
    log.rename("b.log", "b.log.1");
    log.write("b.log", "");
    assert_eq!(look(), ["a.log", "b.log"], "what was rotated away is read as what it was");
}

#[test]
fn what_cannot_be_followed_says_why() {
    let told = |properties: Value| {
        let (_, findings) = testing::source::<FileSource>(properties).configure().unwrap();
        findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (properties, part) in [
        (json!({ "path": "-", "follow": true }), "standard input is read as it comes"),
        (json!({ "path": "a.jsonl.gz", "follow": true }), "a compressed file cannot be followed"),
        (json!({ "path": "a", "format": "parquet", "follow": true }), "a parquet file cannot be followed"),
    ] {
        let told = told(properties);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&format!("follow: {part}")), "{told:?}");
    }
    let log = Log::new(json!({}));
    let error = log.harness("*.log").splits().unwrap_err().to_string();
    assert!(error.contains("yet: set property `schema`, or start the run when there is one"), "{error}");
    log.write("a.log", "{\"n\":1}\n");
    assert_eq!(log.harness("*.log").splits().unwrap().len(), 1);
}

#[test]
fn instances_that_are_opened_later_have_the_same_fields() {
    let log = Log::new(json!({}));
    log.write("app.log", "{\"n\":1}\n");
    let first = log.reading();
    log.write("app.log", "");
    let got = log.harness("app.log").read().unwrap();
    assert_eq!(got.schemas[0].names().collect::<Vec<_>>(), ["n"]);
    first.end().unwrap();
    let error = log.harness("app.log").read().unwrap_err().to_string();
    assert!(error.contains("holds no record to take the fields from"), "they are those of a run: {error}");
    let (_, findings) = log.harness("app.log").configure().unwrap();
    assert!(!findings[0].is_error() && findings[0].path == "schema", "{findings:?}");
}

#[test]
fn a_rotation_is_noticed_however_long_nothing_came() {
    let log = Log::text();
    log.write("app.log", "a\n");
    let mut reading = log.reading();
    for _ in 0..1_000 {
        drain(&mut reading);
    }
    log.rename("app.log", "app.log.1");
    log.write("app.log", "b\n");
    for _ in 0..super::LOOKS_AT_NAME {
        drain(&mut reading);
    }
    assert_eq!(lines(&reading.end().unwrap()), ["a", "b"]);
}

#[test]
fn a_source_that_follows_keeps_the_contract() {
    let log = Log::jsonl();
    log.write("app.log", "{\"n\":1}\n\n{\"n\":2}\nbad\n{\"n\":3}\n");
    testing::check_contract(&log.harness("app.log"), &[]);
    testing::check_restored(&log.harness("app.log"), &[]);
    assert_eq!(Path::new(&log.split().id), log.path("app.log"));
}
