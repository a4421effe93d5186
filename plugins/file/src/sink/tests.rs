use super::FileSink;
use crate::source::FileSource;
use campanile_sdk::testing::{self, Harness};
use campanile_sdk::{DataType, Schema, SchemaField};
use serde_json::{Value, json};
use std::path::Path;

fn sink(path: &Path, mut properties: Value) -> Harness {
    properties["path"] = json!(path);
    testing::sink::<FileSink>(properties)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn records_become_lines_without_their_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let records = [
        json!({ "name": "a \"b\"\n", "n": 1_716_200_000_000_i64, "x": 83.4, "on": true }),
        json!({ "n": -5 }),
        json!({ "x": null }),
        json!({ "x": 182.0, "on": false, "name": "x".repeat(1_000_000) }),
        json!({ "x": 1e21, "name": "" }),
    ];
    for rows in [1, 2, 100] {
        sink(&path, json!({})).batch_rows(rows).run(records.clone()).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let long = format!("{{\"name\":\"{}\",\"x\":182,\"on\":false}}", "x".repeat(1_000_000));
        let expected = [
            r#"{"name":"a \"b\"\n","n":1716200000000,"x":83.4,"on":true}"#,
            r#"{"n":-5}"#,
            "{}",
            &long,
            r#"{"name":"","x":1e+21}"#,
        ];
        assert!(written.lines().eq(expected), "{}", &written[..200]);
        assert!(written.ends_with("}\n"));
    }
}

#[test]
fn every_type_is_written_as_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.jsonl"), folder.path().join("out.jsonl"));
    let schema = json!([
        { "name": "long", "type": "long" }, { "name": "int", "type": "int" }, { "name": "float", "type": "float" },
        { "name": "double", "type": "double" }, { "name": "bytes", "type": "bytes" }, { "name": "day", "type": "date" },
        { "name": "at", "type": "timestamp" }, { "name": "price", "type": "decimal", "precision": 9, "scale": 3 },
        { "name": "a name that is longer than sixteen bytes", "type": "boolean" }, { "name": "text", "type": "string" },
    ]);
    let line = r#"{"long":-9223372036854775808,"int":7,"float":0.1,"double":5e-324,"bytes":"AP8=","day":"0001-01-01","at":"2024-05-20T10:13:20.123456Z","price":"-0.050","a name that is longer than sixteen bytes":true,"text":"\u0001é😀"}"#;
    std::fs::write(&from, format!("{line}\n{{}}\n{line}\n")).unwrap();
    // The harness makes columns of text, so the sink gets what it can: the rest is held by the round trip of the engine.
    let got = testing::source::<FileSource>(json!({ "path": from, "schema": schema })).read().unwrap();
    assert_eq!(got.errors, []);
    let fields: Vec<SchemaField> = got.schemas[0]
        .fields
        .iter()
        .map(|field| match field.data_type {
            DataType::Date | DataType::Timestamp | DataType::Decimal { .. } | DataType::Bytes => {
                SchemaField::new(&field.name, DataType::String)
            }
            _ => field.clone(),
        })
        .collect();
    sink(&to, json!({})).input(Schema::new(fields)).run(got.records).unwrap();
    assert_eq!(std::fs::read_to_string(&to).unwrap(), format!("{line}\n{{}}\n{line}\n"));
}

#[test]
fn less_common_types_are_text_in_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let schema = Schema::new(vec![
        SchemaField::new("day", DataType::Date),
        SchemaField::new("at", DataType::Timestamp),
        SchemaField::new("price", DataType::Decimal { precision: 9, scale: 2 }),
        SchemaField::new("bytes", DataType::Bytes),
        SchemaField::new("ratio", DataType::Float),
    ]);
    let record = json!({ "day": 19_782, "at": 1_716_200_000_123_000_i64, "bytes": "foo", "ratio": 0.1 });
    sink(&path, json!({})).input(schema).run([record]).unwrap();
    let expected = r#"{"day":"2024-02-29","at":"2024-05-20T10:13:20.123Z","bytes":"Zm9v","ratio":0.1}"#;
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), expected);
}

