use crate::fixture;
use crate::source::FileSource;
use campanile_sdk::testing::{Collected, Harness};
use campanile_sdk::{DataType, Result, Schema, SchemaField, testing};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A source of a file with this content.
fn source(content: impl AsRef<[u8]>, mut more: Value) -> (TempDir, Harness) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, content).unwrap();
    more["format"] = json!("csv");
    let harness = fixture::source(&path, &more);
    (folder, harness)
}

fn read(content: impl AsRef<[u8]>, more: Value) -> Result<Collected> {
    let (_folder, harness) = source(content, more);
    harness.read()
}

fn schema(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, word)| json!({ "name": name, "type": word })).collect()
}

fn tally(got: &Collected) -> Vec<String> {
    got.alerts[0].iter().map(|(_, value)| value.clone()).collect()
}

#[test]
fn text_stays_text_where_the_schema_says_so() {
    let content = "userid,heartbeat\n3944e5,182\n007,80.5\n";
    let got = read(content, json!({ "schema": schema(&[("userid", "string"), ("heartbeat", "double")]) })).unwrap();
    assert_eq!(
        got.records,
        [json!({ "userid": "3944e5", "heartbeat": 182.0 }), json!({ "userid": "007", "heartbeat": 80.5 })]
    );
    assert_eq!(got.positions, [17, 28]);
}

#[test]
fn a_schema_is_inferred_from_what_stands_there() {
    let got = read("a,b,c,d,\n1,true,9007199254740993,x,\n,,,\"\",\n2.5,false,,y,\n", json!({})).unwrap();
    let types: Vec<_> =
        got.schemas[0].fields.iter().map(|f| (f.name.as_str(), f.data_type.as_str(), f.nullable)).collect();
    assert_eq!(
        types,
        [
            ("a", "double", true),
            ("b", "boolean", true),
            ("c", "long", true),
            ("d", "string", true),
            ("column_5", "string", true)
        ]
    );
    assert_eq!(
        got.records,
        [
            json!({ "a": 1.0, "b": true, "c": 9_007_199_254_740_993_i64, "d": "x" }),
            json!({ "d": "" }),
            json!({ "a": 2.5, "b": false, "d": "y" })
        ]
    );
}

#[test]
fn only_the_first_thousand_records_are_sampled() {
    let mut content = "n\n".to_owned() + &"1\n".repeat(1_000);
    content += "x\n";
    let got = read(content, json!({})).unwrap();
    assert_eq!((got.records.len(), got.errors.len()), (1_000, 1));
    assert_eq!(got.errors[0].message, "field `n`: `x` is not a number");
    assert_eq!(got.errors[0].line, 1_002);
}

#[test]
fn columns_are_found_by_their_names_and_unknown_ones_are_counted() {
    let fields = schema(&[("b", "string"), ("absent", "long"), ("a", "long")]);
    let got = read("a,extra,b\n1,x,one\n2,y,two\n", json!({ "schema": fields })).unwrap();
    assert_eq!(got.records, [json!({ "a": 1, "b": "one" }), json!({ "a": 2, "b": "two" })]);
    assert_eq!(tally(&got), ["0", "2", "{\"extra\": 2}"]);
}

#[test]
fn a_required_column_that_is_missing_is_told_at_open_with_the_nearest() {
    let required = json!([{ "name": "heartbeat", "type": "double", "nullable": false }]);
    let error = read("user,Heart_Beat\na,1\n", json!({ "schema": required })).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("rows.csv` has no column `heartbeat`"), "{message}");
    assert!(message.ends_with("(did you mean `Heart_Beat`?)"), "{message}");
    let message = read("x,y\n1,2\n", json!({ "schema": required })).unwrap_err().to_string();
    assert!(message.ends_with("(its columns are `x`, `y`)"), "{message}");
    let message = read("x,y,x\n1,2,3\n", json!({})).unwrap_err().to_string();
    assert!(message.ends_with("column `x` stands there twice"), "{message}");
}

#[test]
fn quotes_hold_delimiters_quotes_and_line_ends() {
    let got = read("a,b\r\n\"1,5\",\"say \"\"hi\"\"\"\r\n\"two\r\nlines\",x\r\nlast,y", json!({})).unwrap();
    assert_eq!(
        got.records,
        [
            json!({ "a": "1,5", "b": "say \"hi\"" }),
            json!({ "a": "two\r\nlines", "b": "x" }),
            json!({ "a": "last", "b": "y" })
        ]
    );
}

