#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use campanile_sdk::{DataType, SchemaField};
use serde_json::{Value, json};

fn findings(section: Value, known: bool, live: bool) -> Vec<String> {
    let alerts: AlertsSpec = serde_json::from_value(section).unwrap();
    let schema = Schema::new(vec![
        SchemaField::new("at", DataType::Timestamp),
        SchemaField::new("day", DataType::Date),
        SchemaField::new("heartbeat", DataType::Double),
    ]);
    let findings = check(&alerts, known.then_some(&schema), live, "stages[1].alerts");
    findings.iter().map(ToString::to_string).collect()
}

fn of_field(field: &str) -> Value {
    json!({"groupBy": ["a"], "window": "10s", "timeField": field})
}

#[test]
fn a_field_that_tells_the_time_is_fine() {
    for live in [false, true] {
        assert_eq!(findings(of_field("at"), true, live), [""; 0]);
        assert_eq!(findings(of_field("day"), true, live), [""; 0]);
        assert_eq!(findings(json!({"groupBy": ["a"], "window": "10s"}), true, live), [""; 0]);
    }
    assert_eq!(findings(json!({"groupBy": ["a"]}), true, false), [""; 0]);
}

#[test]
fn a_field_that_is_not_there_or_tells_no_time_is_a_finding() {
    assert_eq!(
        findings(of_field("dya"), true, false),
        ["stages[1].alerts.timeField: there is no field `dya` (did you mean `day`?)"]
    );
    assert_eq!(
        findings(of_field("heartbeat"), true, false),
        [
            "stages[1].alerts.timeField: `heartbeat` is of type double, which tells no time (it can be a timestamp, a date, a long or a string)"
        ]
    );
}

#[test]
fn what_is_not_known_yet_is_left_to_the_start() {
    assert_eq!(findings(of_field("dya"), false, false), [""; 0]);
}

#[test]
fn a_live_run_needs_a_window() {
    assert_eq!(
        findings(json!({"groupBy": ["a"]}), true, true),
        [
            "stages[1].alerts: a live run never ends, and its groups would never be published (add a window such as \"10s\")"
        ]
    );
}