#[test]
fn a_file_takes_its_name_when_the_run_has_gone_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    std::fs::write(&path, "old\n").unwrap();
    sink(&path, json!({})).abort_after([json!({ "a": 1 })]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
    assert_eq!(names(folder.path()), ["out.jsonl", "out.jsonl.part"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("out.jsonl.part")).unwrap(), "{\"a\":1}\n");
    sink(&path, json!({})).run([json!({ "b": 2 })]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"b\":2}\n");
    assert_eq!(names(folder.path()), ["out.jsonl"]);
}

#[test]
fn without_records_the_file_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let schema = Schema::new(vec![SchemaField::new("a", DataType::Long)]);
    sink(&path, json!({})).input(schema).run([]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[test]
fn compressed_files_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Value> = (0..20_000).map(|id| json!({ "id": id, "text": format!("text {id}") })).collect();
    for name in ["out.jsonl.gz", "out.jsonl.zst", "out.jsonl"] {
        let path = folder.path().join(name);
        sink(&path, json!({})).batch_rows(1_000).run(records.clone()).unwrap();
        let schema = json!([{ "name": "id", "type": "long" }, { "name": "text", "type": "string" }]);
        let got = testing::source::<FileSource>(json!({ "path": path, "schema": schema })).read().unwrap();
        assert!(got.records == records, "{name}");
    }
    let size = |name: &str| folder.path().join(name).metadata().unwrap().len();
    assert!(size("out.jsonl.gz") * 2 < size("out.jsonl") && size("out.jsonl.zst") * 2 < size("out.jsonl"));
}

#[test]
fn what_cannot_be_written_fails_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let message =
        |path: &str| sink(&folder.path().join(path), json!({})).run([json!({ "a": 1 })]).unwrap_err().to_string();
    assert!(message("none/out.jsonl").contains("there is no folder"), "{}", message("none/out.jsonl"));
    assert!(message("none/out.jsonl").contains("create it first"));
    assert!(message("").contains("is a folder: name a file in it"));
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(message("file/out.jsonl").contains("there is no folder"));
}

#[test]
fn what_is_wrong_with_properties_is_told_all_at_once() {
    let list = DataType::List { items: Box::new(SchemaField::new("item", DataType::Long)) };
    let schema = Schema::new(vec![SchemaField::new("a", list)]);
    let harness = testing::sink::<FileSink>(json!({ "path": "", "delimiter": "\n" })).input(schema);
    let findings: Vec<String> = harness.configure().unwrap().1.iter().map(ToString::to_string).collect();
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(findings[2].starts_with("format: field `a` is of type list"));
    let numbers = Schema::new(vec![SchemaField::new("a", DataType::Long)]);
    let text = testing::sink::<FileSink>(json!({ "path": "a", "format": "text" })).input(numbers);
    assert!(text.configure().unwrap().1[0].message.contains("format text has one field, `line`"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_the_run_and_names_the_file() {
    let schema = Schema::new(vec![SchemaField::new("a", DataType::Long)]);
    let error = sink(Path::new("/dev/full"), json!({})).input(schema).run([json!({ "a": 1 })]).unwrap_err().to_string();
    assert!(error.starts_with("cannot write `/dev/full`: No space left on device"), "{error}");
}

#[cfg(unix)]
#[test]
fn devices_are_written_as_they_are_and_links_stay_links() {
    let schema = Schema::new(vec![SchemaField::new("a", DataType::Long)]);
    sink(Path::new("/dev/null"), json!({})).input(schema).run([json!({ "a": 1 })]).unwrap();
    assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.jsonl"), folder.path().join("link.jsonl"));
    std::fs::write(&real, "old\n").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    sink(&link, json!({})).run([json!({ "a": 1 })]).unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "{\"a\":1}\n");
}
