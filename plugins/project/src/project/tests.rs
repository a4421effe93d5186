use super::*;
use campanile_sdk::testing::{self, Collected};
use campanile_sdk::{DataType, Finding, Schema, SchemaField};
use serde_json::{Value, json};

fn run(properties: Value, records: &[Value]) -> Collected {
    testing::transform::<Project>(properties).run(records.to_vec()).unwrap()
}

fn readings() -> [Value; 2] {
    [json!({ "user": "abc", "bpm": 80.5, "steps": 1 }), json!({ "user": "xyz", "bpm": 81.0 })]
}

fn findings(properties: Value) -> Vec<Finding> {
    let schema = Schema::new(vec![
        SchemaField::new("user", DataType::String),
        SchemaField::new("bpm", DataType::Double),
        SchemaField::new("on", DataType::Boolean),
        SchemaField::new("many", DataType::List { items: Box::new(SchemaField::new("", DataType::Long)) }),
    ]);
    testing::transform::<Project>(properties).input(schema).configure().unwrap().1
}

fn told(properties: Value) -> Vec<String> {
    let findings = findings(properties);
    assert!(findings.iter().all(|finding| finding.is_error() && finding.hint.is_some()));
    findings.iter().map(ToString::to_string).collect()
}

/// What becomes of one value.
fn cast(value: Value, from: DataType, to: &str) -> Result<Value, String> {
    let schema = Schema::new(vec![SchemaField::new("x", from)]);
    let properties = json!({ "cast": { "x": to } });
    let got = testing::transform::<Project>(properties).input(schema).run([json!({ "x": value })]).unwrap();
    match got.errors.first() {
        Some(error) => Err(error.message.clone()),
        None => Ok(got.records[0]["x"].clone()),
    }
}

fn is_refused(value: Value, from: DataType, to: &str) {
    let message = cast(value.clone(), from, to).unwrap_err();
    assert!(message.contains("cannot be cast"), "{value} to {to}: {message}");
}

#[test]
fn fields_are_kept_in_the_order_of_the_list() {
    let got = run(json!({ "keep": ["steps", "user"] }), &readings());
    assert_eq!(got.records, [json!({ "user": "abc", "steps": 1 }), json!({ "user": "xyz" })]);
    assert_eq!(got.schemas[0].names().collect::<Vec<_>>(), ["steps", "user"]);
    assert_eq!(got.calls, 1);
}

#[test]
fn fields_are_dropped() {
    let got = run(json!({ "drop": ["bpm"] }), &readings());
    assert_eq!(got.records, [json!({ "user": "abc", "steps": 1 }), json!({ "user": "xyz" })]);
}

#[test]
fn without_properties_everything_stays() {
    assert_eq!(run(json!({}), &readings()).records, readings());
}

#[test]
fn fields_are_renamed_also_into_each_other() {
    let got = run(json!({ "rename": { "user": "name" }, "keep": ["user"] }), &readings());
    assert_eq!(got.records, [json!({ "name": "abc" }), json!({ "name": "xyz" })]);
    let records = [json!({ "a": 1, "b": 2 })];
    let got = run(json!({ "rename": { "a": "b", "b": "a" } }), &records);
    assert_eq!(got.records, [json!({ "b": 1, "a": 2 })]);
}

#[test]
fn a_field_can_be_renamed_and_cast_to_the_place_of_another() {
    let records = [json!({ "a": 1, "b": 2 }), json!({ "a": 3 })];
    let got = run(json!({ "drop": ["b"], "rename": { "a": "b" }, "cast": { "a": "string" } }), &records);
    assert_eq!(got.records, [json!({ "b": "1" }), json!({ "b": "3" })]);
    assert_eq!(got.calls, 1);
}

#[test]
fn every_scalar_becomes_the_text_that_is_printed() {
    for (value, from, text) in [
        (json!(182.0), DataType::Double, "182"),
        (json!(0.1), DataType::Float, "0.1"),
        (json!(i64::MAX), DataType::Long, "9223372036854775807"),
        (json!(-5), DataType::Int, "-5"),
        (json!(true), DataType::Boolean, "true"),
        (json!(0), DataType::Date, "1970-01-01"),
        (json!(1_000), DataType::Timestamp, "1970-01-01T00:00:00.001Z"),
        (json!("abc"), DataType::Bytes, "YWJj"),
        (json!("abc"), DataType::String, "abc"),
    ] {
        assert_eq!(cast(value, from, "string"), Ok(text.into()));
    }
}

#[test]
fn text_becomes_what_it_reads_as() {
    for (text, to, value) in [
        ("12", "int", json!(12)),
        (" -12 ", "long", json!(-12)),
        ("+12.0", "int", json!(12)),
        ("1e3", "long", json!(1000)),
        ("9223372036854775807", "long", json!(i64::MAX)),
        ("0.1", "double", json!(0.1)),
        ("1.5", "float", json!(1.5)),
        ("TRUE", "boolean", json!(true)),
        ("false", "boolean", json!(false)),
        ("2024-02-29", "date", json!("2024-02-29")),
        ("2024-05-20 10:13:20.123", "timestamp", json!("2024-05-20T10:13:20.123Z")),
    ] {
        assert_eq!(cast(text.into(), DataType::String, to), Ok(value), "{text} to {to}");
    }
}

