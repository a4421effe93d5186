//! Several processes that share the partitions of a topic.

use super::*;
use campanile_tests::until;

const FILES: [&str; 2] = ["out-a.jsonl", "out-b.jsonl"];
const USERS: u64 = 23;

/// An instance of the pipeline, which writes a file of its own.
fn start(scene: &Scene, pipeline: &Pipeline, instance: &str) -> Running {
    let name = format!("name={instance}");
    scene.start(pipeline, &["--data", "data", "--resume", "--instance", instance, "--arg", &name])
}

/// Puts rounds of records until both instances get some; how many numbers there are then.
fn until_both_read(broker: &Broker, topic: &str, scene: &Scene, mut count: u64) -> u64 {
    until("both instances read", || {
        let before = FILES.map(|file| counted(scene, &[file]).len());
        put_lines(broker, topic, count..count + 100, USERS);
        count += 100;
        until("all is read", || (counted(scene, &FILES).len() as u64 >= count).then_some(()));
        let after = FILES.map(|file| counted(scene, &[file]).len());
        (before[0] < after[0] && before[1] < after[1]).then_some(())
    });
    count
}

#[test]
fn two_instances_share_a_topic_and_take_over_from_each_other() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("shared", 4, &[]);
    let scene = scene();
    let pipeline = to_file(following(&broker, &topic, &topic), "out-${name}.jsonl");
    let mut a = start(&scene, &pipeline, "a");
    let b = start(&scene, &pipeline, "b");
    let mut count = until_both_read(&broker, &topic, &scene, 0);
    // Each message is in one of the files: partitions moved on the way, and nothing was read twice.
    let times = counted(&scene, &FILES);
    assert!(times.len() as u64 == count && times.values().all(|times| *times == 1), "{times:?}");

    b.kill().was_killed();
    put_lines(&broker, &topic, count..count + 300, USERS);
    count += 300;
    wait_for(&mut a, &scene, &FILES, count);
    let mut b = start(&scene, &pipeline, "b");
    count = until_both_read(&broker, &topic, &scene, count);
    // One that is stopped hands over what it has saved.
    b.signal("TERM");
    b.wait().code_is(0);
    put_lines(&broker, &topic, count..count + 300, USERS);
    count += 300;
    wait_for(&mut a, &scene, &FILES, count);
    b = start(&scene, &pipeline, "b");
    count = until_both_read(&broker, &topic, &scene, count);
    for running in [a, b] {
        running.signal("TERM");
        running.wait().code_is(0);
    }
    let times = counted(&scene, &FILES);
    assert_eq!(times.len() as u64, count, "nothing is lost");
    // What the one that was killed had saved and not committed yet.
    let twice = times.values().filter(|times| **times > 1).count();
    assert!(twice <= 100, "{twice} are there twice");
}

#[test]
fn groups_are_right_across_instances_where_the_topic_is_keyed_by_them() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("grouped", 4, &[]);
    let scene = scene();
    let count = json!({ "name": "count", "function": "count" });
    // Windows of a hundred: a round of records each.
    let alerts =
        json!({ "groupBy": ["user"], "aggregates": [count], "window": "100ms", "timeField": "n", "idleAfter": "1h" });
    let pipeline = Pipeline::new("grouped")
        .set("saves", json!({ "interval": "100ms" }))
        .stage("in", "source Kafka", following(&broker, &topic, &topic))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["user", "n"] }))
        .with("alerts", alerts)
        .stage("out", "sink File", json!({ "path": "out-${name}.jsonl" }))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts-${name}.jsonl" }))
        .join("in > each > out")
        .join("each > bell");
    let running = ["a", "b"].map(|instance| start(&scene, &pipeline, instance));
    let begin = until_both_read(&broker, &topic, &scene, 0);
    // The later ones close the windows of the others.
    put_lines(&broker, &topic, begin..begin + 400, USERS);
    // One that came too late has none.
    let window = |alert: &Value| alert["windowStart"].as_str().unwrap_or_default().to_owned();
    let wanted = [begin, begin + 100].map(|ms| format!("1970-01-01T00:00:{:02}.{:03}Z", ms / 1_000, ms % 1_000));
    let alerts = || {
        let files = ["alerts-a.jsonl", "alerts-b.jsonl"].into_iter().filter(|file| scene.has(file));
        let lines = files.flat_map(|file| scene.read(file).lines().map(str::to_owned).collect::<Vec<_>>());
        let alerts = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        alerts.filter(|alert| wanted.contains(&window(alert))).collect::<Vec<_>>()
    };
    until("the windows are closed", || (alerts().len() as u64 >= 2 * USERS).then_some(()));
    for running in running {
        running.signal("TERM");
        running.wait().code_is(0);
    }
    let mut counts: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for alert in alerts() {
        let payload = &alert["payload"];
        assert!(payload["count"].is_string() && payload["user"].is_string(), "{alert}");
        let group = (window(&alert), payload["user"].as_str().unwrap().to_owned());
        counts.entry(group).or_default().push(payload["count"].as_str().unwrap().parse().unwrap());
    }
    assert_eq!(counts.len() as u64, 2 * USERS);
    assert!(counts.values().all(|counts| counts.len() == 1), "each group is one alert: {counts:?}");
    assert_eq!(counts.values().flatten().sum::<u64>(), 200);
}

