//! Publishes alerts to Kafka.

mod address;
mod kafka_publisher;
mod listener;
mod message_headers;
mod message_key;
mod new_topic;
mod producer;
mod producer_properties;
mod security;
mod topic_limit;
mod verdict;

use campanile_sdk::export_plugin;
use kafka_publisher::KafkaPublisher;

// CDAP's plugin goes by the second name: its pipelines are read as they are.
export_plugin! {
    alertpublisher KafkaPublisher as "Kafka" in "publisher",
    alertpublisher KafkaPublisher as "KafkaAlerts" in "publisher",
}
