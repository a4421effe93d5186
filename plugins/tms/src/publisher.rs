//! Publishes alerts.

use crate::page::Page;
use crate::topic::{Named, Numbered, Topic};
use campanile_sdk::{Alert, AlertFormat, AlertPublisher, Alerts, Configure, Error, Finding, Result, StageContext};
use schemars::JsonSchema;
use serde::Deserialize;

/// Alerts a second where nothing is said, as in CDAP.
const MAX_ALERTS_PER_SECOND: i64 = 100;

/// Publishes alerts to a topic of the messaging service.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TmsPublisher {
    /// The topic.
    topic: String,
    /// The namespace of the topic; the pipeline's where nothing is said.
    #[serde(default)]
    namespace: Option<String>,
    /// Whether the topic is created where it is not there, in the pipeline's namespace.
    #[serde(default)]
    auto_create_topic: bool,
    /// How many alerts a second are published at most.
    #[serde(default = "max_alerts_per_second")]
    #[schemars(extend("x-max-alerts-per-second" = true))]
    max_alerts_per_second: i64,
    /// How an alert is written.
    #[serde(default)]
    format: AlertFormat,
    #[serde(skip)]
    to: Option<Topic>,
    /// The name under which the host numbers alerts, where it does.
    #[serde(skip)]
    producer: Option<String>,
    #[serde(skip)]
    page: Page,
}

fn max_alerts_per_second() -> i64 {
    MAX_ALERTS_PER_SECOND
}

impl TmsPublisher {
    fn named(&self) -> Named<'_> {
        Named::new(&self.topic, self.namespace.as_deref(), self.auto_create_topic)
    }
}

impl AlertPublisher for TmsPublisher {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.named().check_to_publish(stage);
        if self.max_alerts_per_second < 1 {
            let message = format!("Invalid maxAlertsPerSecond {}. Must be at least 1.", self.max_alerts_per_second);
            stage.find(Finding::error("maxAlertsPerSecond", message).hint("leave it out for 100"));
        }
        Ok(())
    }

    fn initialize(&mut self, context: &mut StageContext<'_>) -> Result<()> {
        self.to = Some(self.named().open(context)?);
        self.producer = context.producer();
        Ok(())
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        let Some(to) = &self.to else { return Err(Error::fatal("the publisher is not initialized")) };
        let alerts: Vec<Alert<'_>> = alerts.collect();
        self.page.clear();
        for alert in &alerts {
            self.page.push(|out| alert.write_json(self.format, out));
        }
        let told = &mut |number: usize, refused: Option<String>| match refused {
            None => alerts[number].done(),
            Some(reason) => alerts[number].reject(reason),
        };
        let sequences: Option<Vec<u64>> = alerts.iter().map(Alert::sequence).collect();
        let (Some(producer), Some(sequences)) = (&self.producer, sequences) else {
            return to.publish(&self.page, 0, told);
        };
        // The messages of one publication are numbered without gaps. What has been published before is left out.
        let mut first = 0;
        for run in sequences.chunk_by(|number, next| number.checked_add(1) == Some(*next)) {
            let numbered = Numbered { producer, sequence: run[0] };
            to.publish_once(&self.page, first..first + run.len(), numbered, told)?;
            first += run.len();
        }
        Ok(())
    }

    fn destroy(&mut self) -> Result<()> {
        self.to = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
