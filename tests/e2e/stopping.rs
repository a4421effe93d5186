//! Signals: the first ends a run in order, the second at once.

use crate::scene;
use campanile_tests::{Pipeline, Running, Scene};
use serde_json::json;

/// A run that goes on until it is stopped, in its middle.
fn endless(scene: &Scene, pipeline: Pipeline) -> Running {
    let pipeline = pipeline
        .stage("in", "source Endless", json!({ "reached": scene.text("reached") }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .join("in > out");
    let mut running = scene.start(&pipeline, &[]);
    running.until("a thousand records are taken", || scene.has("reached").then_some(()));
    running
}

#[test]
fn sigterm_ends_a_run_killed_with_130_and_leaves_what_was_written_as_part() {
    for signal in ["TERM", "INT"] {
        let scene = scene().with(&["well_behaved"]);
        scene.write("out.jsonl", "old\n");
        let running = endless(&scene, Pipeline::default());
        running.signal(signal);
        let ended = running.wait();
        ended.code_is(130);
        let report = scene.report();
        assert_eq!(report.status(), "KILLED", "{ended}");
        assert_eq!(scene.read("out.jsonl"), "old\n", "an incomplete file takes no name");
        // Sources end, and what was read is finished: every record is in the part.
        let taken = report.metric("in", "records.out");
        assert!(taken >= 1_000);
        assert_eq!(report.metric("out", "records.in"), taken);
        assert_eq!(scene.lines("out.jsonl.part").len() as u64, taken);
    }
}

#[test]
fn a_killed_run_publishes_its_open_groups_marked_partial() {
    let scene = scene().with(&["well_behaved"]);
    let pipeline = Pipeline::default()
        .stage("limit", "transform Threshold", json!({ "field": "n", "atLeast": 0 }))
        .with("alerts", json!({ "aggregates": [{ "name": "n", "function": "count" }] }))
        .stage("more", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > limit > more")
        .join("limit > bell");
    let running = endless(&scene, pipeline);
    running.signal("TERM");
    running.wait().code_is(130);
    let alerts = scene.lines("alerts.jsonl");
    let taken = scene.report().metric("limit", "records.in").to_string();
    assert_eq!((alerts.len(), &alerts[0]["payload"]["n"], &alerts[0]["partial"]), (1, &json!(taken), &json!(true)));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let scene = scene().with(&["misbehaving"]);
    let pipeline = Pipeline::default()
        .stage("in", "source Troubled", json!({}))
        .stage(
            "stuck",
            "transform Troubled",
            json!({ "in": "transform", "how": "hang", "marker": scene.text("reached") }),
        )
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .join("in > stuck > out");
    let mut running = scene.start(&pipeline, &[]);
    running.until("a stage is stuck", || scene.has("reached").then_some(()));
    // The first one cannot end the run, for the stage never returns; signals that come too fast are one.
    let ended = running.wait_and(|running| running.signal("TERM"));
    ended.code_is(130);
    ended.says(&["once more ends at once"]);
    assert!(!scene.has("out.jsonl"));
}
