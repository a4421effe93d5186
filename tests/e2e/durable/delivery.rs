//! Publishers that are dead, slow, or refuse: others go on, data waits at the bound, and what is left is published first.

use super::{DATA, append, count_so_far, distinct, lines_so_far, number, number_schema, numbers, stop};
use crate::scene;
use campanile_tests::{Pipeline, Scene};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// Long enough for a busy machine, and far below the time that a publisher is waited for where nothing is said.
const SOON: Duration = Duration::from_secs(20);

/// An alert for each number, published by a File publisher and one that does what `order.json` says.
fn ringing(scene: &Scene, follow: bool, saves: Value) -> Pipeline {
    let witness = json!({ "path": scene.text("witness.jsonl"), "order": scene.text("order.json") });
    Pipeline::default()
        .set("saves", saves)
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": number_schema(), "follow": follow }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["n"] }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("bell", "alertpublisher File", json!({ "path": "bell.jsonl" }))
        .stage("witness", "alertpublisher Witness", witness)
        .join("in > each > out")
        .join("each > bell")
        .join("each > witness")
}

fn order(scene: &Scene, order: Value) {
    scene.write("order.json", order.to_string());
}

fn obey_no_more(scene: &Scene) {
    fs::remove_file(scene.path("order.json")).unwrap();
}

fn numbers_of(alerts: &[Value]) -> Vec<u64> {
    alerts.iter().map(number).collect()
}

#[test]
fn a_dead_publisher_does_not_hold_another_up_and_the_next_run_publishes_first_what_it_left() {
    let scene = scene().with(&["well_behaved"]);
    append(&scene, "in.jsonl", &numbers(0..100));
    order(&scene, json!({ "answer": "retry" }));
    let pipeline = ringing(&scene, true, json!({ "interval": "100ms", "drainTimeout": "300ms" }));
    let mut running = scene.start(&pipeline, &DATA);
    running.until("the other publisher has all", || (count_so_far(&scene, "bell.jsonl") == 100).then_some(()));
    let told = Instant::now();
    let ended = stop(running);
    assert!(told.elapsed() < SOON, "a run that is stopped waits for the drainTimeout: {:?}", told.elapsed());
    ended.says(&["stage `witness`: 100 alerts wait for the next run, which publishes them first: told to"]);
    let report = scene.report();
    assert_eq!((report.metric("witness", "alerts.waiting"), report.metric("bell", "alerts.waiting")), (100, 0));
    assert_eq!(count_so_far(&scene, "witness.jsonl"), 0);

    obey_no_more(&scene);
    append(&scene, "in.jsonl", &numbers(100..150));
    let mut running = scene.start(&pipeline, &DATA);
    running.until("both have all", || {
        (count_so_far(&scene, "witness.jsonl") >= 150 && count_so_far(&scene, "bell.jsonl") >= 150).then_some(())
    });
    stop(running);
    for name in ["witness.jsonl", "bell.jsonl"] {
        assert_eq!(numbers_of(&scene.lines(name)), (0..150).collect::<Vec<_>>(), "{name}");
    }
    let report = scene.report();
    assert_eq!((report.metric("witness", "alerts.published"), report.metric("witness", "alerts.waiting")), (150, 0));
}

