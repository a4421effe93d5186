//! A topic that is made where it is missing.

use crate::verdict;
use campanile_sdk::{Error, Finding, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Kafka's own bound of one request.
const MAX_PARTITIONS: i32 = 100_000;
/// What Kafka counts replicas in.
const MAX_REPLICAS: i32 = i16::MAX as i32;
/// What librdkafka takes for "as the broker does it".
const BROKERS_DEFAULT: i32 = -1;

/// How a topic is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creation {
    /// As the broker does it, unless said.
    pub(crate) partitions: Option<i32>,
    /// As the broker does it, unless said.
    pub(crate) replicas: Option<i32>,
}

impl Creation {
    /// What is wrong with the numbers, under the names of their properties.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let numbers =
            [("partitions", self.partitions, MAX_PARTITIONS), ("replicationFactor", self.replicas, MAX_REPLICAS)];
        let wrong = |(path, number, max): (&str, Option<i32>, i32)| {
            let number = number.filter(|number| !(1..=max).contains(number))?;
            Some(Finding::error(path, format!("`{number}` is not a number from 1 to {max}")))
        };
        numbers.into_iter().filter_map(wrong).collect()
    }

    /// Makes a topic. One that somebody else has made meanwhile is fine.
    pub(crate) fn make(&self, topic: &str, config: &ClientConfig, patience: Duration) -> Result<()> {
        let failed =
            |reason: String| Error::config(format!("`autoCreateTopic`: `{topic}` cannot be created: {reason}"));
        let admin: AdminClient<DefaultClientContext> = config.create().map_err(|error| failed(error.to_string()))?;
        let replication = TopicReplication::Fixed(self.replicas.unwrap_or(BROKERS_DEFAULT));
        let new = NewTopic::new(topic, self.partitions.unwrap_or(BROKERS_DEFAULT), replication);
        let options = AdminOptions::new().request_timeout(Some(patience)).operation_timeout(Some(patience));
        let Some(made) = wait_for(admin.create_topics([&new], &options), patience) else {
            return Err(Error::retry(format!("`autoCreateTopic`: no answer within {} s", patience.as_secs())));
        };
        match made.map(|topics| topics.into_iter().next()) {
            Ok(Some(Err((_, code)))) if code != Code::TopicAlreadyExists => Err(failed(verdict::words(code))),
            Ok(_) => Ok(()),
            Err(KafkaError::AdminOp(code)) => Err(failed(verdict::words(code))),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What a future brings, if it does so in time.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>, patience: Duration) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    let until = Instant::now() + patience;
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}
