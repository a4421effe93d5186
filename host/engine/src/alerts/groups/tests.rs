use proptest::prelude::*;
use serde_json::json;

use super::*;

fn groups(spec: serde_json::Value) -> Groups {
    Groups::new(&serde_json::from_value(spec).unwrap())
}

fn at(position: u64) -> Origin {
    Origin { split: 0, position, ordinal: 0 }
}

fn add(groups: &mut Groups, position: u64, payload: &[(&str, &str)]) -> Vec<GroupedAlert> {
    groups.add(payload, at(position), None);
    groups.take_early()
}

/// The payloads as text, `key=value` separated by blanks.
fn payloads(alerts: &[GroupedAlert]) -> Vec<String> {
    let print = |alert: &GroupedAlert| {
        let pairs: Vec<_> = alert.payload.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(" ")
    };
    alerts.iter().map(print).collect()
}

/// What becomes of one group whose alerts carry these values.
fn aggregated(function: &str, values: &[&str]) -> String {
    let mut groups = groups(json!({"aggregates": [{"name": "result", "function": function, "field": "x"}]}));
    for (position, value) in values.iter().enumerate() {
        add(&mut groups, position as u64, &[("y", "1"), ("x", value)]);
    }
    payloads(&groups.finish()).join("|")
}

#[test]
fn the_example_of_the_heartbeats() {
    let mut groups = groups(json!({
        "groupBy": ["userid", "name"],
        "aggregates": [{"name": "heartbeat", "function": "mean", "field": "heartbeat"}],
    }));
    let alerts = [
        ("1", "alice", "180"),
        ("2", "bob", "199"),
        ("1", "alice", "182"),
        ("2", "bob", "200"),
        ("1", "alice", "184"),
        ("2", "bob", "201"),
    ];
    for (position, (userid, name, heartbeat)) in alerts.into_iter().enumerate() {
        let closed = add(&mut groups, position as u64, &[("userid", userid), ("name", name), ("heartbeat", heartbeat)]);
        assert_eq!(closed, []);
    }
    assert_eq!((groups.len(), groups.alerts()), (2, 6));
    let published = groups.finish();
    assert_eq!(payloads(&published), ["userid=1 name=alice heartbeat=182", "userid=2 name=bob heartbeat=200"]);
    assert_eq!((published[1].first, published[1].count, published[1].partial), (at(1), 3, false));
    assert_eq!((groups.invalid(), groups.unseen()), (0, vec![]));
    assert!(groups.is_empty() && groups.bytes() == 0);
}

#[test]
fn grouping_alone_removes_duplicates() {
    let mut groups = groups(json!({"groupBy": ["a"]}));
    for (position, value) in ["x", "y", "x", "x"].into_iter().enumerate() {
        add(&mut groups, position as u64, &[("a", value), ("b", "not published")]);
    }
    assert_eq!(payloads(&groups.finish()), ["a=x", "a=y"]);
}

#[test]
fn the_payload_has_the_keys_and_names_in_the_order_of_the_section() {
    let mut groups = groups(json!({
        "groupBy": ["z", "a"],
        "aggregates": [
            {"name": "n", "function": "count"},
            {"name": "max", "function": "max", "field": "v"},
            {"name": "w", "function": "sum", "field": "w"},
            {"name": "avg", "function": "avg", "field": "v"},
            {"name": "b", "function": "min", "field": "v"},
            {"name": "z total", "function": "sum", "field": "z"},
        ],
    }));
    add(&mut groups, 0, &[("a", "1"), ("v", "2"), ("w", "10"), ("z", "3")]);
    add(&mut groups, 1, &[("z", "3"), ("w", "20"), ("v", "5"), ("a", "1")]);
    assert_eq!(payloads(&groups.finish()), ["z=3 a=1 n=2 max=5 w=30 avg=3.5 b=2 z total=6"]);
}