#[test]
fn text_that_does_not_read_so_is_refused() {
    for (text, to) in [
        ("", "int"),
        ("12.5", "int"),
        ("2147483648", "int"),
        ("9223372036854775808", "long"),
        ("9007199254740995.0", "long"),
        ("0x10", "long"),
        ("many", "double"),
        ("nan", "double"),
        ("inf", "double"),
        ("1e400", "double"),
        ("1e39", "float"),
        ("1,5", "float"),
        ("yes", "boolean"),
        ("2023-02-29", "date"),
        ("2024-05-20", "timestamp"),
    ] {
        is_refused(text.into(), DataType::String, to);
    }
}

#[test]
fn numbers_become_other_numbers_where_they_fit() {
    assert_eq!(cast(json!(5), DataType::Long, "int"), Ok(json!(5)));
    is_refused(json!(1_i64 << 31), DataType::Long, "int");
    assert_eq!(cast(json!(5.0), DataType::Double, "int"), Ok(json!(5)));
    assert_eq!(cast(json!(-9_007_199_254_740_993_i64), DataType::Long, "double"), Ok(json!(-9_007_199_254_740_992.0)));
    is_refused(json!(5.5), DataType::Double, "int");
    is_refused(json!(1e19), DataType::Double, "long");
    assert_eq!(cast(json!(0.1), DataType::Double, "float"), Ok(json!(0.1_f32)));
    is_refused(json!(1e300), DataType::Double, "float");
    assert_eq!(cast(json!(7), DataType::Int, "long"), Ok(json!(7)));
}

#[test]
fn a_null_stays_null() {
    for to in ["string", "int", "double", "boolean", "date", "timestamp"] {
        assert_eq!(cast(Value::Null, DataType::String, to), Ok(Value::Null));
    }
}

#[test]
fn a_record_that_cannot_be_cast_is_an_error_record_and_the_others_go_on() {
    let records = ["1", "x", "3"].map(|text| json!({ "a": 1.5, "b": text, "c": text }));
    let got = run(json!({ "cast": { "a": "string", "b": "long", "c": "long" } }), &records);
    assert_eq!(got.records, [1, 3].map(|n| json!({ "a": "1.5", "b": n, "c": n })));
    assert_eq!(got.errors.len(), 1);
    assert_eq!(got.errors[0].code, 1);
    assert_eq!(got.errors[0].message, "field `b` with the value `x` cannot be cast to long");
    assert_eq!(got.errors[0].record.as_ref(), Some(&records[1]));
}

#[test]
fn a_message_shows_the_start_of_a_long_value() {
    let message = cast("ü".repeat(1_000).into(), DataType::String, "int").unwrap_err();
    assert!(message.contains(&format!("`{}…`", "ü".repeat(40))), "{message}");
}

#[test]
fn unknown_fields_are_found_with_those_there_are() {
    let fields = "the fields are `user`, `bpm`, `on`, `many`";
    assert_eq!(
        told(json!({ "keep": ["a", "user"], "rename": { "b": "c" }, "cast": { "d": "int", "c": "int" } })),
        [
            format!("keep: there is no field `a` ({fields})"),
            format!("rename: there is no field `b` ({fields})"),
            "cast: there is no field `c` (write its name in the input, `b`)".to_owned(),
            format!("cast: there is no field `d` ({fields})"),
        ]
    );
}

#[test]
fn what_contradicts_itself_is_found() {
    assert_eq!(told(json!({ "keep": ["user"], "drop": ["bpm"] })).len(), 1);
    assert_eq!(told(json!({ "drop": ["bpm"], "cast": { "bpm": "int" }, "rename": { "bpm": "x" } })).len(), 2);
    assert_eq!(told(json!({ "keep": ["bpm", "bpm"] })), ["keep: field `bpm` is listed twice (list it once)"]);
    assert_eq!(told(json!({ "keep": [] })), ["keep: no field is kept (list at least one)"]);
    assert_eq!(told(json!({ "drop": ["user", "bpm", "on", "many"] })).len(), 1);
    assert_eq!(told(json!({ "rename": { "user": "bpm" } })).len(), 1);
    assert_eq!(told(json!({ "rename": { "user": "" } })).len(), 1);
}

#[test]
fn casts_that_never_succeed_are_found() {
    assert_eq!(
        told(json!({ "cast": { "on": "int", "bpm": "date", "many": "string" } })),
        [
            "cast: field `bpm` of type double cannot be cast to date (numbers can be cast to string and to other numbers)",
            "cast: field `on` of type boolean cannot be cast to int (it can be cast to string only)",
            "cast: field `many` of type list cannot be cast to string (only scalars can be cast)",
        ]
    );
}

#[test]
fn the_example_runs_and_the_contract_is_kept() {
    let example: Value = serde_json::from_str(include_str!("../../project/example.json")).unwrap();
    let records = [
        json!({ "userid": 7, "bpm": "80", "comment": "x" }),
        json!({ "userid": 8, "bpm": "fast" }),
        json!({ "userid": 9, "bpm": "91.5", "comment": "y" }),
    ];
    let project = testing::transform::<Project>(example["plugin"]["properties"].clone());
    let got = project.run(records.clone()).unwrap();
    let expected = [json!({ "user": "7", "heartbeat": 80.0 }), json!({ "user": "9", "heartbeat": 91.5 })];
    assert_eq!(got.records, expected);
    testing::check_contract(&project, &records);
}
