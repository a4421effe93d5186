use crate::fixture;
use crate::source::FileSource;
use campanile_sdk::testing::{self, Collected, TestError};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A file with this content, and its path.
fn file(content: impl AsRef<[u8]>) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn read_with(content: impl AsRef<[u8]>, mut properties: Value) -> Collected {
    let (_folder, path) = file(content);
    properties["path"] = json!(path);
    testing::source::<FileSource>(properties).read().unwrap()
}

fn schema() -> Value {
    json!([
        { "name": "id", "type": "long", "nullable": false },
        { "name": "name", "type": "string" },
        { "name": "bpm", "type": "double" },
        { "name": "on", "type": "boolean" },
        { "name": "level", "type": "int" },
        { "name": "ratio", "type": "float" },
        { "name": "raw", "type": "bytes" },
        { "name": "day", "type": "date" },
        { "name": "at", "type": "timestamp" },
        { "name": "price", "type": "decimal", "precision": 5, "scale": 2 },
    ])
}

fn read(content: impl AsRef<[u8]>) -> Collected {
    read_with(content, json!({ "schema": schema() }))
}

fn ids(got: &Collected) -> Vec<i64> {
    got.records.iter().map(|record| record["id"].as_i64().unwrap()).collect()
}

#[test]
fn values_of_every_type_are_read() {
    let line = r#"{"id":-7,"name":"Ünal \"\u00e9\ud83d\ude00\n\/","bpm":83.4,"on":true,"level":2147483647,"ratio":0.1,"raw":"AAEC/w==","day":"2024-02-29","at":"2024-05-20T12:13:20.123+02:00","price":"123.45"}"#;
    let got = read(line);
    assert_eq!(got.errors, []);
    let expected = json!({
        "id": -7, "name": "Ünal \"é😀\n/", "bpm": 83.4, "on": true, "level": 2_147_483_647, "ratio": 0.1_f32, "raw": "AAEC/w==",
        "day": "2024-02-29", "at": "2024-05-20T10:13:20.123Z", "price": "123.45",
    });
    assert_eq!(got.records, [expected]);
}

#[test]
fn whole_numbers_may_be_written_as_doubles_and_decimals_as_numbers() {
    let got = read(
        "{\"id\":12.0,\"level\":1e2,\"bpm\":5,\"price\":1.5}\n{\"id\":9223372036854775807}\n{\"id\":-9223372036854775808}\n",
    );
    assert_eq!(got.errors, []);
    assert_eq!(got.records[0], json!({ "id": 12, "level": 100, "bpm": 5.0, "price": "1.50" }));
    assert_eq!(ids(&got), [12, i64::MAX, i64::MIN]);
}

