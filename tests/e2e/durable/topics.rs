//! From topic to topic: a run that follows a topic and publishes alerts to another, killed at random.

use super::random_kills::{Random, for_ms, rounds};
use super::{DATA, count_so_far, distinct, messages, number, number_schema, numbers, stop};
use crate::scene;
use campanile_tests::{Pipeline, Scene};
use serde_json::json;

/// A round takes longer than others: messages come by processes of their own.
const ROUNDS_DIVISOR: u64 = 4;

fn pipeline() -> Pipeline {
    let reads = json!({ "topic": "numbers", "format": "jsonl", "schema": number_schema(), "follow": true });
    let rings = json!({ "topic": "alerts", "autoCreateTopic": true, "maxAlertsPerSecond": 100_000 });
    Pipeline::default()
        .set("saves", json!({ "interval": "100ms" }))
        .set("batch", json!({ "rows": 50 }))
        .stage("in", "source TMS", reads)
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["n"] }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("bell", "alertpublisher TMS", rings)
        .with("batchSize", 20)
        .join("in > each > out")
        .join("each > bell")
}

/// Publishes numbers, and one message that is none.
fn publish(scene: &Scene, range: std::ops::Range<u64>) {
    let unreadable = format!("no number {}\n", range.end);
    scene.write("messages", numbers(range) + &unreadable);
    scene.campanile(["topics", "publish", "numbers", "--file", "messages", "--data", "data"]).code_is(0);
}

#[test]
fn each_message_is_read_once_and_each_alert_published_once() {
    let mut random = Random::new("topics");
    let scene = scene();
    scene.campanile(["topics", "create", "numbers", "--data", "data"]).code_is(0);
    let pipeline = pipeline().set("deadLetters", json!({ "path": "errors.jsonl" }));
    let (mut sent, mut unreadable) = (0, 0);
    let mut more = |random: &mut Random| {
        let next = sent + 100 + random.below(400);
        publish(&scene, sent..next);
        (sent, unreadable) = (next, unreadable + 1);
        next
    };
    for _ in 0..rounds().div_ceil(ROUNDS_DIVISOR) {
        more(&mut random);
        let before = count_so_far(&scene, "out.jsonl");
        let mut running = scene.start(&pipeline, &DATA);
        if random.below(4) > 0 {
            running.until("it goes on", || (count_so_far(&scene, "out.jsonl") != before).then_some(()));
        }
        if random.below(2) == 0 {
            // The run has the store: it takes what others publish.
            more(&mut random);
        }
        for_ms(&mut running, random.below(200));
        running.kill().was_killed();
    }
    let sent = more(&mut random);
    let mut running = scene.start(&pipeline, &DATA);
    let quiet = std::time::Instant::now() + super::random_kills::QUIET;
    running.until("all is read", || {
        let all = count_so_far(&scene, "out.jsonl") as u64 >= sent;
        (all || std::time::Instant::now() > quiet).then_some(())
    });
    // A run that is stopped publishes what it has.
    stop(running);
    let read: Vec<u64> = scene.lines("out.jsonl").iter().map(|record| record["n"].as_u64().unwrap()).collect();
    let lost: Vec<u64> = (0..sent).filter(|n| !read.contains(n)).collect();
    assert!(read == (0..sent).collect::<Vec<_>>(), "{} records of {sent}, lost {lost:?}", read.len());
    assert_eq!(scene.lines("errors.jsonl").len(), unreadable, "each message that is no number is a dead letter once");
    let alerts = messages(&scene, "alerts");
    let rung: Vec<u64> = alerts.iter().map(number).collect();
    assert!(rung == (0..sent).collect::<Vec<_>>(), "{} alerts of {sent}, in order and each once", rung.len());
    assert_eq!(distinct(&alerts).len(), alerts.len());
}
