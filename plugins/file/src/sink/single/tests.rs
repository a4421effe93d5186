#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::format::{CsvOptions, Format};
use crate::sink::FileSink;
use crate::source::FileSource;
use campanile_sdk::testing::{self, Harness, Saved};
use campanile_sdk::{DataType, Schema, SchemaField};
use serde_json::{Value, json};
use std::fs::{read_to_string, remove_file, rename, write};
use std::path::PathBuf;
use tempfile::TempDir;

fn schema() -> Schema {
    Schema::new(vec![SchemaField::new("line", DataType::String).required()])
}

fn sink(path: &Path, format: &str) -> Harness {
    testing::sink::<FileSink>(json!({ "path": path, "format": format })).input(schema()).durable()
}

fn live(path: &Path, format: &str) -> Harness {
    sink(path, format).live()
}

fn at(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

fn records(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| json!({ "line": text })).collect()
}

/// The records of a file.
fn read(path: &Path, format: &str) -> Vec<Value> {
    let schema = serde_json::to_value(schema()).unwrap();
    let got =
        testing::source::<FileSource>(json!({ "path": path, "format": format, "schema": schema })).read().unwrap();
    assert_eq!(got.errors, []);
    got.records
}

fn len(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

#[test]
fn a_run_that_is_killed_and_resumed_writes_what_an_undisturbed_one_writes() {
    let records = records(&["a", "b, \"c\"", "", "d"]);
    for (name, format) in [("out", "jsonl"), ("out", "csv"), ("out", "text")] {
        let (_folder, path) = at(name);
        testing::check_restored_sink(&sink(&path, format).batch_rows(1), &records, || read_to_string(&path).unwrap());
        assert!(!crate::output::beside(&path).exists());
        for end in ["gz", "zst"] {
            let (_folder, path) = at(&format!("{name}.{end}"));
            testing::check_restored_sink(&sink(&path, format), &records, || read(&path, format));
        }
    }
}

#[test]
fn a_file_is_shown_when_the_run_is_over_and_a_fresh_run_begins_anew() {
    let (_folder, path) = at("out.txt");
    write(&path, "old\n").unwrap();
    let sink = sink(&path, "text");
    sink.saved(records(&["a"]), records(&["b"])).unwrap();
    sink.abort_after(records(&["c"])).unwrap();
    assert_eq!(read_to_string(&path).unwrap(), "old\n");
    assert_eq!(read_to_string(crate::output::beside(&path)).unwrap(), "c\n");
    sink.run(records(&["d"])).unwrap();
    assert_eq!(read_to_string(&path).unwrap(), "d\n");
}

#[test]
fn what_an_aborted_run_saved_is_there_for_the_next() {
    let (_folder, path) = at("out.txt");
    let sink = sink(&path, "text");
    let saved = sink.saved(records(&["a"]), []).unwrap();
    sink.clone().resumed(&saved).abort_after(records(&["lost"])).unwrap();
    sink.resumed(&saved).run(records(&["b"])).unwrap();
    assert_eq!(read_to_string(&path).unwrap(), "a\nb\n");
}

#[test]
fn a_file_that_was_shown_before_the_crash_is_taken() {
    for (more, expected) in [(&[][..], "a\n"), (&["b"], "a\nb\n")] {
        let (_folder, path) = at("out.txt");
        let sink = sink(&path, "text");
        let saved = sink.saved(records(&["a"]), []).unwrap();
        rename(crate::output::beside(&path), &path).unwrap();
        sink.resumed(&saved).run(records(more)).unwrap();
        assert_eq!(read_to_string(&path).unwrap(), expected);
        assert!(!crate::output::beside(&path).exists());
    }
    // Records came behind the save point before it was shown: they come again.
    for more in [&["b"][..], &[]] {
        let (_folder, path) = at("out.txt");
        let sink = sink(&path, "text");
        let saved = sink.saved(records(&["a"]), []).unwrap();
        let resumed = sink.resumed(&saved);
        resumed.run(records(&["b"])).unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "a\nb\n");
        resumed.run(records(more)).unwrap();
        assert_eq!(
            read_to_string(&path).unwrap(),
            format!("a\n{}", more.concat() + if more.is_empty() { "" } else { "\n" })
        );
    }
}