#[test]
fn a_bad_row_is_one_error_record_with_its_bytes_and_place() {
    let content = b"\xef\xbb\xbfa,n\nok,1\n\n\"two\nlines\",x\nshort\n\xff,3\nlong,1,2\n\"q\"x,4\r\nok,5\n";
    let fields = json!([{ "name": "a", "type": "string" }, { "name": "n", "type": "int", "nullable": false }]);
    let got = read(content, json!({ "schema": fields })).unwrap();
    assert_eq!(got.records, [json!({ "a": "ok", "n": 1 }), json!({ "a": "ok", "n": 5 })]);
    assert_eq!(tally(&got)[0], "1");
    let told: Vec<_> = got.errors.iter().map(|e| (e.message.as_str(), e.line, e.position, e.raw.as_slice())).collect();
    assert_eq!(
        told,
        [
            ("field `n`: `x` is not a number", 4, Some(13), &b"\"two\nlines\",x"[..]),
            ("the row has 1 fields, where 2 are needed", 6, Some(27), b"short"),
            ("the row is no UTF-8 from its byte 1 on", 7, Some(33), b"\xff,3"),
            ("the row has 3 fields, where 2 are needed", 8, Some(37), b"long,1,2"),
            ("behind the closing quote at byte 3 stands neither a delimiter nor a line end", 9, Some(46), b"\"q\"x,4"),
        ]
    );
    assert!(got.errors[0].file.ends_with("rows.csv"));
    let got = read("n\n\"\"\n", json!({ "schema": [{ "name": "n", "type": "int", "nullable": false }] })).unwrap();
    assert_eq!(got.errors[0].message, "field `n`: it is empty, and the schema allows no null");
}

#[test]
fn a_value_that_is_wrong_leaves_the_columns_before_it_as_they_were() {
    let fields = schema(&[("s", "string"), ("b", "boolean"), ("n", "int")]);
    let got = read("s,b,n\nx,true,1\n,,bad\nz,false,\n", json!({ "schema": fields })).unwrap();
    assert_eq!(got.records, [json!({ "s": "x", "b": true, "n": 1 }), json!({ "s": "z", "b": false })]);
    assert_eq!(got.errors.len(), 1);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line() {
    let got = read("a,b\n1,2\n3,\"4\n5,6\n7,8\n", json!({})).unwrap();
    assert_eq!(got.records.len(), 3);
    assert_eq!((got.errors[0].message.as_str(), got.errors[0].line), ("a quote is opened and never closed", 3));
    assert_eq!(got.errors[0].raw, b"3,\"4");
}

#[test]
fn the_length_of_a_row_is_bounded() {
    let long = "x".repeat(1_000);
    // A line without end, a quote left open, a row that is just as long as allowed.
    let content = format!("a,b\n{long},1\n\"open,{}\n\nok,{}\n", "2\n".repeat(100), "y".repeat(97));
    let got =
        read(content, json!({ "maxLineBytes": 100, "schema": schema(&[("a", "string"), ("b", "string")]) })).unwrap();
    assert_eq!(got.records, [json!({ "a": "ok", "b": "y".repeat(97) })]);
    assert!(got.errors[0].message.starts_with("a row of more than 100 bytes"));
    assert_eq!(got.errors[0].raw.len(), 1_002);
    assert_eq!((got.errors[1].raw.as_slice(), got.errors[1].line), (&b"\"open,2"[..], 3));
    assert_eq!(got.errors.len(), 2 + 99);
}

#[test]
fn a_row_longer_than_what_is_read_at_a_time_is_read() {
    let long = "x\n".repeat(400_000);
    let got = read(format!("a\n\"{long}\"\nb\n"), json!({})).unwrap();
    assert_eq!(got.records, [json!({ "a": long }), json!({ "a": "b" })]);
    let endless = "z".repeat(3 << 20);
    let got = read(format!("a\nb\n{endless}\nc\n"), json!({ "schema": schema(&[("a", "string")]) })).unwrap();
    assert_eq!(got.records, [json!({ "a": "b" }), json!({ "a": "c" })]);
    assert_eq!(got.errors.len(), 1);
    assert!(got.errors[0].raw.len() <= crate::lines::KEPT_BYTES);
}

#[test]
fn options_change_header_delimiter_and_nulls() {
    let more = json!({ "header": false, "delimiter": ";", "nulls": ["NA", "-"], "schema": schema(&[("x", "string"), ("y", "int")]) });
    let got = read("a,b;1\nNA;-\nc;3\n", more).unwrap();
    assert_eq!(got.records, [json!({ "x": "a,b", "y": 1 }), json!({}), json!({ "x": "c", "y": 3 })]);
    let got = read("1\ta\n2\tb\n", json!({ "header": false, "delimiter": "\t" })).unwrap();
    assert_eq!(got.records[1], json!({ "column_1": 2.0, "column_2": "b" }));
}

#[test]
fn files_without_rows_are_fine() {
    for content in ["", "\n\n", "\u{feff}", "a,b\n", "a,b"] {
        let got = read(content, json!({ "schema": schema(&[("a", "string"), ("b", "string")]) })).unwrap();
        assert!(got.records.is_empty() && got.errors.is_empty(), "{content:?}");
        assert!(read(content, json!({})).unwrap().schemas[0].fields.len() <= 2);
    }
}

#[test]
fn reading_goes_on_behind_a_position_with_the_right_lines() {
    let (_folder, harness) = source("a,b\n1,x\n\n\"2\n\",y\n3,z\nbad\n", json!({}));
    let all = harness.read().unwrap();
    assert_eq!(all.errors[0].line, 7);
    let split = &harness.splits().unwrap()[0];
    for (index, &position) in all.positions.iter().enumerate() {
        let rest = harness.read_from(split, position).unwrap();
        assert_eq!(rest.records, all.records[index + 1..]);
        assert_eq!(rest.errors, all.errors);
    }
    testing::check_contract(&harness, &[]);
}

#[test]
fn batches_are_as_large_as_the_limits_say() {
    let content = "n\n".to_owned() + &"1\n".repeat(100);
    let (_folder, harness) = source(content, json!({}));
    let got = harness.batch_rows(30).read().unwrap();
    assert_eq!((got.records.len(), got.calls), (100, 5));
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let fields = vec![
        SchemaField::new("text, with \"quotes\"", DataType::String),
        SchemaField::new("d", DataType::Double),
        SchemaField::new("l", DataType::Long),
        SchemaField::new("b", DataType::Boolean),
    ];
    let name = "text, with \"quotes\"";
    let records = [
        json!({ name: "plain", "d": 0.1, "l": 9_007_199_254_740_993_i64, "b": true }),
        json!({ name: "", "d": 182.0 }),
        json!({}),
        json!({ name: "a,b \"c\"\r\nd", "d": 1e21, "l": -1, "b": false }),
        json!({ name: " spaces " }),
    ];
    let schema = Schema::new(fields);
    for more in [json!({ "format": "csv" }), json!({ "format": "csv", "delimiter": ";", "header": false })] {
        fixture::sink(&path, &more).input(schema.clone()).run(records.clone()).unwrap();
        let mut back = more.clone();
        back["schema"] = serde_json::to_value(&schema).unwrap();
        let got = fixture::source(&path, &back).read().unwrap();
        assert_eq!((got.records.as_slice(), got.errors.as_slice()), (&records[..], &[][..]));
    }
}

#[test]
fn values_are_written_as_the_sdk_writes_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let fields = vec![
        SchemaField::new("d", DataType::Double),
        SchemaField::new("when", DataType::Timestamp),
        SchemaField::new("day", DataType::Date),
        SchemaField::new("bytes", DataType::Bytes),
    ];
    let records = [
        json!({ "d": 182.0, "when": 1_716_200_000_123_000_i64, "day": 19_782, "bytes": "foo" }),
        json!({ "bytes": "" }),
    ];
    fixture::sink(&path, &json!({ "format": "csv" })).input(Schema::new(fields)).run(records).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, "d,when,day,bytes\n182,2024-05-20T10:13:20.123Z,2024-02-29,Zm9v\n,,,\"\"\n");
}

