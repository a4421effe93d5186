use super::*;
use campanile_sdk::{DataType, Finding, Schema, SchemaField, testing};
use serde_json::{Value, json};

/// The values of `x` that are kept, from these.
fn kept(properties: Value, data_type: DataType, values: &[Value]) -> Vec<Value> {
    let mut properties = properties;
    properties["field"] = "x".into();
    let records = values.iter().map(|value| json!({ "x": value, "n": 1 }));
    let schema = Schema::new(vec![SchemaField::new("x", data_type), SchemaField::new("n", DataType::Long)]);
    let got = testing::transform::<Filter>(properties).input(schema).run(records).unwrap();
    got.records.into_iter().map(|mut record| record["x"].take()).collect()
}

fn findings(properties: Value) -> Vec<Finding> {
    let schema = Schema::new(vec![
        SchemaField::new("x", DataType::Double),
        SchemaField::new("n", DataType::Long),
        SchemaField::new("word", DataType::String),
        SchemaField::new("on", DataType::Boolean),
        SchemaField::new("day", DataType::Date),
    ]);
    testing::transform::<Filter>(properties).input(schema).configure().unwrap().1
}

fn paths(properties: Value) -> Vec<String> {
    let findings = findings(properties);
    assert!(findings.iter().all(|finding| finding.is_error() && finding.hint.is_some()));
    findings.into_iter().map(|finding| finding.path).collect()
}

const TYPES: [DataType; 4] = [DataType::Int, DataType::Long, DataType::Float, DataType::Double];

#[test]
fn each_condition_holds_where_it_says_for_every_type_of_number() {
    for data_type in TYPES {
        for (condition, met) in [
            (json!({ "above": 2 }), &[3, 4][..]),
            (json!({ "above": 1.5 }), &[2, 3, 4]),
            (json!({ "atLeast": 2 }), &[2, 3, 4]),
            (json!({ "atLeast": 2.5 }), &[3, 4]),
            (json!({ "below": 2 }), &[1]),
            (json!({ "below": 2.5 }), &[1, 2]),
            (json!({ "atMost": 2 }), &[1, 2]),
            (json!({ "atMost": 1.5 }), &[1]),
            (json!({ "equals": 2 }), &[2]),
            (json!({ "equals": "2" }), &[2]),
            (json!({ "equals": 2.5 }), &[]),
            (json!({ "notEquals": 2 }), &[1, 3, 4]),
            (json!({ "notEquals": 2.5 }), &[1, 2, 3, 4]),
            (json!({ "inside": [2, 3] }), &[2, 3]),
            (json!({ "inside": [2.5, 2.6] }), &[]),
            (json!({ "outside": [2, 3] }), &[1, 4]),
            (json!({ "outside": [-1e300, 1e300] }), &[]),
            (json!({ "above": 1e300 }), &[]),
            (json!({ "below": 1e300 }), &[1, 2, 3, 4]),
        ] {
            let got = kept(condition.clone(), data_type.clone(), &[1, 2, 3, 4].map(Value::from));
            let got: Vec<f64> = got.iter().filter_map(Value::as_f64).collect();
            let met: Vec<f64> = met.iter().map(|&n| f64::from(n)).collect();
            assert_eq!(got, met, "{condition} of {data_type}");
        }
    }
}

#[test]
fn a_null_meets_no_condition_and_stays_with_the_others() {
    for data_type in TYPES {
        let values = [json!(1), Value::Null, json!(2)];
        for condition in [json!({ "notEquals": 1 }), json!({ "outside": [0, 1] }), json!({ "above": 1 })] {
            assert_eq!(kept(condition.clone(), data_type.clone(), &values).len(), 1, "{condition}");
            let mut others = condition;
            others["keep"] = "others".into();
            let got = kept(others, data_type.clone(), &values);
            assert_eq!(got.len(), 2);
            assert_eq!(got[1], Value::Null);
        }
    }
}

#[test]
fn long_numbers_are_compared_digit_by_digit() {
    let big: i64 = (1 << 53) + 1;
    let values = [big - 1, big, i64::MAX].map(Value::from);
    assert_eq!(kept(json!({ "equals": big }), DataType::Long, &values), [big]);
    assert_eq!(kept(json!({ "above": big - 1 }), DataType::Long, &values), [big, i64::MAX]);
    assert_eq!(kept(json!({ "above": i64::MAX }), DataType::Long, &values), [Value::Null; 0]);
    assert_eq!(kept(json!({ "atLeast": i64::MAX }), DataType::Long, &values), [i64::MAX]);
}