#[test]
fn a_file_that_is_shorter_than_what_was_saved_is_an_error() {
    let (_folder, path) = at("out.txt");
    let sink = sink(&path, "text");
    let saved = sink.saved(records(&["abc", "def"]), []).unwrap();
    let part = crate::output::beside(&path);
    write(&part, "abc\n").unwrap();
    let message = || sink.clone().resumed(&saved).run([]).unwrap_err().to_string();
    assert!(message().contains("out.txt.part` has 4 bytes, and 8 were saved: 4 are missing"), "{}", message());
    assert!(message().ends_with("a run without --resume starts afresh"));
    remove_file(&part).unwrap();
    write(&path, "another, and longer than what was saved\n").unwrap();
    assert!(message().contains("has 0 bytes, and 8 were saved"), "{}", message());
    assert_eq!(len(&path), 40, "another file is left alone");
}

#[test]
fn what_was_saved_of_another_file_or_format_is_not_taken() {
    let (folder, path) = at("out.parquet");
    let saved = sink(&path, "text").saved(records(&["a"]), []).unwrap();
    let other = sink(&folder.path().join("other"), "text").resumed(&saved).run([]).unwrap_err().to_string();
    assert!(other.contains("and property `path` now leads to"), "{other}");
    let parts = sink(&path, "parquet");
    let other = parts.clone().resumed(&saved).run([]).unwrap_err().to_string();
    assert!(other.contains("in another format: set property `format` back"), "{other}");
    let saved = parts.saved([], []).unwrap();
    let other = sink(&path, "text").resumed(&saved).run([]).unwrap_err().to_string();
    assert!(other.contains("in another format"), "{other}");
    let later = Saved { state: Some(br#"{"version":9,"path":"x","parts":1}"#.to_vec()), ..saved };
    let other = sink(&path, "text").resumed(&later).run([]).unwrap_err().to_string();
    assert!(other.contains("is of version 9"), "{other}");
}

#[test]
fn a_live_run_shows_records_at_once_and_is_cut_back_when_it_goes_on() {
    for name in ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"] {
        let (folder, path) = at(name);
        let sink = live(&path, "jsonl");
        let saved = sink.saved(records(&["a"]), records(&["b"])).unwrap();
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [name]);
        if name == "out.jsonl" {
            assert_eq!(read_to_string(&path).unwrap(), "{\"line\":\"a\"}\n{\"line\":\"b\"}\n");
        }
        sink.resumed(&saved).abort_after(records(&["c"])).unwrap();
        assert_eq!(read(&path, "jsonl"), records(&["a", "c"]));
    }
}

#[test]
fn a_save_point_without_records_adds_nothing() {
    for name in ["out.gz", "out.zst", "out"] {
        let (_folder, path) = at(name);
        let sink = live(&path, "text");
        let saved = sink.saved(records(&["a"]), []).unwrap();
        let before = len(&path);
        let again = sink.clone().resumed(&saved).saved([], []).unwrap();
        assert_eq!((len(&path), &again.state), (before, &saved.state));
        sink.resumed(&again).run([]).unwrap();
        assert_eq!(len(&path), before);
    }
}

#[test]
fn a_live_run_that_is_not_resumed_appends() {
    for name in ["out", "out.gz", "out.zst"] {
        for format in ["jsonl", "csv", "text"] {
            let (_folder, path) = at(name);
            for text in ["a", "b"] {
                live(&path, format).run(records(&[text])).unwrap();
            }
            assert_eq!(read(&path, format), records(&["a", "b"]), "{name} {format}");
        }
    }
    let (_folder, path) = at("out.txt");
    write(&path, "whole\nto").unwrap();
    live(&path, "text").run(records(&["a"])).unwrap();
    assert_eq!(read_to_string(&path).unwrap(), "whole\nto\na\n", "no line is mixed with another");
}

