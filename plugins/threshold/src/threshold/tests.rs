use super::*;
use campanile_sdk::{DataType, Schema, SchemaField, testing};
use serde_json::{Value, json};

fn threshold(properties: Value) -> testing::Harness {
    testing::transform::<Threshold>(properties)
}

/// Payloads as text.
fn alerts(harness: &testing::Harness, records: &[Value]) -> Vec<String> {
    let alerts = harness.run(records.to_vec()).unwrap().alerts;
    let line = |payload: &Vec<(String, String)>| {
        payload.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    alerts.iter().map(line).collect()
}

fn readings() -> Vec<Value> {
    vec![
        json!({ "userid": "abc", "heartbeat": 182.0, "steps": 12 }),
        json!({ "userid": "abc", "heartbeat": 80.5, "steps": 0 }),
        json!({ "userid": "xyz", "heartbeat": 150.25 }),
    ]
}

#[test]
fn records_that_meet_the_condition_raise_alerts_and_all_pass() {
    let harness = threshold(json!({ "field": "heartbeat", "above": 150, "payload": ["userid", "heartbeat"] }));
    assert_eq!(alerts(&harness, &readings()), ["userid=abc heartbeat=182", "userid=xyz heartbeat=150.25"]);
    let got = harness.run(readings()).unwrap();
    assert_eq!(got.records, readings());
    assert_eq!(got.calls, 2, "one call for the records, one for the alerts");
}

#[test]
fn an_alert_carries_all_scalars_unless_told_and_leaves_nulls_out() {
    let harness = threshold(json!({ "field": "heartbeat", "above": 150 }));
    let expected = ["heartbeat=182 steps=12 userid=abc", "heartbeat=150.25 userid=xyz"];
    let sorted = |line: &String| {
        let mut words: Vec<&str> = line.split(' ').collect();
        words.sort_unstable();
        words.join(" ")
    };
    assert_eq!(alerts(&harness, &readings()).iter().map(sorted).collect::<Vec<_>>(), expected);
}

#[test]
fn an_alert_may_carry_nothing() {
    let harness = threshold(json!({ "field": "heartbeat", "above": 170, "payload": [] }));
    assert_eq!(alerts(&harness, &readings()), [""]);
}

#[test]
fn labels_follow_the_fields() {
    let labels = json!({ "severity": "high", "device": "watch" });
    let harness = threshold(json!({ "field": "steps", "equals": 0, "payload": ["userid"], "labels": labels }));
    assert_eq!(alerts(&harness, &readings()), ["userid=abc device=watch severity=high"]);
}

#[test]
fn numbers_are_printed_short_and_whole_ones_without_fraction() {
    let schema =
        ["a", "b", "c", "d"].into_iter().zip([DataType::Double, DataType::Float, DataType::Long, DataType::Int]);
    let schema = Schema::new(schema.map(|(name, data_type)| SchemaField::new(name, data_type)).collect());
    let harness = threshold(json!({ "field": "d", "equals": 4 })).input(schema);
    let record = json!({ "a": 1e21, "b": 0.1, "c": 9_007_199_254_740_993_i64, "d": 4 });
    assert_eq!(alerts(&harness, &[record]), ["a=1e+21 b=0.1 c=9007199254740993 d=4"]);
}

#[test]
fn a_null_never_alerts() {
    for condition in ["below", "notEquals"] {
        let harness = threshold(json!({ "field": "steps", condition: 1, "payload": ["steps"] }));
        assert!(alerts(&harness, &readings()).iter().all(|alert| alert.starts_with("steps=")));
    }
}

#[test]
fn without_publisher_alerts_are_only_counted() {
    let harness = threshold(json!({ "field": "heartbeat", "above": 150 })).without_publisher();
    assert_eq!(harness.run(readings()).unwrap().alerts, vec![vec![]; 2]);
}

#[test]
fn what_is_wrong_with_payload_and_labels_is_found() {
    let input = Schema::new(vec![
        SchemaField::new("x", DataType::Double),
        SchemaField::new("many", DataType::List { items: Box::new(SchemaField::new("", DataType::Long)) }),
    ]);
    let properties = json!({
        "field": "y", "above": 1, "payload": ["z", "x", "x", "many"], "labels": { "x": "1" }
    });
    let (_, findings) = threshold(properties).input(input).configure().unwrap();
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "field: there is no field `y` (name one of `x`)",
            "payload: there is no field `z` (name one of `x`)",
            "labels: `x` is a field of the payload already (give the label another name, or leave the field out of `payload`)",
            "payload: field `x` is listed twice (list it once)",
            "payload: field `many` is of type list and has no text (leave it out)",
        ]
    );
}

#[test]
fn the_example_runs_and_the_contract_is_kept() {
    let example: Value = serde_json::from_str(include_str!("../../threshold/example.json")).unwrap();
    let harness = threshold(example["plugin"]["properties"].clone());
    assert_eq!(alerts(&harness, &readings())[0], "userid=abc heartbeat=182 severity=high");
    testing::check_contract(&harness, &readings());
}
