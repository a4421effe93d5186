//! Runs that never end by themselves: they take what comes, wait when told to, and end well when stopped.

use crate::scene;
use campanile_tests::{Pipeline, Running, Scene};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;

/// Reads what grows, rings above 150 by windows of ten seconds of the field `t`, and writes everything.
fn pipeline(path: &str, alerts: Value) -> Pipeline {
    let schema = json!([
        { "name": "t", "type": "long" }, { "name": "user", "type": "string" }, { "name": "bpm", "type": "double" }
    ]);
    let threshold = json!({ "field": "bpm", "above": 150, "payload": ["user", "bpm"] });
    Pipeline::new("live")
        .stage("in", "source File", json!({ "path": path, "follow": true, "schema": schema }))
        .stage("fast", "transform Threshold", threshold)
        .with("alerts", alerts)
        .stage("out", "sink File", json!({ "path": "${out}" }))
        .stage("bell", "alertpublisher File", json!({ "path": "${out}.alerts" }))
        .join("in > fast > out")
        .join("fast > bell")
}

fn windows() -> Value {
    let count = json!({ "name": "n", "function": "count" });
    json!({ "groupBy": ["user"], "aggregates": [count], "window": "10s", "timeField": "t", "idleAfter": "1h" })
}

fn start(scene: &Scene, pipeline: &Pipeline, out: &str, args: &[&str]) -> Running {
    let out = format!("out={out}");
    let args: Vec<&str> = ["--data", "data", "--arg", &out].iter().chain(args).copied().collect();
    scene.start(pipeline, &args)
}

fn append(scene: &Scene, name: &str, records: &[(i64, &str, f64)]) {
    let file = OpenOptions::new().create(true).append(true).open(scene.path(name));
    let mut file = file.expect("a folder of our own");
    for (t, user, bpm) in records {
        writeln!(file, "{}", json!({ "t": t, "user": user, "bpm": bpm })).expect("a file of our own");
    }
}

/// Waits until a file has so many lines.
fn lines(running: &mut Running, scene: &Scene, name: &str, n: usize) {
    let what = format!("{n} lines in {name}");
    running.until(&what, || (scene.has(name) && scene.read(name).lines().count() >= n).then_some(()));
}

#[test]
fn what_comes_is_written_and_rung_for_at_once_and_a_stop_is_a_good_end() {
    let scene = scene();
    append(&scene, "in.jsonl", &[(1_000, "ada", 180.0), (2_000, "ada", 190.0)]);
    let mut running = start(&scene, &pipeline("in.jsonl", windows()), "out.jsonl", &[]);
    lines(&mut running, &scene, "out.jsonl", 2);
    append(&scene, "in.jsonl", &[(11_000, "bob", 100.0)]);
    lines(&mut running, &scene, "out.jsonl.alerts", 1);
    append(&scene, "in.jsonl", &[(12_000, "bob", 200.0)]);
    lines(&mut running, &scene, "out.jsonl", 4);
    running.signal("TERM");
    running.wait().code_is(0);
    let alerts = scene.lines("out.jsonl.alerts");
    assert_eq!(alerts.len(), 1, "the window of the last alert stays open for the run that goes on");
    assert_eq!(alerts[0]["payload"], json!({ "user": "ada", "n": "2" }));
    assert_eq!(
        (&alerts[0]["windowStart"], &alerts[0]["windowEnd"]),
        (&json!("1970-01-01T00:00:00.000Z"), &json!("1970-01-01T00:00:10.000Z"))
    );
    let report = scene.report();
    assert_eq!((report.status(), report.metric("in", "records.out")), ("KILLED", 4));

    // It goes on, with the group that was open.
    append(&scene, "in.jsonl", &[(13_000, "bob", 201.0), (21_000, "eve", 1.0)]);
    let mut running = start(&scene, &pipeline("in.jsonl", windows()), "out.jsonl", &[]);
    lines(&mut running, &scene, "out.jsonl.alerts", 2);
    running.signal("TERM");
    let ended = running.wait();
    ended.code_is(0);
    ended.says(&["was stopped: it goes on from its save point"]);
    assert_eq!(scene.lines("out.jsonl.alerts")[1]["payload"], json!({ "user": "bob", "n": "2" }));
    assert_eq!(scene.lines("out.jsonl").len(), 6, "nothing is written twice");
    let report = scene.report();
    assert_eq!(report.metric("in", "records.out"), 6, "counts are those of the whole run");
    assert_eq!(report.metric("bell", "alerts.published"), 2);
}

