//! What arrives: values, keys, headers, order, all of it.

use super::{Broker, by_user, each_once, number, readings, ringing};
use crate::scene;
use campanile_tests::Pipeline;
use serde_json::{Value, json};

/// Alerts of a storm.
const STORM: u64 = 100_000;

fn sent(broker: &Broker, more: &Value) -> Vec<super::Received> {
    let topic = broker.topic("messages", 1, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..3, 2));
    let mut properties = json!({ "brokers": broker.plaintext(), "topic": topic });
    for (name, value) in more.as_object().unwrap() {
        properties[name] = value.clone();
    }
    scene.completes(&ringing(properties));
    let messages = broker.messages(&topic, 3);
    assert_eq!(messages.len(), 3);
    messages
}

fn keys(messages: &[super::Received]) -> Vec<Option<&str>> {
    messages.iter().map(|message| message.key.as_deref()).collect()
}

#[test]
fn keys_and_formats_are_as_asked_for() {
    let Some(broker) = Broker::shared() else { return };
    let messages = sent(&broker, &json!({ "key": ["user"] }));
    assert_eq!(keys(&messages), [Some("u0"), Some("u1"), Some("u0")]);
    let alert = messages[1].json();
    assert_eq!(alert["payload"], json!({ "user": "u1", "n": "1" }));
    assert_eq!((&alert["pipelineName"], &alert["stageName"]), (&json!("to-kafka"), &json!("each")));
    let headers = messages[1].headers.as_deref().unwrap();
    let text = |name: &str| alert[name].as_str().unwrap();
    let expected = format!(
        "content-type:application/json,id:{},namespace:default,pipelineName:to-kafka,stageName:each,runId:{}",
        text("id"),
        text("runId")
    );
    assert_eq!(headers, expected);

    let messages = sent(&broker, &json!({ "key": ["user", "n"], "format": "cdap", "headers": false }));
    assert_eq!(keys(&messages)[1], Some(r#"["u1","1"]"#));
    assert_eq!(messages[1].value, r#"{"stageName":"each","payload":{"user":"u1","n":"1"}}"#);
    assert_eq!(messages[1].headers, None);

    let messages = sent(&broker, &json!({ "format": "cloudevents" }));
    assert_eq!(keys(&messages), [None, None, None], "its stage groups by nothing");
    let event = messages[2].json();
    assert_eq!((&event["specversion"], &event["data"]), (&json!("1.0"), &json!({ "user": "u0", "n": "2" })));
    let headers = messages[2].headers.as_deref().unwrap();
    assert!(headers.starts_with("content-type:application/cloudevents+json; charset=UTF-8,id:"), "{headers}");
}

#[test]
fn groups_have_the_key_that_they_are_grouped_by() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("groups", 3, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..1_000, 10));
    let schema = json!([{ "name": "user", "type": "string" }, { "name": "n", "type": "long" }]);
    let aggregates = json!([{ "name": "alerts", "function": "count" }]);
    // By the name that CDAP has for it, and with its way to write properties.
    let properties =
        json!({ "brokers": broker.plaintext(), "topic": topic, "producerProperties": "linger.ms:1, client.id:x" });
    let pipeline = Pipeline::new("to-kafka")
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0 }))
        .with("alerts", json!({ "groupBy": ["user"], "aggregates": aggregates }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher KafkaAlerts", properties)
        .join("in > each > out")
        .join("each > bell");
    let report = scene.completes(&pipeline);
    // An alert counts as published when its delivery report is in.
    assert_eq!((report.metric("bell", "records.in"), report.metric("bell", "alerts.published")), (10, 10));
    assert_eq!((report.metric("bell", "alerts.rejected"), report.metric("bell", "alerts.waiting")), (0, 0));
    let mut seen: Vec<(String, Value)> = broker
        .messages(&topic, 10)
        .iter()
        .map(|m| (m.key.clone().unwrap(), m.json()["payload"]["alerts"].clone()))
        .collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let expected: Vec<(String, Value)> = (0..10).map(|user| (format!("u{user}"), json!("100"))).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_storm_arrives_whole_and_in_the_order_of_each_key() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("storm", 5, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..STORM, 97));
    let report = scene.completes(&ringing(by_user(&broker.plaintext(), &topic)));
    assert_eq!(report.metric("bell", "alerts.published"), STORM);
    each_once(&broker.messages(&topic, STORM), STORM, 97);
}

#[test]
fn an_alert_over_the_broker_s_limit_is_set_aside_and_the_others_go() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("small", 1, &["max.message.bytes=4000"]);
    let scene = scene();
    let long = "x".repeat(5_000);
    scene.write(
        "in.jsonl",
        readings(0..50, 1) + &format!("{{\"user\": \"{long}\", \"n\": 50}}\n") + &readings(51..100, 1),
    );
    let properties = json!({ "brokers": broker.plaintext(), "topic": topic });
    let pipeline = ringing(properties).with("onFailure", "keep");
    let ended = scene.run_with(&pipeline, &["--data", "data"]);
    ended.code_is(0);
    let report = scene.report();
    assert_eq!((report.metric("bell", "alerts.published"), report.metric("bell", "alerts.rejected")), (99, 1));
    // In their order: no batch was larger than the topic takes, so none was sent again.
    let numbers: Vec<u64> = broker.messages(&topic, 99).iter().map(number).collect();
    assert_eq!(numbers, (0..100).filter(|n| *n != 50).collect::<Vec<_>>());
    let kept = scene.campanile(["alerts", "list", "to-kafka", "--data", "data"]);
    assert!(kept.to_string().contains("Broker: Message size too large"), "{kept}");
}
