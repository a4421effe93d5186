//! How a durable run is ended, and who may go on with it.

use super::{DATA, append, count_so_far, number, number_schema, numbers, stop};
use crate::scene;
use campanile_tests::{Pipeline, Scene};
use serde_json::json;
use std::fs;

fn ringing(scene: &Scene) -> Pipeline {
    let witness = json!({ "path": scene.text("witness.jsonl"), "order": scene.text("order.json") });
    Pipeline::default()
        .set("saves", json!({ "interval": "100ms" }))
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": number_schema(), "follow": true }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["n"] }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("witness", "alertpublisher Witness", witness)
        .join("in > each > out")
        .join("each > witness")
}

#[test]
fn a_second_process_on_one_run_is_refused_with_the_first_ones_id() {
    let scene = scene().with(&["well_behaved"]);
    append(&scene, "in.jsonl", &numbers(0..10));
    let mut running = scene.start(&ringing(&scene), &DATA);
    running.until("it runs", || (count_so_far(&scene, "witness.jsonl") == 10).then_some(()));
    let second = scene.campanile(["run", "pipeline.json", "--data", "data"]);
    assert_ne!(second.code(), Some(0), "{second}");
    let pid = running.id().to_string();
    second.says(&[&pid, "it runs this pipeline: stop it first, or give this run another --instance"]);
    // The first has not noticed.
    append(&scene, "in.jsonl", &numbers(10..20));
    running.until("it goes on", || (count_so_far(&scene, "witness.jsonl") == 20).then_some(()));
    stop(running);
    // Another instance is another run.
    scene.write("out.jsonl", "");
    let mut other = scene.start(&ringing(&scene), &[&DATA[..], &["--instance", "other"]].concat());
    other.until("it reads from the start", || (count_so_far(&scene, "witness.jsonl") == 40).then_some(()));
    stop(other);
}

#[test]
fn a_second_signal_ends_a_run_that_waits_for_a_publisher_and_nothing_is_lost() {
    let scene = scene().with(&["well_behaved"]);
    append(&scene, "in.jsonl", &numbers(0..50));
    scene.write("order.json", json!({ "answer": "retry" }).to_string());
    let mut running = scene.start(&ringing(&scene), &DATA);
    running.until("all is read", || (count_so_far(&scene, "out.jsonl") == 50).then_some(()));
    running.signal("TERM");
    running.says("it says that it stops", |_, said| said.contains("once more ends at once").then_some(()));
    let ended = running.wait_and(|running| running.signal("TERM"));
    ended.code_is(130);

    fs::remove_file(scene.path("order.json")).unwrap();
    append(&scene, "in.jsonl", &numbers(50..60));
    let mut running = scene.start(&ringing(&scene), &DATA);
    running.until("all are published", || (count_so_far(&scene, "witness.jsonl") >= 60).then_some(()));
    stop(running);
    let alerts: Vec<u64> = scene.lines("witness.jsonl").iter().map(number).collect();
    assert_eq!(alerts, (0..60).collect::<Vec<_>>());
    assert_eq!(scene.lines("out.jsonl").len(), 60);
}

#[test]
fn a_bounded_run_that_is_stopped_is_gone_on_with_and_ends_as_one() {
    let scene = scene().with(&["well_behaved"]);
    let gate = json!({ "reached": scene.text("reached"), "open": scene.text("open") });
    let pipeline = Pipeline::default()
        .set("batch", json!({ "rows": 10 }))
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": number_schema() }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["n"] }))
        .with("alerts", json!({ "aggregates": [{ "name": "n", "function": "count" }] }))
        .stage("gate", "transform Gate", gate)
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > each > gate > out")
        .join("each > bell");
    append(&scene, "in.jsonl", &numbers(0..500));
    let mut running = scene.start(&pipeline, &DATA);
    running.until("it is in its midst", || scene.has("reached").then_some(()));
    running.signal("TERM");
    running.wait().code_is(130);
    let taken = scene.report().metric("each", "records.in");
    assert!((1..500).contains(&taken), "{taken}");
    assert!(!scene.has("out.jsonl"), "a file that is not complete takes no name");
    assert_eq!(count_so_far(&scene, "alerts.jsonl"), 0, "a group stays open for the run that goes on");
    scene.write("open", "");
    scene.run_with(&pipeline, &[&DATA[..], &["--resume"]].concat()).code_is(0);
    assert_eq!(scene.lines("out.jsonl"), scene.lines("in.jsonl"));
    let alerts = scene.lines("alerts.jsonl");
    assert_eq!((alerts.len(), number(&alerts[0]), &alerts[0]["partial"]), (1, 500, &json!(null)));
    assert_eq!(scene.report().metric("each", "records.in"), 500, "it is one run");
}
