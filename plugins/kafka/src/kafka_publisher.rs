//! The alert publisher.

use crate::new_topic::Creation;
use crate::producer::{CONNECT_TIMEOUT, Delivery, Message, Producer, Target};
use crate::producer_properties::ProducerProperties;
use crate::security::{self, Security};
use crate::{address, message_headers, message_key};
use campanile_sdk::{Alert, AlertFormat, AlertPublisher, Alerts, Configure, Error, Finding, Result, StageContext};
use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(test)]
mod tests;

/// Publishes alerts to a topic of Kafka.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KafkaPublisher {
    /// The brokers to begin with, as host:port, several parted by commas.
    brokers: String,
    /// The topic, which exists unless `autoCreateTopic` is set.
    topic: String,
    /// The payload's fields that make a message's key: those its stage groups alerts by, unless set; `[]` for no key.
    key: Option<Vec<String>>,
    /// How an alert is written.
    #[serde(default)]
    format: AlertFormat,
    /// Whether messages have headers: `content-type`, `id`, `namespace`, `pipelineName`, `stageName`, `runId`.
    #[serde(default = "yes")]
    headers: bool,
    /// Whether the topic is created where it is missing.
    #[serde(default)]
    auto_create_topic: bool,
    /// With `autoCreateTopic`: how many partitions a new topic has; as many as the brokers choose unless set.
    partitions: Option<i32>,
    /// With `autoCreateTopic`: on how many brokers each partition is; as many as the brokers choose unless set.
    replication_factor: Option<i32>,
    /// How brokers are reached, and as whom: without encryption and login unless set.
    #[serde(default)]
    security: Security,
    /// Further settings of the producer, by librdkafka's names: a map, or text as `name:value,name:value`.
    #[serde(default)]
    producer_properties: ProducerProperties,
    /// Refused: Kerberos is not built in.
    principal: Option<String>,
    /// Refused: Kerberos is not built in.
    keytab_location: Option<String>,
    #[serde(skip)]
    producer: Option<Producer>,
}

fn yes() -> bool {
    true
}

impl KafkaPublisher {
    fn creation(&self) -> Creation {
        Creation { partitions: self.partitions, replicas: self.replication_factor }
    }

    /// What is said about a new topic where none is to be made.
    fn idle(&self) -> Vec<Finding> {
        let numbers = [("partitions", self.partitions), ("replicationFactor", self.replication_factor)];
        let idle = numbers.into_iter().filter(|(_, number)| number.is_some() && !self.auto_create_topic);
        let finding = |(path, _)| Finding::error(path, "it does nothing without `autoCreateTopic`");
        idle.map(finding).collect()
    }

    /// Writes the message of an alert, over what was there.
    fn write(&self, alert: &Alert<'_>, message: &mut Message) {
        message.key = match &self.key {
            Some(names) => key(alert, names),
            None => key(alert, &alert.group_by()),
        };
        message.payload.clear();
        alert.write_json(self.format, &mut message.payload);
        message.headers = self.headers.then(|| message_headers::of(alert, self.format));
    }
}

/// The key of these fields.
fn key(alert: &Alert<'_>, names: &[String]) -> Option<Vec<u8>> {
    match names {
        [name] => message_key::of_values(&[alert.get(name)]),
        names => {
            let values: Vec<Option<&str>> = names.iter().map(|name| alert.get(name)).collect();
            message_key::of_values(&values)
        }
    }
}

impl AlertPublisher for KafkaPublisher {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let mut findings = address::check_brokers(&self.brokers);
        findings.extend(address::check_topic(&self.topic));
        findings.extend(self.creation().check());
        findings.extend(self.idle());
        findings.extend(self.security.check());
        findings.extend(self.producer_properties.check_with(&self.security).findings);
        findings.extend(security::refuse_kerberos(self.principal.as_deref(), self.keytab_location.as_deref()));
        findings.into_iter().for_each(|finding| stage.find(finding));
        Ok(())
    }

    fn initialize(&mut self, context: &mut StageContext<'_>) -> Result<()> {
        let services = context.services();
        let properties = self.producer_properties.check_with(&self.security);
        let mut config = properties.config(&self.brokers, &context.stage_name(), services);
        self.security.apply(&mut config)?;
        let target = Target {
            brokers: &self.brokers,
            topic: &self.topic,
            creation: self.auto_create_topic.then(|| self.creation()),
            security: &self.security,
        };
        let timeout = properties.message_timeout();
        self.producer = Some(Producer::connect(&config, &target, timeout, CONNECT_TIMEOUT, services)?);
        Ok(())
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        let Some(producer) = &self.producer else {
            return Err(Error::fatal("there is no connection to Kafka: `initialize` comes first"));
        };
        let alerts: Vec<Alert<'_>> = alerts.collect();
        producer.deliver(
            alerts.len(),
            |number, message| self.write(&alerts[number], message),
            |number, delivery| match delivery {
                Delivery::Done => alerts[number].done(),
                Delivery::Retry(reason) => alerts[number].retry(reason),
                Delivery::Rejected(reason) => alerts[number].reject(reason),
            },
        )
    }

    fn destroy(&mut self) -> Result<()> {
        // Whatever was published has its report: there is nothing to flush.
        self.producer = None;
        Ok(())
    }
}