#[test]
fn functions() {
    let values = ["3", " 1.5 ", "-2", "1e2"];
    assert_eq!(aggregated("avg", &values), "result=25.625");
    assert_eq!(aggregated("mean", &values), "result=25.625");
    assert_eq!(aggregated("sum", &values), "result=102.5");
    assert_eq!(aggregated("count", &values), "result=4");
    assert_eq!(aggregated("min", &values), "result=-2");
    assert_eq!(aggregated("max", &values), "result=100");
}

#[test]
fn numbers_are_printed_as_ecmascript_does() {
    assert_eq!(aggregated("sum", &["0.1"; 10]), "result=1");
    assert_eq!(aggregated("max", &["-0", "-0"]), "result=0");
    assert_eq!(aggregated("min", &["0.000001"]), "result=0.000001");
    assert_eq!(aggregated("min", &["0.0000001"]), "result=1e-7");
    assert_eq!(aggregated("sum", &["1e20"]), "result=100000000000000000000");
    assert_eq!(aggregated("sum", &["1e21"]), "result=1e+21");
}

#[test]
fn what_is_no_number_is_left_out_and_counted() {
    let values = ["1", "fast", "NaN", "inf", "1e400", "1,5", "0x10", "3"];
    assert_eq!(aggregated("avg", &values), "result=2");
    assert_eq!(aggregated("sum", &values), "result=4");
    assert_eq!(aggregated("min", &values), "result=1");
    assert_eq!(aggregated("max", &values), "result=3");
    assert_eq!(aggregated("count", &values), "result=8");

    let mut groups = groups(json!({"aggregates": [
        {"name": "a", "function": "min", "field": "x"},
        {"name": "b", "function": "avg", "field": "x"},
        {"name": "c", "function": "sum", "field": "y"},
        {"name": "d", "function": "count", "field": "z"},
    ]}));
    add(&mut groups, 0, &[("x", "7"), ("y", "eight"), ("z", "nine")]);
    add(&mut groups, 1, &[("x", "seven"), ("y", "8"), ("z", "nine")]);
    add(&mut groups, 2, &[("x", " sieben "), ("y", "huit")]);
    assert_eq!(groups.invalid(), 4);
    assert_eq!(
        groups.invalid_fields(),
        [
            InvalidField { field: "x".into(), count: 2, example: "seven".into() },
            InvalidField { field: "y".into(), count: 2, example: "eight".into() },
        ]
    );
    assert_eq!(payloads(&groups.finish()), ["a=7 b=7 c=8 d=2"]);
    assert_eq!(groups.invalid(), 4, "closing keeps the counters");
}

#[test]
fn a_long_example_is_cut_between_characters() {
    let mut groups = groups(json!({"aggregates": [{"name": "a", "function": "min", "field": "x"}]}));
    let long = format!("a{}", "é".repeat(1000));
    add(&mut groups, 0, &[("x", &long)]);
    let example = &groups.invalid_fields()[0].example;
    assert_eq!(*example, format!("a{}…", "é".repeat(59)));
}

#[test]
fn missing_and_empty_values_are_left_out_in_silence() {
    let mut groups = groups(json!({"aggregates": [
        {"name": "alerts", "function": "count"},
        {"name": "carried", "function": "count", "field": "x"},
        {"name": "mean", "function": "avg", "field": "x"},
    ]}));
    for (position, payload) in
        [&[("x", "2")][..], &[("x", "")], &[("x", " \t ")], &[("y", "1")], &[], &[("x", "4")]].into_iter().enumerate()
    {
        add(&mut groups, position as u64, payload);
    }
    assert_eq!(groups.invalid(), 0);
    assert_eq!(payloads(&groups.finish()), ["alerts=6 carried=2 mean=3"]);
}

