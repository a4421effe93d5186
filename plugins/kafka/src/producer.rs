//! A connection to Kafka that knows what became of each message.

use crate::inbox::{Inbox, Report};
use crate::listener::{Listener, Refusal, Why};
use crate::new_topic::Creation;
use crate::security::Security;
use crate::topic_limit;
use crate::verdict::{self, Verdict};
use campanile_sdk::{Error, Result, Services};
use rdkafka::ClientConfig;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// How long brokers may take to answer when a run starts.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(9);
/// How long nothing else has to be heard until a refusal counts: a broker that has just come up may refuse a while.
const REFUSED_FOR: Duration = Duration::from_secs(3);
/// How long a run that was told to stop waits for a broker that says nothing.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How long a topic has to be unknown: one that is made on the first question is known a moment later.
const UNKNOWN_FOR: Duration = Duration::from_secs(2);
/// How often a wait looks whether it is still worth it.
const SLICE: Duration = Duration::from_millis(100);
/// How long delivery reports may be overdue. librdkafka times messages out by itself, once a second.
const GRACE: Duration = Duration::from_secs(10);
/// After how many messages reports are looked at while others are sent.
const SETTLE_EVERY: usize = 1_024;
/// How long reports of purged messages may take, which come at once.
const PURGE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
    pub(crate) headers: Option<OwnedHeaders>,
}

/// Where messages go.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) brokers: &'a str,
    pub(crate) topic: &'a str,
    /// How the topic is made where it is missing, if it is.
    pub(crate) creation: Option<Creation>,
    pub(crate) security: &'a Security,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All in-sync replicas have it.
    Done,
    /// It may go through later.
    Retry(String),
    /// It never will.
    Rejected(String),
}

/// An idempotent producer for one topic.
pub(crate) struct Producer {
    client: ThreadedProducer<Listener>,
    topic: String,
    /// How long a message may be on its way.
    patience: Duration,
    services: Services,
}

/// What is known in the midst of a call of [`Producer::deliver`].
struct Round<'a> {
    tell: &'a mut dyn FnMut(usize, Delivery),
    /// The reports that are being looked at.
    reports: Vec<Report>,
    /// Sent and not reported yet.
    pending: Vec<bool>,
    left: usize,
    suspects: Vec<(usize, String)>,
    stop: Option<Error>,
    /// When a report came last.
    heard: Instant,
}

impl Producer {
    /// Connects, and sees that brokers answer and that the topic exists.
    pub(crate) fn connect(
        config: &ClientConfig,
        target: &Target<'_>,
        message_timeout: Duration,
        connect_timeout: Duration,
        services: Services,
    ) -> Result<Producer> {
        let make = |config: &ClientConfig| {
            config.create_with_context(Listener::new(services)).map_err(|error| {
                let words = target.security.in_our_words(&error.to_string());
                Error::config(format!("cannot make a producer for Kafka: {words}"))
            })
        };
        let patience = message_timeout + GRACE;
        let mut producer = Producer { client: make(config)?, topic: target.topic.to_owned(), patience, services };
        producer.find_topic(config, target, connect_timeout)?;
        if let Some(config) = topic_limit::fitted(config, target.topic, services) {
            producer.client = make(&config)?;
        }
        Ok(producer)
    }

