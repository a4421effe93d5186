//! The properties of librdkafka that a pipeline sets for a consumer.

use crate::producer_properties::PropertyValue;
use campanile_sdk::Finding;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Further settings of the consumer, by librdkafka's names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct ConsumerProperties(BTreeMap<String, PropertyValue>);

/// What the source sets itself, and the property that says it.
const OURS: [(&str, &str); 9] = [
    ("bootstrap.servers", "it is set by the property `brokers`"),
    ("metadata.broker.list", "it is set by the property `brokers`"),
    ("group.id", "it is set by the property `group`"),
    ("auto.offset.reset", "it is set by the property `from`"),
    ("enable.auto.commit", "positions are committed when they are saved"),
    ("enable.auto.offset.store", "positions are committed when they are saved"),
    ("enable.partition.eof", "the source needs it"),
    ("partition.assignment.strategy", "partitions are shared by the strategy `cooperative-sticky`"),
    ("group.protocol", "partitions are shared by the protocol `classic`"),
];

impl ConsumerProperties {
    fn values(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| {
            let value = match value {
                PropertyValue::Flag(value) => value.to_string(),
                PropertyValue::Number(value) => value.to_string(),
                PropertyValue::Text(value) => value.clone(),
            };
            (name.as_str(), value)
        })
    }

    /// What is wrong with them.
    pub(crate) fn check(&self) -> Vec<Finding> {
        self.values().filter_map(|(name, value)| refusal(name, &value)).collect()
    }

    /// Sets them.
    pub(crate) fn apply(&self, config: &mut ClientConfig) {
        for (name, value) in self.values() {
            config.set(name, value);
        }
    }
}

fn refusal(name: &str, value: &str) -> Option<Finding> {
    let finding = |message: String| Some(Finding::error("consumerProperties", message));
    if let Some((_, why)) = OURS.iter().find(|(ours, _)| *ours == name) {
        return finding(format!("`{name}` cannot be set: {why}"));
    }
    // They load code into the process.
    if matches!(name, "plugin.library.paths" | "ssl.engine.location" | "ssl.providers" | "sasl.kerberos.kinit.cmd") {
        return finding(format!("`{name}` is not allowed: a pipeline names no code to be run"));
    }
    // librdkafka knows its names and values; setting one opens nothing.
    match ClientConfig::new().set(name, value).create_native_config() {
        // The error's own text would show the value, which may be a secret.
        Err(KafkaError::ClientConfig(_, description, ..)) => finding(format!("`{name}`: {description}")),
        Err(_) => finding(format!("`{name}` cannot be set")),
        Ok(_) => None,
    }
}
