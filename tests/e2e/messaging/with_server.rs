//! The heart-rate example to a topic: embedded, through the owner of the folder, and over HTTP.

use super::service::Service;
use super::{alerts, done};
use crate::examples::{by_stage, expected, heart_rate};
use campanile_tests::Scene;

/// The example that rings in a topic.
const PIPELINE: &str = "heart-rate/alerts-to-tms.json";

#[track_caller]
fn run(scene: &Scene, args: &[&str]) {
    let mut all = vec!["run", PIPELINE, "--report", "report.json"];
    all.extend(args);
    let ended = scene.campanile(&all);
    ended.code_is(0);
    assert_eq!(scene.report().metric("bell", "alerts.published"), 3, "{ended}");
}

/// That the topic holds the example's alerts.
#[track_caller]
fn rang(scene: &Scene, args: &[&str]) {
    let mut all = vec!["topics", "fetch", "heart-rate-alerts"];
    all.extend(args);
    assert_eq!(alerts(&done(scene, &all).stdout()), by_stage(expected(scene, "pipeline.json")));
}

#[test]
fn alerts_are_in_the_topic_after_the_run() {
    let scene = heart_rate();
    run(&scene, &["--data", "data"]);
    rang(&scene, &["--data", "data"]);
    // The same folder by its own name, and through a server that was started later.
    rang(&scene, &["--messaging", "data/messaging"]);
    let service = Service::start(&scene, &[]);
    rang(&scene, &["--data", "data"]);
    rang(&scene, &["--messaging", &service.url]);
}

#[test]
fn alerts_are_in_the_platforms_folder_where_nobody_names_another() {
    let scene = heart_rate();
    run(&scene, &[]);
    assert!(scene.has("home/campanile/messaging"));
    rang(&scene, &[]);
}

#[test]
fn a_run_publishes_through_the_owner_of_the_folder() {
    let scene = heart_rate();
    let service = Service::start(&scene, &[]);
    run(&scene, &["--data", "data"]);
    rang(&scene, &["--data", "data"]);
    service.stop().code_is(0);
    // After a restart, and without any server.
    rang(&scene, &["--data", "data"]);
    let service = Service::start(&scene, &[]);
    rang(&scene, &["--messaging", &service.url]);
}

#[test]
fn a_run_publishes_over_http_with_a_token() {
    let scene = heart_rate();
    let service = Service::start(&scene, &[]);
    let refused = scene.campanile(["run", PIPELINE, "--messaging", &service.url, "--report", "report.json"]);
    refused.code_is(1);
    refused.says(&["error: stage `bell`", "token"]);
    assert_eq!(scene.report().metric("readings", "records.out"), 0, "nothing is read before all can be published");
    run(&scene, &["--messaging", &service.url, "--token-file", "data/token"]);
    rang(&scene, &["--messaging", &service.url]);
    service.stop().code_is(0);
    rang(&scene, &["--data", "data"]);
}

#[test]
fn a_run_without_topics_opens_nothing() {
    let scene = heart_rate();
    done(&scene, &["run", "heart-rate/pipeline.json", "--messaging", "http://127.0.0.1:9"]);
    done(&scene, &["run", "heart-rate/pipeline.json"]);
    assert_eq!(scene.names(), ["heart-rate"]);
    done(&scene, &["run", "heart-rate/pipeline.json", "--data", "data"]);
    let kept = scene.path("data");
    let kept: Vec<_> = std::fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["pipelines"], "what the run keeps, and no messages");
}

#[test]
fn a_server_that_is_not_there_fails_the_start() {
    let scene = heart_rate();
    let ended = scene.campanile(["run", PIPELINE, "--messaging", "http://127.0.0.1:9", "--report", "report.json"]);
    ended.code_is(1);
    ended.says(&["error: stage `bell`", "http://127.0.0.1:9 does not answer"]);
}

#[test]
fn a_dry_run_publishes_nothing() {
    let scene = heart_rate();
    done(&scene, &["topics", "create", "heart-rate-alerts", "--data", "data"]);
    done(&scene, &["run", PIPELINE, "--data", "data", "--dry-run", "5000"]);
    assert_eq!(done(&scene, &["topics", "fetch", "heart-rate-alerts", "--data", "data"]).stdout(), "");
}
