#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use campanile_sdk::testing;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use std::time::Duration;

fn findings(properties: Value) -> Vec<(String, String)> {
    let (_, findings) = testing::source::<KafkaSource>(properties).configure().unwrap();
    findings.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

fn produce(brokers: &str, messages: &[(i32, &str)]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    for (partition, payload) in messages {
        let record = BaseRecord::to("readings").partition(*partition).key("k").payload(*payload);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

#[test]
fn a_topic_is_read_to_its_end_and_poison_is_told_with_its_place() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 2, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, &[(0, r#"{"n":1}"#), (0, "poison"), (0, r#"{"n":2}"#), (1, r#"{"n":3}"#)]);
    let source = testing::source::<KafkaSource>(json!({
        "brokers": brokers, "topics": ["readings"], "follow": false, "schema": [{ "name": "n", "type": "long" }],
        "keyField": "key", "offsetField": "offset", "partitionField": "partition"
    }));
    let got = source.read().unwrap();
    let expected = [(1, 0, 0), (2, 2, 0), (3, 0, 1)];
    let expected =
        expected.map(|(n, offset, partition)| json!({ "n": n, "key": "k", "offset": offset, "partition": partition }));
    assert_eq!(got.records, expected);
    assert_eq!(got.positions, [0, 2, 0]);
    assert_eq!(got.errors.len(), 1);
    let told = format!("{:?}", got.errors[0]);
    assert!(told.contains("readings-0") && told.contains("message 1 of"), "{told}");
}

#[test]
fn a_topic_that_is_not_there_is_told() {
    let cluster = MockCluster::new(1).unwrap();
    let properties = json!({
        "brokers": cluster.bootstrap_servers(), "topicPattern": "nothing-.*", "follow": false, "format": "text"
    });
    assert!(testing::source::<KafkaSource>(properties).splits().unwrap().is_empty());
}

#[test]
fn what_is_wrong_is_found_before_anything_is_opened() {
    let fine = json!({ "brokers": "b:9092", "topics": ["t"], "group": "g", "format": "text" });
    assert_eq!(findings(fine.clone()), []);
    for (name, value, path, words) in [
        ("brokers", json!("b"), "brokers", "`b` is no broker"),
        ("topics", json!([]), "topics", "there is no topic"),
        ("topics", json!(["a b"]), "topics", "`a b` is no name of a topic"),
        ("topicPattern", json!("r-.*"), "topicPattern", "it stands beside `topics`"),
        ("group", json!(null), "group", "a source that follows needs it"),
        ("follow", json!(false), "group", "with `follow` only"),
        ("from", json!("noon"), "from", "`noon` says no place"),
        ("format", json!("jsonl"), "schema", "format jsonl needs it"),
        ("format", json!("avro"), "schemaFile", "format avro needs it"),
        ("keyField", json!("message"), "keyField", "is no name for another field"),
        ("consumerProperties", json!({ "group.id": "x" }), "consumerProperties", "set by the property `group`"),
        ("consumerProperties", json!({ "fetch.min.byte": 1 }), "consumerProperties", "fetch.min.byte"),
    ] {
        let mut properties = fine.clone();
        properties[name] = value;
        let found = findings(properties);
        assert!(found.iter().any(|(at, what)| at == path && what.contains(words)), "{name}: {found:?}");
    }
    let pattern = json!({ "brokers": "b:9092", "topicPattern": "r-(", "group": "g", "format": "text" });
    assert!(findings(pattern)[0].1.contains("no regular expression"));
}
