//! Records from Kafka and to it, with a real broker.

mod crashes;
mod reading;
mod sharing;

use crate::kafka::broker::Broker;
use crate::scene;
use campanile_tests::{Pipeline, Running, Scene};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The fields of [`lines`].
fn schema() -> Value {
    json!([{ "name": "user", "type": "string" }, { "name": "n", "type": "long" }])
}

/// Records of so many users in turns, one a line.
fn lines(range: std::ops::Range<u64>, users: u64) -> String {
    let mut lines = String::new();
    for n in range {
        writeln!(lines, "{{\"user\":\"u{}\",\"n\":{n}}}", n % users).unwrap();
    }
    lines
}

/// Puts lines of JSON into a topic, by the sink.
#[track_caller]
fn put(broker: &Broker, topic: &str, schema: &Value, lines: &str, more: Value) {
    let scene = scene();
    scene.write("in.jsonl", lines);
    let mut properties = json!({ "brokers": broker.plaintext(), "topic": topic });
    for (name, value) in more.as_object().unwrap() {
        properties[name] = value.clone();
    }
    let pipeline = Pipeline::new("put")
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("out", "sink Kafka", properties)
        .join("in > out");
    let report = scene.completes(&pipeline);
    assert_eq!(report.metric("out", "records.in"), lines.lines().count() as u64);
}

/// Puts [`lines`] into a topic, by user.
#[track_caller]
fn put_lines(broker: &Broker, topic: &str, range: std::ops::Range<u64>, users: u64) {
    put(broker, topic, &schema(), &lines(range, users), json!({ "key": ["user"] }));
}

/// The properties of a source that follows.
fn following(broker: &Broker, topic: &str, group: &str) -> Value {
    json!({
        "brokers": broker.plaintext(), "topics": [topic], "group": group, "schema": schema(),
        // The group shall notice soon that a process was killed.
        "consumerProperties": { "session.timeout.ms": 6000, "heartbeat.interval.ms": 500 }
    })
}

/// From a topic into a file.
fn to_file(properties: Value, file: &str) -> Pipeline {
    Pipeline::new("kafka-to-file")
        .set("saves", json!({ "interval": "100ms" }))
        .stage("in", "source Kafka", properties)
        .stage("out", "sink File", json!({ "path": file }))
        .join("in > out")
}

/// How often each number is in files of the folder.
fn counted(scene: &Scene, files: &[&str]) -> BTreeMap<u64, u64> {
    let mut times = BTreeMap::new();
    for file in files.iter().filter(|file| scene.has(file)) {
        // The last line of a process that was killed may be a part of one.
        for n in scene.read(file).lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?["n"].as_u64()) {
            *times.entry(n).or_default() += 1;
        }
    }
    times
}

/// Waits until all numbers are in the files.
#[track_caller]
fn wait_for(running: &mut Running, scene: &Scene, files: &[&str], count: u64) {
    running.until(&format!("{count} numbers in {files:?}"), || {
        (counted(scene, files).len() as u64 >= count).then_some(())
    });
}
