//! Alerts to a real Kafka, read back by Kafka's own consumer.

pub(crate) mod broker;
mod crashes;
mod messages;
mod outages;
mod starts;

use broker::{Broker, Received};
use campanile_tests::Pipeline;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Readings, one a line: `{"user": "u3", "n": 13}`, of so many users in turns.
fn readings(range: std::ops::Range<u64>, users: u64) -> String {
    let mut lines = String::new();
    for n in range {
        writeln!(lines, "{{\"user\": \"u{}\", \"n\": {n}}}", n % users).unwrap();
    }
    lines
}

/// An alert for each of [`readings`], to a publisher with these properties.
fn ringing(properties: Value) -> Pipeline {
    let schema = json!([{ "name": "user", "type": "string" }, { "name": "n", "type": "long" }]);
    Pipeline::new("to-kafka")
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["user", "n"] }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("bell", "alertpublisher Kafka", properties)
        .join("in > each > out")
        .join("each > bell")
}

/// The properties of a publisher that keeps the order of each user.
fn by_user(brokers: &str, topic: &str) -> Value {
    json!({ "brokers": brokers, "topic": topic, "key": ["user"] })
}

/// The number in an alert of [`readings`].
fn number(message: &Received) -> u64 {
    message.json()["payload"]["n"].as_str().unwrap().parse().unwrap()
}

/// Each of [`readings`] is there, those of a user on one partition and in order; says how many messages there are for
/// each number. One that comes again has to be the same alert.
#[track_caller]
fn counted(messages: &[Received], count: u64, users: u64) -> Vec<u64> {
    let mut times = vec![0_u64; usize::try_from(count).unwrap()];
    let mut first: BTreeMap<u64, Value> = BTreeMap::new();
    let mut last: BTreeMap<u64, (String, u64)> = BTreeMap::new();
    for message in messages {
        let (alert, n) = (message.json(), number(message));
        assert_eq!(message.key.as_deref(), Some(format!("u{}", n % users).as_str()));
        let known = first.entry(n).or_insert_with(|| alert.clone());
        assert_eq!(*known, alert, "one number, two alerts");
        let (partition, newest) = last.entry(n % users).or_insert_with(|| (message.partition.clone(), n));
        assert_eq!(*partition, message.partition, "a key has one partition");
        times[usize::try_from(n).unwrap()] += 1;
        if times[usize::try_from(n).unwrap()] == 1 {
            assert!(*newest <= n, "u{}: {n} came after {newest}", n % users);
            *newest = n;
        }
    }
    let lost: Vec<u64> = (0..count).filter(|n| times[usize::try_from(*n).unwrap()] == 0).collect();
    assert!(lost.is_empty(), "{} of {count} are lost, such as {}", lost.len(), lost[0]);
    times
}

/// Each of [`readings`] is there once.
#[track_caller]
fn each_once(messages: &[Received], count: u64, users: u64) {
    let twice = counted(messages, count, users).iter().filter(|times| **times > 1).count();
    assert_eq!(twice, 0, "alerts that are there twice");
}
