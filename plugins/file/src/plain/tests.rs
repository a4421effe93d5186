use crate::sink::FileSink;
use crate::source::FileSource;
use campanile_sdk::testing;
use serde_json::{Value, json};

fn lines(content: impl AsRef<[u8]>, more: Value) -> testing::Collected {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, content).unwrap();
    let mut properties = json!({ "path": path, "format": "text" });
    for (key, value) in more.as_object().into_iter().flatten() {
        properties[key] = value.clone();
    }
    testing::source::<FileSource>(properties).read().unwrap()
}

#[test]
fn each_line_is_a_record_also_a_blank_one() {
    let got = lines("\u{feff}a\r\n\n  \nlast é", json!({}));
    assert_eq!(got.errors, []);
    let texts: Vec<&str> = got.records.iter().map(|record| record["line"].as_str().unwrap()).collect();
    assert_eq!(texts, ["a", "", "  ", "last é"]);
    assert_eq!(got.positions, [3, 6, 7, 10]);
}

#[test]
fn a_line_that_is_no_text_or_too_long_is_an_error_record() {
    let content = [b"a\nb\xff\n".as_slice(), "y".repeat(100).as_bytes(), b"\nc\n"].concat();
    let got = lines(content, json!({ "maxLineBytes": 99 }));
    assert_eq!(got.records.len(), 2);
    assert_eq!((got.errors[0].line, &*got.errors[0].raw), (2, b"b\xff".as_slice()));
    assert!(got.errors[0].message.contains("not UTF-8"));
    assert_eq!((got.errors[1].line, got.errors[1].position), (3, Some(5)));
    assert!(got.errors[1].message.contains("longer than 99 bytes"));
}

#[test]
fn lines_are_written_as_they_were_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.txt");
    let records: Vec<Value> = (0..100_000).map(|n| json!({ "line": format!("line {n}") })).collect();
    let harness = testing::sink::<FileSink>(json!({ "path": path, "format": "text" }));
    harness.run(records).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.lines().enumerate().all(|(n, line)| line == format!("line {n}")));
    assert_eq!(written.lines().count(), 100_000);
}
