#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use campanile_sdk::testing::{self, Harness, InMemoryMessaging, TestLog};
use serde_json::{Value, json};
use std::sync::Arc;

fn source(properties: Value, messaging: &Arc<InMemoryMessaging>) -> Harness {
    testing::source::<TmsSource>(properties).messaging(messaging)
}

fn with_messages(messages: &[&str]) -> Arc<InMemoryMessaging> {
    let messaging = testing::messaging(&[]);
    messaging.add("default", "t", messages);
    messaging
}

fn texts(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["message"].as_str().unwrap()).collect()
}

fn findings(properties: Value) -> Vec<(String, String)> {
    let (_, findings) = testing::source::<TmsSource>(properties).configure().unwrap();
    assert!(findings.iter().all(|finding| finding.hint.is_some()), "{findings:?}");
    findings.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

#[test]
fn a_topic_is_read_to_its_end_with_ids_and_times() {
    let messaging = with_messages(&["a", "", "c"]);
    let properties = json!({ "topic": "t", "idField": "id", "timeField": "at" });
    let got = source(properties, &messaging).read().unwrap();
    assert_eq!(texts(&got.records), ["a", "", "c"]);
    let ids = messaging.ids("default", "t");
    for (record, id) in got.records.iter().zip(&ids) {
        assert_eq!(record["id"], id.to_string());
        assert!(!record["at"].is_null());
    }
    assert_eq!(got.positions, ids.iter().map(position::of).collect::<Vec<_>>());
    let names: Vec<&str> = got.schemas[0].names().collect();
    assert_eq!(names, ["message", "id", "at"]);
}

#[test]
fn reading_begins_where_the_property_says() {
    let messaging = with_messages(&["a", "b", "c"]);
    let ids = messaging.ids("default", "t");
    let from = |from: Value| {
        let got = source(json!({ "topic": "t", "from": from }), &messaging).read().unwrap();
        texts(&got.records).concat()
    };
    assert_eq!(from(json!("start")), "abc");
    assert_eq!(from(json!("end")), "");
    assert_eq!(from(json!(ids[1].to_string())), "bc");
    assert_eq!(from(json!(ids[0].timestamp_ms())), "abc");
    assert_eq!(from(json!("2999-01-01T00:00:00Z")), "");
}

#[test]
fn a_topic_of_another_namespace_is_read() {
    let messaging = testing::messaging(&[]);
    messaging.add("system", "audit", &["x"]);
    let got = source(json!({ "topic": "audit", "namespace": "system" }), &messaging);
    assert_eq!(texts(&got.read().unwrap().records), ["x"]);
    assert_eq!(got.splits().unwrap(), [Split::new("system:audit")]);
}

#[test]
fn an_empty_topic_has_no_records() {
    let messaging = testing::messaging(&["t"]);
    for follow in [false, true] {
        let got = source(json!({ "topic": "t", "follow": follow }), &messaging).read().unwrap();
        assert_eq!(got.records.len(), 0);
    }
}

#[test]
fn a_topic_that_is_not_there_keeps_the_run_from_starting() {
    let error = source(json!({ "topic": "t" }), &testing::messaging(&[])).read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("there is no topic `default:t`: create it first"), "{error}");
}

#[test]
fn bytes_are_taken_as_they_are_and_text_is_utf8() {
    let messaging = testing::messaging(&[]);
    messaging.add("default", "t", &[b"a".as_slice(), b"b\xff", b"c"]);
    let got = source(json!({ "topic": "t", "format": "bytes" }), &messaging).read().unwrap();
    assert_eq!((got.records.len(), got.errors.len()), (3, 0));

    let got = source(json!({ "topic": "t" }), &messaging).read().unwrap();
    assert_eq!(texts(&got.records), ["a", "c"]);
    let [error] = &got.errors[..] else { panic!("{:?}", got.errors) };
    let id = messaging.ids("default", "t")[1];
    assert_eq!(error.message, format!("message {id}: byte 2 is not UTF-8"));
    assert_eq!((error.raw.as_slice(), error.file.as_str()), (b"b\xff".as_slice(), "default:t"));
    assert_eq!(error.position, Some(position::of(&id)));
}

