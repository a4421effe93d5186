//! The alert publisher.

use crate::producer::{CONNECT_TIMEOUT, Delivery, Message, Producer};
use crate::producer_properties::ProducerProperties;
use crate::{address, message_key};
use campanile_sdk::{Alert, AlertFormat, AlertPublisher, Alerts, Configure, Error, Result, StageContext};
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
    /// The topic, which exists.
    topic: String,
    /// The payload's fields that make a message's key: those its stage groups alerts by, unless set; `[]` for no key.
    key: Option<Vec<String>>,
    /// How an alert is written.
    #[serde(default)]
    format: AlertFormat,
    /// Further settings of the producer, by librdkafka's names: a map, or text as `name:value,name:value`.
    #[serde(default)]
    producer_properties: ProducerProperties,
    #[serde(skip)]
    producer: Option<Producer>,
}

impl KafkaPublisher {
    fn message(&self, alert: &Alert<'_>) -> Message {
        let of = |names: &[String]| {
            let values: Vec<Option<&str>> = names.iter().map(|name| alert.get(name)).collect();
            message_key::of_values(&values)
        };
        let key = match &self.key {
            Some(names) => of(names),
            None => of(&alert.group_by()),
        };
        let mut payload = Vec::with_capacity(256);
        alert.write_json(self.format, &mut payload);
        Message { key, payload }
    }
}

impl AlertPublisher for KafkaPublisher {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let brokers = address::check_brokers(&self.brokers);
        let topic = address::check_topic(&self.topic);
        let properties = self.producer_properties.check().findings;
        brokers.into_iter().chain(topic).chain(properties).for_each(|finding| stage.find(finding));
        Ok(())
    }

    fn initialize(&mut self, context: &mut StageContext<'_>) -> Result<()> {
        let services = context.services();
        let properties = self.producer_properties.check();
        let config = properties.config(&self.brokers, &context.stage_name(), services);
        let timeout = properties.message_timeout();
        self.producer = Some(Producer::connect(&config, &self.topic, timeout, CONNECT_TIMEOUT, services)?);
        Ok(())
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        let Some(producer) = &self.producer else {
            return Err(Error::fatal("there is no connection to Kafka: `initialize` comes first"));
        };
        let alerts: Vec<Alert<'_>> = alerts.collect();
        producer.deliver(
            alerts.len(),
            |number| self.message(&alerts[number]),
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
