use super::*;
use campanile_sdk::testing::{self, Harness, InMemoryMessaging, TestAlert};
use campanile_sdk::{ErrorKind, Outcome};
use serde_json::{Value, json};
use std::sync::Arc;

fn publisher(properties: Value, messaging: &Arc<InMemoryMessaging>) -> Harness {
    testing::alert_publisher::<TmsPublisher>(properties).messaging(messaging)
}

fn heart(user: &str, bpm: &str) -> TestAlert {
    TestAlert::new("too fast", &[("userid", user), ("heartbeat", bpm)])
}

fn findings(properties: Value) -> Vec<(String, String)> {
    let (_, findings) = testing::alert_publisher::<TmsPublisher>(properties).configure().unwrap();
    assert!(findings.iter().all(|finding| finding.hint.is_some()), "{findings:?}");
    findings.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

#[test]
fn alerts_are_written_in_each_format_and_in_order() {
    for (format, expected) in [
        (
            "envelope",
            r#"{"namespace":"default","pipelineName":"test","stageName":"too fast","payload":{"userid":"a","heartbeat":"182"},"runId":"run-1","id":"run-1/too fast/0","time":"2023-11-14T22:13:20.000Z"}"#,
        ),
        ("cdap", r#"{"stageName":"too fast","payload":{"userid":"a","heartbeat":"182"}}"#),
        (
            "cloudevents",
            r#"{"specversion":"1.0","id":"run-1/too fast/0","source":"/default/test","type":"io.campanile.alert","subject":"too fast","time":"2023-11-14T22:13:20.000Z","datacontenttype":"application/json","data":{"userid":"a","heartbeat":"182"}}"#,
        ),
    ] {
        let messaging = testing::messaging(&["alerts"]);
        let alerts = [heart("a", "182"), heart("b", "183"), TestAlert::new("other", &[])];
        let harness = publisher(json!({ "topic": "alerts", "format": format }), &messaging);
        assert_eq!(harness.publish(&alerts).unwrap(), [Outcome::Done, Outcome::Done, Outcome::Done]);
        let texts = messaging.texts("default", "alerts");
        assert_eq!((texts.len(), texts[0].as_str()), (3, expected));
        assert!(texts[1].contains("183") && texts[2].contains("other"));
    }
}

#[test]
fn a_batch_is_one_request() {
    let messaging = testing::messaging(&["alerts"]);
    let alerts: Vec<_> = (0..512).map(|n| heart("a", &n.to_string())).collect();
    publisher(json!({ "topic": "alerts" }), &messaging).publish(&alerts).unwrap();
    assert_eq!((messaging.requests(), messaging.texts("default", "alerts").len()), (1, 512));
}

#[test]
fn a_large_batch_is_cut_into_requests() {
    let messaging = testing::messaging(&["alerts"]);
    let alerts: Vec<_> = (0..5).map(|_| heart(&"x".repeat(3 << 20), "1")).collect();
    let outcomes = publisher(json!({ "topic": "alerts" }), &messaging).publish(&alerts).unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    assert_eq!((messaging.requests(), messaging.texts("default", "alerts").len()), (3, 5));
}

#[test]
fn an_alert_that_is_not_taken_is_rejected_and_the_others_are_done() {
    let messaging = testing::messaging(&["alerts"]);
    messaging.refuse_from(1_000);
    let alerts: Vec<_> = (0..7).map(|n| heart(&"x".repeat(if n == 4 { 2_000 } else { 1 }), &n.to_string())).collect();
    let outcomes = publisher(json!({ "topic": "alerts" }), &messaging).publish(&alerts).unwrap();
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Rejected(reason) if number == 4 => {
                assert!(reason.starts_with("topic `default:alerts` does not take it: "), "{reason}");
            }
            Outcome::Done if number != 4 => {}
            other => panic!("alert {number}: {other:?}"),
        }
    }
    let texts = messaging.texts("default", "alerts");
    let beats: Vec<Value> = texts.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()).collect();
    let beats: Vec<&str> = beats.iter().map(|alert| alert["payload"]["heartbeat"].as_str().unwrap()).collect();
    assert_eq!(beats, ["0", "1", "2", "3", "5", "6"]);
}

fn beats(messaging: &InMemoryMessaging) -> Vec<String> {
    let beat = |text: &String| {
        let alert: Value = serde_json::from_str(text).unwrap();
        alert["payload"]["heartbeat"].as_str().unwrap().to_owned()
    };
    messaging.texts("default", "alerts").iter().map(beat).collect()
}

/// Alerts with the numbers that they have in the outbox.
fn numbered(numbers: std::ops::Range<u64>) -> Vec<TestAlert> {
    numbers.map(|n| heart("a", &n.to_string())).collect()
}

#[test]
fn an_alert_with_a_number_is_published_once_however_calls_are_cut() {
    let messaging = testing::messaging(&["alerts"]);
    let publish = |numbers: std::ops::Range<u64>| {
        let harness = publisher(json!({ "topic": "alerts" }), &messaging).producer("outbox", numbers.start);
        let outcomes = harness.publish(&numbered(numbers)).unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
    };
    // Again after a crash, with those that came meanwhile, in smaller pieces, and after a gap.
    for numbers in [5..8, 5..8, 5..10, 7..9, 9..11, 20..22, 5..22] {
        publish(numbers);
    }
    let expected: Vec<String> = (5..11).chain(20..22).map(|n| n.to_string()).collect();
    assert_eq!(beats(&messaging), expected);
}

#[test]
fn another_producer_has_numbers_of_its_own() {
    let messaging = testing::messaging(&["alerts"]);
    for producer in ["one", "other", "one"] {
        let harness = publisher(json!({ "topic": "alerts" }), &messaging).producer(producer, 7);
        harness.publish(&numbered(7..9)).unwrap();
    }
    assert_eq!(beats(&messaging), ["7", "8", "7", "8"]);
}

