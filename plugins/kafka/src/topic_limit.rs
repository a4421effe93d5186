//! How large a batch a topic takes. Batches that are larger are refused as a whole, and who is sent anew comes late.

use crate::new_topic::wait_for;
use campanile_sdk::{Level, Services};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use std::time::Duration;

const BATCH_SIZE: &str = "batch.size";
/// librdkafka's own, in bytes.
const DEFAULT_BATCH_SIZE: u64 = 1_000_000;
/// How long brokers may take to say it. What they do not say is not needed: a refused batch is sent one by one.
const PATIENCE: Duration = Duration::from_secs(2);

/// The configuration with smaller batches, where the topic takes no larger ones.
pub(crate) fn fitted(config: &ClientConfig, topic: &str, services: Services) -> Option<ClientConfig> {
    let limit = match limit(config, topic) {
        Ok(limit) => limit,
        Err(reason) => {
            services.log(Level::Debug, format!("the limit of topic `{topic}` is not known: {reason}"));
            return None;
        }
    };
    let size = config.get(BATCH_SIZE).and_then(|size| size.parse().ok()).unwrap_or(DEFAULT_BATCH_SIZE);
    (limit < size).then(|| {
        services
            .log(Level::Info, format!("batches have {limit} bytes at most, as topic `{topic}` takes no larger ones"));
        let mut config = config.clone();
        config.set(BATCH_SIZE, limit.to_string());
        config
    })
}

/// The topic's `max.message.bytes`.
fn limit(config: &ClientConfig, topic: &str) -> Result<u64, String> {
    let admin: AdminClient<DefaultClientContext> = config.create().map_err(|error| error.to_string())?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let asked = wait_for(admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options), PATIENCE);
    let answers = asked.ok_or("no answer")?.map_err(|error| error.to_string())?;
    let topic = answers.into_iter().next().ok_or("no answer")?.map_err(|code| code.to_string())?;
    let limit = topic.get("max.message.bytes").and_then(|entry| entry.value.as_ref()?.parse().ok());
    limit.ok_or_else(|| "it is not among what the broker says".to_owned())
}
