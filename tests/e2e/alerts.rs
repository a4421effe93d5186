//! Alerts through a whole pipeline: grouped, merged, dropped, bounded, refused, held back.

use crate::scene;
use campanile_tests::{Pipeline, Scene};
use serde_json::{Value, json};

/// `in*.jsonl` of `{user, bpm, …}`, a Threshold above 150, a Blackhole, and a publisher that writes `alerts.jsonl`.
pub(crate) fn ringing(alerts: Option<Value>) -> Pipeline {
    let schema = json!([
        { "name": "user", "type": "string" }, { "name": "bpm", "type": "double" }, { "name": "note", "type": "string" },
    ]);
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "in*.jsonl", "schema": schema }))
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": 150 }));
    let pipeline = match alerts {
        Some(alerts) => pipeline.with("alerts", alerts),
        None => pipeline,
    };
    pipeline
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > limit > out")
        .join("limit > bell")
}

/// Readings of users, in order.
pub(crate) fn readings(readings: &[(&str, f64)]) -> String {
    readings.iter().map(|(user, bpm)| format!("{}\n", json!({ "user": user, "bpm": bpm }))).collect()
}

pub(crate) fn payloads(scene: &Scene) -> Vec<Value> {
    scene.lines("alerts.jsonl").iter().map(|alert| alert["payload"].clone()).collect()
}

#[test]
fn each_alert_is_published_with_its_envelope() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("abc", 90.0), ("def", 151.5)]));
    let report = scene.completes(&ringing(None).set("namespace", "clinic"));
    assert_eq!(payloads(&scene), [json!({ "user": "abc", "bpm": "180" }), json!({ "user": "def", "bpm": "151.5" })]);
    let alerts = scene.lines("alerts.jsonl");
    for alert in &alerts {
        assert_eq!(
            (&alert["namespace"], &alert["pipelineName"], &alert["stageName"]),
            (&json!("clinic"), &json!("test"), &json!("limit"))
        );
        assert_eq!(alert["runId"], report.json()["runId"]);
        let time = alert["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    }
    assert_ne!(alerts[0]["id"], alerts[1]["id"]);
    assert_eq!(report.metric("bell", "alerts.published"), 2);
}

#[test]
fn alerts_are_grouped_and_aggregated_over_the_whole_pipeline() {
    let scene = scene();
    scene.write(
        "in.jsonl",
        readings(&[("abc", 180.0), ("def", 200.0), ("abc", 184.0), ("abc", 20.0), ("def", 198.5), ("abc", 182.0)]),
    );
    let aggregates = json!([
        { "name": "mean", "function": "avg", "field": "bpm" }, { "name": "sum", "function": "sum", "field": "bpm" },
        { "name": "n", "function": "count" }, { "name": "least", "function": "min", "field": "bpm" },
        { "name": "most", "function": "max", "field": "bpm" },
    ]);
    let report = scene.completes(&ringing(Some(json!({ "groupBy": ["user"], "aggregates": aggregates }))));
    assert_eq!(
        payloads(&scene),
        [
            json!({ "user": "abc", "mean": "182", "sum": "546", "n": "3", "least": "180", "most": "184" }),
            json!({ "user": "def", "mean": "199.25", "sum": "398.5", "n": "2", "least": "198.5", "most": "200" }),
        ]
    );
    assert_eq!((report.metric("limit", "records.alert"), report.metric("limit", "alerts.groups")), (5, 2));
    assert!(!scene.lines("alerts.jsonl").iter().any(|alert| alert["partial"] == true), "the input was whole");
}

#[test]
fn group_by_alone_removes_duplicates() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("def", 200.0), ("abc", 184.0)]));
    scene.completes(&ringing(Some(json!({ "groupBy": ["user"] }))));
    assert_eq!(payloads(&scene), [json!({ "user": "abc" }), json!({ "user": "def" })]);
}

#[test]
fn without_alerts_nothing_is_published_also_without_group_by() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 80.0)]));
    let report = scene.completes(&ringing(Some(json!({ "aggregates": [{ "name": "n", "function": "count" }] }))));
    assert_eq!(scene.read("alerts.jsonl"), "");
    assert_eq!(report.metric("bell", "records.in"), 0);
}

#[test]
fn values_that_are_no_numbers_are_left_out_and_told() {
    let scene = scene();
    let line = |note: &str| format!("{}\n", json!({ "user": "abc", "bpm": 200, "note": note }));
    scene.write("in.jsonl", ["10", "many", "1e400", " 20 ", ""].map(line).concat());
    let aggregates =
        json!([{ "name": "mean", "function": "avg", "field": "note" }, { "name": "n", "function": "count" }]);
    let report = scene.completes(&ringing(Some(json!({ "groupBy": ["user"], "aggregates": aggregates }))));
    assert_eq!(payloads(&scene), [json!({ "user": "abc", "mean": "15", "n": "5" })]);
    assert_eq!(report.metric("limit", "alerts.invalid"), 2);
    let problems = report.problems_of("limit");
    assert!(problems.iter().any(|problem| problem.contains("`note`") && problem.contains("many")), "{problems:?}");
}

