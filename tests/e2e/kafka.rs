//! Alerts to a real Kafka. `CAMPANILE_KAFKA` holds the brokers and `CAMPANILE_KAFKA_TOPIC` a topic that exists; without
//! them the tests say so and pass, except where `CI=true`.

use crate::scene;
use campanile_tests::Pipeline;
use serde_json::json;
use std::io::Write;

/// Brokers and topic.
fn kafka() -> Option<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(brokers) = variable("CAMPANILE_KAFKA") {
        return Some((brokers, variable("CAMPANILE_KAFKA_TOPIC").expect("CAMPANILE_KAFKA_TOPIC names a topic")));
    }
    assert_ne!(variable("CI").as_deref(), Some("true"), "CI sets CAMPANILE_KAFKA: a Kafka is required there");
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(std::io::stderr(), "no Kafka: set CAMPANILE_KAFKA and CAMPANILE_KAFKA_TOPIC to run this");
    None
}

/// Readings of ten users, and their alerts grouped by user to Kafka.
fn ringing(brokers: &str, topic: &str) -> Pipeline {
    let schema = json!([{ "name": "user", "type": "string" }, { "name": "bpm", "type": "double" }]);
    let aggregates = json!([{ "name": "mean", "function": "mean", "field": "bpm" }]);
    Pipeline::new("to-kafka")
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": 150 }))
        .with("alerts", json!({ "groupBy": ["user"], "aggregates": aggregates }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher Kafka", json!({ "brokers": brokers, "topic": topic }))
        .join("in > limit > out")
        .join("limit > bell")
}

fn readings() -> String {
    (0..1_000).map(|n| format!("{{\"user\": \"u{}\", \"bpm\": {}}}\n", n % 10, 100 + n % 100)).collect()
}

#[test]
fn grouped_alerts_are_delivered_to_a_topic() {
    let Some((brokers, topic)) = kafka() else { return };
    let scene = scene();
    scene.write("in.jsonl", readings());
    let report = scene.completes(&ringing(&brokers, &topic));
    // An alert counts as published when its delivery report is in.
    assert_eq!((report.metric("bell", "records.in"), report.metric("bell", "alerts.published")), (10, 10));
    assert_eq!((report.metric("bell", "alerts.rejected"), report.metric("bell", "alerts.waiting")), (0, 0));
}

#[test]
fn a_topic_that_is_not_there_fails_the_start() {
    let Some((brokers, topic)) = kafka() else { return };
    let scene = scene();
    scene.write("in.jsonl", readings());
    let (_, report) = scene.fails_at(&ringing(&brokers, &format!("{topic}-that-is-not-there")), "bell");
    assert_eq!(report.metric("in", "records.out"), 0);
}

#[test]
fn a_broker_that_is_not_there_fails_the_start() {
    let scene = scene();
    scene.write("in.jsonl", readings());
    // The port of discard, where nothing listens.
    let pipeline = ringing("127.0.0.1:9", "alerts");
    let (ended, report) = scene.fails_at(&pipeline, "bell");
    ended.says(&["error: stage `bell`", "127.0.0.1:9"]);
    assert_eq!(report.metric("in", "records.out"), 0);
}
