//! Pipelines that read records from topics and write them there, over the folder and over HTTP.

use super::service::Service;
use super::{done, payloads, with_topic};
use campanile_tests::{Pipeline, Scene};
use serde_json::json;

const SCHEMA: [(&str, &str); 2] = [("user", "string"), ("bpm", "double")];

fn schema() -> serde_json::Value {
    SCHEMA.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect()
}

/// Readings of a file into the topic `readings`.
fn writing(scene: &Scene) -> Pipeline {
    let lines: Vec<String> =
        (0..1_000).map(|n| format!("{{\"user\":\"u{}\",\"bpm\":{}}}\n", n % 10, 100 + n % 100)).collect();
    scene.write("in.jsonl", lines.concat());
    Pipeline::new("writing")
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema() }))
        .stage("out", "sink TMS", json!({ "topic": "readings", "autoCreateTopic": true }))
        .join("in > out")
}

/// Readings of the topic, with what is too fast to the topic `alerts`.
fn reading(follow: bool) -> Pipeline {
    Pipeline::new("reading")
        .stage(
            "in",
            "source TMS",
            json!({ "topic": "readings", "format": "jsonl", "schema": schema(), "follow": follow }),
        )
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": 198 }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("bell", "alertpublisher TMS", json!({ "topic": "alerts", "maxAlertsPerSecond": 1_000 }))
        .join("in > limit > out")
        .join("limit > bell")
}

#[test]
fn records_go_to_a_topic_and_come_back_as_they_were() {
    let scene = with_topic();
    scene.run_with(&writing(&scene), &["--data", "data"]).code_is(0);
    scene.run_with(&reading(false), &["--data", "data"]).code_is(0);
    assert_eq!(scene.lines("out.jsonl"), scene.lines("in.jsonl"));
    assert_eq!(payloads(&scene, "alerts").len(), 10);
}

#[test]
fn records_go_through_topics_over_http() {
    let scene = with_topic();
    let service = Service::start(&scene, &[]);
    let args = ["--messaging", &service.url, "--token-file", "data/token"];
    scene.run_with(&writing(&scene), &args).code_is(0);
    scene.run_with(&reading(false), &args).code_is(0);
    assert_eq!(scene.lines("out.jsonl"), scene.lines("in.jsonl"));
    assert_eq!(payloads(&scene, "alerts").len(), 10);
}

#[test]
fn a_run_that_follows_a_topic_gets_what_another_run_writes() {
    let scene = with_topic();
    done(&scene, &["topics", "create", "readings", "--data", "data"]);
    let mut following = scene.start(&reading(true), &["--data", "data"]);
    following.until("it has opened the folder", || scene.has("data/messaging/socket").then_some(()));
    scene.write("writing.json", writing(&scene).json());
    done(&scene, &["run", "writing.json", "--data", "data"]);
    // Alerts are told as they are raised: the last one says that all has come.
    let mut alerts = campanile_tests::Running::start(
        scene.command(["topics", "fetch", "alerts", "--data", "data", "--follow", "--limit", "10"]),
    );
    alerts.says("all alerts are there", |out, _| (out.lines().count() == 10).then_some(()));
    alerts.wait().code_is(0);
    following.signal("TERM");
    let ended = following.wait();
    ended.code_is(0);
    assert_eq!(scene.report().metric("in", "records.out"), 1_000, "{ended}");
}

#[test]
fn a_topic_that_is_not_there_fails_the_start() {
    let scene = with_topic();
    let pipeline = reading(false);
    let ended = scene.run_with(&pipeline, &["--data", "data"]);
    ended.code_is(1);
    ended.says(&["error: stage `in`", "readings", "campanile topics create"]);
}