#[test]
fn a_group_without_any_number_is_published_with_its_keys_and_counts() {
    let mut groups = groups(json!({
        "groupBy": ["k"],
        "aggregates": [
            {"name": "sum", "function": "sum", "field": "x"},
            {"name": "avg", "function": "avg", "field": "x"},
            {"name": "min", "function": "min", "field": "x"},
            {"name": "max", "function": "max", "field": "x"},
            {"name": "x", "function": "count", "field": "x"},
            {"name": "n", "function": "count"},
        ],
    }));
    add(&mut groups, 0, &[("k", "none"), ("x", "")]);
    add(&mut groups, 1, &[("k", "word"), ("x", "fast")]);
    add(&mut groups, 2, &[("k", "zero"), ("x", "0")]);
    assert_eq!(
        payloads(&groups.finish()),
        ["k=none x=0 n=1", "k=word x=1 n=1", "k=zero sum=0 avg=0 min=0 max=0 x=1 n=1"]
    );
}

#[test]
fn a_sum_too_large_is_left_out_and_its_mean_is_not() {
    assert_eq!(aggregated("sum", &["1e308"; 10]), "");
    assert_eq!(aggregated("avg", &["1e308"; 10]), "result=1e+308");
    assert_eq!(aggregated("sum", &["1e308", "1e308", "5", "-1e308", "-1e308"]), "result=5");
}

#[test]
fn a_missing_key_is_its_own_group() {
    let mut groups = groups(json!({"groupBy": ["a", "b"], "aggregates": [{"name": "n", "function": "count"}]}));
    let alerts = [&[("a", "")][..], &[("b", "")], &[], &[("a", ""), ("b", "")], &[("b", "")], &[("c", "")]];
    for (position, payload) in alerts.into_iter().enumerate() {
        add(&mut groups, position as u64, payload);
    }
    let published = groups.finish();
    assert_eq!(payloads(&published), ["a= n=1", "b= n=2", "n=2", "a= b= n=1"]);
    let hashes: std::collections::HashSet<u64> = published.iter().map(|alert| alert.key_hash).collect();
    assert_eq!(hashes.len(), 4);
}

#[test]
fn keys_do_not_run_into_each_other() {
    let mut groups = groups(json!({"groupBy": ["a", "b"]}));
    let long = "x".repeat(70_000);
    for (position, (a, b)) in [("ab", "c"), ("a", "bc"), ("", "abc"), (&long, "é"), (&long, "")].into_iter().enumerate()
    {
        add(&mut groups, position as u64, &[("a", a), ("b", b)]);
    }
    assert_eq!(groups.finish().len(), 5);
}

#[test]
fn keys_of_every_length_are_published_as_they_are() {
    let mut groups = groups(json!({"groupBy": ["a"], "aggregates": [{"name": "n", "function": "count"}]}));
    let values: Vec<String> = (0..200).map(|length| "y".repeat(length)).collect();
    for position in 0..400 {
        add(&mut groups, position, &[("a", &values[position as usize % 200])]);
    }
    assert_eq!(payloads(&groups.finish()), values.iter().map(|value| format!("a={value} n=2")).collect::<Vec<_>>());
}

#[test]
fn key_hashes_are_as_documented() {
    let mut groups = groups(json!({"groupBy": ["a", "b", "c"]}));
    add(&mut groups, 0, &[("a", "x"), ("c", "")]);
    let fnv = [2u8, b'x', 0, 1]
        .iter()
        .fold(0xcbf29ce484222325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100000001b3));
    assert_eq!(groups.finish()[0].key_hash, fnv);
    assert_eq!(key::stable_hash(b"foobar"), 0x85944171f73967e8);
}

#[test]
fn no_alerts_no_groups() {
    let mut without = groups(json!({"aggregates": [{"name": "n", "function": "count"}]}));
    assert_eq!(without.finish(), []);
    assert_eq!(without.unseen(), [""; 0]);
    let mut by_key = groups(json!({"groupBy": ["a"]}));
    assert_eq!(by_key.finish(), []);
}

#[test]
fn an_empty_payload_is_an_alert() {
    let mut groups = groups(json!({"aggregates": [{"name": "n", "function": "count"}]}));
    add(&mut groups, 0, &[]);
    assert_eq!(payloads(&groups.finish()), ["n=1"]);
}