/// What is wrong with a line, and what is said of it.
const BAD: &[(&str, &str)] = &[
    // Broken JSON.
    ("x", "a record in braces is needed at column 1"),
    ("[1]", "a record in braces"),
    ("\"id\"", "a record in braces"),
    ("null", "a record in braces"),
    ("{", "the line ends within the record"),
    (r#"{"id""#, "the line ends"),
    (r#"{"id":"#, "the line ends"),
    (r#"{"id":1"#, "the line ends"),
    (r#"{"id":1,"#, "the line ends"),
    (r#"{"id":1,}"#, "a name in quotes is needed at column 9"),
    (r#"{"id" 1}"#, "`:` is needed at column 7"),
    (r#"{"id":1 "name":"a"}"#, "`,` or `}` is needed at column 9"),
    (r#"{"id":1]"#, "`,` or `}`"),
    (r#"{id:1}"#, "a name in quotes is needed at column 2"),
    (r#"{'id':1}"#, "a name in quotes"),
    (r#"{"id":1}}"#, "something stands behind the record at column 9"),
    (r#"{"id":1}{"id":2}"#, "something stands behind the record"),
    (r#"{"id":1} x"#, "something stands behind the record at column 10"),
    (r#"{"id":1,,"name":"a"}"#, "a name in quotes"),
    (r#"{,"id":1}"#, "a name in quotes"),
    (r#","id":1}"#, "a record in braces"),
    (r#"{"id":1{"id":2}"#, "`,` or `}`"),
    (r#"{"id":1,"name":"a}"#, "field `name`: the line ends within the record"),
    ("{\"id\":1,\"name\":\"a\tb\"}", "field `name`: a control character stands in a string at column 18"),
    ("{\"id\":1,\"name\":\"a\0b\"}", "a control character"),
    (r#"{"id":1,"name":"\x"}"#, "field `name`: the escape at column 17 has no meaning"),
    (r#"{"id":1,"name":"\u12g4"}"#, "has no meaning"),
    (r#"{"id":1,"name":tru}"#, "field `name`: a value is needed"),
    (r#"{"id":1,"name":nul}"#, "field `name`: a value is needed"),
    (r#"{"id":1,"on":truer}"#, "`,` or `}`"),
    (r#"{"id":NaN}"#, "field `id`: a value is needed at column 7"),
    (r#"{"id":Infinity}"#, "field `id`: a value"),
    (r#"{"id":+1}"#, "field `id`: a value"),
    (r#"{"id":01}"#, "field `id`: the number at column 7 is not one that JSON allows"),
    (r#"{"id":1,"bpm":00.5}"#, "field `bpm`: the number"),
    (r#"{"id":1,"bpm":.5}"#, "field `bpm`: a value"),
    (r#"{"id":1,"bpm":5.}"#, "field `bpm`: the number"),
    (r#"{"id":1,"bpm":5.5.5}"#, "`,` or `}`"),
    (r#"{"id":1,"bpm":-}"#, "field `bpm`: the number"),
    (r#"{"id":1,"bpm":1e}"#, "field `bpm`: the number"),
    (r#"{"id":1,"bpm":0x10}"#, "`,` or `}`"),
    (r#"{"id":1,"bpm":1_000}"#, "`,` or `}`"),
    // Values that do not fit.
    (r#"{"id":"1"}"#, "field `id`: text where long is needed"),
    (r#"{"id":true}"#, "field `id`: a boolean where long is needed"),
    (r#"{"id":[1]}"#, "field `id`: a list where long is needed"),
    (r#"{"id":{}}"#, "field `id`: an object where long is needed"),
    (r#"{"id":1,"name":5}"#, "field `name`: a number where string is needed"),
    (r#"{"id":1,"name":{"a":1}}"#, "field `name`: an object where string is needed"),
    (r#"{"id":1,"name":["a"]}"#, "field `name`: a list where string is needed"),
    (r#"{"id":1,"bpm":"83.4"}"#, "field `bpm`: text where double is needed"),
    (r#"{"id":1,"on":1}"#, "field `on`: a number where boolean is needed"),
    (r#"{"id":1,"on":"true"}"#, "field `on`: text where boolean is needed"),
    (r#"{"id":9223372036854775808}"#, "field `id`: the number does not fit into long"),
    (r#"{"id":1e99}"#, "field `id`: the number does not fit into long"),
    (r#"{"id":12.5}"#, "field `id`: a number with a fraction where long is needed"),
    (r#"{"id":1e-3}"#, "field `id`: a number with a fraction"),
    (r#"{"id":1,"level":2147483648}"#, "field `level`: the number does not fit into int"),
    (r#"{"id":1,"level":0.5}"#, "field `level`: a number with a fraction"),
    (r#"{"id":1,"bpm":1e400}"#, "field `bpm`: the number does not fit into double"),
    (r#"{"id":1,"ratio":1e39}"#, "field `ratio`: the number does not fit into float"),
    (r#"{"id":1,"raw":"A"}"#, "field `raw`: the text is not base64"),
    (r#"{"id":1,"day":"2026-02-29"}"#, "field `day`: the text is not a date"),
    (r#"{"id":1,"day":20260229}"#, "field `day`: a number where date is needed"),
    (r#"{"id":1,"at":"2026-02-28T10:00:00"}"#, "field `at`: the text is not an RFC 3339 time with its offset"),
    (r#"{"id":1,"at":1716200000000}"#, "field `at`: a number where timestamp is needed"),
    (r#"{"id":1,"price":"12.345"}"#, "field `price`: the number has more digits behind the point"),
    (r#"{"id":1,"price":1000}"#, "field `price`: the number does not fit into decimal"),
    (r#"{"id":1,"price":"a"}"#, "field `price`: the text is not a decimal number"),
    (r#"{"id":null}"#, "field `id`: null where the schema allows none"),
    (r#"{"name":"a"}"#, "field `id`: it is missing"),
    ("{}", "field `id`: it is missing"),
    // In what the schema does not have, too.
    (r#"{"id":1,"z":01}"#, "field `z`: the number"),
    (r#"{"id":1,"z":[1,]}"#, "field `z`: a value is needed"),
    (r#"{"id":1,"z":[1}"#, "field `z`: `,` or `]` is needed"),
    (r#"{"id":1,"z":{"a":1]}"#, "field `z`: `,` or `}` is needed"),
    (r#"{"id":1,"z":{"a"}}"#, "field `z`: `:` is needed"),
    (r#"{"id":1,"z":"\ud800"}"#, "field `z`: a lone surrogate stands at column 14"),
    (r#"{"id":1,"z":undefined}"#, "field `z`: a value is needed"),
    // Halves of characters.
    (r#"{"id":1,"name":"\ud83d"}"#, "field `name`: a lone surrogate stands at column 17"),
    (r#"{"id":1,"name":"\ud83dx"}"#, "field `name`: a lone surrogate"),
    (r#"{"id":1,"name":"\ude00"}"#, "field `name`: a lone surrogate"),
    (r#"{"id":1,"name":"\ud83d\ud83d"}"#, "field `name`: a lone surrogate"),
    (r#"{"id":1,"\ud800":2}"#, "a lone surrogate"),
];

#[test]
fn a_bad_line_is_one_error_record_with_its_place_and_harms_no_other() {
    for (bad, message) in BAD {
        for (before, after) in [(0, 3), (3, 0), (2, 1), (40, 40)] {
            let good = |id: usize| format!("{{\"id\":{id},\"name\":\"n{id}\",\"bpm\":1.5,\"day\":\"2024-02-29\"}}\n");
            let head: String = (0..before).map(good).collect();
            let tail: String = (before..before + after).map(good).collect();
            let end = if after == 0 { "" } else { "\n" };
            let got = read(format!("{head}{bad}{end}{tail}"));
            assert_eq!(ids(&got), (0..(before + after) as i64).collect::<Vec<_>>(), "{bad}");
            let [error] = got.errors.as_slice() else { panic!("{bad}: {:?}", got.errors) };
            assert!(error.message.contains(message), "{bad}: {}", error.message);
            assert_eq!(
                (error.code, error.line, error.position),
                (1, before as u64 + 1, Some(head.len() as u64)),
                "{bad}"
            );
            assert_eq!(error.raw, bad.as_bytes());
            assert!(error.file.ends_with("rows.jsonl"));
            assert!(got.records.iter().all(|record| record["day"] == "2024-02-29"), "{bad}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_an_error_of_their_line_also_in_ignored_fields() {
    let lines: &[(&[u8], &str)] = &[
        (b"{\"id\":1,\"name\":\"a\xff\"}", "field `name`: the bytes at column 18 are not UTF-8"),
        (b"{\"id\":1,\"z\":\"\xc3\"}", "the bytes at column 14 are not UTF-8"),
        (b"{\"id\":1}\x80", "the bytes at column 9 are not UTF-8"),
        (b"\xff\xfe", "the bytes at column 1 are not UTF-8"),
        (b"{\"id\":1,\"name\":\"\xed\xa0\x80\"}", "field `name`: the bytes at column 17 are not UTF-8"),
    ];
    for (bad, message) in lines {
        let content = [b"{\"id\":1}\n{\"id\":2,\"name\":\"\xc3\xa9\"}\n", *bad, b"\r\n\n{\"id\":3}\n"].concat();
        let got = read(content);
        assert_eq!(ids(&got), [1, 2, 3]);
        assert_eq!(got.records[1]["name"], "é");
        let [error] = got.errors.as_slice() else { panic!("{:?}", got.errors) };
        assert!(error.message.contains(message), "{}", error.message);
        assert_eq!((&*error.raw, error.line, error.position), (*bad, 3, Some(30)));
    }
}

#[test]
fn lists_and_objects_nest_128_deep_and_no_deeper() {
    let nested = |depth: usize| format!("{{\"id\":1,\"z\":{}{}}}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(nested(127)).errors, []);
    assert!(read(nested(128)).errors[0].message.contains("field `z`: lists and objects nest deeper than 128"));
    // Far deeper ones do not exhaust the stack.
    assert_eq!(read(nested(1_000_000)).errors.len(), 1);
}

fn placed(error: &TestError) -> (u64, Option<u64>, usize) {
    (error.line, error.position, error.raw.len())
}

#[test]
fn a_line_over_the_limit_is_an_error_with_its_beginning_and_the_next_line_is_read() {
    for len in [1_001, 70_000, 300_000, 900_000] {
        let long = format!("{{\"id\":2,\"name\":\"{}\"}}", "x".repeat(len - 18));
        for end in ["\n", "\r\n", ""] {
            let tail = if end.is_empty() { "" } else { "{\"id\":3}\n" };
            let content = format!("{{\"id\":1}}\n{long}{end}{tail}");
            let got = read_with(content, json!({ "schema": schema(), "maxLineBytes": 1_000 }));
            assert_eq!(ids(&got), if end.is_empty() { vec![1] } else { vec![1, 3] }, "{len}");
            let [error] = got.errors.as_slice() else { panic!("{len}: {:?}", got.errors.len()) };
            assert_eq!(placed(error), (2, Some(9), len.min(65_536)));
            assert!(error.message.contains("longer than 1000 bytes"), "{}", error.message);
            assert!(long.as_bytes().starts_with(&error.raw));
        }
    }
}

#[test]
fn a_line_of_just_the_limit_is_read() {
    for end in ["\n", "\r\n", ""] {
        let line = format!("{{\"id\":2,\"name\":\"{}\"}}", "x".repeat(1_000 - 18));
        assert_eq!(line.len(), 1_000);
        let got = read_with(format!("{line}{end}"), json!({ "schema": schema(), "maxLineBytes": 1_000 }));
        assert_eq!((got.errors.len(), got.records.len()), (0, 1));
    }
}

#[test]
fn lines_longer_than_the_buffer_are_read() {
    let name = "y".repeat(3 << 20);
    let got = read(format!("{{\"id\":1}}\n{{\"id\":2,\"name\":\"{name}\"}}\n{{\"id\":3}}\n"));
    assert_eq!(ids(&got), [1, 2, 3]);
    assert_eq!(got.records[1]["name"].as_str().unwrap().len(), name.len());
}

#[test]
fn a_byte_order_mark_line_ends_of_windows_blank_lines_and_a_last_line_without_end_are_fine() {
    let got = read("\u{feff}{\"id\":1}\r\n\r\n \t \n{\"id\":2}\r\n\n{\"id\":3}");
    assert_eq!(ids(&got), [1, 2, 3]);
    assert_eq!(got.errors, []);
    let got = read("\u{feff}\r\n\r\n x\r\n{\"id\":3}\r");
    assert_eq!(placed(&got.errors[0]), (3, Some(7), 2));
    assert_eq!(ids(&got), [3]);
    assert!(read("").records.is_empty() && read("\n\n").errors.is_empty() && read("\u{feff}").errors.is_empty());
}

#[test]
fn white_space_is_allowed_wherever_json_allows_it() {
    let lines =
        " { \"id\" : 1 , \"name\" :\t\"a\" } \r\n{\"id\": 2, \"name\": \"b\"}\n{ \"id\":3}\n{\"id\":4,\"bpm\":1.5 }\n";
    let got = read(lines.repeat(5));
    assert_eq!((got.errors.len(), got.records.len()), (0, 20));
    assert_eq!(got.records[16..18], [json!({ "id": 1, "name": "a" }), json!({ "id": 2, "name": "b" })]);
}

#[test]
fn the_last_of_equal_names_counts() {
    let lines = [
        r#"{"id":1,"id":2,"name":"a","name":"b"}"#,
        r#"{"name":"x","bpm":1.5,"id":3,"name":null,"bpm":2.5}"#,
        r#"{"id":null,"id":4,"on":true,"on":false}"#,
        r#"{"n\u0061me":"a","id":5,"name":"b"}"#,
        r#"{"id":6,"name":"b","n\u0061me":"c"}"#,
    ];
    let got = read(lines.join("\n"));
    let expected = [
        json!({ "id": 2, "name": "b" }),
        json!({ "bpm": 2.5, "id": 3 }),
        json!({ "id": 4, "on": false }),
        json!({ "id": 5, "name": "b" }),
        json!({ "id": 6, "name": "c" }),
    ];
    assert_eq!(got.records.len(), 4, "{:?}", got.errors);
    assert!(got.errors[0].message.contains("field `id`: null"), "a null that may not be is an error at once");
    let expected: Vec<Value> = expected.into_iter().filter(|record| record["id"] != 4).collect();
    assert_eq!(got.records, expected);
}

#[test]
fn names_may_come_in_any_order_and_nulls_may_be_left_out() {
    let lines = [
        r#"{"bpm":1.5,"name":"a","id":1}"#,
        r#"{"id":2,"bpm":null,"name":null}"#,
        r#"{"name":"c","id":3}"#,
        r#"{"id":4,"day":"2024-02-29","name":"d"}"#,
    ];
    let got = read(format!("{}\n", lines.join("\n")).repeat(50));
    assert_eq!((got.errors.len(), got.records.len()), (0, 200));
    for (index, record) in got.records.iter().enumerate() {
        let expected = [
            json!({ "bpm": 1.5, "name": "a", "id": 1 }),
            json!({ "id": 2 }),
            json!({ "name": "c", "id": 3 }),
            json!({ "id": 4, "day": "2024-02-29", "name": "d" }),
        ];
        assert_eq!(*record, expected[index % 4]);
    }
}

#[test]
fn records_errors_and_blank_lines_are_as_many_as_lines_and_unknown_fields_are_counted_and_named() {
    let (_folder, path) = file(
        "{\"id\":1,\"x\":1,\"y\":{\"x\":2}}\n\n{\"id\":2,\"x\":null}\nbad\n   \n{\"id\":3,\"x\":1,\"id\":4}\n{\"y\":\"broken",
    );
    let properties = json!({ "format": "jsonl", "schema": [{ "name": "id", "type": "long", "nullable": false }] });
    let got = fixture::source(path.as_ref(), &properties).read().unwrap();
    assert_eq!((got.records.len(), got.errors.len()), (3, 2));
    let tally: Vec<&str> = got.alerts[0].iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(tally, ["2", "5", r#"{"x": 3, "y": 2}"#]);
}

#[test]
fn only_the_first_names_of_unknown_fields_are_kept() {
    let many: Vec<String> = (0..100).map(|i| format!("\"field-{i}\":{i}")).collect();
    let (_folder, path) = file(format!("{{\"id\":1,{}}}\n", many.join(",")).repeat(3));
    let properties = json!({ "format": "jsonl", "schema": [{ "name": "id", "type": "long" }] });
    let got = fixture::source(path.as_ref(), &properties).read().unwrap();
    assert_eq!((got.records.len(), got.errors.len()), (3, 0));
    assert_eq!(got.alerts[0][1].1, "300");
    assert_eq!(got.alerts[0][2].1.matches("field-").count(), 16);
}

#[test]
fn a_schema_is_inferred_from_the_first_records() {
    let lines = [
        r#"{"n":1,"wide":9007199254740993,"half":9007199254740993,"text":"a","on":true,"list":[1, {"a": "b c"}],"mixed":1,"none":null}"#,
        "broken",
        r#"{"n":-3,"half":0.5,"late":"x","mixed":"a b","list":null,"none":null,"huge":99999999999999999999}"#,
        r#"{"mixed":true,"list":"text"}"#,
    ];
    let got = read_with(lines.join("\n"), json!({}));
    let types: Vec<(&str, &str, bool)> = got.schemas[0]
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.data_type.as_str(), field.nullable))
        .collect();
    let expected = [
        ("n", "double", true),
        ("wide", "long", true),
        ("half", "double", true),
        ("text", "string", true),
        ("on", "boolean", true),
        ("list", "string", true),
        ("mixed", "string", true),
        ("none", "string", true),
        ("late", "string", true),
        ("huge", "double", true),
    ];
    assert_eq!(types, expected);
    assert_eq!(got.errors.len(), 1);
    let first = json!({
        "n": 1.0, "wide": 9_007_199_254_740_993_i64, "half": 9_007_199_254_740_992.0, "text": "a", "on": true,
        "list": r#"[1,{"a":"b c"}]"#, "mixed": "1",
    });
    assert_eq!(got.records[0], first);
    assert_eq!(got.records[1]["mixed"], "a b");
    assert_eq!(got.records[2], json!({ "mixed": "true", "list": "text" }));
}

#[test]
fn what_comes_behind_the_sample_must_fit_it() {
    let mut content = "{\"a\":1}\n".repeat(1_000);
    content.push_str("{\"a\":\"text\",\"b\":1}\n{\"a\":2,\"b\":1}\n");
    let got = read_with(content, json!({}));
    assert_eq!(got.schemas[0].names().collect::<Vec<_>>(), ["a"]);
    assert_eq!((got.records.len(), got.errors.len()), (1_001, 1));
}

/// What a plain reader makes of a line: a record, or nothing where the line is bad.
fn oracle(line: &str) -> Option<Value> {
    let Value::Object(members) = serde_json::from_str(line).ok()? else { return None };
    let mut record = serde_json::Map::new();
    for (name, value) in members {
        match (name.as_str(), &value) {
            ("id", Value::Number(number)) => {
                let whole = number.as_i64().or_else(|| {
                    number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9e15).map(|value| value as i64)
                });
                record.insert(name, json!(whole?));
            }
            ("name", Value::String(_)) | ("on", Value::Bool(_)) => drop(record.insert(name, value)),
            ("bpm", Value::Number(number)) => drop(record.insert(name, json!(number.as_f64()?))),
            ("id", _) => return None,
            ("name" | "on" | "bpm", Value::Null) => {}
            ("name" | "on" | "bpm", _) => return None,
            _ => {}
        }
    }
    record.contains_key("id").then_some(Value::Object(record))
}

#[test]
fn lines_are_read_and_refused_as_a_plain_reader_does() {
    let seeds = [
        r#"{"id":1716200000000,"name":"name of 1234","bpm":83.4,"on":true}"#,
        r#"{"id": 12, "name": "a\u00e9\n", "bpm": -48.123456, "on": null, "z": [1, {"y": "\ud83d\ude00"}]}"#,
        r#"{"bpm":1e-5,"id":12.0,"on":false,"name":null}"#,
        r#"{"name":"","id":-0,"bpm":123456789.12345678}"#,
    ];
    let alphabet: Vec<char> = "{}[]\",:\\/ 0123456789.eE+-truefalsnu\u{e9}xd8\t".chars().collect();
    // A linear congruential generator (Knuth, MMIX): the same lines in every run.
    let mut state = 42_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut lines = Vec::new();
    for round in 0..20_000 {
        let mut line: Vec<char> = seeds[round % seeds.len()].chars().collect();
        for _ in 0..random(3) {
            let at = random(line.len());
            match random(4) {
                0 => drop(line.remove(at)),
                1 => line.insert(at, alphabet[random(alphabet.len())]),
                2 => line[at] = alphabet[random(alphabet.len())],
                _ => line.insert(at, line[random(line.len())]),
            }
        }
        lines.push(line.into_iter().collect::<String>());
    }
    let properties = json!({ "schema": [
        { "name": "id", "type": "long", "nullable": false },
        { "name": "name", "type": "string" },
        { "name": "bpm", "type": "double" },
        { "name": "on", "type": "boolean" },
    ] });
    let got = read_with(lines.join("\n"), properties);
    let mut errors = got.errors.iter().map(|error| error.line as usize - 1).peekable();
    let mut records = got.records.iter();
    for (number, line) in lines.iter().enumerate() {
        let refused = errors.next_if_eq(&number).is_some();
        let plain = serde_json::from_str::<Value>(line).map_err(|error| error.to_string());
        if plain.is_err_and(|error| error.contains("number out of range")) && !refused {
            // That reader minds a number in a field that nobody reads.
            records.next();
            continue;
        }
        assert_eq!(
            refused,
            oracle(line).is_none(),
            "{line}: {:?}",
            got.errors.iter().find(|e| e.line == number as u64 + 1)
        );
        if !refused {
            assert_eq!(records.next(), oracle(line).as_ref(), "{line}");
        }
    }
    assert_eq!(records.next(), None);
    assert!(got.records.len() > 5_000 && got.errors.len() > 1_000, "both kinds of lines were tried");
}
