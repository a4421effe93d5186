use super::{FileSource, SPLIT_BYTES};
use campanile_sdk::testing::{self, Harness, TestError};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;

fn source(path: &Path, mut properties: Value) -> Harness {
    properties["path"] = json!(path);
    testing::source::<FileSource>(properties)
}

fn one_long() -> Value {
    json!({ "schema": [{ "name": "id", "type": "long", "nullable": false }] })
}

fn findings(properties: Value) -> Vec<String> {
    match testing::source::<FileSource>(properties).configure() {
        Ok((_, findings)) => findings.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

#[test]
fn a_source_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("a.jsonl", "{\"id\":1}\n\n{\"id\":2}\nbad\n{\"id\":3}"), ("a.txt", "a\n\nb\nc")] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let properties = if name == "a.txt" { json!({ "format": "text" }) } else { one_long() };
        testing::check_contract(&source(&path, properties), &[]);
    }
}

#[test]
fn a_schema_is_the_output_and_without_one_it_is_known_at_the_start() {
    let outputs = |properties: Value| testing::source::<FileSource>(properties).configure().unwrap().0;
    let given = outputs(json!({ "path": "x", "schema": [{ "name": "id", "type": "long" }] }));
    assert_eq!(given[0].schema.as_ref().unwrap().names().collect::<Vec<_>>(), ["id"]);
    assert_eq!(outputs(json!({ "path": "x" }))[0].schema, None);
    let text = outputs(json!({ "path": "x", "format": "text" }));
    assert_eq!(text[0].schema.as_ref().unwrap().names().collect::<Vec<_>>(), ["line"]);
}

#[test]
fn what_is_wrong_with_properties_is_told_all_at_once() {
    let list = json!([{ "name": "a", "type": "list", "items": "long" }]);
    let got = findings(json!({ "path": "", "delimiter": "ab", "maxLineBytes": 0, "schema": list }));
    assert_eq!(got.len(), 4, "{got:#?}");
    for (finding, part) in got.iter().zip([
        "path: it is empty",
        "delimiter: it is one ASCII",
        "maxLineBytes: it is from 1",
        "schema: field `a` is of type list",
    ]) {
        assert!(finding.starts_with(part), "{finding}");
    }
    assert!(findings(json!({ "path": "a", "format": "parquet", "delimiter": "\\t", "nulls": ["NA"] })).is_empty());
    assert_eq!(findings(json!({ "path": "-", "format": "parquet" })).len(), 1);
    assert_eq!(findings(json!({ "path": "a.gz", "format": "parquet" })).len(), 1);
    assert_eq!(
        findings(json!({ "path": "a", "format": "text", "schema": [{ "name": "x", "type": "string" }] })).len(),
        1
    );
    assert_eq!(findings(json!({ "path": "a", "schema": [] })).len(), 1);
    assert!(findings(json!({ "path": "a", "fromat": "csv" }))[0].contains("unknown field `fromat`"));
}

#[test]
fn files_that_cannot_be_read_fail_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str| source(&folder.path().join(name), json!({})).read().unwrap_err().to_string();
    assert!(message("none.jsonl").contains("there is no file"));
    assert!(message("*.jsonl").contains("no file matches"));
    assert!(message("").contains("is a folder: name its files"));
    std::fs::write(folder.path().join("empty.jsonl"), "\n").unwrap();
    assert!(message("empty.jsonl").contains("holds no record to take the fields from: set property `schema`"));
    assert!(source(&folder.path().join("empty.jsonl"), one_long()).read().unwrap().records.is_empty());
}

#[test]
fn the_files_of_a_pattern_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for (name, id) in [("b", 2), ("c", 3), ("a", 1)] {
        std::fs::write(folder.path().join(name).with_extension("jsonl"), format!("{{\"id\":{id}}}\nbad\n")).unwrap();
    }
    let got = source(&folder.path().join("*.jsonl"), json!({})).read().unwrap();
    assert_eq!(got.records, [json!({ "id": 1.0 }), json!({ "id": 2.0 }), json!({ "id": 3.0 })]);
    let files: Vec<&str> = got.errors.iter().filter_map(|error| error.file.rsplit('/').next()).collect();
    assert_eq!(files, ["a.jsonl", "b.jsonl", "c.jsonl"]);
}