#[test]
fn a_broken_object_is_an_error_record_and_the_others_are_read() {
    let messaging = with_messages(&[r#"{"n":1}"#, r#"{"n":"#, r#"{"n":"x"}"#, r#"{"n":4}"#]);
    let schema = json!([{ "name": "n", "type": "long", "nullable": false }]);
    let properties = json!({ "topic": "t", "format": "jsonl", "schema": schema, "idField": "id" });
    let got = source(properties, &messaging).batch_rows(1).read().unwrap();
    let ids = messaging.ids("default", "t");
    let expected = [json!({ "n": 1, "id": ids[0].to_string() }), json!({ "n": 4, "id": ids[3].to_string() })];
    assert_eq!(got.records, expected);
    let messages: Vec<&str> = got.errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1], format!("message {}: field `n`: text where long is needed", ids[2]));
}

#[test]
fn a_bounded_source_leaves_what_comes_after_its_start() {
    for (rows, answers) in [(1, vec![Read::More, Read::End]), (100, vec![Read::End])] {
        let messaging = with_messages(&["a", "b"]);
        let mut reading = source(json!({ "topic": "t" }), &messaging).batch_rows(rows).reading().unwrap();
        messaging.add("default", "t", &["late"]);
        for answer in answers {
            assert_eq!(reading.read().unwrap(), answer);
        }
        assert_eq!(texts(&reading.end().unwrap().records), ["a", "b"]);
    }
}

#[test]
fn a_source_that_follows_goes_on_with_new_messages() {
    for (from, expected) in [("start", vec!["a", "b", "c"]), ("end", vec!["b", "c"])] {
        let messaging = with_messages(&["a"]);
        let harness = source(json!({ "topic": "t", "follow": true, "from": from }), &messaging);
        let mut reading = harness.reading().unwrap();
        for text in ["b", "c"] {
            messaging.add("default", "t", &[text]);
            assert_eq!(reading.read().unwrap(), Read::More);
        }
        assert_eq!(reading.read().unwrap(), Read::Idle);
        assert_eq!(texts(&reading.end().unwrap().records), expected);
    }
}

#[test]
fn a_service_that_goes_away_is_waited_for() {
    let messaging = with_messages(&["a"]);
    let log = TestLog::default();
    for follow in [false, true] {
        let mut reading = source(json!({ "topic": "t", "follow": follow }), &messaging).log(&log).reading().unwrap();
        messaging.set_unreachable(true);
        assert_eq!(reading.read().unwrap(), Read::Idle);
        assert_eq!(reading.read().unwrap(), Read::Idle);
        messaging.set_unreachable(false);
        reading.read().unwrap();
        assert_eq!(texts(&reading.end().unwrap().records), ["a"]);
    }
    let told = [
        "2 cannot read topic `default:t` for now: the messaging service does not answer",
        "3 topic `default:t` can be read again",
    ];
    assert_eq!(log.messages(), [told, told].concat());
}

#[test]
fn a_gap_is_told_and_counted_once() {
    let messaging = with_messages(&["a", "b", "c", "d"]);
    let first = messaging.ids("default", "t")[0];
    let log = TestLog::default();
    let mut reading = source(json!({ "topic": "t" }), &messaging).batch_rows(1).log(&log).reading().unwrap();
    assert_eq!(reading.read().unwrap(), Read::More);
    messaging.forget("default", "t", 3);
    assert_eq!(reading.read().unwrap(), Read::End);
    assert_eq!(texts(&reading.end().unwrap().records), ["a", "d"]);
    assert_eq!(log.counted("messages.gaps"), 1);
    let expected = "2 messages of topic `default:t` have expired before they were read: reading goes on with the oldest that is \
                    kept";
    assert_eq!(log.messages(), [expected]);

    // Also where nothing is kept at all, and however often it looks.
    messaging.forget("default", "t", 1);
    let log = TestLog::default();
    let properties = json!({ "topic": "t", "follow": true, "from": first.to_string() });
    let mut reading = source(properties, &messaging).log(&log).reading().unwrap();
    assert_eq!([reading.read().unwrap(), reading.read().unwrap()], [Read::Idle, Read::Idle]);
    assert_eq!(log.counted("messages.gaps"), 1);
    reading.end().unwrap();
}

#[test]
fn how_many_rows_are_asked_for_changes_nothing() {
    let messages: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let messaging = testing::messaging(&[]);
    messages.chunks(7).for_each(|chunk| messaging.add("default", "t", chunk));
    let whole = source(json!({ "topic": "t" }), &messaging).read().unwrap();
    for rows in [1, 2, 3, 50] {
        let mut cut = source(json!({ "topic": "t" }), &messaging).batch_rows(rows).read().unwrap();
        cut.calls = whole.calls;
        assert_eq!(cut, whole);
    }
}

