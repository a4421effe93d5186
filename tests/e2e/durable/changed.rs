//! Runs that go on with a pipeline that is not the one of before: what can be taken over is, and what cannot is said.

use super::{DATA, append, count_so_far, lines_so_far, stop};
use crate::scene;
use campanile_tests::{Pipeline, Running, Scene};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What makes a pipeline another.
struct Made {
    group_by: Value,
    out: &'static str,
    more: bool,
    bell: bool,
}

impl Default for Made {
    fn default() -> Made {
        Made { group_by: json!(["u"]), out: "out.jsonl", more: true, bell: true }
    }
}

const BEGINNING_MS: u64 = 1_700_000_000_000;

/// Heartbeats, counted by user and window, with a second count that only some pipelines have.
fn pipeline(made: &Made) -> Pipeline {
    let schema =
        json!([{ "name": "t", "type": "long" }, { "name": "u", "type": "string" }, { "name": "n", "type": "long" }]);
    let alerts = |group_by: &Value| {
        let aggregates = json!([{ "name": "count", "function": "count" }]);
        json!({ "groupBy": group_by, "window": "10s", "timeField": "t", "aggregates": aggregates })
    };
    let pipeline = Pipeline::default()
        .set("saves", json!({ "interval": "100ms", "drainTimeout": "300ms" }))
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema, "follow": true }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["u", "n"] }))
        .with("alerts", alerts(&made.group_by))
        .stage("out", "sink File", json!({ "path": made.out }))
        .stage("ring", "alertpublisher File", json!({ "path": "rings.jsonl" }))
        .join("in > each > out")
        .join("each > ring");
    let pipeline = match made.more {
        true => pipeline
            .stage("more", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["u", "n"] }))
            .with("alerts", alerts(&json!(["u"])))
            .stage("gone", "sink Blackhole", json!({}))
            .join("in > more > gone")
            .join("more > ring"),
        false => pipeline,
    };
    match made.bell {
        true => pipeline.stage("bell", "alertpublisher File", json!({ "path": "bell.jsonl" })).join("each > bell"),
        false => pipeline,
    }
}

/// Ten records, all of one window.
fn records(from: u64) -> String {
    let record =
        |n: u64| json!({ "t": BEGINNING_MS + n, "u": if n.is_multiple_of(2) { "even" } else { "odd" }, "n": n });
    (from..from + 10).map(|n| format!("{}\n", record(n))).collect()
}

/// A record of a later window closes the one before.
fn later(n: u64) -> String {
    format!("{}\n", json!({ "t": BEGINNING_MS + n * 100_000, "u": "later", "n": n }))
}

/// A scene in which a run of [`pipeline`] was stopped with open groups.
fn stopped() -> Scene {
    let scene = scene();
    append(&scene, "in.jsonl", &records(0));
    let mut running = scene.start(&pipeline(&Made::default()), &DATA);
    running.until("all is read", || (count_so_far(&scene, "out.jsonl") == 10).then_some(()));
    stop(running);
    assert_eq!(count_so_far(&scene, "rings.jsonl"), 0, "groups stay open");
    scene
}

/// Goes on with another pipeline.
fn go_on(scene: &Scene, made: &Made) -> Running {
    append(scene, "in.jsonl", &records(10));
    append(scene, "in.jsonl", &later(1));
    scene.start(&pipeline(made), &DATA)
}

/// Stage, user, count and whether partial, of alerts.
fn said(scene: &Scene, name: &str) -> BTreeSet<(String, String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |alert: &Value| {
        let payload = &alert["payload"];
        (text(&alert["stageName"]), text(&payload["u"]), text(&payload["count"]), alert["partial"] == true)
    };
    let alerts = lines_so_far(scene, name);
    let all: BTreeSet<_> = alerts.iter().map(one).collect();
    assert_eq!(all.len(), alerts.len(), "{alerts:?}");
    all
}

fn expected(all: &[(&str, &str, &str, bool)]) -> BTreeSet<(String, String, String, bool)> {
    let own = |&(stage, user, count, partial): &(&str, &str, &str, bool)| {
        (stage.to_owned(), user.to_owned(), count.to_owned(), partial)
    };
    all.iter().map(own).collect()
}

#[test]
fn nothing_is_said_where_nothing_has_changed_and_groups_go_on() {
    let scene = stopped();
    let mut running = go_on(&scene, &Made::default());
    running.until("the windows close", || (count_so_far(&scene, "rings.jsonl") == 4).then_some(()));
    let ended = stop(running);
    assert!(!ended.stderr().contains("changed"), "{ended}");
    let whole = [("each", "even", "10", false), ("each", "odd", "10", false)];
    assert_eq!(said(&scene, "bell.jsonl"), expected(&whole));
    assert_eq!(scene.lines("out.jsonl").len(), 21);
}