#[test]
fn a_group_by_key_that_no_alert_carries_is_told() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 180.0)]));
    let report = scene.completes(&ringing(Some(json!({ "groupBy": ["usr"] }))));
    let problems = report.problems_of("limit");
    assert!(problems.iter().any(|problem| problem.contains("no alert carried `usr`")), "{problems:?}");
}

/// Readings whose sums depend on their order when they are rounded at each step.
fn awkward(file: u32, count: u32) -> String {
    let value = |n: u32| match n % 4 {
        0 => 1e17 + f64::from(n) * 1024.0,
        1 => 150.1 + f64::from(n % 97) / 7.0,
        2 => 3.3e13 / f64::from(n % 13 + 1),
        _ => 151.0 + 1.0 / f64::from(n + 1),
    };
    let line =
        |n: u32| format!("{}\n", json!({ "user": format!("u{}", (n * 7 + file) % 50), "bpm": value(n + file * 3) }));
    (0..count).map(line).collect()
}

fn exact() -> Value {
    json!({ "groupBy": ["user"], "aggregates": [
        { "name": "mean", "function": "mean", "field": "bpm" }, { "name": "sum", "function": "sum", "field": "bpm" },
        { "name": "n", "function": "count" }, { "name": "least", "function": "min", "field": "bpm" },
        { "name": "most", "function": "max", "field": "bpm" },
    ] })
}

/// The published alerts, in order, of a run with this parallelism.
fn published(scene: &Scene, parallelism: u32) -> Vec<Value> {
    // A publisher appends.
    let _ = std::fs::remove_file(scene.path("alerts.jsonl"));
    scene.completes(&ringing(Some(exact())).set("parallelism", parallelism));
    payloads(scene)
}

#[test]
fn parallel_chains_over_several_files_give_the_same_alerts_to_the_last_digit() {
    let scene = scene();
    for file in 0..6 {
        scene.write(&format!("in{file}.jsonl"), awkward(file, 500));
    }
    let one = published(&scene, 1);
    assert_eq!(one.len(), 50);
    for parallelism in [2, 3, 2, 8] {
        assert_eq!(published(&scene, parallelism), one, "parallelism {parallelism}");
    }
}

#[test]
fn parallel_chains_over_splits_of_one_file_give_the_same_alerts_to_the_last_digit() {
    let scene = scene();
    // Long notes make a file of several splits of few lines.
    let note = "x".repeat(4_000);
    let lines: String =
        awkward(0, 10_000).lines().map(|line| format!("{},\"note\":\"{note}\"}}\n", &line[..line.len() - 1])).collect();
    assert!(lines.len() > 2 * (16 << 20), "the file has three splits");
    scene.write("in.jsonl", lines);
    let one = published(&scene, 1);
    assert_eq!(one.len(), 50);
    assert_eq!(published(&scene, 2), one);
    let report = scene.report();
    assert_eq!((report.metric("in", "records.out"), report.metric("out", "records.in")), (10_000, 10_000));
}

#[test]
fn alerts_are_dropped_and_counted_where_no_publisher_takes_them() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("def", 200.0), ("def", 20.0)]));
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl" }))
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": 150 }))
        .stage("out", "sink Blackhole", json!({}))
        .join("in > limit > out");
    let report = scene.completes(&pipeline);
    assert_eq!((report.metric("limit", "records.alert"), report.metric("limit", "alerts.dropped")), (2, 2));
    assert_eq!(report.metric("limit", "records.out"), 3);
}

#[test]
fn a_payload_over_64_kib_is_an_error_record_and_no_alert() {
    let scene = scene();
    let line = |bytes: usize| format!("{}\n", json!({ "user": "abc", "bpm": 200, "note": "x".repeat(bytes) }));
    // Keys and values: `user`, `abc`, `bpm`, `200`, `note` are 17 bytes.
    scene.write("in.jsonl", [line((64 << 10) - 17), line((64 << 10) - 16), line(10)].concat());
    let report = scene.completes(&ringing(None).set("deadLetters", json!({ "path": "errors.jsonl" })));
    assert_eq!(payloads(&scene).len(), 2);
    assert_eq!((report.metric("limit", "records.alert"), report.metric("limit", "records.error")), (2, 1));
    let letters = scene.lines("errors.jsonl");
    let [letter] = letters.as_slice() else { panic!("{} letters", letters.len()) };
    assert!(
        letter["errorMessage"].as_str().unwrap().contains("65537 bytes, more than 65536"),
        "{}",
        letter["errorMessage"]
    );
    assert_eq!(letter["stageName"], "limit");
    assert_eq!(letter["record"]["user"], "abc");
}