#[test]
fn compressed_files_are_read_by_their_name_and_are_one_split() {
    let folder = tempfile::tempdir().unwrap();
    let content: String = (0..50_000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let gzip = |content: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    // Two members behind each other are one file.
    let gz = [gzip(&content[..99_999]), gzip(&content[99_999..])].concat();
    let zst = zstd::encode_all(content.as_bytes(), 1).unwrap();
    for (name, bytes) in [("a.jsonl.gz", gz), ("a.jsonl.ZST", zst)] {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let harness = source(&path, one_long());
        let got = harness.read().unwrap();
        assert_eq!((got.records.len(), got.errors.len()), (50_000, 0));
        let splits = harness.splits().unwrap();
        assert_eq!(splits.len(), 1);
        let rest = harness.read_from(&splits[0], got.positions[49_000]).unwrap();
        assert_eq!(rest.records[0]["id"], 49_001);
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = harness.read().unwrap_err().to_string();
        assert!(error.contains("cannot read") && error.contains(name), "a torn file is no short one: {error}");
    }
}

/// A file of so many bytes or a little more; every thousandth line is bad.
fn large_file(path: &Path, bytes: u64) -> u64 {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let (mut written, mut id) = (0, 0);
    while written < bytes {
        let end = if id % 7 == 0 { "\r\n" } else { "\n" };
        let bad = if id % 1_000 == 999 { "!" } else { "" };
        let line = format!("{{\"id\":{id},\"text\":\"{}\"}}{bad}{end}", "x".repeat(id % 300));
        file.write_all(line.as_bytes()).unwrap();
        written += line.len() as u64;
        id += 1;
    }
    file.flush().unwrap();
    id as u64
}

#[test]
fn a_large_file_is_cut_into_splits_which_lose_and_repeat_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jsonl");
    let lines = large_file(&path, 2 * SPLIT_BYTES + 1_000);
    let harness = source(&path, one_long());
    let splits = harness.splits().unwrap();
    assert_eq!(splits.len(), 3);
    assert_eq!(splits[0].id, path.to_str().unwrap());
    assert_eq!(splits[1].id, format!("{}@{SPLIT_BYTES}", path.display()));
    let got = harness.read().unwrap();
    let ids: Vec<u64> = got.records.iter().map(|record| record["id"].as_u64().unwrap()).collect();
    let expected: Vec<u64> = (0..lines).filter(|id| id % 1_000 != 999).collect();
    assert_eq!(ids.len(), expected.len());
    assert!(ids == expected, "each line is there once, in order");
    let wrong: Vec<u64> = got.errors.iter().map(|error| error.line).collect();
    assert!(wrong == (1..=lines / 1_000).map(|n| n * 1_000).collect::<Vec<_>>(), "lines are counted across splits");
    assert!(got.positions.is_sorted());
}

#[test]
fn a_line_belongs_to_the_split_in_which_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edge.txt");
    // The second split begins with a line, in the middle of one, at its line feed, and behind the whole file.
    for (first, expected) in [
        (SPLIT_BYTES, ["x", "1", "2"].as_slice()),
        (SPLIT_BYTES + 1, &["x", "1", "2"]),
        (SPLIT_BYTES + 9, &["x", "1", "2"]),
        (SPLIT_BYTES - 1, &["x", "1", "2"]),
        (SPLIT_BYTES - 3, &["x", "1", "2"]),
        (SPLIT_BYTES * 2 + 5, &["x", "1", "2"]),
    ] {
        let mut content = "x".repeat(first as usize - 1);
        content.push_str("\n1\n2");
        std::fs::write(&path, content).unwrap();
        let got = source(&path, json!({ "format": "text", "maxLineBytes": 64 << 20 })).read().unwrap();
        let lines: Vec<&str> = got.records.iter().map(|record| &record["line"].as_str().unwrap()[..1]).collect();
        assert_eq!(lines, expected, "{first}");
        assert_eq!(got.positions[1..], [first, first + 2]);
    }
}

#[test]
fn reading_goes_on_behind_any_row_of_any_split() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jsonl");
    large_file(&path, SPLIT_BYTES + 200_000);
    let harness = source(&path, one_long());
    let splits = harness.splits().unwrap();
    let whole = harness.read().unwrap();
    let in_first = whole.positions.iter().filter(|&&position| position < SPLIT_BYTES).count();
    for (split, rows) in [(0, 0..in_first), (1, in_first..whole.records.len())] {
        for row in [rows.start, rows.start + 1, rows.end - 500, rows.end - 1] {
            let rest = harness.read_from(&splits[split], whole.positions[row]).unwrap();
            assert!(rest.records == whole.records[row + 1..rows.end], "split {split} behind row {row}");
            assert!(rest.positions == whole.positions[row + 1..rows.end]);
            let later = whole.errors.iter().filter(|error| {
                error.position.unwrap() > whole.positions[row]
                    && (error.position.unwrap() < SPLIT_BYTES) == (split == 0)
            });
            assert!(rest.errors.iter().eq(later), "errors have the same places");
        }
    }
}