#[test]
fn a_large_batch_keeps_its_numbers_when_it_is_cut() {
    let messaging = testing::messaging(&["alerts"]);
    let alerts: Vec<_> = (0..5).map(|n| heart(&"x".repeat(3 << 20), &n.to_string())).collect();
    let harness = publisher(json!({ "topic": "alerts" }), &messaging).producer("outbox", 1);
    for _ in 0..2 {
        harness.publish(&alerts).unwrap();
    }
    assert_eq!(beats(&messaging), ["0", "1", "2", "3", "4"]);
}

#[test]
fn nothing_behind_a_refused_alert_is_published_before_the_host_knows_of_it() {
    let messaging = testing::messaging(&["alerts"]);
    messaging.refuse_from(1_000);
    let alerts: Vec<_> = (6..13).map(|n| heart(&"x".repeat(if n == 10 { 2_000 } else { 1 }), &n.to_string())).collect();
    let harness = publisher(json!({ "topic": "alerts" }), &messaging);
    // After a crash the refused one is refused again, and not taken for one that was published.
    for _ in 0..2 {
        let outcomes = harness.clone().producer("outbox", 6).publish(&alerts).unwrap();
        assert!(outcomes[..4].iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
        assert!(matches!(outcomes[4], Outcome::Rejected(_)), "{outcomes:?}");
        let later = Outcome::Retry("the alerts behind a refused one come next".to_owned());
        assert_eq!(outcomes[5..], [later.clone(), later]);
    }
    harness.clone().producer("outbox", 11).publish(&alerts[5..]).unwrap();
    assert_eq!(beats(&messaging), ["6", "7", "8", "9", "11", "12"]);
}

#[test]
fn a_topic_that_is_not_there_keeps_the_run_from_starting() {
    let messaging = testing::messaging(&["other"]);
    let error = publisher(json!({ "topic": "alerts" }), &messaging).publish(&[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let expected = "there is no topic `default:alerts`: create it first, with `campanile topics create`, or set \
                    `autoCreateTopic` where the stage has it";
    assert_eq!(error.to_string(), expected);

    // It is looked for where it is published to.
    let elsewhere = json!({ "topic": "other", "namespace": "ops" });
    let error = publisher(elsewhere.clone(), &messaging).publish(&[]).unwrap_err();
    assert!(error.to_string().starts_with("there is no topic `ops:other`: create it there first"), "{error}");
    messaging.add_topic("ops", "other");
    publisher(elsewhere, &messaging).publish(&[heart("a", "1")]).unwrap();
    assert_eq!(messaging.texts("ops", "other").len(), 1);
    assert_eq!(messaging.texts("default", "other").len(), 0);
}

#[test]
fn a_topic_is_created_where_it_may_be() {
    let messaging = testing::messaging(&[]);
    let properties = json!({ "topic": "alerts", "autoCreateTopic": true, "namespace": "" });
    publisher(properties.clone(), &messaging).publish(&[heart("a", "1")]).unwrap();
    publisher(properties, &messaging).publish(&[heart("a", "2")]).unwrap();
    assert_eq!(messaging.texts("default", "alerts").len(), 2);
}

#[test]
fn a_service_that_cannot_be_reached_is_told_as_such() {
    let messaging = testing::messaging(&["alerts"]);
    messaging.set_unreachable(true);
    let error = publisher(json!({ "topic": "alerts" }), &messaging).publish(&[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(error.to_string().starts_with("cannot look for topic `default:alerts`: "), "{error}");

    messaging.set_unreachable(false);
    messaging.become_unreachable_after(1);
    let outcomes = publisher(json!({ "topic": "alerts" }), &messaging).publish(&[heart("a", "1")]).unwrap();
    let reason = "cannot publish to topic `default:alerts`: the messaging service does not answer";
    assert_eq!(outcomes, [Outcome::Retry(reason.to_owned())]);
}

#[test]
fn a_host_without_messaging_is_told_apart() {
    let error = testing::alert_publisher::<TmsPublisher>(json!({ "topic": "alerts" })).publish(&[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("this host has no messaging"), "{error}");
}

#[test]
fn wrong_properties_are_found_all_at_once() {
    let wrong = json!({ "topic": "a b", "namespace": "a-b", "autoCreateTopic": true, "maxAlertsPerSecond": 0 });
    let expected = [
        ("topic", "`a b` is no name of a topic"),
        ("namespace", "`a-b` is no name of a namespace"),
        ("autoCreateTopic", "Cannot auto-create topic when namespace is set."),
        ("maxAlertsPerSecond", "Invalid maxAlertsPerSecond 0. Must be at least 1."),
    ];
    assert_eq!(findings(wrong), expected.map(|(path, message)| (path.to_owned(), message.to_owned())));
    let system = findings(json!({ "topic": "", "namespace": "system", "maxAlertsPerSecond": -7 }));
    let expected = [
        ("topic", "it is empty"),
        ("namespace", "Publish to 'system' namespace is not allowed"),
        ("maxAlertsPerSecond", "Invalid maxAlertsPerSecond -7. Must be at least 1."),
    ];
    assert_eq!(system, expected.map(|(path, message)| (path.to_owned(), message.to_owned())));
}

#[test]
fn it_keeps_the_contract() {
    let messaging = testing::messaging(&["alerts"]);
    testing::check_contract(&publisher(json!({ "topic": "alerts" }), &messaging), &[]);
    let example: Value = serde_json::from_str(include_str!("../../publisher/example.json")).unwrap();
    assert_eq!(findings(example["plugin"]["properties"].clone()), []);
}