#[test]
fn what_no_alert_carried_is_told() {
    let mut groups = groups(json!({
        "groupBy": ["a", "userId"],
        "aggregates": [{"name": "m", "function": "max", "field": "hartbeat"}, {"name": "n", "function": "count", "field": "e"}],
    }));
    add(&mut groups, 0, &[("a", "1"), ("userid", "1"), ("heartbeat", "1"), ("e", "")]);
    assert_eq!(groups.unseen(), ["userId", "hartbeat"]);
    add(&mut groups, 1, &[("userId", "1")]);
    assert_eq!(groups.unseen(), ["hartbeat"]);
}

#[test]
fn groups_come_in_order_of_first_appearance_by_origin() {
    let mut groups = groups(json!({"groupBy": ["a"]}));
    for (split, position, ordinal, value) in
        [(1, 0, 0, "d"), (0, 7, 1, "c"), (0, 7, 0, "b"), (0, 9, 0, "d"), (0, 2, 0, "a")]
    {
        groups.add(&[("a", value)][..], Origin { split, position, ordinal }, None);
    }
    let published = groups.finish();
    assert_eq!(payloads(&published), ["a=a", "a=b", "a=c", "a=d"]);
    assert_eq!(published[3].first, at(9));
}

#[test]
fn past_the_number_of_groups_the_oldest_closes_early() {
    let mut groups = groups(json!({
        "groupBy": ["a"],
        "aggregates": [{"name": "n", "function": "count"}, {"name": "s", "function": "sum", "field": "x"}],
        "maxGroups": 2,
    }));
    assert_eq!(add(&mut groups, 0, &[("a", "1"), ("x", "1")]), []);
    assert_eq!(add(&mut groups, 1, &[("a", "2"), ("x", "1e300")]), []);
    assert_eq!(add(&mut groups, 2, &[("a", "1"), ("x", "1e-300")]), []);
    let bytes = groups.bytes();
    let closed = add(&mut groups, 3, &[("a", "3"), ("x", "5")]);
    assert_eq!(payloads(&closed), ["a=1 n=2 s=1"]);
    assert!(closed[0].partial && closed[0].first == at(0));
    assert!(groups.bytes() < bytes, "the wide sum is gone");
    let closed = add(&mut groups, 4, &[("a", "1"), ("x", "6")]);
    assert_eq!(payloads(&closed), ["a=2 n=1 s=1e+300"]);
    assert_eq!((groups.len(), groups.closed_early(), groups.alerts()), (2, 2, 5));
    let published = groups.finish();
    assert_eq!(payloads(&published), ["a=3 n=1 s=5", "a=1 n=1 s=6"]);
    assert!(published.iter().all(|alert| !alert.partial));
    assert_eq!(groups.bytes(), 0);
}

#[test]
fn past_the_bytes_the_oldest_close_early() {
    let mut groups = groups(json!({"groupBy": ["a"], "maxGroupBytes": 3000}));
    let mut closed = Vec::new();
    for position in 0..100 {
        closed.extend(add(&mut groups, position, &[("a", &position.to_string())]));
        assert!(groups.bytes() <= 3000);
    }
    assert!(groups.len() > 10, "{}", groups.len());
    closed.extend(groups.finish());
    assert_eq!(payloads(&closed), (0..100).map(|n| format!("a={n}")).collect::<Vec<_>>());
}

#[test]
fn one_group_stays_open_however_large() {
    let mut groups = groups(json!({"groupBy": ["a"], "maxGroupBytes": 1}));
    let large = "x".repeat(10_000);
    assert_eq!(add(&mut groups, 0, &[("a", &large)]), []);
    assert_eq!(add(&mut groups, 1, &[("a", &large)]), []);
    assert_eq!(add(&mut groups, 2, &[("a", "small")])[0].count, 2);
    assert_eq!(groups.len(), 1);
}

