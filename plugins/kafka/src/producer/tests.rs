use super::*;
use crate::producer_properties::ProducerProperties;
use campanile_sdk::ErrorKind;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Raw};
use rdkafka::{ClientContext, Message as _};
use serde_json::{Value, json};

type Cluster = MockCluster<'static, DefaultProducerContext>;

const TOPIC: &str = "alerts";

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    cluster
}

fn connect_to(brokers: &str, properties: Value) -> Result<Producer> {
    let properties = serde_json::from_value::<ProducerProperties>(properties).unwrap().check();
    assert_eq!(properties.findings, []);
    let config = properties.config(brokers, "bell", Services::default());
    let security = Security::default();
    let target = Target { brokers, topic: TOPIC, creation: None, security: &security };
    Producer::connect(&config, &target, properties.message_timeout(), Duration::from_secs(3), Services::default())
}

fn connect(cluster: &Cluster, properties: Value) -> Producer {
    connect_to(&cluster.bootstrap_servers(), properties).unwrap()
}

fn numbered(number: usize) -> Message {
    Message {
        key: Some(format!("k{number}").into_bytes()),
        payload: format!("alert {number}").into_bytes(),
        headers: None,
    }
}

/// What became of so many messages.
fn deliver(
    producer: &Producer,
    count: usize,
    message: impl Fn(usize) -> Message,
) -> (Vec<Option<Delivery>>, Result<()>) {
    let mut told = vec![None; count];
    let result = producer.deliver(
        count,
        |number, out| *out = message(number),
        |number, delivery| {
            assert!(told[number].replace(delivery).is_none(), "message {number} is told about twice");
        },
    );
    (told, result)
}

fn all_done(count: usize) -> Vec<Option<Delivery>> {
    vec![Some(Delivery::Done); count]
}

/// The messages of the topic up to its end, as key and payload.
fn consumed(cluster: &Cluster) -> Vec<(String, String)> {
    let brokers = cluster.bootstrap_servers();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "test")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Beginning).unwrap();
    consumer.assign(&partitions).unwrap();
    let mut messages = Vec::new();
    loop {
        match consumer.poll(Duration::from_secs(20)) {
            Some(Ok(message)) => {
                let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
                messages.push((text(message.key()), text(message.payload())));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return messages,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_message_arrives_once_in_order() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({}));
    let (told, result) = deliver(&producer, 500, numbered);
    result.unwrap();
    assert_eq!(told, all_done(500));
    let (told, result) = deliver(&producer, 0, numbered);
    assert!(told.is_empty() && result.is_ok(), "nothing is fine too");
    let expected: Vec<_> = (0..500).map(|n| (format!("k{n}"), format!("alert {n}"))).collect();
    assert_eq!(consumed(&cluster), expected);
}

#[test]
fn what_passes_is_tried_again_by_librdkafka_and_arrives_once() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({ "retry.backoff.ms": 10 }));
    let errors = [Raw::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, Raw::RD_KAFKA_RESP_ERR__TRANSPORT];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let (told, result) = deliver(&producer, 20, numbered);
    result.unwrap();
    assert_eq!(told, all_done(20));
    assert_eq!(consumed(&cluster).len(), 20);
}

#[test]
fn a_message_that_is_too_large_is_rejected_alone() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({ "message.max.bytes": 2_000 }));
    let (told, result) = deliver(&producer, 3, |number| {
        let payload = if number == 1 { vec![b'x'; 3_000] } else { numbered(number).payload };
        Message { key: None, payload, headers: None }
    });
    result.unwrap();
    let reason = "its 3000 bytes are larger than `message.max.bytes`, which `producerProperties` may raise";
    let expected = [Delivery::Done, Delivery::Rejected(reason.to_owned()), Delivery::Done];
    assert_eq!(told, expected.map(Some));
    assert_eq!(consumed(&cluster).len(), 2);
}