#[test]
fn a_file_without_records_still_has_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let schema = Schema::new(vec![SchemaField::new("a", DataType::Long)]);
    fixture::sink(&path, &json!({ "format": "csv" })).input(schema.clone()).run([]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n");
    fixture::sink(&path, &json!({ "format": "csv" })).input(schema).run([json!({}), json!({ "a": 1 })]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n\"\"\n1\n");
}

#[test]
fn nested_fields_are_a_finding() {
    let items = Box::new(SchemaField::new("item", DataType::Long));
    let schema = Schema::new(vec![SchemaField::new("list", DataType::List { items })]);
    let findings = super::check(&schema, "schema");
    assert_eq!(findings[0].message, "field `list` is a list, which csv cannot hold");
    assert!(super::check(&Schema::new(vec![SchemaField::new("a", DataType::Bytes)]), "schema").is_empty());
}

#[test]
fn a_header_that_does_not_fit_fails_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(folder.path().join("2.csv"), "a,c\n1,2\n").unwrap();
    let properties = json!({
        "path": folder.path().join("*.csv"), "format": "csv",
        "schema": [{ "name": "b", "type": "long", "nullable": false }]
    });
    // Splits are asked for behind `open`, and nothing is read.
    let message = testing::source::<FileSource>(properties).splits().unwrap_err().to_string();
    assert!(message.contains("2.csv` has no column `b`, which the schema requires"), "{message}");
}

#[test]
fn rows_that_lie_across_two_reads_are_whole() {
    let texts: Vec<String> = (0..60_000).map(|row| format!("{row} \"q\", {}\r\nend", "x".repeat(row % 23))).collect();
    let rows: String =
        texts.iter().map(|text| format!("\"{}\",{}\r\n", text.replace('"', "\"\""), text.len())).collect();
    let fields = schema(&[("text", "string"), ("n", "int")]);
    let got = read(format!("text,n\r\n{rows}"), json!({ "schema": fields })).unwrap();
    assert!(got.errors.is_empty(), "{:?}", got.errors[0]);
    assert!(got.records.iter().zip(&texts).all(|(record, text)| record["text"] == **text && record["n"] == text.len()));
    assert_eq!(got.records.len(), texts.len());
}
