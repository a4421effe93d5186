//! A producer for a sink: it writes on while reports of delivery come in, and waits for them at save points.

use crate::listener::Listener;
use crate::verdict;
use campanile_sdk::{Error, Result, Services};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long brokers may take to answer when a run starts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a topic has to be unknown: one that was just made is known a moment later.
const UNKNOWN_FOR: Duration = Duration::from_secs(2);
/// How often a wait looks whether it is still worth it.
const SLICE: Duration = Duration::from_millis(100);
/// How long reports of delivery may be overdue. librdkafka times messages out by itself, once a second.
const GRACE: Duration = Duration::from_secs(10);

/// What is sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, String)>,
}

/// What librdkafka tells.
pub(crate) struct Deliveries {
    listener: Listener,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Messages that were sent and not reported yet.
    waiting: u64,
    failed: u64,
    /// Why the first of those failed.
    failure: Option<Code>,
}

impl Deliveries {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_sub(1);
        if let Err((error, _)) = result {
            state.failed += 1;
            state.failure.get_or_insert(error.rdkafka_error_code().unwrap_or(Code::Fail));
        }
        self.changed.notify_all();
    }
}

/// An idempotent producer for one topic.
pub(crate) struct Writer {
    pub(crate) client: ThreadedProducer<Deliveries>,
    topic: String,
    services: Services,
    /// How long a message may be on its way.
    patience: Duration,
}

impl Writer {
    /// Connects, and sees that brokers answer and that the topic exists.
    pub(crate) fn connect(
        config: &ClientConfig,
        topic: &str,
        message_timeout: Duration,
        services: Services,
    ) -> Result<Writer> {
        let deliveries =
            Deliveries { listener: Listener::new(services), state: Mutex::default(), changed: Condvar::new() };
        let client = config
            .create_with_context(deliveries)
            .map_err(|error| Error::config(format!("cannot make a producer for Kafka: {error}")))?;
        let writer = Writer { client, topic: topic.to_owned(), services, patience: message_timeout + GRACE };
        writer.find_topic(config.get("bootstrap.servers").unwrap_or_default())?;
        Ok(writer)
    }

    fn deliveries(&self) -> &Deliveries {
        self.client.context()
    }

    fn find_topic(&self, brokers: &str) -> Result<()> {
        let (topic, begun) = (&self.topic, Instant::now());
        let mut slice = SLICE * 5;
        loop {
            let trouble = match self.client.client().fetch_metadata(Some(topic), slice.min(CONNECT_TIMEOUT)) {
                Ok(metadata) => match metadata.topics().first().map(|topic| topic.error()) {
                    Some(None) => return Ok(()),
                    Some(Some(error)) => Code::from(error),
                    None => Code::UnknownTopic,
                },
                Err(error) => error.rdkafka_error_code().unwrap_or(Code::Fail),
            };
            let unknown = matches!(trouble, Code::UnknownTopicOrPartition | Code::UnknownTopic);
            if unknown && begun.elapsed() >= UNKNOWN_FOR {
                return Err(Error::config(format!(
                    "topic `{topic}` does not exist: create it, such as by `kafka-topics.sh --bootstrap-server {brokers} \
                     --create --topic {topic}`"
                )));
            }
            if let verdict::Verdict::Stop(error) = verdict::of(trouble, topic) {
                return Err(error);
            }
            let refusal = self.deliveries().listener.refusal_within(SLICE);
            if let Some(refusal) = refusal.filter(|refusal| refusal.since.elapsed() >= UNKNOWN_FOR) {
                return Err(Error::config(format!("the brokers do not let this run in: {}", refusal.reason)));
            }
            if begun.elapsed() >= CONNECT_TIMEOUT {
                let trouble = self.trouble().unwrap_or_else(|| verdict::words(trouble));
                let seconds = CONNECT_TIMEOUT.as_secs();
                return Err(Error::fatal(format!(
                    "cannot reach topic `{topic}` at `{brokers}` within {seconds} s: {trouble}"
                )));
            }
            if self.services.is_cancelled() {
                return Err(Error::retry(format!("told to stop while waiting for `{brokers}`")));
            }
            slice = slice.saturating_mul(2);
        }
    }

    /// The last that was heard of trouble.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.deliveries().listener.trouble()
    }

    /// Sends a message; what becomes of it is told later. A message that is too large is a record error.
    pub(crate) fn send(&self, message: &Outgoing) -> Result<()> {
        let until = Instant::now() + self.patience;
        let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic);
        (record.key, record.payload) = (message.key.as_deref(), message.payload.as_deref());
        if !message.headers.is_empty() {
            let empty = OwnedHeaders::new_with_capacity(message.headers.len());
            let headers = message
                .headers
                .iter()
                .fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(value.as_str()) }));
            record = record.headers(headers);
        }
        self.deliveries().state().waiting += 1;
        loop {
            let (error, back) = match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            match error.rdkafka_error_code().unwrap_or(Code::Fail) {
                Code::QueueFull if Instant::now() < until => {
                    // Room comes with reports.
                    let state = self.deliveries().state();
                    drop(self.deliveries().changed.wait_timeout(state, SLICE));
                    record = back;
                }
                code => {
                    self.deliveries().state().waiting -= 1;
                    return Err(self.not_sent(code, message));
                }
            }
        }
    }

    fn not_sent(&self, code: Code, message: &Outgoing) -> Error {
        if code == Code::MessageSizeTooLarge {
            let size = [&message.key, &message.payload].map(|part| part.as_ref().map_or(0, Vec::len));
            let limit = "larger than `message.max.bytes`, which `producerProperties` may raise";
            return Error::record(TOO_LARGE, format!("its {} bytes are {limit}", size.iter().sum::<usize>()));
        }
        self.failed(1, code)
    }

    fn failed(&self, count: u64, code: Code) -> Error {
        if let Some((_, words)) = self.client.client().fatal_error() {
            return Error::fatal(format!("the producer failed for good: {words}"));
        }
        let trouble = self.trouble().map(|trouble| format!(" (last heard: {trouble})")).unwrap_or_default();
        let words = verdict::words(code);
        Error::fatal(format!("{count} records were not written to topic `{}`: {words}{trouble}", self.topic))
    }

    /// Waits until all that was sent is delivered.
    pub(crate) fn finish(&self) -> Result<()> {
        let until = Instant::now() + self.patience;
        let mut state = self.deliveries().state();
        while state.waiting > 0 && state.failure.is_none() && Instant::now() < until {
            let waited = self.deliveries().changed.wait_timeout(state, SLICE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (waiting, failed, failure) = (state.waiting, state.failed, state.failure);
        drop(state);
        match failure {
            Some(code) => Err(self.failed(failed, code)),
            None if waiting > 0 => Err(self.failed(waiting, Code::MessageTimedOut)),
            None => Ok(()),
        }
    }

    /// Takes back what is still on its way.
    pub(crate) fn give_up(&self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
    }
}

/// The code of error records made of records that are too large.
const TOO_LARGE: i32 = 2;
