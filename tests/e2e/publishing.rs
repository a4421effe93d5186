//! Alerts on their way through a publisher: refused, tried again, held back, appended, and how they are written.

use crate::alerts::{payloads, readings, ringing};
use crate::scene;
use campanile_tests::{Pipeline, Scene};
use serde_json::{Value, json};
use std::time::Duration;

/// The ringing pipeline with a publisher that refuses alerts of `def`.
fn picky(more: Value) -> Pipeline {
    let mut properties = json!({ "reject": "def" });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": [{ "name": "user", "type": "string" }, { "name": "bpm", "type": "double" }] }))
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": 150 }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .set("deadLetters", json!({ "path": "errors.jsonl" }))
        .join("in > limit > out")
        .join("limit > bell")
        .stage("bell", "alertpublisher Picky", properties)
}

fn refusing() -> Scene {
    let scene = scene().with(&["well_behaved"]);
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("def", 200.0), ("ghi", 160.0)]));
    scene
}

fn picky_in(scene: &Scene) -> Pipeline {
    picky(json!({ "path": scene.text("alerts.jsonl") }))
}

#[test]
fn a_rejected_alert_fails_the_run_and_is_set_aside_where_nothing_else_is_said() {
    let scene = refusing();
    let (ended, report) = scene.fails_at(&picky_in(&scene), "bell");
    assert!(report.reason().1.contains("was rejected: not this one"), "{ended}");
    assert_eq!((report.metric("bell", "alerts.published"), report.metric("bell", "alerts.rejected")), (2, 1));
    let letters = scene.lines("errors.jsonl");
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["stageName"], &letters[0]["errorMessage"]), (&json!("bell"), &json!("not this one")));
    assert_eq!(letters[0]["alert"]["payload"]["user"], "def");
    assert!(!scene.has("out.jsonl"), "the run failed");
}

#[test]
fn a_rejected_alert_is_set_aside_and_the_run_goes_on_with_on_failure_keep() {
    let scene = refusing();
    let report = scene.completes(&picky_in(&scene).with("onFailure", "keep"));
    assert_eq!((report.metric("bell", "alerts.published"), report.metric("bell", "alerts.rejected")), (2, 1));
    assert_eq!(scene.lines("errors.jsonl")[0]["alert"]["payload"]["user"], "def");
    assert!(report.problems_of("bell")[0].contains("not this one"));
    assert_eq!(scene.lines("out.jsonl").len(), 3);
}

#[test]
fn a_rejected_alert_is_only_counted_with_on_failure_drop() {
    let scene = refusing();
    let report = scene.completes(&picky_in(&scene).with("onFailure", "drop"));
    assert_eq!((report.metric("bell", "alerts.published"), report.metric("bell", "alerts.rejected")), (2, 1));
    assert_eq!(scene.read("errors.jsonl"), "");
    assert!(report.problems().is_empty(), "{:?}", report.problems());
}

#[test]
fn alerts_are_published_again_until_they_are_taken_each_once() {
    let scene = refusing();
    let pipeline = picky(json!({ "path": scene.text("alerts.jsonl"), "reject": "nobody", "retryCalls": 3 }));
    let report = scene.completes(&pipeline);
    let users: Vec<Value> = payloads(&scene).iter().map(|payload| payload["user"].clone()).collect();
    assert_eq!(users, ["abc", "def", "ghi"], "in order, each once");
    assert_eq!((report.metric("bell", "records.in"), report.metric("bell", "alerts.published")), (3, 3));
    assert_eq!(report.metric("bell", "alerts.waiting"), 0);
}

#[test]
fn max_alerts_per_second_is_kept() {
    let scene = scene().with(&["well_behaved"]);
    let many: Vec<(&str, f64)> = vec![("abc", 180.0); 200];
    scene.write("in.jsonl", readings(&many));
    let pipeline = picky_in(&scene).with("maxAlertsPerSecond", 100);
    let ended = scene.run(&pipeline);
    ended.code_is(0);
    assert_eq!(scene.lines("alerts.jsonl").len(), 200);
    // A second's worth goes at once, the other hundred take a second.
    assert!(ended.took() >= Duration::from_millis(990), "{:?}", ended.took());
}

#[test]
fn alerts_are_appended_and_what_a_crash_left_of_a_line_is_cut() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 180.0)]));
    scene.write("alerts.jsonl", "{\"stageName\":\"earlier\",\"payload\":{}}\n{\"stageName\":\"torn\",\"pay");
    scene.completes(&ringing(None));
    let stages: Vec<Value> = scene.lines("alerts.jsonl").iter().map(|alert| alert["stageName"].clone()).collect();
    assert_eq!(stages, ["earlier", "limit"]);
}

#[test]
fn alerts_are_written_as_cloudevents_where_that_is_asked_for() {
    let scene = scene();
    scene.write("in.jsonl", readings(&[("abc", 180.0)]));
    let pipeline = ringing(None)
        .stage("cloud", "alertpublisher File", json!({ "path": "cloud.jsonl", "format": "cloudevents" }))
        .join("limit > cloud");
    scene.completes(&pipeline);
    let event = &scene.lines("cloud.jsonl")[0];
    for (member, value) in
        [("specversion", "1.0"), ("source", "/default/test"), ("subject", "limit"), ("type", "io.campanile.alert")]
    {
        assert_eq!(event[member], value, "{event}");
    }
    assert_eq!(event["data"]["user"], "abc", "{event}");
}
