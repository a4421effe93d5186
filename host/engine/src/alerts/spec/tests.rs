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
    for name in
        ["groupBy", "maxGroups", "maxGroupBytes", "avg", "mean", "sum", "count", "min", "max"].into_iter().chain([
            "window",
            "timeField",
            "allowedLateness",
            "emit",
            "minCount",
            "having",
            "atLeast",
            "maxAhead",
            "idleAfter",
        ])
    {
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

#[test]
fn windows_and_conditions_are_read() {
    let read = spec(json!({
        "aggregates": [{"name": "avg", "function": "avg", "field": "x"}, {"name": "n", "function": "count"}],
        "window": "10s", "timeField": "at", "allowedLateness": "2s", "emit": "first", "minCount": 3,
        "having": [{"aggregate": "avg", "above": 150}, {"aggregate": "n", "atLeast": 1, "atMost": 9.5}],
        "maxAhead": "10m", "idleAfter": "500ms",
    }));
    assert_eq!(read.check(""), []);
    assert_eq!(read.window, Some(Duration::from_secs(10)));
    assert_eq!(read.time_field.as_deref(), Some("at"));
    assert_eq!((read.allowed_lateness_ms(), read.max_ahead_ms()), (2_000, 600_000));
    assert_eq!(read.idle_after(), Duration::from_millis(500));
    assert_eq!((read.emit, read.min_count), (Emit::First, Some(3)));
    assert_eq!(read.having.len(), 2);
    assert_eq!(spec(serde_json::to_value(&read).unwrap()), read);
}

#[test]
fn what_is_left_out_has_a_default() {
    let read = spec(json!({"groupBy": ["a"], "window": "1m"}));
    assert_eq!((read.emit, read.min_count, read.having.len()), (Emit::Close, None, 0));
    assert_eq!((read.allowed_lateness_ms(), read.max_ahead_ms()), (0, 3_600_000));
    assert_eq!(read.idle_after(), Duration::from_secs(10));
    let patient = spec(json!({"groupBy": ["a"], "window": "1m", "allowedLateness": "0s"}));
    assert_eq!(patient.allowed_lateness, Some(Duration::ZERO));
    assert_eq!(spec(serde_json::to_value(&patient).unwrap()), patient);
}

#[test]
fn a_condition_needs_no_list() {
    let of = |having| spec(json!({"aggregates": [{"name": "n", "function": "count"}], "having": having})).having;
    let one = of(json!({"aggregate": "n", "above": 2}));
    assert_eq!(one, of(json!([{"aggregate": "n", "above": 2}])));
    assert_eq!(one, [Having { aggregate: "n".into(), above: Some(2.0), ..Having::default() }]);
}

#[test]
fn windows_begin_at_whole_lengths() {
    let read = spec(json!({"groupBy": ["a"], "window": "10s"}));
    assert_eq!(read.window_start(1_700_000_012_345), Some(1_700_000_010_000));
    assert_eq!((read.window_start(10_000), read.window_start(9_999)), (Some(10_000), Some(0)));
    assert_eq!(read.window_start(-1), Some(-10_000));
    assert_eq!(read.window_start(i64::MIN), Some(i64::MIN), "there is none before");
    assert_eq!(spec(json!({"groupBy": ["a"]})).window_start(5), None);
}

#[test]
fn bounds_hold_as_they_are_called() {
    let having = |bound: &str| -> Having { serde_json::from_value(json!({"aggregate": "n", bound: 2})).unwrap() };
    for (bound, holds) in [
        ("above", [false, false, true]),
        ("atLeast", [false, true, true]),
        ("below", [true, false, false]),
        ("atMost", [true, true, false]),
    ] {
        assert_eq!([1.0, 2.0, 3.0].map(|number| having(bound).holds(number)), holds, "{bound}");
    }
}

#[test]
fn what_needs_a_window_is_found_without_one() {
    let found = paths(json!({
        "groupBy": ["a"], "timeField": "at", "allowedLateness": "1s", "emit": "first", "maxAhead": "1s", "idleAfter": "1s",
    }));
    let expected = ["timeField", "emit", "allowedLateness", "maxAhead", "idleAfter"];
    assert_eq!(found, expected.map(|name| format!("stages[1].alerts.{name}")));
    assert_eq!(paths(json!({"groupBy": ["a"], "window": "1s", "timeField": " "})), ["stages[1].alerts.timeField"]);
}

#[test]
fn what_needs_event_time_is_told_without_it() {
    let read =
        spec(json!({"groupBy": ["a"], "window": "1s", "emit": "first", "allowedLateness": "1s", "maxAhead": "1s"}));
    let found: Vec<String> = read.check("a").iter().map(|finding| finding.path.clone()).collect();
    assert_eq!(found, ["a.allowedLateness", "a.maxAhead"]);
    assert!(!read.check("a").iter().any(Finding::is_error));
}

#[test]
fn conditions_that_mean_nothing_are_found() {
    let read = spec(json!({
        "groupBy": ["user"],
        "aggregates": [{"name": "avgheartbeat", "function": "avg", "field": "x"}],
        "minCount": 0,
        "having": [
            {"aggregate": "avgheartbaet", "above": 1},
            {"aggregate": "avgheartbeat"},
            {"aggregate": "avgheartbeat", "above": 5, "below": 5},
            {"aggregate": "avgheartbeat", "atLeast": 5, "atMost": 4},
            {"aggregate": "avgheartbeat", "above": 5, "atMost": 5},
            {"aggregate": "avgheartbeat", "atLeast": 5, "below": 5},
            {"aggregate": "avgheartbeat", "atLeast": 5, "atMost": 5},
        ],
    }));
    let found: Vec<String> = read.check("a").iter().map(ToString::to_string).collect();
    let impossible = |index| {
        format!("a.having[{index}]: no number is within these bounds (the lower bound must be below the upper one)")
    };
    assert_eq!(
        found,
        [
            "a.minCount: a group has at least one alert (use 1 or more, or leave it out)".to_owned(),
            "a.having[0].aggregate: there is no aggregate `avgheartbaet` (did you mean `avgheartbeat`?)".to_owned(),
            "a.having[1]: no bound is given (give above, atLeast, below or atMost a number)".to_owned(),
            impossible(2),
            impossible(3),
            impossible(4),
            impossible(5),
        ]
    );
}

#[test]
fn a_bound_is_a_finite_number() {
    let mut read = spec(json!({"aggregates": [{"name": "n", "function": "count"}]}));
    read.having =
        vec![Having { aggregate: "n".into(), below: Some(f64::NAN), above: Some(f64::INFINITY), ..Having::default() }];
    let found: Vec<String> = read.check("a").into_iter().map(|finding| finding.path).collect();
    assert_eq!(found, ["a.having[0].above", "a.having[0].below"]);
}
