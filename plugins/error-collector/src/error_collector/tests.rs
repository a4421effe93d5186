use super::*;
use campanile_sdk::testing;
use serde_json::{Value, json};

fn told(properties: Value) -> Vec<String> {
    let schema = Schema::new(vec![SchemaField::new("errMsg", DataType::Long), SchemaField::new("n", DataType::Long)]);
    let (_, findings) = testing::error_transform::<ErrorCollector>(properties).input(schema).configure().unwrap();
    assert!(findings.iter().all(|finding| finding.is_error() && finding.hint.is_some()));
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn an_error_record_becomes_a_record_with_code_message_and_stage() {
    let errors = [(json!({ "n": 1 }), 7, "too small"), (json!({ "n": 2 }), -1, "")];
    let got = testing::error_transform::<ErrorCollector>(json!({})).run_errors(errors).unwrap();
    let expected = [
        json!({ "n": 1, "errCode": 7, "errMsg": "too small", "errStage": "failing" }),
        json!({ "n": 2, "errCode": -1, "errMsg": "", "errStage": "failing" }),
    ];
    assert_eq!(got.records, expected);
    assert_eq!(got.calls, 1);
}

#[test]
fn the_fields_can_be_named() {
    let properties = json!({ "codeField": "code", "messageField": "why", "stageField": "where" });
    let collector = testing::error_transform::<ErrorCollector>(properties);
    let got = collector.run_errors([(json!({ "errMsg": 1 }), 7, "too small")]).unwrap();
    assert_eq!(got.records, [json!({ "errMsg": 1, "code": 7, "why": "too small", "where": "failing" })]);
}

#[test]
fn fields_about_the_place_are_there_when_named_and_null_without_a_place() {
    let properties = json!({
        "rawField": "raw", "rawEncodingField": "encoding", "fileField": "file", "lineField": "line", "offsetField": "offset"
    });
    let collector = testing::error_transform::<ErrorCollector>(properties);
    let got = collector.run_errors([(json!({ "n": 1 }), 7, "too small")]).unwrap();
    assert_eq!(got.records, [json!({ "n": 1, "errCode": 7, "errMsg": "too small", "errStage": "failing" })]);
    let fields: Vec<String> =
        got.schemas[0].fields.iter().map(|field| format!("{} {}", field.name, field.data_type)).collect();
    let expected = [
        "n long",
        "errCode int",
        "errMsg string",
        "errStage string",
        "raw string",
        "encoding string",
        "file string",
        "line long",
        "offset long",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn every_field_of_the_record_may_be_null_and_no_error_is_without_code() {
    let schema = Schema::new(vec![SchemaField::new("n", DataType::Long).required()]);
    let collector = testing::error_transform::<ErrorCollector>(json!({ "lineField": "line" })).input(schema);
    let (ports, _) = collector.configure().unwrap();
    let nullable: Vec<bool> = ports[0].schema.as_ref().unwrap().fields.iter().map(|field| field.nullable).collect();
    assert_eq!(nullable, [true, false, false, false, true]);
}

#[test]
fn names_that_are_taken_are_found() {
    assert_eq!(
        told(json!({ "codeField": "n", "stageField": "x", "lineField": "x", "fileField": "" })),
        [
            "codeField: the records in error have a field `n` already (give the field another name)",
            "messageField: the records in error have a field `errMsg` already (give the field another name)",
            "fileField: the name of the field is empty (give it a name)",
            "lineField: `x` is the name of another added field already (give the field another name)",
        ]
    );
}

#[test]
fn an_encoding_without_what_is_encoded_is_found() {
    let findings = told(json!({ "messageField": "m", "rawEncodingField": "encoding" }));
    assert_eq!(
        findings,
        ["rawEncodingField: there is no `rawField` whose encoding it could tell (name `rawField` too)"]
    );
}

#[test]
fn the_example_runs_and_the_contract_is_kept() {
    let example: Value = serde_json::from_str(include_str!("../../error-collector/example.json")).unwrap();
    let collector = testing::error_transform::<ErrorCollector>(example["plugin"]["properties"].clone());
    assert_eq!(collector.run_errors([(json!({ "n": 1 }), 7, "x")]).unwrap().records.len(), 1);
    testing::check_contract(&collector, &[json!({ "n": 1 })]);
}