#[test]
fn a_suspended_run_reads_nothing_until_it_is_resumed() {
    let scene = scene();
    append(&scene, "in.jsonl", &[(1_000, "ada", 100.0)]);
    let pipeline = pipeline("in.jsonl", windows());
    let mut waits = start(&scene, &pipeline, "waits.jsonl", &["--instance", "waits"]);
    let mut goes_on = start(&scene, &pipeline, "goes-on.jsonl", &["--instance", "goes-on"]);
    lines(&mut waits, &scene, "waits.jsonl", 1);
    waits.signal("USR1");
    waits.says("that it waits", |_, err| err.contains("suspended").then_some(()));
    for n in 2..20 {
        append(&scene, "in.jsonl", &[(n * 1_000, "ada", 100.0)]);
        lines(&mut goes_on, &scene, "goes-on.jsonl", n as usize);
    }
    assert_eq!(scene.lines("waits.jsonl").len(), 1);
    waits.signal("USR2");
    lines(&mut waits, &scene, "waits.jsonl", 19);
    // Told to stop while it is suspended, it ends all the same.
    waits.signal("USR1");
    for running in [waits, goes_on] {
        running.signal("TERM");
        running.wait().code_is(0);
    }
}

#[test]
fn a_window_closes_by_the_clock_when_nothing_more_comes() {
    let scene = scene();
    let alerts = json!({
        "groupBy": ["user"], "aggregates": [{ "name": "n", "function": "count" }],
        "window": "300ms", "timeField": "t", "idleAfter": "100ms"
    });
    append(&scene, "in.jsonl", &[(1_000, "ada", 180.0), (1_001, "ada", 180.0)]);
    let mut running = start(&scene, &pipeline("in.jsonl", alerts), "out.jsonl", &[]);
    lines(&mut running, &scene, "out.jsonl.alerts", 1);
    running.signal("TERM");
    running.wait().code_is(0);
    assert_eq!(scene.lines("out.jsonl.alerts")[0]["payload"]["n"], "2");
}

#[test]
fn files_that_appear_for_a_pattern_are_read_too() {
    let scene = scene();
    scene.write("logs/readme.txt", "not a log");
    let mut running = start(&scene, &pipeline("logs/*.jsonl", windows()), "out.jsonl", &[]);
    append(&scene, "logs/a.jsonl", &[(1_000, "ada", 100.0)]);
    lines(&mut running, &scene, "out.jsonl", 1);
    append(&scene, "logs/b.jsonl", &[(1_000, "bob", 100.0)]);
    append(&scene, "logs/a.jsonl", &[(2_000, "ada", 100.0)]);
    lines(&mut running, &scene, "out.jsonl", 3);
    running.signal("TERM");
    running.wait().code_is(0);
}

#[test]
fn groups_without_a_window_would_never_be_published() {
    let scene = scene();
    scene.pipeline(&pipeline("in.jsonl", json!({ "groupBy": ["user"] })));
    let ended = scene.campanile(["validate", "pipeline.json", "--arg", "out=out.jsonl"]);
    ended.code_is(2);
    ended.says(&["stages[1].alerts", "never ends", "window"]);
}

#[test]
fn a_late_alert_is_published_on_its_own_and_a_record_of_the_future_is_an_error() {
    let scene = scene();
    append(&scene, "in.jsonl", &[(1_000, "ada", 180.0), (25_000, "ada", 100.0), (2_000, "ada", 190.0)]);
    append(&scene, "in.jsonl", &[(32_503_680_000_000, "ada", 200.0), (26_000, "ada", 100.0)]);
    let mut running = start(&scene, &pipeline("in.jsonl", windows()), "out.jsonl", &[]);
    lines(&mut running, &scene, "out.jsonl.alerts", 2);
    lines(&mut running, &scene, "out.jsonl", 4);
    running.signal("TERM");
    let ended = running.wait();
    ended.code_is(0);
    ended.says(&["stage `fast`", "1 error record", "maxAhead"]);
    let alerts = scene.lines("out.jsonl.alerts");
    let late: Vec<&Value> = alerts.iter().filter(|alert| alert["late"] == true).collect();
    assert_eq!((alerts.len(), late.len()), (2, 1), "{alerts:?}");
    assert_eq!(late[0]["payload"]["bpm"], "190");
    assert_eq!(scene.report().metric("fast", "alerts.late"), 1);
}
