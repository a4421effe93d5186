//! `campanile alerts`: what a run left is listed, shown, handed back to publishers, and dropped.

use crate::alerts::readings;
use crate::scene;
use campanile_tests::{Ended, Pipeline, Running, Scene};
use serde_json::{Value, json};

/// Rings above 150; the publisher refuses alerts of `reject`, which are set aside.
fn picky(scene: &Scene, reject: &str) -> Pipeline {
    let schema = json!([{ "name": "user", "type": "string" }, { "name": "bpm", "type": "double" }]);
    Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": 150 }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher Picky", json!({ "path": scene.text("alerts.jsonl"), "reject": reject }))
        .with("onFailure", "keep")
        .join("in > limit > out")
        .join("limit > bell")
}

/// A scene in which a run has set the alert of `def` aside.
fn set_aside() -> Scene {
    let scene = scene().with(&["well_behaved"]);
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("def", 200.0), ("ghi", 160.0)]));
    scene.run_with(&picky(&scene, "def"), &["--data", "data"]).code_is(0);
    assert_eq!(scene.lines("alerts.jsonl").len(), 2);
    scene
}

fn alerts(scene: &Scene, words: &[&str]) -> Ended {
    scene.campanile(["alerts"].iter().chain(words).chain(&["--data", "data"]))
}

