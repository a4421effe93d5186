//! Names and numbers of metrics, as in CDAP's acceptance test of alert publishers.

use crate::scene;
use campanile_tests::Pipeline;
use serde_json::{Value, json};

/// CDAP's graph: a source, a transform that alerts where the id is null, a sink; the publisher has a space in its name.
fn null_alert() -> Pipeline {
    Pipeline::new("alertTest")
        .stage("source", "source File", json!({ "path": "in.jsonl", "schema": [{ "name": "id", "type": "long" }] }))
        .stage("nullAlert", "transform NullAlert", json!({ "field": "id" }))
        .stage("sink", "sink File", json!({ "path": "out.jsonl" }))
        .stage("tms alert", "alertpublisher File", json!({ "path": "alerts.jsonl", "format": "cdap" }))
        .join("source > nullAlert > sink")
        .join("nullAlert > tms alert")
}

#[test]
fn the_acceptance_test_of_alert_publishers_has_the_metrics_it_names() {
    let scene = scene().with(&["well_behaved"]);
    scene.write("in.jsonl", "{\"id\": 1}\n{\"id\": 2}\n{\"id\": null}\n");
    let report = scene.completes(&null_alert());
    assert_eq!(scene.lines("out.jsonl"), [json!({ "id": 1 }), json!({ "id": 2 })]);
    assert_eq!(scene.lines("alerts.jsonl"), [json!({ "stageName": "nullAlert", "payload": {} })]);
    for (stage, name, value) in [
        ("source", "records.out", 3),
        ("nullAlert", "records.in", 3),
        ("nullAlert", "records.out", 2),
        ("nullAlert", "records.alert", 1),
        ("sink", "records.in", 2),
        ("tms alert", "records.in", 1),
        ("tms alert", "alerts.published", 1),
        ("tms alert", "alerts.rejected", 0),
        ("tms alert", "alerts.waiting", 0),
        ("nullAlert", "records.error", 0),
        ("nullAlert", "alerts.dropped", 0),
    ] {
        assert_eq!(report.metric(stage, name), value, "{stage} {name}");
    }
}

#[test]
fn the_acceptance_test_of_error_transforms_has_the_metrics_it_names() {
    let scene = scene();
    scene.write("in.jsonl", "{\"v\": \"a\"}\n{\"v\": \"b\"}\n{\"v\": \"c\"}\n{\"v\": null}\n");
    let source = json!({ "path": "in.jsonl", "schema": [{ "name": "v", "type": "string" }] });
    let ports = |value: &str| json!({ "field": "v", "ports": { "good": [value, "c"] } });
    let pipeline = Pipeline::default()
        .stage("source1", "source File", source)
        .stage("filter1", "splitter Router", json!({ "field": "v", "ports": { "good": ["a", "b", "c"] } }))
        .stage("filter2", "splitter Router", ports("a"))
        .stage("flatten", "errortransform ErrorCollector", json!({}))
        .stage("sink1", "sink File", json!({ "path": "errors.jsonl" }))
        .stage("sink2", "sink File", json!({ "path": "out.jsonl" }))
        .join("source1 > filter1")
        .join_port("filter1", "good", "filter2")
        .join_port("filter2", "good", "sink2")
        .join("filter1 > flatten")
        .join("filter2 > flatten > sink1");
    let report = scene.completes(&pipeline);
    for (stage, name, value) in [
        ("source1", "records.out", 4),
        ("filter1", "records.out", 3),
        ("filter1", "records.out.good", 3),
        ("filter1", "records.error", 1),
        ("filter2", "records.out", 2),
        ("filter2", "records.error", 1),
        ("flatten", "records.in", 2),
        ("flatten", "records.out", 2),
        ("sink1", "records.in", 2),
        ("sink2", "records.in", 2),
    ] {
        assert_eq!(report.metric(stage, name), value, "{stage} {name}");
    }
    let errors = scene.lines("errors.jsonl");
    let stages: Vec<&Value> = errors.iter().map(|error| &error["errStage"]).collect();
    assert_eq!(stages.len(), 2);
    for error in &errors {
        assert!(error["errMsg"].is_string() && error["errCode"].is_number(), "{error}");
        assert_eq!(error["errStage"], if error["v"] == "b" { "filter2" } else { "filter1" });
    }
}

#[test]
fn a_report_says_what_ran_and_when() {
    let scene = scene().with(&["well_behaved"]);
    scene.write("in.jsonl", "{\"id\": 1}\n");
    let report = scene.completes(&null_alert().set("namespace", "clinic"));
    let json = report.json();
    assert_eq!(
        (&json["namespace"], &json["pipelineName"], &json["status"]),
        (&json!("clinic"), &json!("alertTest"), &json!("COMPLETED"))
    );
    assert!(json["runId"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(json["startedMs"].as_i64().unwrap() > 1_600_000_000_000);
    assert!(json["endedMs"].as_i64() >= json["startedMs"].as_i64());
    let stages: Vec<&String> = json["stages"].as_object().unwrap().keys().collect();
    assert_eq!(stages, ["source", "nullAlert", "sink", "tms alert"]);
    assert_eq!((&json["stages"]["sink"]["type"], &json["stages"]["sink"]["plugin"]), (&json!("sink"), &json!("File")));
    assert_eq!(json["problems"], json!([]));
}
