//! A broker that is killed, stays away for a while, and comes back.

use super::{Broker, by_user, each_once, readings, ringing};
use crate::scene;
use campanile_tests::{Running, Scene};
use serde_json::json;
use std::time::{Duration, Instant};

/// Alerts of a storm.
const STORM: u64 = 100_000;
/// How long a broker stays away.
const ABSENCE: Duration = Duration::from_secs(30);

/// Of a storm, the records that the sink has written so far, which is some behind those it has.
fn written(scene: &Scene) -> u64 {
    let lines = std::fs::read(scene.path("out.jsonl.part")).unwrap_or_default();
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Kills the broker as soon as it has something of the topic.
fn kill_in_mid_storm(broker: &Broker, topic: &str, running: &mut Running) {
    running.until("alerts arrive", || (broker.bytes(topic) > 0).then_some(()));
    broker.kill();
}

#[test]
fn a_broker_that_is_killed_in_mid_storm_costs_nothing() {
    let Some(broker) = Broker::own() else { return };
    let topic = broker.topic("outage", 3, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..STORM, 97));
    let mut running = scene.start(&ringing(by_user(&broker.plaintext(), &topic)), &["--data", "data"]);
    kill_in_mid_storm(&broker, &topic, &mut running);
    let gone = Instant::now();
    // Records go on, while alerts wait.
    running.until("records go on", || (written(&scene) >= STORM / 5 * 4).then_some(()));
    running.until("the broker has been away for long", || (gone.elapsed() >= ABSENCE).then_some(()));
    broker.resume();
    running.wait().code_is(0);
    assert_eq!(scene.report().metric("bell", "alerts.published"), STORM);
    each_once(&broker.messages(&topic, STORM), STORM, 97);
}

#[test]
fn sources_wait_where_the_outbox_is_full() {
    let Some(broker) = Broker::own() else { return };
    let topic = broker.topic("bound", 3, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..STORM, 97));
    let pipeline = ringing(by_user(&broker.plaintext(), &topic)).set("saves", json!({ "outboxBytes": 1 << 20 }));
    let mut running = scene.start(&pipeline, &["--data", "data"]);
    kill_in_mid_storm(&broker, &topic, &mut running);
    running.says("sources wait", |_, err| err.contains("sources wait: the outbox is full").then_some(()));
    assert!(written(&scene) < STORM / 2);
    broker.resume();
    running.wait().code_is(0);
    each_once(&broker.messages(&topic, STORM), STORM, 97);
}