/// What `alerts list` tells of a run, as JSON.
fn listed(scene: &Scene, words: &[&str]) -> Vec<Value> {
    let ended = alerts(scene, &[&["list", "--json"], words].concat());
    ended.code_is(0);
    ended.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_alert_that_was_set_aside_is_listed_and_shown_with_its_reason() {
    let scene = set_aside();
    let all = listed(&scene, &[]);
    let [alert] = all.as_slice() else { panic!("{all:?}") };
    for (member, value) in [
        ("pipelineName", "test"),
        ("state", "aside"),
        ("publisher", "bell"),
        ("stageName", "limit"),
        ("reason", "not this one"),
    ] {
        assert_eq!(alert[member], value, "{alert}");
    }
    assert_eq!(alert["payload"], json!({ "user": "def", "bpm": "200" }));
    let id = alert["id"].as_str().unwrap();
    let table = alerts(&scene, &["list", "test", "--aside"]).stdout();
    assert!([id, "limit", "bell", "set aside", "not this one"].iter().all(|word| table.contains(word)), "{table}");
    let shown = alerts(&scene, &["show", "default/test", id]);
    shown.code_is(0);
    for words in ["reason      not this one", "publisher   bell", "user  def", "bpm   200"] {
        assert!(shown.stdout().contains(words), "{words}: {shown}");
    }
    assert_eq!(alerts(&scene, &["show", "pipeline.json", id, "--json"]).json()[0]["id"], id);
    for none in [["--waiting", "--limit=5"], ["--publisher", "bell"], ["--stage", "in"]] {
        let told = if none[0] == "--publisher" { 1 } else { 0 };
        assert_eq!(listed(&scene, &none).len(), told, "{none:?}");
    }
    let none = alerts(&scene, &["list", "--limit", "0"]);
    none.says(&["1 more; --limit shows them"]);
    assert_eq!(none.stdout(), "");
}

#[test]
fn an_alert_is_handed_back_and_the_next_run_publishes_it_with_its_old_id_once() {
    let scene = set_aside();
    let id = listed(&scene, &[])[0]["id"].as_str().unwrap().to_owned();
    let ended = alerts(&scene, &["replay", "test", &id]);
    ended.code_is(0);
    ended.says(&["1 alert waits again for `bell`: the next run of default/test/1 publishes it first"]);
    let waiting = listed(&scene, &["test", "--waiting"]);
    assert_eq!((waiting.len(), &waiting[0]["id"], &waiting[0]["state"]), (1, &json!(id), &json!("waiting")));
    assert!(listed(&scene, &["--aside"]).is_empty());

    scene.write("in.jsonl", readings(&[("jkl", 170.0)]));
    let ended = scene.run_with(&picky(&scene, "nobody"), &["--data", "data"]);
    ended.code_is(0);
    let published = scene.lines("alerts.jsonl");
    let users: Vec<&Value> = published.iter().map(|alert| &alert["payload"]["user"]).collect();
    assert_eq!((users, &published[0]["id"]), (vec![&json!("def"), &json!("jkl")], &json!(id)), "{ended}");
    assert!(listed(&scene, &[]).is_empty());
    scene.run_with(&picky(&scene, "nobody"), &["--data", "data"]).code_is(0);
    assert_eq!(scene.lines("alerts.jsonl").len(), 1, "nothing is published again");
}

#[test]
fn a_run_that_failed_goes_on_with_what_was_handed_back_and_tells_each_alert_once() {
    let scene = scene().with(&["well_behaved"]);
    scene.write("in.jsonl", readings(&[("abc", 180.0), ("def", 200.0), ("ghi", 160.0)]));
    let pipeline = |reject: &str| picky(&scene, reject).json().replace("\"keep\"", "\"fail\"");
    scene.write("failing.json", pipeline("def"));
    scene.campanile(["run", "failing.json", "--data", "data"]).code_is(1);
    let mut published = scene.lines("alerts.jsonl");
    let id = listed(&scene, &["--aside"])[0]["id"].clone();
    alerts(&scene, &["replay", "failing.json", "--all"]).code_is(0);
    scene.write("mended.json", pipeline("nobody"));
    let ended = scene.campanile(["run", "mended.json", "--data", "data", "--resume"]);
    ended.code_is(0);
    published.extend(scene.lines("alerts.jsonl"));
    let mut users: Vec<&str> = published.iter().map(|alert| alert["payload"]["user"].as_str().unwrap()).collect();
    users.sort_unstable();
    assert_eq!(users, ["abc", "def", "ghi"], "{ended}");
    assert!(published.iter().any(|alert| alert["payload"]["user"] == "def" && alert["id"] == id), "{published:?}");
    assert!(listed(&scene, &[]).is_empty());
}

#[test]
fn an_alert_whose_publisher_is_gone_is_handed_to_another() {
    let scene = set_aside();
    let other = picky(&scene, "nobody").json().replace("\"bell\"", "\"chime\"");
    scene.write("other.json", &other);
    scene.write("in.jsonl", "");
    let gone = alerts(&scene, &["replay", "other.json", "--all"]);
    gone.code_is(2);
    gone.says(&["publisher `bell` is not there any more", "--to PUBLISHER", "known publishers: chime"]);
    let wrong = alerts(&scene, &["replay", "other.json", "--all", "--to", "chyme"]);
    wrong.code_is(2);
    wrong.says(&["did you mean `chime`?"]);
    let handed = alerts(&scene, &["replay", "other.json", "--all", "--to", "chime"]);
    handed.code_is(0);
    handed.says(&["1 alert waits again for `chime`"]);
    let run = scene.campanile(["run", "other.json", "--data", "data"]);
    run.code_is(0);
    assert_eq!(scene.lines("alerts.jsonl")[0]["payload"]["user"], "def", "{run}");
}

#[test]
fn alerts_are_dropped_and_kept_in_a_file_before() {
    let scene = set_aside();
    for (words, said) in [
        (&["drop", "test"][..], "required"),
        (&["drop", "test", "no-such-alert"], "no alert no-such-alert was set aside"),
        (&["drop", "test", "--publisher", "bel"], "did you mean `bell`?"),
    ] {
        let ended = alerts(&scene, words);
        ended.code_is(2);
        ended.says(&[said]);
    }
    scene.write("there.jsonl", "mine\n");
    alerts(&scene, &["drop", "test", "--all", "--to-file", "there.jsonl"]).says(&["name another"]);
    assert_eq!((scene.read("there.jsonl").as_str(), listed(&scene, &[]).len()), ("mine\n", 1));
    let before = listed(&scene, &[]);
    let ended = alerts(&scene, &["drop", "test", "--all", "--to-file", "dropped.jsonl"]);
    ended.code_is(0);
    ended.says(&["default/test/1: 1 alert dropped, and kept in dropped.jsonl"]);
    assert_eq!(scene.lines("dropped.jsonl"), before);
    assert!(listed(&scene, &[]).is_empty());
}

/// A run that rings all the time, and whose publisher takes nothing.
fn endless(scene: &Scene) -> Running {
    let bell = json!({ "path": scene.text("alerts.jsonl"), "retryCalls": u32::MAX });
    let pipeline = Pipeline::default()
        .stage("in", "source Endless", json!({ "reached": scene.text("reached") }))
        .stage("limit", "transform Threshold", json!({ "field": "n", "below": 1_000 }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher Picky", bell)
        .set("saves", json!({ "drainTimeout": "50ms" }))
        .join("in > limit > out")
        .join("limit > bell");
    let mut running = scene.start(&pipeline, &["--data", "data"]);
    running.until("a thousand records are taken", || scene.has("reached").then_some(()));
    running
}

#[test]
fn a_run_that_goes_on_is_named_with_its_process_and_what_it_leaves_waits() {
    let scene = scene().with(&["well_behaved"]);
    let running = endless(&scene);
    let process = scene.read("data/pipelines/default/test/1/lock").trim().to_owned();
    for words in [&["list"][..], &["list", "test"], &["replay", "test", "--all"], &["drop", "test", "--all"]] {
        let ended = alerts(&scene, words);
        ended.code_is(1);
        ended.says(&[&format!("default/test/1 is held by process {process}"), "stop it first", "goes on where it was"]);
        assert_eq!(ended.stdout(), "");
    }
    running.signal("TERM");
    running.wait().code_is(130);
    let waiting = listed(&scene, &["--waiting", "--publisher", "bell", "--limit", "9999999"]);
    assert!(!waiting.is_empty() && waiting.iter().all(|alert| alert["state"] == "waiting"), "{waiting:?}");
    let one = alerts(&scene, &["drop", "test", waiting[0]["id"].as_str().unwrap()]);
    one.code_is(2);
    one.says(&["it waits for `bell`", "--waiting"]);
    assert_eq!(listed(&scene, &["--limit", "9999999"]).len(), waiting.len());
    let ended = alerts(&scene, &["drop", "test", "--publisher", "bell", "--waiting"]);
    ended.code_is(0);
    ended.says(&[&format!("{} alerts dropped", waiting.len())]);
    assert!(listed(&scene, &[]).is_empty());
}

#[test]
fn nothing_is_made_and_a_misspelt_pipeline_is_told_with_the_nearest() {
    let scene = scene();
    for words in [&["list"][..], &["list", "test"], &["replay", "test", "--all"]] {
        let ended = alerts(&scene, words);
        ended.code_is(2);
        ended.says(&["data: no run keeps anything below this folder", "--data"]);
    }
    assert!(!scene.has("data"));
    let scene = set_aside();
    let before = listed(&scene, &[]);
    for (words, said) in [
        (&["list", "tset"][..], "did you mean `test`?"),
        (&["list", "clinic/test"], "known pipelines: default/test"),
        (&["list", "test", "--instance", "2"], "known instances: 1"),
        (&["show", "no-such-file.json", "id"], "no-such-file.json: cannot be read"),
        (&["show", "test", "id"], "default/test/1 has no alert id"),
    ] {
        let ended = alerts(&scene, words);
        ended.code_is(2);
        ended.says(&[said]);
    }
    assert_eq!(listed(&scene, &[]), before);
    assert!(!scene.has("data/pipelines/default/tset") && !scene.has("data/pipelines/clinic"));
}
