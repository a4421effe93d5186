#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use campanile_sdk::testing::{self, Harness, InMemoryMessaging, TestLog};
use campanile_sdk::{DataType, Schema, SchemaField};
use serde_json::{Value, json};
use std::sync::Arc;

fn sink(properties: Value, messaging: &Arc<InMemoryMessaging>) -> Harness {
    testing::sink::<TmsSink>(properties).messaging(messaging)
}

fn findings(properties: Value) -> Vec<(String, String)> {
    let schema = Schema::new(vec![
        SchemaField::new("message", DataType::Long),
        SchemaField::new("raw", DataType::Bytes),
        SchemaField::new("line", DataType::String),
    ]);
    let (_, findings) = testing::sink::<TmsSink>(properties).input(schema).configure().unwrap();
    findings.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

#[test]
fn a_batch_is_one_request_and_keeps_its_order() {
    let messaging = testing::messaging(&["t"]);
    let records: Vec<Value> = (0..10).map(|n| json!({ "n": n })).collect();
    sink(json!({ "topic": "t" }), &messaging).batch_rows(4).run(records).unwrap();
    let expected: Vec<String> = (0..10).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!((messaging.texts("default", "t"), messaging.requests()), (expected, 3));
}

#[test]
fn no_record_is_no_request() {
    let messaging = testing::messaging(&["t"]);
    sink(json!({ "topic": "t" }), &messaging).run([]).unwrap();
    sink(json!({ "topic": "t", "format": "text", "field": "a" }), &messaging)
        .input(Schema::new(vec![SchemaField::new("a", DataType::String)]))
        .run([json!({})])
        .unwrap();
    assert_eq!(messaging.requests(), 0);
}

#[test]
fn the_content_of_a_field_is_a_message() {
    let messaging = testing::messaging(&["t"]);
    let records = [json!({ "message": "a", "n": 1 }), json!({ "n": 2 }), json!({ "message": "" })];
    let got = sink(json!({ "topic": "t", "format": "text" }), &messaging).run(records).unwrap();
    assert_eq!(messaging.texts("default", "t"), ["a", ""]);
    let errors: Vec<_> = got.errors.iter().map(|error| (error.message.as_str(), error.record.clone())).collect();
    assert_eq!(errors, [("field `message` is null", Some(json!({ "n": 2 })))]);
}

#[test]
fn a_record_that_is_not_taken_is_an_error_record_and_the_others_are_written() {
    let messaging = testing::messaging(&["t"]);
    messaging.refuse_from(100);
    let records: Vec<Value> =
        (0..9).map(|n| json!({ "message": "x".repeat(if n == 2 || n == 7 { 100 } else { n }) })).collect();
    let got = sink(json!({ "topic": "t", "format": "bytes" }), &messaging).run(records.clone()).unwrap();
    let lengths: Vec<usize> = messaging.texts("default", "t").iter().map(String::len).collect();
    assert_eq!(lengths, [0, 1, 3, 4, 5, 6, 8]);
    let refused: Vec<_> = got.errors.iter().map(|error| error.record.clone().unwrap()).collect();
    assert_eq!(refused, [records[2].clone(), records[7].clone()]);
    assert!(got.errors[0].message.starts_with("topic `default:t` does not take it: "), "{:?}", got.errors[0]);
}

#[test]
fn the_topic_has_to_be_there_or_is_created() {
    let messaging = testing::messaging(&[]);
    let error = sink(json!({ "topic": "t" }), &messaging).run([json!({ "n": 1 })]).unwrap_err();
    assert!(error.to_string().starts_with("there is no topic `default:t`: create it first"), "{error}");
    sink(json!({ "topic": "t", "autoCreateTopic": true }), &messaging).run([json!({ "n": 1 })]).unwrap();
    assert_eq!(messaging.texts("default", "t"), ["{\"n\":1}"]);
    messaging.add_topic("ops", "t");
    sink(json!({ "topic": "t", "namespace": "ops" }), &messaging).run([json!({ "n": 2 })]).unwrap();
    assert_eq!(messaging.texts("ops", "t"), ["{\"n\":2}"]);
}

/// Lets the service be reached again as soon as the sink has told that it cannot be.
fn come_back(messaging: &Arc<InMemoryMessaging>, log: &TestLog) -> std::thread::JoinHandle<()> {
    let (messaging, log) = (Arc::clone(messaging), log.clone());
    std::thread::spawn(move || {
        while log.messages().is_empty() {
            std::thread::yield_now();
        }
        messaging.set_unreachable(false);
    })
}

#[test]
fn a_batch_is_tried_again_while_the_service_cannot_be_reached() {
    let (messaging, log) = (testing::messaging(&["t"]), TestLog::default());
    messaging.become_unreachable_after(1);
    let back = come_back(&messaging, &log);
    sink(json!({ "topic": "t" }), &messaging).log(&log).run([json!({ "n": 1 })]).unwrap();
    back.join().unwrap();
    assert_eq!(messaging.texts("default", "t"), ["{\"n\":1}"]);
    let expected = "3 cannot publish to topic `default:t`: the messaging service does not answer; trying again";
    assert_eq!(log.messages(), [expected]);
}

#[test]
fn what_was_written_of_a_large_batch_is_not_written_again() {
    let (messaging, log) = (testing::messaging(&["t"]), TestLog::default());
    // The topic is found, and one request written.
    messaging.become_unreachable_after(2);
    let back = come_back(&messaging, &log);
    let records = ["a", "b", "c"].map(|letter| json!({ "message": letter.repeat(5 << 20) }));
    sink(json!({ "topic": "t", "format": "text" }), &messaging).log(&log).run(records).unwrap();
    back.join().unwrap();
    let first: Vec<char> = messaging.texts("default", "t").iter().map(|text| text.chars().next().unwrap()).collect();
    assert_eq!(first, ['a', 'b', 'c']);
}

#[test]
fn wrong_properties_are_found_all_at_once() {
    let found = |path: &str, message: &str| (path.to_owned(), message.to_owned());
    assert_eq!(
        findings(json!({ "topic": "a.b", "namespace": "system", "autoCreateTopic": true, "field": "raw" })),
        [
            found("topic", "`a.b` is no name of a topic"),
            found("namespace", "Publish to 'system' namespace is not allowed"),
            found("autoCreateTopic", "Cannot auto-create topic when namespace is set."),
            found("field", "it has no meaning with format jsonl, which writes all fields"),
        ]
    );
    let wrong_type = "field `message` is of type long, where bytes is needed";
    assert_eq!(findings(json!({ "topic": "t", "format": "bytes" })), [found("field", wrong_type)]);
    let wrong_type = "field `raw` is of type bytes, where string is needed";
    assert_eq!(findings(json!({ "topic": "t", "format": "text", "field": "raw" })), [found("field", wrong_type)]);
    assert_eq!(findings(json!({ "topic": "t", "format": "bytes", "field": "line" })), []);
    let nested = Schema::new(vec![SchemaField::new(
        "list",
        DataType::List { items: Box::new(SchemaField::new("item", DataType::Long)) },
    )]);
    let harness = testing::sink::<TmsSink>(json!({ "topic": "t" })).input(nested);
    let expected = "field `list` is of type list, which format jsonl does not carry yet";
    assert_eq!(harness.configure().unwrap().1[0].message, expected);
}

#[test]
fn it_keeps_the_contract() {
    let messaging = testing::messaging(&["readings"]);
    let example: Value = serde_json::from_str(include_str!("../../sink/example.json")).unwrap();
    let records = [json!({ "a": 1 }), json!({ "a": 2 })];
    testing::check_contract(&sink(example["plugin"]["properties"].clone(), &messaging), &records);
    assert_eq!(findings(example["plugin"]["properties"].clone()), []);
}
