use super::*;
use campanile_sdk::testing::{self, TestAlert};
use campanile_sdk::{ErrorKind, Outcome};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message as _};
use serde_json::{Value, json};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("alerts", 1, 1).unwrap();
    cluster
}

fn properties(brokers: &str, topic: &str, more: &Value) -> Value {
    let mut properties = json!({ "brokers": brokers, "topic": topic });
    for (name, value) in more.as_object().unwrap() {
        properties[name] = value.clone();
    }
    properties
}

fn publish(brokers: &str, more: Value, alerts: &[TestAlert]) -> Result<Vec<Outcome>> {
    testing::alert_publisher::<KafkaPublisher>(properties(brokers, "alerts", &more)).publish(alerts)
}

/// The messages of the first partition up to its end, as key and payload.
fn consumed(brokers: &str, topic: &str) -> Vec<(Option<String>, String)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "test")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&partitions).unwrap();
    let mut messages = Vec::new();
    loop {
        match consumer.poll(Duration::from_secs(30)) {
            Some(Ok(message)) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                messages.push((message.key().map(text), message.payload().map(text).unwrap()));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return messages,
            other => panic!("{other:?}"),
        }
    }
}

fn heart(user: &str, bpm: &str) -> TestAlert {
    TestAlert::new("too fast", &[("userid", user), ("heartbeat", bpm)])
}

#[test]
fn alerts_are_written_in_each_format() {
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
        let cluster = cluster();
        let brokers = cluster.bootstrap_servers();
        assert_eq!(publish(&brokers, json!({ "format": format }), &[heart("a", "182")]).unwrap(), [Outcome::Done]);
        assert_eq!(consumed(&brokers, "alerts"), [(None, expected.to_owned())]);
    }
}

#[test]
fn the_key_is_made_of_the_payload() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let alerts = [heart("a", "182"), TestAlert::new("other", &[])];
    for key in [json!(["userid"]), json!(["heartbeat", "userid", "name"]), json!([])] {
        let outcomes = publish(&brokers, json!({ "key": key }), &alerts).unwrap();
        assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    }
    let keys: Vec<_> = consumed(&brokers, "alerts").into_iter().map(|(key, _)| key).collect();
    let text = |key: &str| Some(key.to_owned());
    assert_eq!(keys, [text("a"), None, text(r#"["182","a",null]"#), None, None, None]);
}

#[test]
fn an_alert_that_cannot_be_published_is_rejected_and_the_others_are_done() {
    let cluster = cluster();
    let alerts = [heart("a", "1"), heart(&"x".repeat(2_000), "2"), heart("c", "3")];
    let more = json!({ "producerProperties": "message.max.bytes:1500" });
    let outcomes = publish(&cluster.bootstrap_servers(), more, &alerts).unwrap();
    assert!(matches!(&outcomes[..], [Outcome::Done, Outcome::Rejected(_), Outcome::Done]), "{outcomes:?}");
}

#[test]
fn what_keeps_the_run_from_starting() {
    let cluster = cluster();
    let broken = json!({ "producerProperties": { "acks": 1, "no.such": 1 } });
    let error = testing::alert_publisher::<KafkaPublisher>(properties("localhost", "a b", &broken));
    let (_, findings) = error.configure().unwrap();
    let paths: Vec<_> = findings.iter().map(|finding| finding.path.as_str()).collect();
    assert_eq!(paths, ["brokers", "topic", "producerProperties", "producerProperties"]);

    let more = json!({ "producerProperties": { "queuing.strategy": "lifo" } });
    let error = publish(&cluster.bootstrap_servers(), more, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn it_keeps_the_contract() {
    let harness = testing::alert_publisher::<KafkaPublisher>(properties("localhost:9092", "alerts", &json!({})));
    testing::check_contract(&harness, &[]);
    let example: Value = serde_json::from_str(include_str!("../../publisher/example.json")).unwrap();
    let (_, findings) =
        testing::alert_publisher::<KafkaPublisher>(example["plugin"]["properties"].clone()).configure().unwrap();
    assert_eq!(findings, []);
}

/// The brokers of a real Kafka, where there is one.
fn real_brokers() -> Option<String> {
    let brokers = std::env::var("CAMPANILE_KAFKA").ok().filter(|brokers| !brokers.is_empty());
    if brokers.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI has a Kafka: set CAMPANILE_KAFKA to its host:port");
        println!("skipped: set CAMPANILE_KAFKA to the host:port of a Kafka");
    }
    brokers
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A topic of its own for a test.
fn create_topic(brokers: &str, name: &str, config: &[(&str, &str)]) -> String {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let name = format!("campanile-{name}-{}", since.as_nanos());
    let mut topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1));
    for (key, value) in config {
        topic = topic.set(key, value);
    }
    block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap().remove(0).unwrap();
    name
}

#[test]
fn a_real_kafka_takes_alerts() {
    let Some(brokers) = real_brokers() else { return };
    let topic = create_topic(&brokers, "many", &[]);
    let more = json!({ "key": ["userid"], "format": "cdap" });
    let alerts: Vec<_> = (0..5_000).map(|n| heart(&format!("user {}", n % 7), &n.to_string())).collect();
    let harness = testing::alert_publisher::<KafkaPublisher>(properties(&brokers, &topic, &more));
    assert!(harness.publish(&alerts).unwrap().iter().all(|outcome| *outcome == Outcome::Done));
    let messages = consumed(&brokers, &topic);
    assert_eq!(messages.len(), alerts.len());
    for (n, (key, payload)) in messages.iter().enumerate() {
        let user = format!("user {}", n % 7);
        assert_eq!(key.as_ref(), Some(&user));
        let expected = json!({ "stageName": "too fast", "payload": { "userid": user, "heartbeat": n.to_string() } });
        assert_eq!(serde_json::from_str::<Value>(payload).unwrap(), expected);
    }
}

#[test]
fn a_real_kafka_rejects_only_what_is_too_large_for_it() {
    let Some(brokers) = real_brokers() else { return };
    // All together they are too large for the topic, alone only one of them is.
    let topic = create_topic(&brokers, "small", &[("max.message.bytes", "2000")]);
    let alerts: Vec<_> =
        (0..60).map(|n| heart(&if n == 31 { "x".repeat(3_000) } else { "a".repeat(100) }, &n.to_string())).collect();
    let harness = testing::alert_publisher::<KafkaPublisher>(properties(&brokers, &topic, &json!({})));
    let outcomes = harness.publish(&alerts).unwrap();
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Rejected(reason) if n == 31 => assert_eq!(reason, "Broker: Message size too large"),
            Outcome::Done if n != 31 => {}
            other => panic!("alert {n}: {other:?}"),
        }
    }
    let arrived: Vec<u64> = consumed(&brokers, &topic)
        .iter()
        .map(|(_, payload)| {
            serde_json::from_str::<Value>(payload).unwrap()["payload"]["heartbeat"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(arrived, (0..60).filter(|n| *n != 31).collect::<Vec<_>>(), "in their order");
}

#[test]
fn a_real_kafka_without_the_topic_keeps_the_run_from_starting() {
    let Some(brokers) = real_brokers() else { return };
    let begun = Instant::now();
    let harness = testing::alert_publisher::<KafkaPublisher>(properties(&brokers, "campanile-never-made", &json!({})));
    let error = harness.publish(&[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("does not exist: create it"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}