#[test]
fn every_kind_but_sinks_alerts_from_every_method() {
    let scene = scene().with(&["well_behaved"]);
    let pipeline = Pipeline::default()
        .stage("source", "source Alarm", json!({}))
        .stage("transform", "transform Alarm", json!({}))
        .stage("splitter", "splitter Alarm", json!({}))
        .stage("out", "sink Blackhole", json!({}))
        .stage("wrong", "splitter Router", json!({ "field": "n", "ports": { "none": [99] } }))
        .stage("none", "sink Blackhole", json!({}))
        .stage("errors", "errortransform Alarm", json!({}))
        .stage("kept", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("source > transform > splitter")
        .join_port("splitter", "all", "out")
        .join("source > wrong > errors > kept")
        .join_port("wrong", "none", "none")
        .join("source > bell")
        .join("transform > bell")
        .join("splitter > bell")
        .join("errors > bell");
    scene.completes(&pipeline);
    let of = |stage: &str| -> Vec<String> {
        let alerts = scene.lines("alerts.jsonl");
        let own = alerts.iter().filter(|alert| alert["stageName"] == stage);
        own.map(|alert| alert["payload"]["method"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("source"), ["open", "read", "close"]);
    assert_eq!(of("transform"), ["open", "transform", "finish", "close"]);
    assert_eq!(of("splitter"), ["open", "split", "finish", "close"]);
    assert_eq!(of("errors"), ["open", "transform", "transform", "finish", "close"]);
}

#[test]
fn ids_of_alerts_differ_also_where_several_come_of_one_stage_and_no_row() {
    let scene = scene().with(&["well_behaved"]);
    let pipeline = Pipeline::default()
        .stage("in", "source Alarm", json!({}))
        .stage("more", "transform Alarm", json!({}))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > more > out")
        .join("in > bell")
        .join("more > bell");
    scene.completes(&pipeline);
    let mut ids: Vec<String> =
        scene.lines("alerts.jsonl").iter().map(|alert| alert["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 7);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7, "{ids:#?}");
}

#[test]
fn one_stage_rings_several_bells_and_one_bell_takes_several_stages() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("def", 20.0)]));
    let pipeline = ringing(None)
        .stage("low", "transform Threshold", json!({ "field": "bpm", "below": 50 }))
        .stage("more", "sink Blackhole", json!({}))
        .stage("second", "alertpublisher File", json!({ "path": "second.jsonl" }))
        .join("in > low > more")
        .join("low > second")
        .join("limit > second");
    let report = scene.completes(&pipeline);
    assert_eq!((scene.lines("alerts.jsonl").len(), scene.lines("second.jsonl").len()), (1, 2));
    assert_eq!(report.metric("second", "alerts.published"), 2);
}

#[test]
fn alerts_go_out_also_when_the_run_fails_and_open_groups_are_marked_partial() {
    let scene = scene().with(&["misbehaving"]);
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("abc", 190.0)]));
    let pipeline = ringing(Some(json!({ "groupBy": ["user"], "aggregates": [{ "name": "n", "function": "count" }] })))
        .stage("bad", "sink Troubled", json!({ "in": "prepare", "how": "error" }))
        .join("limit > bad");
    scene.fails_at(&pipeline, "bad");
    let alerts = scene.lines("alerts.jsonl");
    assert_eq!(
        (alerts.len(), &alerts[0]["payload"], &alerts[0]["partial"]),
        (1, &json!({ "user": "abc", "n": "2" }), &json!(true))
    );
}

#[test]
fn groups_beyond_the_bound_close_early_marked_partial_and_told() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("a", 180.0), ("b", 180.0), ("c", 180.0), ("a", 190.0)]));
    let section = json!({ "groupBy": ["user"], "aggregates": [{ "name": "n", "function": "count" }], "maxGroups": 2 });
    let report = scene.completes(&ringing(Some(section)));
    let alerts = scene.lines("alerts.jsonl");
    let early = alerts.iter().filter(|alert| alert["partial"] == true).count();
    assert_eq!((alerts.len(), early), (4, 2), "{alerts:#?}");
    let mut ids: Vec<&Value> = alerts.iter().map(|alert| &alert["id"]).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(report.problems_of("limit").iter().any(|problem| problem.contains("maxGroups")), "{:?}", report.problems());
}