#[test]
fn reading_goes_on_behind_any_message() {
    let messages: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let messaging = testing::messaging(&[]);
    messaging.add("default", "t", &messages);
    let harness = source(json!({ "topic": "t" }), &messaging);
    let whole = harness.read().unwrap();
    for (read, &position) in whole.positions.iter().enumerate() {
        let rest = harness.read_from(&Split::new("default:t"), position).unwrap();
        assert_eq!(rest.records, whole.records[read + 1..]);
    }
}

#[test]
fn messages_that_share_a_position_come_all_or_not_at_all() {
    let messaging = with_messages(&["a"]);
    messaging.add_stored("default", "t", &["b", "c", "d"]);
    messaging.add("default", "t", &["e"]);
    let harness = source(json!({ "topic": "t" }), &messaging);
    let whole = harness.read().unwrap();
    assert_eq!(texts(&whole.records), ["a", "b", "c", "d", "e"]);
    let rests = ["bcde", "bcde", "bcde", "e", ""];
    for (position, expected) in whole.positions.iter().zip(rests) {
        let rest = harness.read_from(&Split::new("default:t"), *position).unwrap();
        assert_eq!(texts(&rest.records).concat(), expected);
    }
}

#[test]
fn a_run_that_is_resumed_goes_on_exactly_behind_the_last_message() {
    let messaging = with_messages(&["a"]);
    // Messages that share a position, and one that becomes an error record.
    messaging.add_stored("default", "t", &[b"b".as_slice(), b"c", b"d", b"\xff", b"e", b"f"]);
    messaging.add("default", "t", &["g"]);
    testing::check_restored(&source(json!({ "topic": "t" }), &messaging), &[]);
    testing::check_restored(&source(json!({ "topic": "t", "follow": true }), &messaging).live(), &[]);
}

#[test]
fn what_a_resumed_run_reads_was_settled_when_it_began() {
    for (properties, expected) in
        [(json!({ "topic": "t" }), vec!["b"]), (json!({ "topic": "t", "follow": true, "from": "end" }), vec!["late"])]
    {
        let messaging = with_messages(&["a", "b"]);
        let harness = source(properties.clone(), &messaging).durable().batch_rows(1);
        let mut reading = harness.reading().unwrap();
        reading.read().unwrap();
        let saved = reading.saved().unwrap();
        drop(reading);
        messaging.add("default", "t", &["late"]);
        let rest = source(properties, &messaging).durable().resumed(&saved).read().unwrap();
        assert_eq!(texts(&rest.records), expected);
    }
}

#[test]
fn a_state_that_cannot_be_read_is_told() {
    let messaging = with_messages(&["a"]);
    for (state, told) in [
        (r#"{"version":9,"after":null,"end":null}"#, "is of version 9"),
        (r#"{"version":1,"after":"x","end":null}"#, "cannot be read"),
        ("{", "cannot be read"),
    ] {
        let harness = source(json!({ "topic": "t" }), &messaging).restored(state.as_bytes());
        let error = harness.read().unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn wrong_properties_are_found_all_at_once() {
    let found = |path: &str, message: &str| (path.to_owned(), message.to_owned());
    let wrong = json!({ "topic": "a b", "namespace": "-", "from": "yesterday", "format": "jsonl" });
    let expected = [
        found("topic", "`a b` is no name of a topic"),
        found("namespace", "`-` is no name of a namespace"),
        found("from", "`yesterday` says no place in a topic"),
        found("schema", "format jsonl needs it: a topic does not tell its fields"),
    ];
    assert_eq!(findings(wrong), expected);
    let schema = json!([{ "name": "n", "type": "long" }]);
    let wrong = json!({ "topic": "t", "schema": schema, "idField": "message", "timeField": "" });
    let expected = [
        found("schema", "it has a meaning with format jsonl only"),
        found("idField", "`message` is no name for another field"),
        found("timeField", "`` is no name for another field"),
    ];
    assert_eq!(findings(wrong), expected);
    let wrong = json!({ "topic": "t", "format": "jsonl", "schema": [], "idField": "x", "timeField": "x" });
    let expected = [found("schema", "it has no field"), found("timeField", "`x` is no name for another field")];
    assert_eq!(findings(wrong), expected);
}

#[test]
fn it_keeps_the_contract() {
    let messaging = with_messages(&["a", "b", "c", "d", "e"]);
    testing::check_contract(&source(json!({ "topic": "t" }), &messaging), &[]);
    let example: Value = serde_json::from_str(include_str!("../../source/example.json")).unwrap();
    assert_eq!(findings(example["plugin"]["properties"].clone()), []);
}