#[test]
fn how_many_rows_are_asked_for_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let content: String =
        (0..500).map(|id| if id % 50 == 3 { "\nbad\n".to_owned() } else { format!("{{\"id\":{id}}}\n") }).collect();
    std::fs::write(&path, content).unwrap();
    let whole = source(&path, one_long()).read().unwrap();
    for rows in [1, 2, 7] {
        let mut cut = source(&path, one_long()).batch_rows(rows).read().unwrap();
        assert!(cut.calls > whole.calls);
        cut.calls = whole.calls;
        assert_eq!(cut, whole);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_as_one_split_and_not_before_it_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "{\"id\":1}\n{\"id\":2}\n").unwrap()
    });
    let got = source(&path, one_long()).read().unwrap();
    writer.join().unwrap();
    assert_eq!(got.records.len(), 2);
}

/// A file with errors: behind each of them, and behind each record, reading goes on as if it had not stopped.
fn goes_on_behind_everything(path: &Path, properties: &Value, errors: usize) {
    let harness = source(path, properties.clone()).batch_rows(3);
    let all = harness.read().unwrap();
    assert_eq!(all.errors.len(), errors, "{:#?}", all.errors);
    let split = &harness.splits().unwrap()[0];
    let wrong: Vec<u64> = all.errors.iter().map(|error| error.position.unwrap()).collect();
    for position in wrong.into_iter().chain(all.positions.iter().copied()) {
        let rest = harness.read_from(split, position).unwrap();
        let behind = all.positions.iter().filter(|&&other| other > position).count();
        assert!(rest.records == all.records[all.records.len() - behind..], "{} behind {position}", path.display());
        // How much is kept of a line over the limit depends on how it came.
        let place = |error: &TestError| (error.position, error.line, error.message.clone());
        let errors = all.errors.iter().filter(|error| error.position.unwrap() > position).map(place);
        assert!(rest.errors.iter().map(place).eq(errors), "{} behind {position}", path.display());
    }
}

#[test]
fn reading_goes_on_behind_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(300_000);
    let jsonl = format!("bad\n{{\"id\":1}}\n\n{{\"id\":2}}\r\n{{\"id\":\"{long}\"}}\nbad\nworse\n{{\"id\":3}}\n{{");
    // A row over the limit that holds lines, one without a line, what stands behind a quote, a quote that is never closed.
    let lines = format!("{}\n", "y".repeat(499)).repeat(800);
    let csv = format!("id\nbad\n1\n\"{lines}\"\n{long}\n2\n\"3\"x\n4\n\"5\n6\n");
    let text = [b"a\n\xff\n\nb\n".as_slice(), long.as_bytes(), b"\nc\n\xff\xff"].concat();
    let properties = |format: &str| {
        let schema = if format == "text" {
            json!({ "name": "line", "type": "string" })
        } else {
            json!({ "name": "id", "type": "long" })
        };
        json!({ "format": format, "schema": [schema], "maxLineBytes": 1_000 })
    };
    // Of the row with lines its first one is given up, and each of the others is no number.
    let csv_errors = 1 + 1 + 799 + 1 + 1 + 1 + 1;
    for (format, content, errors) in [("jsonl", jsonl.as_bytes(), 5), ("text", &text, 3)] {
        let name = folder.path().join(format!("a.{format}"));
        std::fs::write(&name, content).unwrap();
        goes_on_behind_everything(&name, &properties(format), errors);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        let name = folder.path().join(format!("a.{format}.gz"));
        std::fs::write(&name, encoder.finish().unwrap()).unwrap();
        goes_on_behind_everything(&name, &properties(format), errors);
    }
    let name = folder.path().join("a.csv");
    std::fs::write(&name, &csv).unwrap();
    let harness = source(&name, properties("csv"));
    let all = harness.read().unwrap();
    assert_eq!((all.records.len(), all.errors.len()), (4, csv_errors));
    let split = &harness.splits().unwrap()[0];
    for index in [0, 1, 2, 3, csv_errors - 5, csv_errors - 4, csv_errors - 3, csv_errors - 2, csv_errors - 1] {
        let position = all.errors[index].position.unwrap();
        let rest = harness.read_from(split, position).unwrap();
        assert!(rest.errors == all.errors[index + 1..], "behind error {index}");
        let behind = all.positions.iter().filter(|&&other| other > position).count();
        assert_eq!(rest.records, all.records[4 - behind..]);
    }
}