#[test]
fn a_process_that_comes_and_goes_loses_nothing() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("storm", 4, &[]);
    let scene = scene();
    let pipeline = to_file(following(&broker, &topic, &topic), "out-${name}.jsonl");
    let mut a = start(&scene, &pipeline, "a");
    let rounds: u64 = std::env::var("CAMPANILE_KAFKA_STORM").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let each = 200;
    for round in 0..rounds {
        let mut b = start(&scene, &pipeline, "b");
        put_lines(&broker, &topic, round * each..(round + 1) * each, USERS);
        wait_for(&mut b, &scene, &FILES, (round + 1) * each);
        b.signal("TERM");
        b.wait().code_is(0);
    }
    wait_for(&mut a, &scene, &FILES, rounds * each);
    a.signal("TERM");
    a.wait().code_is(0);
    let times = counted(&scene, &FILES);
    assert!(times.len() as u64 == rounds * each && times.values().all(|times| *times == 1), "{times:?}");
}

#[test]
fn transactions_write_each_message_once_while_processes_come_and_are_killed() {
    let Some(broker) = Broker::shared() else { return };
    let (from, to) = (broker.topic("storm-from", 4, &[]), broker.topic("storm-to", 4, &[]));
    let scene = scene();
    let properties = json!({
        "brokers": broker.plaintext(), "topic": to, "key": ["user"], "transactionalId": format!("{from}-${{name}}")
    });
    let pipeline = Pipeline::new("shared-transactions")
        .set("saves", json!({ "interval": "50ms" }))
        .stage("in", "source Kafka", following(&broker, &from, &from))
        .stage("out", "sink Kafka", properties)
        .join("in > out");
    let mut a = start(&scene, &pipeline, "a");
    let (rounds, each) = (4, 200);
    let written = |count: u64| (broker.committed(&to).len() as u64 >= count).then_some(());
    for round in 0..rounds {
        let b = start(&scene, &pipeline, "b");
        put_lines(&broker, &from, round * each..(round + 1) * each, USERS);
        if round % 2 == 0 {
            a.until("all are written", || written((round + 1) * each));
            b.signal("TERM");
            b.wait().code_is(0);
        } else {
            b.kill().was_killed();
        }
    }
    a.until("all are written", || written(rounds * each));
    a.signal("TERM");
    a.wait().code_is(0);
    let number = |line: String| serde_json::from_str::<Value>(&line).unwrap()["n"].as_u64().unwrap();
    let mut numbers: Vec<u64> = broker.committed(&to).into_iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..rounds * each).collect::<Vec<_>>());
}

#[test]
fn groups_of_what_is_shared_are_warned_of() {
    let scene = scene();
    let properties = json!({ "brokers": "localhost:9092", "topics": ["t"], "group": "many", "schema": schema() });
    let pipeline = Pipeline::new("grouped")
        .stage("in", "source Kafka", properties)
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["user", "n"] }))
        .with("alerts", json!({ "groupBy": ["user"], "window": "10s" }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > each > out")
        .join("each > bell");
    scene.pipeline(&pipeline);
    let ended = scene.campanile(["validate", "pipeline.json"]);
    ended.code_is(0);
    ended.says(&[
        "warning",
        "`in` shares what it reads with all processes of group `many`",
        "key what it reads by user",
    ]);
}