#[test]
fn merging_keeps_the_bounds() {
    let spec = json!({"groupBy": ["a"], "maxGroups": 3});
    let (mut one, mut two) = (groups(spec.clone()), groups(spec));
    for (position, value) in ["1", "2", "3"].into_iter().enumerate() {
        add(&mut one, 10 + position as u64, &[("a", value)]);
        add(&mut two, 5 + position as u64 * 10, &[("a", &format!("{value}'"))]);
    }
    add(&mut two, 40, &[("a", "4'")]);
    let closed = one.merge(two);
    assert_eq!(payloads(&closed), ["a=1", "a=2", "a=3"]);
    assert!(closed.iter().all(|alert| alert.partial));
    assert_eq!(one.closed_early(), 4);
    assert_eq!(payloads(&one.finish()), ["a=2'", "a=3'", "a=4'"]);
}

/// All functions over alerts whose keys and values are chosen by number.
fn everything() -> serde_json::Value {
    let aggregates: Vec<_> = ["avg", "sum", "count", "min", "max"]
        .into_iter()
        .flat_map(|function| {
            ["x", "y"].map(|field| json!({"name": format!("{function} {field}"), "function": function, "field": field}))
        })
        .chain([json!({"name": "n", "function": "count"})])
        .collect();
    json!({"groupBy": ["k", "l"], "aggregates": aggregates})
}

fn payload() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let number = prop_oneof![
        any::<f64>().prop_map(|number| number.to_string()),
        (-100i32..100).prop_map(|number| (f64::from(number) / 10.0).to_string()),
        Just("1e308".to_owned()),
        Just("word".to_owned()),
        Just(String::new()),
    ];
    let part = |name: &'static str| prop::option::of("[ab]{0,2}".prop_map(move |value| (name, value)));
    let value = |name: &'static str| prop::option::of(number.clone().prop_map(move |value| (name, value)));
    (part("k"), part("l"), value("x"), value("y"))
        .prop_map(|(k, l, x, y)| [k, l, x, y].into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
}

proptest! {
    #[test]
    fn parallel_chains_give_what_one_gives(
        alerts in prop::collection::vec((payload(), 0usize..3), 0..120),
        chains in 2usize..4,
        rotation in 0usize..3,
    ) {
        let mut whole = groups(everything());
        let mut parts: Vec<Groups> = (0..chains).map(|_| groups(everything())).collect();
        for (position, (payload, chain)) in alerts.iter().enumerate() {
            let origin = Origin { split: position as u32 % 2, position: position as u64, ordinal: 0 };
            whole.add(&payload[..], origin, None);
            parts[chain % chains].add(&payload[..], origin, None);
        }
        parts.rotate_left(rotation % chains);
        let mut merged = parts.remove(0);
        for part in parts {
            prop_assert_eq!(merged.merge(part), vec![]);
        }
        prop_assert_eq!(merged.alerts(), whole.alerts());
        prop_assert_eq!(merged.invalid(), whole.invalid());
        prop_assert_eq!(merged.unseen(), whole.unseen());
        prop_assert_eq!(merged.invalid_fields(), whole.invalid_fields());
        prop_assert_eq!(merged.finish(), whole.finish());
    }

    #[test]
    fn bounds_lose_nothing(
        alerts in prop::collection::vec(payload(), 0..200),
        max_groups in 1u64..8,
        max_group_bytes in 1u64..20_000,
    ) {
        let mut spec = everything();
        spec["maxGroups"] = max_groups.into();
        spec["maxGroupBytes"] = max_group_bytes.into();
        let mut bounded = groups(spec);
        let mut counted = 0;
        for (position, payload) in alerts.iter().enumerate() {
            bounded.add(&payload[..], at(position as u64), None);
            counted += bounded.take_early().iter().map(|alert| alert.count).sum::<u64>();
            prop_assert!(bounded.len() as u64 <= max_groups);
            prop_assert!(bounded.len() == 1 || bounded.bytes() as u64 <= max_group_bytes);
        }
        counted += bounded.finish().iter().map(|alert| alert.count).sum::<u64>();
        prop_assert_eq!(counted, alerts.len() as u64);
        prop_assert_eq!(bounded.bytes(), 0);
    }
}