#[test]
fn a_batch_that_the_broker_refuses_is_sent_one_by_one() {
    let cluster = cluster();
    // All three are in the first request.
    let producer = connect(&cluster, json!({ "linger.ms": 200 }));
    let too_large = Raw::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large, too_large]);
    let (told, result) = deliver(&producer, 3, numbered);
    result.unwrap();
    let rejected = Delivery::Rejected("Broker: Message size too large".to_owned());
    assert_eq!(told, [rejected, Delivery::Done, Delivery::Done].map(Some));
    let payloads: Vec<_> = consumed(&cluster).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, ["alert 1", "alert 2"]);
}

#[test]
fn a_topic_that_is_not_ours_to_write_stops_the_publisher() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({}));
    cluster.request_errors(RDKafkaApiKey::Produce, &[Raw::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let (told, result) = deliver(&producer, 1, numbered);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.message(), "`topic`: not allowed to write to `alerts`: Broker: Topic authorization failed");
    assert_eq!(told, [None]);
}

#[test]
fn a_producer_that_failed_for_good_is_a_fatal_error_from_then_on() {
    let cluster = cluster();
    // Both are in one request.
    let producer = connect(&cluster, json!({ "linger.ms": 100 }));
    deliver(&producer, 1, numbered).1.unwrap();
    cluster.request_errors(RDKafkaApiKey::Produce, &[Raw::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    for _ in 0..2 {
        let (told, result) = deliver(&producer, 2, numbered);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fatal);
        assert!(error.message().starts_with("the producer failed for good: "), "{error}");
        assert!(!told.contains(&Some(Delivery::Done)));
    }
}

#[test]
fn an_outage_is_told_in_time_and_passes() {
    let cluster = cluster();
    let properties = json!({ "message.timeout.ms": 1_000, "reconnect.backoff.max.ms": 100 });
    let producer = connect(&cluster, properties);
    deliver(&producer, 1, numbered).1.unwrap();
    cluster.broker_down(1).unwrap();
    let begun = Instant::now();
    let (told, result) = deliver(&producer, 50, numbered);
    result.unwrap();
    assert!(told.iter().all(|told| matches!(told, Some(Delivery::Retry(_)))), "{told:?}");
    assert!(begun.elapsed() < producer.patience + PURGE_TIMEOUT, "{:?}", begun.elapsed());
    cluster.broker_up(1).unwrap();
    // The first ones after an outage may still time out, as a host would see it.
    let until = Instant::now() + Duration::from_secs(30);
    while deliver(&producer, 50, numbered).0 != all_done(50) {
        assert!(Instant::now() < until, "the outage does not pass");
    }
}

#[test]
fn a_broker_that_answers_after_the_time_out_is_told_in_time_and_waited_for() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({ "message.timeout.ms": 1_000, "linger.ms": 0 }));
    deliver(&producer, 1, numbered).1.unwrap();
    cluster.broker_round_trip_time(1, Duration::from_secs(4)).unwrap();
    let begun = Instant::now();
    let (told, result) = deliver(&producer, 5, numbered);
    result.unwrap();
    assert!(told.iter().all(|told| matches!(told, Some(Delivery::Retry(_)))), "{told:?}");
    assert!(begun.elapsed() < producer.patience + PURGE_TIMEOUT, "{:?}", begun.elapsed());
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while deliver(&producer, 5, numbered).0 != all_done(5) {
        assert!(Instant::now() < until, "the broker is not heard any more");
    }
}

#[test]
fn a_refusal_that_passes_stops_nothing() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({}));
    let listener = producer.client.client().context();
    listener.error(KafkaError::Global(Code::Authentication), "it has just come up");
    let (told, result) = deliver(&producer, 3, numbered);
    result.unwrap();
    assert_eq!(told, all_done(3));
    assert!(listener.refusal_within(Duration::ZERO).is_none(), "what is delivered ends it");
}

