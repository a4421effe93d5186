use super::*;
use serde_json::json;

fn spec(value: serde_json::Value) -> AlertsSpec {
    serde_json::from_value(value).unwrap()
}

fn paths(value: serde_json::Value) -> Vec<String> {
    let findings = spec(value).check("stages[1].alerts");
    for finding in &findings {
        assert!(finding.is_error() && finding.hint.is_some(), "{finding}");
    }
    findings.into_iter().map(|finding| finding.path).collect()
}

#[test]
fn reads_what_is_written() {
    let read = spec(json!({
        "groupBy": ["userid", "name"],
        "aggregates": [{"name": "heartbeat", "function": "mean", "field": "heartbeat"}, {"name": "n", "function": "count"}],
    }));
    assert_eq!(read.group_by, ["userid", "name"]);
    assert_eq!(read.aggregates[0].function, Function::Mean);
    assert_eq!(read.aggregates[1], AggregateSpec { name: "n".into(), function: Function::Count, field: None });
    assert_eq!((read.max_groups, read.max_group_bytes), (1_000_000, 268_435_456));
    assert_eq!(read.check(""), []);
    let bounded = spec(json!({"groupBy": ["a"], "maxGroups": 10, "maxGroupBytes": 1000}));
    assert_eq!((bounded.max_groups, bounded.max_group_bytes), (10, 1000));
}

#[test]
fn what_is_written_reads_back() {
    let read =
        spec(json!({"groupBy": ["a"], "aggregates": [{"name": "b", "function": "avg", "field": "c"}], "maxGroups": 7}));
    assert_eq!(spec(serde_json::to_value(&read).unwrap()), read);
    assert_eq!(serde_json::to_value(AlertsSpec::default()).unwrap(), json!({}));
}

#[test]
fn unknown_names_are_refused() {
    for value in [
        json!({"groupby": ["a"]}),
        json!({"aggregates": [{"name": "a", "function": "median", "field": "b"}]}),
        json!({"aggregates": [{"name": "a", "function": "sum", "feild": "b"}]}),
        json!({"aggregates": [{"function": "count"}]}),
        json!({"groupBy": ["a"], "maxGroups": -1}),
    ] {
        assert!(serde_json::from_value::<AlertsSpec>(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn the_schema_knows_every_function() {
    let schema = serde_json::to_string(&schemars::schema_for!(AlertsSpec)).unwrap();
    for name in ["groupBy", "maxGroups", "maxGroupBytes", "avg", "mean", "sum", "count", "min", "max"] {
        assert!(schema.contains(&format!("\"{name}\"")), "{name}: {schema}");
    }
}

#[test]
fn an_empty_section_is_a_finding() {
    assert_eq!(paths(json!({})), ["stages[1].alerts"]);
    assert_eq!(paths(json!({"groupBy": ["a"]})), [""; 0]);
    assert_eq!(paths(json!({"aggregates": [{"name": "n", "function": "count"}]})), [""; 0]);
}

#[test]
fn every_mistake_is_found_at_once() {
    let found = paths(json!({
        "groupBy": ["a", "", "a"],
        "aggregates": [
            {"name": "n", "function": "count"},
            {"name": "n", "function": "sum", "field": "x"},
            {"name": "a", "function": "min", "field": "x"},
            {"name": " ", "function": "max", "field": "x"},
            {"name": "b", "function": "avg"},
            {"name": "c", "function": "count", "field": ""},
        ],
        "maxGroups": 0,
        "maxGroupBytes": 0,
    }));
    let expected = [
        "groupBy[1]",
        "groupBy[2]",
        "aggregates[1].name",
        "aggregates[2].name",
        "aggregates[3].name",
        "aggregates[4].field",
        "aggregates[5].field",
        "maxGroups",
        "maxGroupBytes",
    ];
    assert_eq!(found, expected.map(|path| format!("stages[1].alerts.{path}")));
}
