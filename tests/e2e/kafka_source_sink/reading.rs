//! What is read of a topic, and how.

use super::*;
use crate::kafka::broker::USER;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reads what there is into records.
fn read(mut properties: Value) -> (Scene, Vec<Value>) {
    properties["follow"] = json!(false);
    let scene = scene();
    let pipeline = to_file(properties, "out.jsonl").set("deadLetters", json!({ "path": "errors.jsonl" }));
    scene.completes(&pipeline);
    let records = scene.lines("out.jsonl");
    (scene, records)
}

#[test]
fn a_topic_is_read_to_its_end_in_the_order_of_its_partitions() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("read", 3, &[]);
    put_lines(&broker, &topic, 0..2_000, 7);
    let (_, records) = read(json!({
        "brokers": broker.plaintext(), "topics": [topic], "schema": schema(), "keyField": "key",
        "partitionField": "partition", "offsetField": "offset", "topicField": "topic", "timestampField": "at"
    }));
    assert_eq!(records.len(), 2_000);
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for record in &records {
        assert_eq!((&record["key"], &record["topic"]), (&record["user"], &json!(topic)));
        assert!(record["at"].as_str().unwrap().starts_with("20"));
        let next = next.entry(record["partition"].as_u64().unwrap()).or_default();
        assert_eq!(record["offset"].as_u64().unwrap(), *next);
        *next += 1;
    }
}

#[test]
fn reading_begins_at_a_time_and_takes_all_topics_that_match() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("times-a", 1, &[]);
    put_lines(&broker, &topic, 0..10, 7);
    let properties =
        json!({ "brokers": broker.plaintext(), "topics": [topic], "schema": schema(), "timestampField": "at" });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    put_lines(&broker, &topic, 10..20, 7);
    assert_eq!(read(properties.clone()).1.len(), 20);
    let mut late = properties;
    late["from"] = json!(u64::try_from(now).unwrap());
    let (_, records) = read(late);
    let numbers: Vec<u64> = records.iter().map(|record| record["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (10..20).collect::<Vec<_>>());

    let prefix = topic.replace("times-a", "times-b");
    let other = broker.topic(&prefix, 2, &[]);
    put_lines(&broker, &other, 0..5, 7);
    let (_, records) = read(json!({
        "brokers": broker.plaintext(), "topicPattern": format!("{prefix}.*"), "schema": schema()
    }));
    assert_eq!(records.len(), 5);
}

#[test]
fn poison_is_told_with_its_place_and_the_rest_is_read() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("poison", 1, &[]);
    let text = json!([{ "name": "message", "type": "string" }]);
    let lines =
        ["{\"n\":1}", "no JSON", "{\"n\":\"one\"}", "{\"n\":2}"].map(|line| json!({ "message": line }).to_string());
    put(&broker, &topic, &text, &(lines.join("\n") + "\n"), json!({ "format": "text" }));
    let (scene, records) = read(json!({ "brokers": broker.plaintext(), "topics": [topic], "schema": schema() }));
    assert_eq!(records.iter().map(|record| record["n"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    let letters = scene.lines("errors.jsonl");
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0]["raw"], "no JSON");
    assert_eq!(letters[0]["position"]["file"], format!("{topic}-0"));
    assert_eq!(letters[0]["position"]["offset"], 1);
    assert!(letters[1]["errorMessage"].as_str().unwrap().contains("field `n`: text where long is needed"));
}

#[test]
fn avro_is_written_and_read() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("avro", 1, &[]);
    let files = scene();
    let schema_file = files.write(
        "reading.avsc",
        r#"{"type":"record","name":"Reading","fields":[
            {"name":"user","type":["null","string"]},{"name":"n","type":["null","long"]}]}"#,
    );
    let schema_file = schema_file.to_str().unwrap();
    put(&broker, &topic, &schema(), &lines(0..50, 7), json!({ "format": "avro", "schemaFile": schema_file }));
    let (_, records) = read(json!({
        "brokers": broker.plaintext(), "topics": [topic], "format": "avro", "schemaFile": schema_file
    }));
    assert_eq!(records.len(), 50);
    assert_eq!(records[9], json!({ "user": "u2", "n": 9 }));
}

#[test]
fn a_topic_that_is_not_there_and_a_broker_that_is_not_there_fail_the_start() {
    let Some(broker) = Broker::shared() else { return };
    let scene = scene();
    let missing = broker.unused("missing");
    let mut properties = following(&broker, &missing, "g");
    properties["follow"] = json!(false);
    properties.as_object_mut().unwrap().remove("group");
    let (ended, _) = scene.fails_at(&to_file(properties.clone(), "out.jsonl"), "in");
    ended.says(&["stage `in`", "does not exist"]);
    // The port of discard, where nothing listens.
    properties["brokers"] = json!("127.0.0.1:9");
    let (ended, _) = scene.fails_at(&to_file(properties, "out.jsonl"), "in");
    ended.says(&["stage `in`", "127.0.0.1:9"]);
    let sink = Pipeline::new("put")
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema() }))
        .stage("out", "sink Kafka", json!({ "brokers": broker.plaintext(), "topic": missing }))
        .join("in > out");
    scene.write("in.jsonl", lines(0..3, 7));
    let (ended, _) = scene.fails_at(&sink, "out");
    ended.says(&["stage `out`", "does not exist"]);
}

#[test]
fn what_a_topic_takes_no_more_is_an_error_record() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("small", 1, &["max.message.bytes=5000"]);
    let scene = scene();
    let large = json!({ "user": "x".repeat(10_000), "n": 1 }).to_string();
    scene.write("in.jsonl", format!("{}{large}\n{}", lines(0..2, 7), lines(2..4, 7)));
    let pipeline = Pipeline::new("put")
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema() }))
        .stage("out", "sink Kafka", json!({ "brokers": broker.plaintext(), "topic": topic }))
        .join("in > out");
    let report = scene.completes(&pipeline);
    assert_eq!(report.metric("out", "records.error"), 1);
    assert_eq!(broker.messages(&topic, 4).len(), 4);
}

#[test]
fn who_logs_in_reads_and_writes_and_a_wrong_password_fails_the_start() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("login", 1, &[]);
    let brokers = broker.address("sasl_plaintext");
    let security = |password: &str| json!({ "protocol": "sasl_plaintext", "mechanism": "PLAIN", "username": USER.0, "password": password });
    put(&broker, &topic, &schema(), &lines(0..10, 7), json!({ "brokers": brokers, "security": security(USER.1) }));
    let mut properties =
        json!({ "brokers": brokers, "topics": [topic], "schema": schema(), "security": security(USER.1) });
    assert_eq!(read(properties.clone()).1.len(), 10);
    properties["security"] = security("wrong");
    properties["follow"] = json!(false);
    let (ended, _) = scene().fails_at(&to_file(properties, "out.jsonl"), "in");
    ended.says(&["stage `in`", "do not take the credentials"]);
}
