//! The rows of the publisher's table: where a run is killed, and what is in the topic after the restart.

use super::{Broker, by_user, counted, readings, ringing};
use crate::scene;
use campanile_tests::{Pipeline, Scene};
use serde_json::json;
use std::time::{Duration, Instant};

/// Records, each of which raises an alert.
const RECORDS: u64 = 400;
const USERS: u64 = 7;
/// Alerts in one call of the publisher.
const BATCH: u64 = 20;

fn pipeline(broker: &Broker, topic: &str) -> Pipeline {
    let mut properties = by_user(&broker.plaintext(), topic);
    properties["producerProperties"] = json!({ "linger.ms": 0 });
    ringing(properties).with("batchSize", BATCH).set("saves", json!({ "interval": "50ms" }))
}

/// Goes on with a run to its end; how often each alert is there.
#[track_caller]
fn finish(scene: &Scene, broker: &Broker, topic: &str) -> Vec<u64> {
    let ended = scene.run_with(&pipeline(broker, topic), &["--data", "data", "--resume"]);
    ended.code_is(0);
    counted(&broker.messages(topic, RECORDS), RECORDS, USERS)
}

fn repeated(times: &[u64]) -> u64 {
    times.iter().map(|times| times - 1).sum()
}

#[test]
fn killed_before_publish_alerts_wait_and_are_published_once() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("before", 3, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..RECORDS, USERS));
    // A few at once, the others wait for their turn.
    let slow = pipeline(&broker, &topic).set("saves", json!({ "interval": "50ms" })).with("maxAlertsPerSecond", 2);
    let mut running = scene.start(&slow, &["--data", "data"]);
    running.until("the first alerts are there", || (broker.bytes(&topic) > 0).then_some(()));
    running.kill().was_killed();
    let times = finish(&scene, &broker, &topic);
    assert!(repeated(&times) <= BATCH, "of one call at most: {times:?}");
    assert!(times[usize::try_from(BATCH).unwrap()..].iter().all(|times| *times == 1), "{times:?}");
}

#[test]
fn killed_in_the_midst_of_publish_alerts_are_there_at_least_once_with_equal_ids() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("during", 3, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..RECORDS, USERS));
    let rounds: u64 = 12;
    for round in 0..rounds {
        let resume: &[&str] = if round == 0 { &[] } else { &["--resume"] };
        let begun = broker.bytes(&topic);
        let slow = pipeline(&broker, &topic).with("maxAlertsPerSecond", 25);
        let mut running = scene.start(&slow, &[&["--data", "data"], resume].concat());
        running.until("alerts arrive", || (broker.bytes(&topic) > begun).then_some(()));
        // Somewhere in what follows: before the report, after it, before or after the cursor is on the disk.
        let until = Instant::now() + Duration::from_micros(700 * round);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        running.kill().was_killed();
    }
    let times = finish(&scene, &broker, &topic);
    assert!(repeated(&times) <= rounds * BATCH, "of one call a kill at most: {times:?}");
}

#[test]
fn killed_after_the_cursor_is_on_the_disk_alerts_are_there_once() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("after", 3, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..RECORDS, USERS));
    // One alert a call: when a later one is there, those before it are noted.
    let slow = pipeline(&broker, &topic).with("maxAlertsPerSecond", 20).with("batchSize", 1);
    let mut running = scene.start(&slow, &["--data", "data"]);
    let mut sizes = 0;
    let mut seen = 0;
    running.until("several alerts are there", || {
        let bytes = broker.bytes(&topic);
        seen += u64::from(bytes > sizes);
        sizes = bytes;
        (seen >= 5).then_some(())
    });
    running.kill().was_killed();
    let times = finish(&scene, &broker, &topic);
    assert!(repeated(&times) <= 1, "{times:?}");
}