#[test]
fn a_float_equals_the_number_that_is_written_so() {
    assert_eq!(kept(json!({ "equals": 0.1 }), DataType::Float, &[json!(0.1), json!(0.2)]).len(), 1);
    assert_eq!(kept(json!({ "above": 0.1 }), DataType::Float, &[json!(0.1), json!(0.2)]).len(), 1);
}

#[test]
fn text_and_booleans_are_compared_for_equality() {
    let words = ["a", "b", "a"].map(Value::from);
    assert_eq!(kept(json!({ "equals": "a" }), DataType::String, &words), ["a", "a"]);
    assert_eq!(kept(json!({ "notEquals": "a" }), DataType::String, &words), ["b"]);
    let flags = [true.into(), false.into(), Value::Null];
    assert_eq!(kept(json!({ "equals": true }), DataType::Boolean, &flags), [true]);
    assert_eq!(kept(json!({ "notEquals": "true" }), DataType::Boolean, &flags), [false]);
}

#[test]
fn a_batch_of_many_blocks_keeps_its_order() {
    let values: Vec<Value> = (0..1_000).map(|n| Value::from(f64::from(n * 37 % 1_000))).collect();
    let got = kept(json!({ "below": 100 }), DataType::Double, &values);
    let expected: Vec<Value> = values.iter().filter(|value| value.as_f64() < Some(100.0)).cloned().collect();
    assert_eq!(got, expected);
    assert_eq!(kept(json!({ "below": 100, "keep": "others" }), DataType::Double, &values).len(), 900);
}

#[test]
fn a_condition_is_needed_and_one_is_enough() {
    assert_eq!(paths(json!({ "field": "x" })), ["field"]);
    assert_eq!(paths(json!({ "field": "x", "above": 1, "below": 2, "equals": 3 })), ["below", "equals"]);
    assert!(paths(json!({ "field": "x", "above": 1 })).is_empty());
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    assert_eq!(paths(json!({ "field": "y", "inside": [2, 1], "above": 3 })), ["inside", "inside", "field"]);
    assert_eq!(paths(json!({ "field": "word", "outside": [2, 1] })), ["outside", "outside"]);
}

#[test]
fn ends_in_the_wrong_order_are_found_with_the_right_one() {
    let found = &findings(json!({ "field": "x", "inside": [37.5, 36] }))[0];
    assert_eq!(found.message, "the first number, 37.5, is greater than the second, 36");
    assert_eq!(found.hint.as_deref(), Some("write [36, 37.5]"));
}

#[test]
fn an_unknown_field_is_found_with_those_there_are() {
    let found = &findings(json!({ "field": "y", "above": 1 }))[0];
    assert_eq!((found.path.as_str(), found.message.as_str()), ("field", "there is no field `y`"));
    assert_eq!(found.hint.as_deref(), Some("name one of `x`, `n`, `word`, `on`"));
}

#[test]
fn a_condition_must_fit_the_type_of_its_field() {
    assert_eq!(paths(json!({ "field": "word", "above": 1 })), ["above"]);
    assert_eq!(paths(json!({ "field": "on", "inside": [1, 2] })), ["inside"]);
    assert_eq!(paths(json!({ "field": "word", "equals": 5 })), ["equals"]);
    assert_eq!(paths(json!({ "field": "on", "notEquals": "maybe" })), ["notEquals"]);
    assert_eq!(paths(json!({ "field": "x", "equals": "many" })), ["equals"]);
    assert_eq!(paths(json!({ "field": "n", "equals": true })), ["equals"]);
    assert_eq!(paths(json!({ "field": "day", "equals": "2026-11-21" })), ["field"]);
}

#[test]
fn an_unknown_property_is_refused() {
    let refused = testing::transform::<Filter>(json!({ "field": "x", "abvoe": 1 })).run([json!({ "x": 1 })]);
    assert!(refused.unwrap_err().to_string().contains("abvoe"));
}

#[test]
fn the_example_runs_and_the_contract_is_kept() {
    let example: Value = serde_json::from_str(include_str!("../../filter/example.json")).unwrap();
    let filter = testing::transform::<Filter>(example["plugin"]["properties"].clone());
    let records = [80.0, 20.0, 299.0, 0.0].map(|bpm| json!({ "heartbeat": bpm, "userid": "u" }));
    assert_eq!(filter.run(records.clone()).unwrap().records.len(), 1);
    testing::check_contract(&filter, &records);
}
