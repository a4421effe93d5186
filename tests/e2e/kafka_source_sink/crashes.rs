//! Runs that are killed at random moments, and what they leave behind.

use super::*;
use campanile_tests::until;
use std::time::{Duration, Instant};

/// How often a run is killed; `CAMPANILE_KAFKA_KILLS` says another number.
const KILLS: u64 = 10;

fn kills() -> u64 {
    std::env::var("CAMPANILE_KAFKA_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

/// Lets a run work for a while that is another in every round, and kills it.
fn kill_after(mut running: Running, begun: impl FnMut() -> Option<()>, round: u64) {
    running.until("it works", begun);
    // Somewhere in what follows: between save points, in the midst of one, before or after a commit.
    let until = Instant::now() + Duration::from_micros(37_003 * (round * 7 % 13));
    while Instant::now() < until {
        std::thread::yield_now();
    }
    running.kill().was_killed();
}

#[test]
fn a_file_has_each_message_once_whenever_the_run_is_killed() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("to-file", 3, &[]);
    let scene = scene();
    let pipeline = to_file(following(&broker, &topic, &topic), "out.jsonl");
    let rounds = 4;
    for round in 0..rounds {
        put_lines(&broker, &topic, round * 500..(round + 1) * 500, 11);
        let running = scene.start(&pipeline, &["--data", "data", "--resume"]);
        let more = || (counted(&scene, &["out.jsonl"]).len() as u64 > round * 500).then_some(());
        kill_after(running, more, round);
    }
    let mut running = scene.start(&pipeline, &["--data", "data", "--resume"]);
    wait_for(&mut running, &scene, &["out.jsonl"], rounds * 500);
    running.signal("TERM");
    running.wait().code_is(0);
    let times = counted(&scene, &["out.jsonl"]);
    assert!(times.len() as u64 == rounds * 500 && times.values().all(|times| *times == 1), "{times:?}");
}

#[test]
fn transactions_write_each_message_once_whenever_the_run_is_killed() {
    let Some(broker) = Broker::shared() else { return };
    let (from, to) = (broker.topic("from", 3, &[]), broker.topic("to", 3, &[]));
    let scene = scene();
    let mut source = following(&broker, &from, &from);
    // A process that comes back gets its partitions at once.
    source["consumerProperties"]["group.instance.id"] = json!("only");
    let pipeline = Pipeline::new("kafka-to-kafka")
        .set("saves", json!({ "interval": "50ms" }))
        .stage("in", "source Kafka", source)
        .stage(
            "out",
            "sink Kafka",
            json!({ "brokers": broker.plaintext(), "topic": to, "key": ["user"], "transactionalId": from }),
        )
        .join("in > out");
    let (rounds, each) = (kills(), 400);
    for round in 0..rounds {
        put_lines(&broker, &from, round * each..(round + 1) * each, 11);
        let begun = broker.bytes(&to);
        let running = scene.start(&pipeline, &["--data", "data", "--resume"]);
        kill_after(running, || (broker.bytes(&to) > begun).then_some(()), round);
    }
    let mut running = scene.start(&pipeline, &["--data", "data", "--resume"]);
    let count = rounds * each;
    let mut committed = Vec::new();
    running.until("all are written", || {
        committed = broker.committed(&to);
        (committed.len() as u64 >= count).then_some(())
    });
    running.signal("TERM");
    running.wait().code_is(0);
    assert_eq!(numbers(&broker, &to), (0..count).collect::<Vec<_>>());
}

#[test]
fn transactions_write_each_message_once_while_the_broker_is_killed() {
    let Some(broker) = Broker::own() else { return };
    let (from, to) = (broker.topic("from", 3, &[]), broker.topic("to", 3, &[]));
    let scene = scene();
    let pipeline = Pipeline::new("kafka-to-kafka")
        .set("saves", json!({ "interval": "50ms" }))
        .stage("in", "source Kafka", following(&broker, &from, &from))
        .stage(
            "out",
            "sink Kafka",
            json!({ "brokers": broker.plaintext(), "topic": to, "key": ["user"], "transactionalId": from }),
        )
        .join("in > out");
    let start = || scene.start(&pipeline, &["--data", "data", "--resume"]);
    let mut running = start();
    let (rounds, each) = (2, 400);
    for round in 0..rounds {
        put_lines(&broker, &from, round * each..(round + 1) * each, 11);
        let begun = broker.bytes(&to);
        // A run that failed for the broker goes on as it would be restarted.
        until("it works", || {
            if running.has_ended() {
                running = start();
            }
            (broker.bytes(&to) > begun).then_some(())
        });
        broker.kill();
        broker.resume();
    }
    let count = rounds * each;
    until("all are written", || {
        if running.has_ended() {
            running = start();
        }
        (broker.committed(&to).len() as u64 >= count).then_some(())
    });
    assert_eq!(numbers(&broker, &to), (0..count).collect::<Vec<_>>());
}

/// The numbers of all messages that are committed, in order.
fn numbers(broker: &Broker, topic: &str) -> Vec<u64> {
    let number = |line: &String| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64().unwrap();
    let mut numbers: Vec<u64> = broker.committed(topic).iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}
