//! The properties of librdkafka that a pipeline sets.

use crate::security::Security;
use campanile_sdk::{Finding, Level, Services};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The longest `message.timeout.ms`: a call of `publish` lasts no longer than a host is willing to wait.
const MAX_MESSAGE_TIMEOUT_MS: u64 = 300_000;
const MESSAGE_TIMEOUT: &str = "message.timeout.ms";
const NAMES: &str = "https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md";

/// Values where a pipeline says nothing. The partitioner is that of Java's producers, so that one key has one partition
/// whoever writes it.
const DEFAULTS: [(&str, &str); 4] = [
    // A call waits for its reports: no more comes to wait for.
    ("linger.ms", "0"),
    (MESSAGE_TIMEOUT, "120000"),
    ("partitioner", "murmur2_random"),
    // A broker that is back is found soon.
    ("reconnect.backoff.max.ms", "1000"),
];
/// As in `DEFAULTS`, in milliseconds.
const DEFAULT_MESSAGE_TIMEOUT_MS: u64 = 120_000;

/// Other names that librdkafka has for a property.
const ALIASES: [(&str, &str); 5] = [
    ("sasl.mechanism", "sasl.mechanisms"),
    ("delivery.timeout.ms", MESSAGE_TIMEOUT),
    ("queue.buffering.max.ms", "linger.ms"),
    ("request.required.acks", "acks"),
    ("metadata.broker.list", "bootstrap.servers"),
];

/// Further settings of the producer, by librdkafka's names: a map, or text as `name:value,name:value`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ProducerProperties {
    /// A map.
    Map(BTreeMap<String, PropertyValue>),
    /// Text, as CDAP writes it.
    Text(String),
}

/// The value of a property.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PropertyValue {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text.
    Text(String),
}

/// Properties by librdkafka's names, without aliases, and what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    values: BTreeMap<String, String>,
    pub(crate) findings: Vec<Finding>,
}

impl Default for ProducerProperties {
    fn default() -> ProducerProperties {
        ProducerProperties::Map(BTreeMap::new())
    }
}

impl ProducerProperties {
    /// Looks at all of them, and whether they leave alone what `security` sets.
    pub(crate) fn check_with(&self, security: &Security) -> Checked {
        let mut checked = self.check();
        let twice = checked.values.keys().filter(|name| security.sets(name));
        let twice = twice.map(|name| finding(format!("`{name}` is set by the property `security`")));
        checked.findings.extend(twice.collect::<Vec<_>>());
        checked
    }

    /// Looks at all of them.
    pub(crate) fn check(&self) -> Checked {
        let mut checked = Checked::default();
        match self {
            ProducerProperties::Map(map) => {
                for (name, value) in map {
                    let value = match value {
                        PropertyValue::Flag(value) => value.to_string(),
                        PropertyValue::Number(value) => value.to_string(),
                        PropertyValue::Text(value) => value.clone(),
                    };
                    checked.take(name, value);
                }
            }
            ProducerProperties::Text(text) => {
                for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
                    match pair.split_once(':') {
                        Some((name, value)) => checked.take(name.trim(), value.trim().to_owned()),
                        None => {
                            let finding = finding(format!("`{pair}` has no colon"));
                            checked
                                .findings
                                .push(finding.hint("write name:value, or a map where a value holds a comma"));
                        }
                    }
                }
            }
        }
        checked
    }
}

impl Checked {
    fn take(&mut self, name: &str, value: String) {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
        match refusal(name, &value) {
            Some(finding) => self.findings.push(finding),
            None if self.values.insert(name.to_owned(), value).is_some() => {
                self.findings.push(finding(format!("`{name}` is set twice, once by another name of it")));
            }
            None => {}
        }
    }

    /// How long librdkafka tries to deliver a message.
    pub(crate) fn message_timeout(&self) -> Duration {
        let there = self.values.get(MESSAGE_TIMEOUT).and_then(|value| value.parse().ok());
        Duration::from_millis(there.unwrap_or(DEFAULT_MESSAGE_TIMEOUT_MS))
    }

    /// The whole configuration of a producer.
    pub(crate) fn config(&self, brokers: &str, client_id: &str, services: Services) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in DEFAULTS {
            config.set(name, value);
        }
        config.set("client.id", client_id);
        for (name, value) in &self.values {
            config.set(name, value);
        }
        let brokers: Vec<&str> = brokers.split(',').map(str::trim).collect();
        config.set("bootstrap.servers", brokers.join(",")).set("enable.idempotence", "true").set("acks", "all");
        let debug = services.log_enabled(Level::Debug);
        config.set_log_level(if debug { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
        config
    }
}

/// Why a property is not taken.
fn refusal(name: &str, value: &str) -> Option<Finding> {
    let kept = |wanted: &str| {
        let message = format!("`{name}` cannot be `{value}`: alerts are to arrive once, and be acknowledged by all");
        Some(finding(message).hint(format!("leave it out, it is `{wanted}`")))
    };
    match name {
        "enable.idempotence" if !value.eq_ignore_ascii_case("true") => return kept("true"),
        "acks" if !matches!(value, "all" | "-1") => return kept("all"),
        "bootstrap.servers" => return Some(finding(format!("`{name}` is set by the property `brokers`"))),
        "transactional.id" => {
            return Some(finding(format!("`{name}` is not for this plugin, which has no transactions")));
        }
        // They load code into the process.
        "plugin.library.paths" | "ssl.engine.location" | "ssl.providers" | "sasl.kerberos.kinit.cmd" => {
            return Some(finding(format!("`{name}` is not allowed: a pipeline names no code to be run")));
        }
        MESSAGE_TIMEOUT if !value.parse().is_ok_and(|ms| (1..=MAX_MESSAGE_TIMEOUT_MS).contains(&ms)) => {
            let message = format!("`{name}` cannot be `{value}`");
            return Some(finding(message).hint(format!("write milliseconds from 1 to {MAX_MESSAGE_TIMEOUT_MS}")));
        }
        _ => {}
    }
    // librdkafka knows its names and values; setting one opens nothing.
    match ClientConfig::new().set(name, value).create_native_config() {
        // The error's own text would show the value, which may be a secret.
        Err(KafkaError::ClientConfig(_, description, ..)) => {
            Some(finding(format!("`{name}`: {description}")).hint(format!("the names are librdkafka's: {NAMES}")))
        }
        Err(_) => Some(finding(format!("`{name}` cannot be set")).hint("leave out bytes of value 0")),
        Ok(_) => None,
    }
}

fn finding(message: String) -> Finding {
    Finding::error("producerProperties", message)
}
