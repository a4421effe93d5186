//! What malformed lines get: one error record each, with file, line, offset and reason; the rest is unharmed.

use crate::scene;
use campanile_tests::{Pipeline, Report, Scene};
use serde_json::{Value, json};

/// Reads `in.jsonl` with fields of all kinds, and writes what can be read to `out.jsonl`, the rest to `errors.jsonl`.
fn reading(properties: Value) -> Pipeline {
    let mut source = json!({ "path": "in.jsonl", "format": "jsonl", "schema": [
        { "name": "id", "type": "long", "nullable": false },
        { "name": "small", "type": "int" },
        { "name": "name", "type": "string" },
        { "name": "bpm", "type": "double" },
        { "name": "ok", "type": "boolean" },
    ] });
    source.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    Pipeline::default()
        .stage("in", "source File", source)
        .stage("out", "sink File", json!({ "path": "out.jsonl", "format": "jsonl" }))
        .set("deadLetters", json!({ "path": "errors.jsonl" }))
        .join("in > out")
}

fn read(scene: &Scene, content: &[u8]) -> Report {
    scene.write("in.jsonl", content);
    scene.completes(&reading(json!({})))
}

/// The ids that were written.
fn ids(scene: &Scene) -> Vec<i64> {
    scene.lines("out.jsonl").iter().map(|record| record["id"].as_i64().unwrap()).collect()
}

/// Writes a good line, the bad one and another good one, and checks that the bad one is one error record with its place.
#[track_caller]
fn is_one_error_record(bad: &[u8], reason: &str) {
    let scene = scene();
    let content = [b"{\"id\": 1}\n", bad, b"\n{\"id\": 3}\n"].concat();
    let report = read(&scene, &content);
    let shown = String::from_utf8_lossy(bad).into_owned();
    assert_eq!(ids(&scene), [1, 3], "{shown}");
    let letters = scene.lines("errors.jsonl");
    let [letter] = letters.as_slice() else { panic!("{shown}: {letters:?}") };
    assert_eq!(letter["stageName"], "in", "{letter}");
    let message = letter["errorMessage"].as_str().unwrap();
    assert!(message.contains(reason), "{shown}: {message:?} lacks {reason:?}");
    let file = letter["position"]["file"].as_str().unwrap();
    assert!(file.ends_with("in.jsonl"), "{letter}");
    assert_eq!(letter["position"]["line"], 2, "{letter}");
    assert_eq!(letter["position"]["offset"], 10, "{letter}");
    match std::str::from_utf8(bad) {
        Ok(text) => assert_eq!((&letter["raw"], &letter["rawEncoding"]), (&json!(text), &json!("utf8"))),
        Err(_) => assert_eq!(letter["rawEncoding"], "base64", "{letter}"),
    }
    assert_eq!((report.metric("in", "records.out"), report.metric("in", "records.error")), (2, 1));
    assert_eq!(report.metric("out", "records.in"), 2);
    let problems = report.problems_of("in");
    assert!(problems.iter().any(|problem| problem.contains("in.jsonl:2") && problem.contains(reason)), "{problems:?}");
}

macro_rules! error_records {
    ($($name:ident: $line:expr => $reason:expr;)+) => {$(
        #[test]
        fn $name() {
            is_one_error_record($line, $reason);
        }
    )+};
}

