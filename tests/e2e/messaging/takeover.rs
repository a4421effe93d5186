//! One process owns a folder; the others ask it, and one of them takes over when it goes.

use super::service::Service;
use super::{done, payloads, with_topic};
use campanile_tests::{Pipeline, Running, Scene};
use serde_json::json;
use std::time::Duration;

/// Starts a run that has opened the topic and then waits in its middle until `open(scene, name)`.
fn waiting(scene: &Scene, name: &str) -> Running {
    let lines: Vec<String> = (0..100).map(|n| format!("{{\"n\":\"{name}-{n}\"}}\n")).collect();
    scene.write(&format!("{name}.jsonl"), lines.concat());
    let (reached, open) = (format!("{name}-reached"), format!("{name}-open"));
    let pipeline = Pipeline::new(name)
        .stage("in", "source File", json!({ "path": format!("{name}.jsonl") }))
        .stage("gate", "transform Gate", json!({ "reached": scene.text(&reached), "open": scene.text(&open) }))
        .stage("out", "sink TMS", json!({ "topic": "alerts" }))
        .set("batch", json!({ "rows": 10 }))
        .join("in > gate > out");
    let file = format!("{name}.json");
    scene.write(&file, pipeline.json());
    let mut running = Running::start(scene.command(["run", &file, "--data", "data"]));
    running.until("it is in its middle", || scene.has(&reached).then_some(()));
    running
}

fn open(scene: &Scene, name: &str) {
    scene.write(&format!("{name}-open"), "");
}

fn expected(names: &[&str]) -> Vec<String> {
    let mut all: Vec<String> =
        names.iter().flat_map(|name| (0..100).map(move |n| format!("{{\"n\":\"{name}-{n}\"}}"))).collect();
    all.sort();
    all
}

fn sorted(mut payloads: Vec<String>) -> Vec<String> {
    payloads.sort();
    payloads
}

/// Starts `topics fetch --follow`, which has shown all that is there.
fn following(scene: &Scene, args: &[&str], there: &str) -> Running {
    let mut all = vec!["topics", "fetch", "alerts", "--follow"];
    all.extend(args);
    let mut running = Running::start(scene.command(&all));
    running.says("what is there is shown", |out, _| out.contains(there).then_some(()));
    running
}

#[test]
fn two_runs_at_once_share_a_folder() {
    let scene = with_topic().with(&["well_behaved"]);
    let first = waiting(&scene, "first");
    let second = waiting(&scene, "second");
    open(&scene, "second");
    second.wait().code_is(0);
    open(&scene, "first");
    first.wait().code_is(0);
    assert_eq!(sorted(payloads(&scene, "alerts")), expected(&["first", "second"]));
}

#[test]
fn a_run_goes_on_when_the_run_that_owns_the_folder_ends() {
    let scene = with_topic().with(&["well_behaved"]);
    let first = waiting(&scene, "first");
    let second = waiting(&scene, "second");
    open(&scene, "first");
    first.wait().code_is(0);
    open(&scene, "second");
    second.wait().code_is(0);
    assert_eq!(sorted(payloads(&scene, "alerts")), expected(&["first", "second"]));
}

#[test]
fn a_run_goes_on_when_the_server_that_owns_the_folder_is_killed() {
    let scene = with_topic().with(&["well_behaved"]);
    let service = Service::start(&scene, &[]);
    let run = waiting(&scene, "run");
    service.kill();
    open(&scene, "run");
    run.wait().code_is(0);
    assert_eq!(sorted(payloads(&scene, "alerts")), expected(&["run"]));
}

#[test]
fn a_run_goes_on_when_the_run_that_owns_the_folder_is_killed() {
    let scene = with_topic().with(&["well_behaved"]);
    let first = waiting(&scene, "first");
    let second = waiting(&scene, "second");
    first.signal("KILL");
    let _ = first.wait();
    open(&scene, "second");
    second.wait().code_is(0);
    assert_eq!(sorted(payloads(&scene, "alerts")), expected(&["second"]));
}

#[test]
fn a_follower_goes_on_when_the_server_is_killed_and_answers_others_then() {
    let scene = with_topic();
    let service = Service::start(&scene, &[]);
    done(&scene, &["topics", "publish", "alerts", "before", "--data", "data"]);
    let mut follower = following(&scene, &["--data", "data"], "before");
    service.kill();
    // Through whoever is the owner now.
    done(&scene, &["topics", "publish", "alerts", "behind", "--data", "data"]);
    follower.says("what came then is shown", |out, _| out.contains("behind").then_some(()));
    follower.signal("INT");
    let ended = follower.wait();
    ended.code_is(130);
    assert_eq!(ended.stdout(), "before\nbehind\n");
}

#[test]
fn a_follower_over_http_waits_for_a_server_that_is_started_again() {
    let scene = with_topic();
    let service = Service::start(&scene, &[]);
    let (url, address) = (service.url.clone(), service.address().to_owned());
    done(&scene, &["topics", "publish", "alerts", "before", "--data", "data"]);
    let mut follower = following(&scene, &["--messaging", &url], "before");
    let stopped = service.stop();
    stopped.code_is(0);
    assert!(stopped.took() < Duration::from_secs(60), "{stopped}");
    follower.says("that it is tried again", |_, said| said.contains("it is tried again").then_some(()));
    let service = Service::listening(&scene, &address, &[]);
    done(&scene, &["topics", "publish", "alerts", "behind", "--data", "data"]);
    follower.says("what came then is shown", |out, _| out.contains("behind").then_some(()));
    follower.signal("TERM");
    let ended = follower.wait();
    ended.code_is(130);
    assert_eq!(ended.stdout(), "before\nbehind\n");
    service.stop().code_is(0);
}

#[test]
fn a_run_that_was_killed_leaves_what_was_acknowledged() {
    let scene = with_topic().with(&["well_behaved"]);
    let run = waiting(&scene, "run");
    done(&scene, &["topics", "publish", "alerts", "through the run", "--data", "data"]);
    run.signal("KILL");
    let _ = run.wait();
    assert_eq!(payloads(&scene, "alerts"), ["through the run"]);
}