#[test]
fn where_group_by_has_changed_open_groups_are_published_as_they_are() {
    let scene = stopped();
    let mut running = go_on(&scene, &Made { group_by: json!([]), ..Made::default() });
    let words = "how the alerts of `each` are grouped has changed: groups that were open are published as they are";
    running.says("it is said", |_, said| said.contains(words).then_some(()));
    running.until("the windows close", || (count_so_far(&scene, "bell.jsonl") == 3).then_some(()));
    stop(running);
    let partial = [("each", "even", "5", true), ("each", "odd", "5", true), ("each", "", "10", false)];
    assert_eq!(said(&scene, "bell.jsonl"), expected(&partial), "each record is in one alert");
}

#[test]
fn a_sink_with_another_path_begins_anew_and_what_it_had_written_stays() {
    let scene = stopped();
    let mut running = go_on(&scene, &Made { out: "other.jsonl", ..Made::default() });
    let words = "the properties of `out` have changed: what it had written stays as it is, and it begins anew";
    running.says("it is said", |_, said| said.contains(words).then_some(()));
    running.until("all is read", || (count_so_far(&scene, "other.jsonl") == 11).then_some(()));
    stop(running);
    assert_eq!(scene.lines("out.jsonl").len(), 10);
    assert_eq!(scene.lines("other.jsonl").len(), 11, "what was written is not written again");
}

#[test]
fn the_open_groups_of_a_stage_that_is_gone_are_set_aside() {
    let scene = stopped();
    let mut running = go_on(&scene, &Made { more: false, ..Made::default() });
    let words = "stage `more` is not in the pipeline any more, its open groups are set aside";
    running.says("it is said", |_, said| said.contains(words).then_some(()));
    running.until("the windows close", || (count_so_far(&scene, "bell.jsonl") == 2).then_some(()));
    stop(running);
    let aside = aside(&scene);
    assert_eq!(aside.len(), 2, "{aside:?}");
    for alert in &aside {
        assert_eq!((&alert["stageName"], &alert["payload"]["count"]), (&json!("more"), &json!("5")), "{alert}");
    }
}

fn aside(scene: &Scene) -> Vec<Value> {
    let ended = scene.campanile(["alerts", "list", "--aside", "--json", "--data", "data"]);
    ended.code_is(0);
    ended.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_alerts_of_a_publisher_that_is_gone_are_set_aside_and_said() {
    let scene = scene().with(&["well_behaved"]);
    let witness = json!({ "path": scene.text("witness.jsonl"), "order": scene.text("order.json") });
    scene.write("order.json", json!({ "answer": "retry" }).to_string());
    let with = pipeline(&Made::default()).stage("witness", "alertpublisher Witness", witness).join("each > witness");
    append(&scene, "in.jsonl", &records(0));
    append(&scene, "in.jsonl", &later(1));
    let mut running = scene.start(&with, &DATA);
    running.until("the windows close", || (count_so_far(&scene, "bell.jsonl") == 2).then_some(()));
    stop(running).says(&["stage `witness`: 2 alerts wait for the next run"]);

    append(&scene, "in.jsonl", &later(2));
    let mut running = scene.start(&pipeline(&Made::default()), &DATA);
    let words = "publisher `witness` is gone: 2 alerts that waited for it are set aside";
    running.says("it is said", |_, said| said.contains(words).then_some(()));
    running.until("it goes on", || (count_so_far(&scene, "out.jsonl") == 12).then_some(()));
    running.until("the next window closes", || (count_so_far(&scene, "bell.jsonl") == 3).then_some(()));
    stop(running);
    let aside = aside(&scene);
    assert_eq!(aside.len(), 2, "{aside:?}");
    for alert in &aside {
        let told = (&alert["publisher"], &alert["reason"]);
        assert_eq!(told, (&json!("witness"), &json!("its publisher is not in the pipeline any more")), "{alert}");
    }
    // The others have not lost theirs, and have none twice.
    let counts = [("each", "even", "5", false), ("each", "odd", "5", false), ("each", "later", "1", false)];
    assert_eq!(said(&scene, "bell.jsonl"), expected(&counts));
}

#[test]
fn a_bounded_run_is_given_up_where_it_is_not_to_be_gone_on_with() {
    let scene = scene().with(&["well_behaved"]);
    let gate = json!({ "reached": scene.text("reached"), "open": scene.text("open") });
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": super::number_schema() }))
        .stage("gate", "transform Gate", gate)
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .join("in > gate > out");
    append(&scene, "in.jsonl", &super::numbers(0..100));
    let mut running = scene.start(&pipeline, &DATA);
    running.until("it is in its midst", || scene.has("reached").then_some(()));
    running.kill().was_killed();
    scene.write("open", "");
    let ended = scene.run_with(&pipeline, &DATA);
    ended.code_is(0);
    ended.says(&["ended without a word and is given up; --resume would have gone on with it"]);
    assert_eq!(scene.lines("out.jsonl"), scene.lines("in.jsonl"));
    // And then there is nothing to go on with.
    let ended = scene.run_with(&pipeline, &[&DATA[..], &["--resume"]].concat());
    ended.code_is(0);
    ended.says(&["there is no run to go on with: a new one begins"]);
}
