#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use crate::source::KafkaSource;
use campanile_sdk::{DataType, Schema, SchemaField, testing};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::{Value, json};

fn schema() -> Schema {
    Schema::new(vec![SchemaField::new("user", DataType::String), SchemaField::new("n", DataType::Long)])
}

fn sink(properties: Value) -> testing::Harness {
    testing::sink::<KafkaSink>(properties).input(schema())
}

fn findings(properties: Value) -> Vec<(String, String)> {
    let (_, findings) = sink(properties).configure().unwrap();
    findings.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

#[test]
fn records_are_written_with_key_and_headers_and_read_again() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let written = sink(json!({ "brokers": brokers, "topic": "readings", "key": ["user"], "headers": ["n"] }))
        .run([json!({ "user": "ada", "n": 1 }), json!({ "user": null, "n": 2 })])
        .unwrap();
    assert!(written.errors.is_empty());
    let read = testing::source::<KafkaSource>(json!({
        "brokers": brokers, "topics": ["readings"], "follow": false, "keyField": "key", "headersField": "headers",
        "schema": [{ "name": "user", "type": "string" }, { "name": "n", "type": "long" }]
    }));
    let expected = [
        json!({ "user": "ada", "n": 1, "key": "ada", "headers": "{\"n\":\"1\"}" }),
        json!({ "n": 2, "headers": "{\"n\":\"2\"}" }),
    ];
    assert_eq!(read.read().unwrap().records, expected);
}

#[test]
fn a_record_that_is_too_large_is_an_error_record_and_the_rest_go() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 1, 1).unwrap();
    let properties = json!({
        "brokers": cluster.bootstrap_servers(), "topic": "readings", "producerProperties": { "message.max.bytes": 2000 }
    });
    let got =
        sink(properties).run([json!({ "user": "x".repeat(3_000), "n": 1 }), json!({ "user": "b", "n": 2 })]).unwrap();
    assert_eq!(got.errors.len(), 1);
    let told = format!("{:?}", got.errors[0]);
    assert!(told.contains("larger than `message.max.bytes`"), "{told}");
}

#[test]
fn what_a_broker_refuses_fails_the_run_with_its_words() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 1, 1).unwrap();
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 3];
    cluster.request_errors(RDKafkaApiKey::Produce, &refused);
    let properties = json!({ "brokers": cluster.bootstrap_servers(), "topic": "readings" });
    let error = sink(properties).run([json!({ "user": "a", "n": 1 })]).unwrap_err().to_string();
    assert!(
        error.contains("1 records were not written to topic `readings`: Broker: Topic authorization failed"),
        "{error}"
    );
}

#[test]
fn a_transaction_needs_a_source_to_go_with_it() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 1, 1).unwrap();
    let properties = json!({ "brokers": cluster.bootstrap_servers(), "topic": "readings", "transactionalId": "a" });
    let error = sink(properties).run([json!({ "user": "a", "n": 1 })]).unwrap_err().to_string();
    assert!(error.contains("`transactionalId` needs a Kafka source"), "{error}");
}

#[test]
fn what_is_wrong_is_found_before_anything_is_opened() {
    let fine = json!({ "brokers": "b:9092", "topic": "t" });
    assert_eq!(findings(fine.clone()), []);
    for (name, value, path, words) in [
        ("brokers", json!("b"), "brokers", "`b` is no broker"),
        ("topic", json!("a b"), "topic", "`a b` is no name of a topic"),
        ("key", json!(["usr"]), "key", "usr"),
        ("headers", json!(["usr"]), "headers", "usr"),
        ("format", json!("text"), "field", "message"),
        ("format", json!("avro"), "schemaFile", "format avro needs it"),
        ("field", json!("user"), "field", "with format text only"),
        ("transactionalId", json!(""), "transactionalId", "it has 1 to"),
        ("producerProperties", json!({ "acks": "1" }), "producerProperties", "acks"),
    ] {
        let mut properties = fine.clone();
        properties[name] = value;
        let found = findings(properties);
        assert!(found.iter().any(|(at, what)| at == path && what.contains(words)), "{name}: {found:?}");
    }
}