#[test]
fn what_tls_fails_by_in_the_midst_of_a_run_may_pass() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({ "message.timeout.ms": 4_000 }));
    cluster.broker_down(1).unwrap();
    let (told, result) = deliver(&producer, 2, |number| {
        producer.client.client().context().error(KafkaError::Global(Code::SSL), "certificate has expired");
        numbered(number)
    });
    result.unwrap();
    assert!(told.iter().all(|told| matches!(told, Some(Delivery::Retry(_)))), "{told:?}");
}

#[test]
fn what_a_broker_will_never_take_is_rejected_with_its_words() {
    for (error, words) in [
        (Raw::RD_KAFKA_RESP_ERR_INVALID_RECORD, "Broker: Broker failed to validate record"),
        (
            Raw::RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
            "Broker: Message batch larger than configured server segment size",
        ),
    ] {
        let cluster = cluster();
        let producer = connect(&cluster, json!({}));
        cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
        let (told, result) = deliver(&producer, 1, numbered);
        result.unwrap();
        assert_eq!(told, [Some(Delivery::Rejected(words.to_owned()))]);
    }
}

#[test]
fn messages_that_are_overdue_are_taken_back() {
    let cluster = cluster();
    let mut producer = connect(&cluster, json!({}));
    deliver(&producer, 1, numbered).1.unwrap();
    producer.patience = Duration::from_millis(300);
    cluster.broker_down(1).unwrap();
    let (told, result) = deliver(&producer, 3, numbered);
    result.unwrap();
    assert!(told.iter().all(|told| matches!(told, Some(Delivery::Retry(_)))), "{told:?}");
    // A message counts until its report has been served, which may be a moment after the report was told.
    let until = Instant::now() + Duration::from_secs(10);
    while producer.client.in_flight_count() > 0 {
        assert!(Instant::now() < until, "{} messages are still on their way", producer.client.in_flight_count());
        std::thread::yield_now();
    }
}

#[test]
fn a_full_queue_is_waited_for() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({ "queue.buffering.max.messages": 7 }));
    let (told, result) = deliver(&producer, 100, numbered);
    result.unwrap();
    assert_eq!(told, all_done(100));
    assert_eq!(consumed(&cluster).len(), 100);
}

#[test]
fn credentials_that_fail_are_told_before_messages_time_out() {
    let cluster = cluster();
    let producer = connect(&cluster, json!({}));
    cluster.broker_down(1).unwrap();
    let begun = Instant::now();
    let (told, result) = deliver(&producer, 2, |number| {
        // As librdkafka tells it, while messages wait.
        producer.client.client().context().error(KafkaError::Global(Code::Authentication), "wrong password");
        numbered(number)
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.message(), "`security`: the brokers do not take the credentials: wrong password");
    assert!(!told.contains(&Some(Delivery::Done)));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_unknown_topic_is_told_at_the_start() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.topic_error(TOPIC, Raw::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let Err(error) = connect_to(&cluster.bootstrap_servers(), json!({})) else { panic!("it connects") };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().starts_with("`topic`: `alerts` does not exist: create it, such as by `kafka-topics.sh"));
    cluster.topic_error(TOPIC, Raw::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).unwrap();
    let Err(error) = connect_to(&cluster.bootstrap_servers(), json!({})) else { panic!("it connects") };
    assert!(error.message().starts_with("`topic`: not allowed to write to `alerts`"), "{error}");
}

#[test]
fn brokers_that_do_not_answer_are_told_at_the_start() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    cluster.broker_down(1).unwrap();
    let begun = Instant::now();
    let Err(error) = connect_to(&brokers, json!({})) else { panic!("it connects") };
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(
        error.message().starts_with(&format!("`brokers`: cannot reach topic `alerts` at `{brokers}` within 3 s: ")),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn properties_that_do_not_go_together_are_told_at_the_start() {
    let cluster = cluster();
    let Err(error) = connect_to(&cluster.bootstrap_servers(), json!({ "queuing.strategy": "lifo" })) else {
        panic!("it connects")
    };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("queuing.strategy"), "{error}");
}