error_records! {
    broken_json_is_one_error_record: br#"{"id": 2, "name": "#  => "the line ends within the record";
    no_json_at_all_is_one_error_record: b"hello world" => "needed at column 1";
    a_list_is_one_error_record: br#"[1, 2]"# => "column 1";
    two_objects_on_a_line_are_one_error_record: br#"{"id": 2} {"id": 4}"# => "behind the record";
    a_number_with_a_leading_zero_is_one_error_record: br#"{"id": 02}"# => "field `id`";
    text_for_a_number_is_one_error_record: br#"{"id": 2, "bpm": "80"}"# => "field `bpm`: text where double is needed";
    a_number_for_text_is_one_error_record: br#"{"id": 2, "name": 7}"# => "field `name`: a number where string is needed";
    a_list_for_a_scalar_is_one_error_record: br#"{"id": 2, "name": ["a"]}"# => "field `name`";
    an_object_for_a_scalar_is_one_error_record: br#"{"id": 2, "bpm": {"x": 1}}"# => "field `bpm`";
    a_number_for_a_boolean_is_one_error_record: br#"{"id": 2, "ok": 1}"# => "field `ok`";
    invalid_utf8_is_one_error_record: b"{\"id\": 2, \"name\": \"\xff\xfe\"}" => "UTF-8";
    invalid_utf8_in_a_field_that_is_ignored_is_one_error_record:
        b"{\"id\": 2, \"other\": \"\xc3\"}" => "UTF-8";
    a_lone_surrogate_is_one_error_record: br#"{"id": 2, "name": "\ud83d"}"# => "surrogate";
    a_control_character_in_text_is_one_error_record: b"{\"id\": 2, \"name\": \"a\x01\"}" => "control character";
    an_integer_that_does_not_fit_is_one_error_record:
        br#"{"id": 9223372036854775808}"# => "field `id`: the number does not fit into long";
    an_integer_that_does_not_fit_into_an_int_is_one_error_record:
        br#"{"id": 2, "small": 2147483648}"# => "field `small`: the number does not fit into int";
    an_integer_with_a_fraction_is_one_error_record: br#"{"id": 2.5}"# => "field `id`: a number with a fraction";
    a_null_where_none_may_be_is_one_error_record: br#"{"id": null}"# => "field `id`: null where the schema allows none";
    a_missing_field_where_none_may_be_is_one_error_record:
        br#"{"name": "x"}"# => "field `id`: it is missing";
    a_double_beyond_all_doubles_is_one_error_record: br#"{"id": 2, "bpm": 1e999}"# => "field `bpm`";
}

#[test]
fn nesting_beyond_128_is_one_error_record() {
    let deep = format!("{{\"id\": 2, \"other\": {}{}}}", "[".repeat(200), "]".repeat(200));
    is_one_error_record(deep.as_bytes(), "nest deeper than 128");
}

#[test]
fn a_line_over_the_limit_is_one_error_record() {
    let scene = scene();
    let long = format!("{{\"id\": 2, \"name\": \"{}\"}}\n", "x".repeat(2_000));
    scene.write("in.jsonl", format!("{{\"id\": 1}}\n{long}{{\"id\": 3}}\n"));
    let report = scene.completes(&reading(json!({ "maxLineBytes": 1_000 })));
    assert_eq!(ids(&scene), [1, 3]);
    let letter = &scene.lines("errors.jsonl")[0];
    assert!(letter["errorMessage"].as_str().unwrap().contains("longer than 1000 bytes"), "{letter}");
    assert_eq!((&letter["position"]["line"], &letter["position"]["offset"]), (&json!(2), &json!(10)));
    assert_eq!(report.metric("in", "records.error"), 1);
}

#[test]
fn the_rest_of_the_batch_of_a_malformed_line_is_unharmed() {
    let scene = scene();
    let bad = |n: i64| n % 97 == 5;
    let line = |n: i64| if bad(n) { format!("{{\"id\": \"{n}\"}}\n") } else { format!("{{\"id\": {n}}}\n") };
    let lines: Vec<String> = (0..20_000).map(line).collect();
    let report = read(&scene, lines.concat().as_bytes());
    assert!(ids(&scene) == (0..20_000).filter(|n| !bad(*n)).collect::<Vec<_>>(), "some were lost");
    let mut offset = 0;
    let mut expected = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        if bad(n as i64) {
            expected.push((n as u64 + 1, offset));
        }
        offset += line.len() as u64;
    }
    let letters = scene.lines("errors.jsonl");
    let place =
        |letter: &Value| (letter["position"]["line"].as_u64().unwrap(), letter["position"]["offset"].as_u64().unwrap());
    assert_eq!(letters.iter().map(place).collect::<Vec<_>>(), expected);
    assert_eq!(report.metric("in", "records.error"), expected.len() as u64);
}

#[test]
fn records_out_and_in_error_and_blank_lines_are_all_lines() {
    let scene = scene();
    let report = read(&scene, b"{\"id\": 1}\n\n  \t\n{\"id\": }\n\r\n{\"id\": 2}\n");
    assert_eq!(ids(&scene), [1, 2]);
    assert_eq!(scene.lines("errors.jsonl")[0]["position"]["line"], 4, "empty lines count");
    assert_eq!(report.metric("in", "lines.blank"), 3);
    assert_eq!((report.metric("in", "records.out"), report.metric("in", "records.error")), (2, 1));
}