    fn find_topic(&self, config: &ClientConfig, target: &Target<'_>, timeout: Duration) -> Result<()> {
        let (topic, begun) = (&self.topic, Instant::now());
        let listener = self.client.client().context();
        let mut creation = target.creation;
        // Each question takes longer than the one before: a slow broker is heard in the end, a refusal soon.
        let mut slice = Duration::from_millis(500);
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            let trouble = match self.client.client().fetch_metadata(Some(topic), slice.min(left)) {
                Ok(metadata) => match metadata.topics().first().map(|topic| topic.error()) {
                    Some(None) => return Ok(()),
                    Some(Some(error)) => Code::from(error),
                    None => Code::UnknownTopic,
                },
                Err(error) => error.rdkafka_error_code().unwrap_or(Code::Fail),
            };
            match (trouble, creation.take()) {
                (Code::UnknownTopicOrPartition | Code::UnknownTopic, Some(new)) => new.make(topic, config, left)?,
                (Code::UnknownTopicOrPartition | Code::UnknownTopic, None)
                    if begun.elapsed() >= UNKNOWN_FOR && target.creation.is_none() =>
                {
                    return Err(Error::config(format!(
                        "`topic`: `{topic}` does not exist: create it, such as by `kafka-topics.sh --bootstrap-server {} \
                         --create --topic {topic}`, or set `autoCreateTopic`",
                        target.brokers
                    )));
                }
                (code, kept) => {
                    creation = kept;
                    if let Verdict::Stop(error) = verdict::of(code, topic) {
                        return Err(error);
                    }
                }
            }
            // Another broker may let us in.
            if let Some(refusal) = listener.refusal_within(SLICE)
                && (refusal.since.elapsed() >= REFUSED_FOR || begun.elapsed() >= timeout)
            {
                return Err(refused(&refusal, target.security));
            }
            if begun.elapsed() >= timeout {
                let reason = listener.trouble().unwrap_or_else(|| verdict::words(trouble));
                return Err(Error::retry(format!(
                    "`brokers`: cannot reach topic `{topic}` at `{}` within {} s: {reason}",
                    target.brokers,
                    timeout.as_secs()
                )));
            }
            if self.services.is_cancelled() {
                return Err(Error::retry(format!("told to stop while waiting for `{}`", target.brokers)));
            }
            slice *= 2;
        }
    }

    /// Sends messages, and returns when it has told what became of each. Where it fails, those it told nothing about were
    /// not delivered, as far as is known.
    pub(crate) fn deliver(
        &self,
        count: usize,
        mut message: impl FnMut(usize, &mut Message),
        mut tell: impl FnMut(usize, Delivery),
    ) -> Result<()> {
        self.client.client().context().forget_trouble();
        let begun = Instant::now();
        let until = begun + self.patience;
        let mut round = Round {
            tell: &mut tell,
            reports: Vec::new(),
            pending: vec![false; count],
            left: 0,
            suspects: Vec::new(),
            stop: None,
            heard: begun,
        };
        self.send_all(0..count, &mut message, &mut round, until)?;
        // A broker refuses whole batches: who the cause is, shows when each is sent alone.
        let suspects = std::mem::take(&mut round.suspects);
        for (number, reason) in suspects {
            if count > 1 {
                if Instant::now() >= until {
                    (round.tell)(number, Delivery::Retry(format!("its batch was refused: {reason}")));
                    continue;
                }
                self.send_all(number..number + 1, &mut message, &mut round, until)?;
                if round.suspects.pop().is_none() {
                    continue;
                }
            }
            (round.tell)(number, Delivery::Rejected(reason));
        }
        if round.heard > begun {
            self.client.client().context().forget();
        }
        Ok(())
    }

    /// Sends messages and awaits their reports.
    fn send_all(
        &self,
        numbers: std::ops::Range<usize>,
        write: &mut impl FnMut(usize, &mut Message),
        round: &mut Round<'_>,
        until: Instant,
    ) -> Result<()> {
        let call = self.client.client().context().inbox.begin();
        let mut message = Message::default();
        for number in numbers {
            write(number, &mut message);
            self.send(call, number, &mut message, round, until);
            // What has come in meanwhile is told at once.
            if number % SETTLE_EVERY == 0 {
                self.settle_all(0, Duration::ZERO, round);
            }
            if round.stop.is_some() {
                break;
            }
        }
        while round.left > 0 && round.stop.is_none() && Instant::now() < until && !self.is_done_waiting(round) {
            self.await_reports(round.left, round);
        }
        if round.left > 0 {
            self.give_up(round);
        }
        match round.stop.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn send(&self, call: usize, number: usize, message: &mut Message, round: &mut Round<'_>, until: Instant) {
        let ticket = Inbox::ticket(call, number);
        let mut record = BaseRecord::with_opaque_to(&self.topic, ticket).payload(message.payload.as_slice());
        record.key = message.key.as_deref();
        record.headers = message.headers.take();
        loop {
            let (error, back) = match self.client.send(record) {
                Ok(()) => {
                    round.pending[number] = true;
                    round.left += 1;
                    return;
                }
                Err(refused) => refused,
            };
            match error.rdkafka_error_code().unwrap_or(Code::Fail) {
                // Room comes with reports.
                Code::QueueFull if round.stop.is_none() && Instant::now() < until && !self.is_done_waiting(round) => {
                    self.await_reports(1, round);
                }
                // It was looked at alone: no other message is the cause.
                Code::MessageSizeTooLarge => {
                    let limit = "larger than `message.max.bytes`, which `producerProperties` may raise";
                    let size = message.payload.len() + message.key.as_ref().map_or(0, Vec::len);
                    return (round.tell)(number, Delivery::Rejected(format!("its {size} bytes are {limit}")));
                }
                code => return self.judge(number, code, round),
            }
            record = back;
        }
    }

    /// Waits a little for so many reports, or for the news that there will be none.
    fn await_reports(&self, wanted: usize, round: &mut Round<'_>) {
        if self.settle_all(wanted, SLICE, round) > 0 {
            return;
        }
        let refusal = self.client.client().context().refusal_within(Duration::ZERO);
        // What TLS fails by in the midst of a run may pass, as a certificate is renewed.
        let stands =
            |refusal: &Refusal| refusal.why == Why::Login && refusal.since.max(round.heard).elapsed() >= REFUSED_FOR;
        if let Some(refusal) = refusal.filter(stands) {
            round.stop = Some(refused(&refusal, &Security::default()));
        }
    }

    /// Tells what is reported, having waited a while for so many reports. Says how many there were.
    fn settle_all(&self, wanted: usize, patience: Duration, round: &mut Round<'_>) -> usize {
        let mut reports = std::mem::take(&mut round.reports);
        self.client.client().context().inbox.take(&mut reports, wanted, patience);
        let count = reports.len();
        if reports.iter().any(|(_, failure)| failure.is_none()) {
            round.heard = Instant::now();
        }
        for report in reports.drain(..) {
            self.settle(report, round);
        }
        round.reports = reports;
        count
    }

    /// Whether the run was told to stop, and no broker says anything.
    fn is_done_waiting(&self, round: &Round<'_>) -> bool {
        round.heard.elapsed() >= STOP_PATIENCE && self.services.is_cancelled()
    }

    fn settle(&self, (number, failure): Report, round: &mut Round<'_>) {
        if !std::mem::take(&mut round.pending[number]) {
            return;
        }
        round.left -= 1;
        match failure {
            None => (round.tell)(number, Delivery::Done),
            Some(code) => self.judge(number, code, round),
        }
    }

    fn judge(&self, number: usize, code: Code, round: &mut Round<'_>) {
        // Whatever a message failed by then: the producer delivers nothing any more.
        if let Some((_, words)) = self.client.client().fatal_error() {
            round.stop.get_or_insert(Error::fatal(format!("the producer failed for good: {words}")));
            return;
        }
        match verdict::of(code, &self.topic) {
            Verdict::Retry(words) => {
                let trouble = self.client.client().context().trouble();
                let reason = trouble.map_or(words.clone(), |trouble| format!("{words} (last heard: {trouble})"));
                (round.tell)(number, Delivery::Retry(reason));
            }
            Verdict::Suspect(words) => round.suspects.push((number, words)),
            Verdict::Purged => {
                (round.tell)(number, Delivery::Retry("it was taken back before a broker had taken it".to_owned()));
            }
            Verdict::Stop(error) => {
                round.stop.get_or_insert(error);
            }
        }
    }

    /// Takes back what is still on its way, so that nothing is delivered that the host believes is not.
    fn give_up(&self, round: &mut Round<'_>) {
        self.client.purge(PurgeConfig::default().queue().inflight());
        let until = Instant::now() + PURGE_TIMEOUT;
        while round.left > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if self.settle_all(1, left, round) == 0 {
                break;
            }
        }
        let overdue = format!("no delivery report within {} s", self.patience.as_secs());
        for (number, pending) in round.pending.iter_mut().enumerate() {
            if std::mem::take(pending) {
                (round.tell)(number, Delivery::Retry(overdue.clone()));
            }
        }
        round.left = 0;
    }
}

fn refused(refusal: &Refusal, security: &Security) -> Error {
    let reason = security.in_our_words(&refusal.reason);
    Error::config(match refusal.why {
        Why::Login => format!("`security`: the brokers do not take the credentials: {reason}"),
        Why::Tls => format!("`security`: no TLS with the brokers: {reason}"),
    })
}
