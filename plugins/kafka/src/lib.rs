//! Kafka publishes alerts to topics, and reads and writes records there.

mod address;
mod consumer;
mod consumer_properties;
mod decode;
mod encode;
mod format;
mod from;
mod group;
mod inbox;
mod kafka_publisher;
mod listener;
mod message_headers;
mod message_key;
mod new_topic;
mod producer;
mod producer_properties;
mod security;
mod sink;
mod source;
mod topic_limit;
mod transaction;
mod verdict;
mod watch;
mod writer;

use campanile_sdk::export_plugin;
use kafka_publisher::KafkaPublisher;
use sink::KafkaSink;
use source::KafkaSource;

// CDAP's plugin goes by the second name: its pipelines are read as they are.
export_plugin! {
    alertpublisher KafkaPublisher as "Kafka" in "publisher",
    alertpublisher KafkaPublisher as "KafkaAlerts" in "publisher",
    source KafkaSource as "Kafka" in "source",
    sink KafkaSink as "Kafka" in "sink",
}