#[test]
fn data_waits_while_the_outbox_is_full_and_goes_on_when_the_publisher_comes_back() {
    let scene = scene().with(&["well_behaved"]);
    const ALL: u64 = 20_000;
    append(&scene, "in.jsonl", &numbers(0..ALL));
    order(&scene, json!({ "answer": "retry" }));
    let saves = json!({ "interval": "100ms", "outboxBytes": 100_000 });
    let pipeline = ringing(&scene, true, saves).set("batch", json!({ "rows": 100 }));
    let mut running = scene.start(&pipeline, &DATA);
    let words = "sources wait: the outbox is full of alerts that publishers have not taken (saves.outboxBytes)";
    running.says("it says that data waits", |_, said| said.contains(words).then_some(()));
    let waits = count_so_far(&scene, "out.jsonl");
    assert!((waits as u64) < ALL / 2, "{waits} records went on");
    obey_no_more(&scene);
    running.until("all are published", || (count_so_far(&scene, "witness.jsonl") as u64 >= ALL).then_some(()));
    running.until("all are published", || (count_so_far(&scene, "bell.jsonl") as u64 >= ALL).then_some(()));
    stop(running);
    for name in ["witness.jsonl", "bell.jsonl"] {
        assert_eq!(numbers_of(&scene.lines(name)), (0..ALL).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(scene.lines("out.jsonl").len() as u64, ALL);
}

#[test]
fn a_run_that_is_killed_while_data_waits_loses_nothing() {
    let scene = scene().with(&["well_behaved"]);
    const ALL: u64 = 5_000;
    append(&scene, "in.jsonl", &numbers(0..ALL));
    order(&scene, json!({ "answer": "retry" }));
    let saves = json!({ "interval": "100ms", "outboxBytes": 100_000 });
    let pipeline = ringing(&scene, true, saves).set("batch", json!({ "rows": 100 }));
    for _ in 0..2 {
        let mut running = scene.start(&pipeline, &DATA);
        running.says("data waits", |_, said| said.contains("sources wait").then_some(()));
        running.kill().was_killed();
    }
    obey_no_more(&scene);
    let mut running = scene.start(&pipeline, &DATA);
    for name in ["witness.jsonl", "bell.jsonl"] {
        running
            .until("all are published", || (distinct(&lines_so_far(&scene, name)).len() as u64 >= ALL).then_some(()));
    }
    stop(running);
    for name in ["witness.jsonl", "bell.jsonl"] {
        let alerts: Vec<Value> = distinct(&scene.lines(name)).into_iter().map(|(alert, _)| alert).collect();
        assert_eq!(numbers_of(&alerts), (0..ALL).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(scene.lines("out.jsonl").len() as u64, ALL);
}

#[test]
fn alerts_are_tried_again_soon_where_others_of_the_call_were_taken() {
    let scene = scene().with(&["well_behaved"]);
    // Were the pauses to grow from one to the next, these would take minutes.
    const ALL: u64 = 60;
    append(&scene, "in.jsonl", &numbers(0..ALL));
    order(&scene, json!({ "answer": "one" }));
    scene.run_with(&ringing(&scene, false, json!({})), &DATA).code_is(0);
    assert_eq!(numbers_of(&scene.lines("witness.jsonl")), (0..ALL).collect::<Vec<_>>());
}

/// The alerts of a run that were set aside.
fn aside(scene: &Scene) -> Vec<u64> {
    let ended = scene.campanile(["alerts", "list", "--aside", "--json", "--data", "data"]);
    ended.code_is(0);
    ended.stdout().lines().map(|line| number(&serde_json::from_str(line).unwrap())).collect()
}

#[test]
fn on_failure_fail_a_rejected_alert_fails_the_run_and_is_set_aside() {
    let scene = scene().with(&["well_behaved"]);
    append(&scene, "in.jsonl", &numbers(0..30));
    order(&scene, json!({ "answer": "reject" }));
    let pipeline = ringing(&scene, false, json!({ "drainTimeout": "300ms" })).with("batchSize", 10);
    let ended = scene.run_with(&pipeline, &DATA);
    ended.code_is(1);
    ended.says(&["error: stage `witness`: alert ", " was rejected: told to"]);
    obey_no_more(&scene);
    scene.run_with(&pipeline, &[&DATA[..], &["--resume"]].concat()).code_is(0);
    // What is not published is set aside, and no alert is both.
    let mut all = [numbers_of(&scene.lines("witness.jsonl")), aside(&scene)].concat();
    all.sort_unstable();
    assert_eq!(all, (0..30).collect::<Vec<_>>());
    assert!(!aside(&scene).is_empty());
    assert_eq!(numbers_of(&scene.lines("bell.jsonl")), (0..30).collect::<Vec<_>>());
}

#[test]
fn on_failure_keep_and_drop_the_run_goes_on() {
    for (on_failure, kept) in [("keep", (0..30).collect::<Vec<u64>>()), ("drop", Vec::new())] {
        let scene = scene().with(&["well_behaved"]);
        append(&scene, "in.jsonl", &numbers(0..30));
        order(&scene, json!({ "answer": "reject" }));
        let pipeline = ringing(&scene, false, json!({})).with("onFailure", on_failure);
        scene.run_with(&pipeline, &DATA).code_is(0);
        let report = scene.report();
        assert_eq!(report.metric("witness", "alerts.rejected"), 30, "{on_failure}");
        assert_eq!(report.metric("witness", "alerts.published"), 0, "{on_failure}");
        assert_eq!(aside(&scene), kept, "{on_failure}");
        assert_eq!(numbers_of(&scene.lines("bell.jsonl")), (0..30).collect::<Vec<_>>(), "{on_failure}");
    }
}

#[test]
fn a_publisher_that_fails_leaves_its_alerts_to_the_run_that_goes_on() {
    let scene = scene().with(&["well_behaved"]);
    append(&scene, "in.jsonl", &numbers(0..30));
    order(&scene, json!({ "answer": "error" }));
    let pipeline = ringing(&scene, false, json!({ "drainTimeout": "300ms" }));
    let ended = scene.run_with(&pipeline, &DATA);
    ended.code_is(1);
    ended.says(&["error: stage `witness`: told to"]);
    obey_no_more(&scene);
    scene.run_with(&pipeline, &[&DATA[..], &["--resume"]].concat()).code_is(0);
    for name in ["witness.jsonl", "bell.jsonl"] {
        assert_eq!(numbers_of(&scene.lines(name)), (0..30).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(scene.lines("out.jsonl").len(), 30);
}