#[test]
fn what_cannot_be_appended_to_is_left_alone() {
    let (_folder, path) = at("out.csv");
    for there in ["other,line\n", "lines\n", "l"] {
        write(&path, there).unwrap();
        let error = live(&path, "csv").run(records(&["a"])).unwrap_err().to_string();
        assert!(error.contains("does not begin with the line `line`"), "{error}");
        assert_eq!(read_to_string(&path).unwrap(), there);
    }
    write(&path, "line\r\nx\r\n").unwrap();
    live(&path, "csv").run(records(&["a"])).unwrap();
    assert_eq!(read_to_string(&path).unwrap(), "line\r\nx\r\na\n");
    for name in ["out.gz", "out.zst"] {
        let (_folder, path) = at(name);
        let sink = live(&path, "text");
        let saved = sink.saved(records(&["a"]), records(&["b"])).unwrap();
        let there = std::fs::read(&path).unwrap();
        assert!(there.len() as u64 > 0);
        let error = sink.run(records(&["c"])).unwrap_err().to_string();
        assert!(error.contains("does not end with a whole frame"), "{name}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), there);
        // Resumed it is cut back, however it was torn.
        sink.resumed(&saved).run(records(&["c"])).unwrap();
        assert_eq!(read(&path, "text"), records(&["a", "c"]));
    }
}

#[test]
fn a_live_run_whose_file_lost_what_was_saved_does_not_go_on() {
    let (_folder, path) = at("out.txt");
    let saved = live(&path, "text").saved(records(&["abc"]), []).unwrap();
    remove_file(&path).unwrap();
    let error = live(&path, "text").resumed(&saved).run([]).unwrap_err().to_string();
    assert!(error.contains("out.txt` has 0 bytes, and 4 were saved"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_the_save_point_and_says_what_to_do() {
    for name in ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"] {
        let (_folder, path) = at(name);
        std::os::unix::fs::symlink("/dev/full", crate::output::beside(&path)).unwrap();
        let error = sink(&path, "jsonl").saved(records(&["a"]), []).unwrap_err().to_string();
        let part = crate::output::beside(&path);
        assert!(error.starts_with(&format!("cannot write `{}`", part.display())), "{error}");
        assert!(
            error.contains("No space left on device") && error.ends_with("make room and start the run again"),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn devices_save_nothing() {
    for harness in [sink(Path::new("/dev/null"), "text"), live(Path::new("/dev/null"), "text")] {
        assert_eq!(harness.saved(records(&["a"]), []).unwrap().state, None);
    }
}

#[test]
fn a_file_that_is_taken_away_while_it_is_written_is_noticed() {
    let (_folder, path) = at("out.txt");
    let csv = CsvOptions { header: true, delimiter: b',', nulls: Vec::new() };
    for mode in [Mode::Durable, Mode::Live] {
        let layout = || Layout { format: Format::Text, csv: csv.clone(), schema: schema() };
        let open = || Single::open(Target::new(path.to_str().unwrap()).unwrap(), layout(), mode).unwrap();
        let mut single = open();
        single.snapshot().unwrap();
        remove_file(single.written()).unwrap();
        assert!(
            single.snapshot().unwrap_err().to_string().contains("it was removed or renamed while the run wrote it")
        );
        write(single.written(), "").unwrap();
        let keep = std::fs::File::open(single.written()).unwrap();
        assert!(single.snapshot().unwrap_err().to_string().contains("another file has its name"));
        drop(keep);
        if mode == Mode::Durable {
            remove_file(single.written()).unwrap();
            single.prepare().unwrap();
            let error = single.commit().unwrap_err().to_string();
            assert!(
                error.contains("cannot rename") && error.contains("leave it alone until the run is over"),
                "{error}"
            );
        }
    }
}