#[test]
fn a_byte_order_mark_is_fine() {
    let scene = scene();
    let report = read(&scene, b"\xef\xbb\xbf{\"id\": 1}\n{\"id\": 2}\n");
    assert_eq!((ids(&scene), report.metric("in", "records.error")), (vec![1, 2], 0));
}

#[test]
fn crlf_is_fine() {
    let scene = scene();
    let report = read(&scene, b"{\"id\": 1, \"name\": \"a\"}\r\n{\"id\": 2}\r\n");
    assert_eq!((ids(&scene), report.metric("in", "records.error")), (vec![1, 2], 0));
    assert_eq!(scene.lines("out.jsonl")[0]["name"], "a");
}

#[test]
fn empty_lines_are_fine() {
    let scene = scene();
    let report = read(&scene, b"\n\n{\"id\": 1}\n\n{\"id\": 2}\n\n");
    assert_eq!((ids(&scene), report.metric("in", "records.error")), (vec![1, 2], 0));
}

#[test]
fn a_last_line_without_newline_is_fine() {
    let scene = scene();
    let report = read(&scene, b"{\"id\": 1}\n{\"id\": 2}");
    assert_eq!((ids(&scene), report.metric("in", "records.error")), (vec![1, 2], 0));
}

#[test]
fn a_file_without_lines_is_fine() {
    let scene = scene();
    let report = read(&scene, b"");
    assert_eq!((scene.read("out.jsonl"), report.metric("in", "records.out")), (String::new(), 0));
}

#[test]
fn fields_outside_the_schema_are_counted_and_named_once() {
    let scene = scene();
    let report = read(&scene, b"{\"id\": 1, \"extra\": 5, \"more\": {}}\n{\"id\": 2, \"extra\": [6]}\n{\"id\": 3}\n");
    assert_eq!(ids(&scene), [1, 2, 3]);
    assert_eq!(report.metric("in", "fields.unknown"), 3);
    let problems = report.problems_of("in");
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!((problem.matches("`extra`").count(), problem.matches("`more`").count()), (1, 1), "{problem}");
}

#[test]
fn numbers_and_text_come_out_as_they_went_in() {
    let scene = scene();
    let numbers = ["0.1", "1e300", "5e-324", "123456789.12345679", "-0.5", "100"];
    let lines: Vec<String> = numbers
        .iter()
        .map(|n| format!("{{\"id\": -9223372036854775808, \"bpm\": {n}, \"name\": \"3944e5\"}}\n"))
        .collect();
    read(&scene, lines.concat().as_bytes());
    for (number, record) in numbers.iter().zip(scene.lines("out.jsonl")) {
        assert_eq!(record["bpm"].as_f64(), number.parse().ok(), "{number}");
        assert_eq!((&record["id"], &record["name"]), (&json!(i64::MIN), &json!("3944e5")));
    }
}

#[test]
fn the_last_of_two_equal_keys_wins_and_a_whole_double_is_an_integer() {
    let scene = scene();
    read(&scene, b"{\"id\": 1, \"name\": \"a\", \"name\": \"b\"}\n{\"id\": 12.0}\n");
    assert_eq!(ids(&scene), [1, 12]);
    assert_eq!(scene.lines("out.jsonl")[0]["name"], "b");
}

#[test]
fn a_csv_row_that_does_not_fit_is_one_error_record() {
    let scene = scene();
    scene.write("in.csv", "id,name\n1,one\nx,two\n3,three,3\n4,\"fo\nur\"\n");
    let report = scene.completes(&reading(json!({ "path": "in.csv", "format": "csv", "schema": [
        { "name": "id", "type": "long", "nullable": false }, { "name": "name", "type": "string" },
    ] })));
    assert_eq!(ids(&scene), [1, 4]);
    let lines: Vec<Value> =
        scene.lines("errors.jsonl").iter().map(|letter| letter["position"]["line"].clone()).collect();
    assert_eq!(lines, [3, 4]);
    assert_eq!(report.metric("in", "records.error"), 2);
}
