//! A consumer that the readers of all partitions of a source share.

use crate::consumer_properties::ConsumerProperties;
use crate::from::Start;
use crate::group::{Group, Partition};
use crate::listener::Why;
use crate::security::Security;
use crate::verdict;
use crate::watch::Watch;
use campanile_sdk::{Error, Level, Result, Services};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use regex_lite::Regex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long brokers may take to answer when a run starts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a topic has to be unknown: one that was just made is known a moment later.
const UNKNOWN_FOR: Duration = Duration::from_secs(2);
/// How long nothing else has to be heard until a refusal counts.
const REFUSED_FOR: Duration = Duration::from_secs(2);
/// How long a group may take to say which partitions there are for this process; those that come later are read later.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long brokers may take to say where a partition is to be read from.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked whether a wait is still worth it.
const SLICE: Duration = Duration::from_millis(500);
/// How long the thread that polls waits for something to be told.
const POLL: Duration = Duration::from_millis(100);

/// Values where a pipeline says nothing.
const DEFAULTS: [(&str, &str); 3] =
    [("reconnect.backoff.max.ms", "2000"), ("statistics.interval.ms", "2000"), (REFRESH, "10000")];
/// How often new topics and partitions are looked for.
const REFRESH: &str = "topic.metadata.refresh.interval.ms";

/// The topics that are read.
#[derive(Clone, Debug)]
pub(crate) enum Topics {
    Named(Vec<String>),
    /// Those whose whole name matches.
    Matching(Regex),
}

/// What a consumer is made of.
pub(crate) struct Settings<'a> {
    pub(crate) brokers: &'a str,
    pub(crate) security: Option<&'a Security>,
    pub(crate) properties: &'a ConsumerProperties,
    /// The group that shares the partitions; none where all of them are read by this process.
    pub(crate) group: Option<&'a str>,
    pub(crate) topics: Topics,
    pub(crate) run_id: String,
    pub(crate) stage_name: String,
}

/// One consumer for all readers of a source.
pub(crate) struct Consumer {
    client: Arc<BaseConsumer<Watch>>,
    topics: Topics,
    brokers: String,
    in_group: bool,
    run_id: String,
    stage_name: String,
    services: Services,
    /// A sink of the same run commits positions with what it writes.
    transactional: AtomicBool,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// All consumers of this process, by run and stage.
static CONSUMERS: Mutex<Vec<Weak<Consumer>>> = Mutex::new(Vec::new());

/// Where a partition is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    /// The first message to be read.
    pub(crate) next: i64,
    /// Messages before this one were written out by a transaction of this run before.
    pub(crate) floor: i64,
    /// Where the partition ended, behind its last message.
    pub(crate) end: i64,
    /// Messages that were to be read and have expired.
    pub(crate) expired: i64,
}

fn consumers() -> MutexGuard<'static, Vec<Weak<Consumer>>> {
    let mut all = CONSUMERS.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|consumer| consumer.strong_count() > 0);
    all
}

impl Consumer {
    /// The consumer of a stage: the one that is there, or a new one.
    pub(crate) fn open(settings: &Settings<'_>, services: Services) -> Result<Arc<Consumer>> {
        let there = consumers().iter().filter_map(Weak::upgrade).find(|consumer| {
            consumer.run_id == settings.run_id
                && consumer.stage_name == settings.stage_name
                && consumer.brokers == settings.brokers
                && consumer.in_group == settings.group.is_some()
        });
        if let Some(there) = there {
            return Ok(there);
        }
        let consumer = Arc::new(Consumer::connect(settings, services)?);
        consumers().push(Arc::downgrade(&consumer));
        Ok(consumer)
    }

    /// The consumers of a run that share their partitions with other processes.
    pub(crate) fn of_run(run_id: &str) -> Vec<Arc<Consumer>> {
        let all = consumers();
        all.iter().filter_map(Weak::upgrade).filter(|one| one.run_id == run_id && one.in_group).collect()
    }

    fn connect(settings: &Settings<'_>, services: Services) -> Result<Consumer> {
        let mut config = ClientConfig::new();
        for (name, value) in DEFAULTS {
            config.set(name, value);
        }
        config.set("client.id", &settings.stage_name);
        settings.properties.apply(&mut config);
        let brokers: Vec<&str> = settings.brokers.split(',').map(str::trim).collect();
        // Without a group nothing is asked of it; librdkafka wants a name all the same.
        let group = settings.group.map_or_else(|| format!("campanile-{}", settings.run_id), str::to_owned);
        config
            .set("bootstrap.servers", brokers.join(","))
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky");
        if let Some(security) = settings.security {
            security.apply(&mut config)?;
        }
        let debug = services.log_enabled(Level::Debug);
        config.set_log_level(if debug { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
        let client: BaseConsumer<Watch> = config
            .create_with_context(Watch::new(services))
            .map_err(|error| Error::config(format!("cannot make a consumer for Kafka: {error}")))?;
        let client = Arc::new(client);
        let stop = Arc::new(AtomicBool::new(false));
        let (polled, told) = (Arc::clone(&client), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("kafka-consumer".to_owned()).spawn(move || {
            while !told.load(Ordering::Acquire) {
                // Messages come by the queues of their partitions: here are errors and what the group says.
                let _ = polled.poll(POLL);
            }
        });
        let thread = thread.map_err(|error| Error::fatal(format!("cannot start a thread: {error}")))?;
        let consumer = Consumer {
            client,
            topics: settings.topics.clone(),
            brokers: settings.brokers.to_owned(),
            in_group: settings.group.is_some(),
            run_id: settings.run_id.clone(),
            stage_name: settings.stage_name.clone(),
            services,
            transactional: AtomicBool::new(false),
            stop,
            thread: Mutex::new(Some(thread)),
        };
        consumer.find_topics(settings.brokers)?;
        match settings.group {
            Some(_) => consumer.subscribe()?,
            None => consumer.group().assign(consumer.all_partitions()?),
        }
        Ok(consumer)
    }

    pub(crate) fn group(&self) -> &Group {
        &self.client.context().group
    }

    /// What the group knows this process by.
    pub(crate) fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.client.group_metadata()
    }

    /// From now on a sink commits positions with what it writes.
    pub(crate) fn set_transactional(&self) {
        self.transactional.store(true, Ordering::Release);
    }

    /// Why brokers do not let it in, once they have not for a while: one that has just come up may refuse at first.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let refusal = self.client.context().listener.refusal_within(Duration::ZERO)?;
        (refusal.since.elapsed() >= REFUSED_FOR).then(|| match refusal.why {
            Why::Login => refused(&refusal.reason),
            Why::Tls => Error::config(format!("`security`: no TLS with the brokers: {}", refusal.reason)),
        })
    }

    /// Asks until there is an answer, within a time.
    fn ask<T>(&self, what: &str, within: Duration, question: impl Fn(Duration) -> KafkaResult<T>) -> Result<T> {
        let begun = Instant::now();
        // Each question takes longer than the one before: a slow broker is heard in the end, a refusal soon.
        let mut slice = SLICE;
        loop {
            let error = match question(slice.min(within)) {
                Ok(answer) => {
                    self.client.context().listener.forget();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
            if let Some(error) = verdict(code) {
                return Err(error);
            }
            if let Some(refusal) = self.refusal() {
                return Err(refusal);
            }
            if begun.elapsed() >= within {
                let reason = self.client.context().listener.trouble().unwrap_or_else(|| verdict::words(code));
                return Err(Error::fatal(format!("cannot {what} within {} s: {reason}", within.as_secs())));
            }
            if self.services.is_cancelled() {
                return Err(Error::retry(format!("told to stop while trying to {what}")));
            }
            // Some errors come at once.
            std::thread::park_timeout(SLICE / 10);
            slice = slice.saturating_mul(2);
        }
    }

    fn find_topics(&self, brokers: &str) -> Result<()> {
        let what = format!("reach the brokers at `{brokers}`");
        let Topics::Named(topics) = &self.topics else {
            return self.ask(&what, CONNECT_TIMEOUT, |slice| self.client.fetch_metadata(None, slice)).map(|_| ());
        };
        for topic in topics {
            let begun = Instant::now();
            self.ask(&what, CONNECT_TIMEOUT, |slice| {
                let metadata = self.client.fetch_metadata(Some(topic), slice)?;
                let error = metadata.topics().first().and_then(|topic| topic.error()).map(Code::from);
                match error {
                    None => Ok(Ok(())),
                    Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) if begun.elapsed() >= UNKNOWN_FOR => {
                        Ok(Err(Error::config(format!(
                            "topic `{topic}` does not exist: create it, such as by `kafka-topics.sh --bootstrap-server \
                             {brokers} --create --topic {topic}`"
                        ))))
                    }
                    Some(code) => Err(KafkaError::MetadataFetch(code)),
                }
            })??;
        }
        Ok(())
    }

    fn subscribe(&self) -> Result<()> {
        let pattern;
        let topics: Vec<&str> = match &self.topics {
            Topics::Named(topics) => topics.iter().map(String::as_str).collect(),
            // librdkafka takes what begins so for a pattern.
            Topics::Matching(regex) => {
                pattern = format!("^({})$", regex.as_str());
                vec![&pattern]
            }
        };
        let subscribed = self.client.subscribe(&topics);
        subscribed.map_err(|error| Error::config(format!("cannot subscribe to {}: {error}", topics.join(", "))))
    }

    /// All partitions of all topics, as they are now.
    fn all_partitions(&self) -> Result<Vec<Partition>> {
        let mut partitions = Vec::new();
        let mut take = |metadata: &rdkafka::metadata::Metadata, wanted: &dyn Fn(&str) -> bool| {
            for topic in metadata.topics().iter().filter(|topic| wanted(topic.name())) {
                let numbers = topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id);
                partitions.extend(numbers.map(|number| Partition { topic: topic.name().to_owned(), number }));
            }
        };
        let what = "read which partitions there are";
        match &self.topics {
            Topics::Named(topics) => {
                for topic in topics {
                    let told = self.ask(what, ASK_TIMEOUT, |slice| self.client.fetch_metadata(Some(topic), slice))?;
                    take(&told, &|_| true);
                }
            }
            Topics::Matching(regex) => {
                let told = self.ask(what, ASK_TIMEOUT, |slice| self.client.fetch_metadata(None, slice))?;
                let whole = |name: &str| regex.find(name).is_some_and(|found| found.len() == name.len());
                take(&told, &whole);
            }
        }
        partitions.sort();
        Ok(partitions)
    }

    /// The partitions that this process may read. At first it waits for the group to answer.
    pub(crate) fn partitions(&self) -> Result<Vec<Partition>> {
        let begun = Instant::now();
        while !self.group().wait_for_join(POLL) && begun.elapsed() < JOIN_TIMEOUT {
            if let Some(refusal) = self.refusal() {
                return Err(refusal);
            }
            if self.services.is_cancelled() {
                break;
            }
        }
        Ok(self.group().partitions())
    }

    /// Where a partition is to be read from: `saved` is the first message that this run has not read yet, if it read it
    /// before.
    pub(crate) fn begin_of(&self, partition: &Partition, saved: Option<i64>, from: Start) -> Result<Begin> {
        let Partition { topic, number } = partition;
        let what = format!("read where {partition} begins and ends");
        let marks = |slice| self.client.fetch_watermarks(topic, *number, slice);
        let (low, end) = self.ask(&what, ASK_TIMEOUT, marks)?;
        let (committed, is_ours) = self.committed(partition)?;
        let (mut next, floor) = match (saved, committed) {
            // A transaction was committed, and the process ended before its save point: what was written out is read again,
            // for the alerts and what else came of it, and not written out again.
            (Some(saved), Some(committed)) if is_ours && self.transactional.load(Ordering::Acquire) => {
                (saved, committed)
            }
            // Another process may have read on.
            (Some(saved), Some(committed)) => (saved.max(committed), 0),
            (Some(saved), None) => (saved, 0),
            (None, Some(committed)) => (committed, 0),
            (None, None) => (self.first(partition, from, low, end)?, 0),
        };
        if next > end {
            return Err(Error::config(format!(
                "{partition} ends at {end}, and was read up to {next}: the topic was made anew; begin a new run with a new \
                 group"
            )));
        }
        let expired = (low - next).max(0);
        next = next.max(low);
        Ok(Begin { next, floor, end, expired })
    }

    fn first(&self, partition: &Partition, from: Start, low: i64, end: i64) -> Result<i64> {
        let time_ms = match from {
            Start::Earliest => return Ok(low),
            Start::Latest => return Ok(end),
            Start::Time(time_ms) => time_ms,
        };
        let what = format!("find the first message of {partition} from a time on");
        let list = one(partition, Offset::Offset(time_ms))?;
        let found = self.ask(&what, ASK_TIMEOUT, |slice| self.client.offsets_for_times(list.clone(), slice))?;
        let first = found.elements().first().map(|one| one.offset());
        Ok(match first {
            Some(Offset::Offset(offset)) => offset,
            _ => end,
        })
    }

    /// What the group has committed of a partition, and whether this run has.
    fn committed(&self, partition: &Partition) -> Result<(Option<i64>, bool)> {
        if !self.in_group {
            return Ok((None, false));
        }
        let list = one(partition, Offset::Invalid)?;
        let what = format!("read what the group has committed of {partition}");
        let committed = self.ask(&what, ASK_TIMEOUT, |slice| {
            let committed = self.client.committed_offsets(list.clone(), slice)?;
            committed.elements().iter().try_for_each(|one| one.error())?;
            Ok(committed)
        })?;
        let elements = committed.elements();
        let Some(one) = elements.first() else { return Ok((None, false)) };
        Ok(match one.offset() {
            Offset::Offset(offset) => (Some(offset), one.metadata() == self.run_id),
            _ => (None, false),
        })
    }

    /// Begins to fetch a partition. Nothing where it was taken away meanwhile.
    pub(crate) fn fetch(
        &self,
        partition: &Partition,
        assignment: u64,
        begin: Begin,
    ) -> Result<Option<PartitionQueue<Watch>>> {
        let Partition { topic, number } = partition;
        // First of all, so that no message comes by the queue of all.
        let queue = self.client.split_partition_queue(topic, *number);
        let queue = queue.ok_or_else(|| Error::fatal(format!("there is no queue for {partition}")))?;
        let list = one(partition, Offset::Offset(begin.next))?;
        let begun = self.group().begin(partition, assignment, (begin.next, begin.floor), || match self.in_group {
            true => self.client.incremental_assign(&list),
            // Partitions are read one after the other.
            false => self.client.assign(&list),
        });
        let begun = begun.map_err(|error| Error::fatal(format!("cannot read {partition}: {error}")))?;
        Ok(begun.then_some(queue))
    }

    /// Commits to the group that messages before this one were read and saved.
    pub(crate) fn commit(&self, partition: &Partition, next: i64, at_once: bool) -> Result<()> {
        if !self.in_group || self.transactional.load(Ordering::Acquire) {
            return Ok(());
        }
        let list = self.positions([(partition, next)])?;
        let mode = if at_once { CommitMode::Sync } else { CommitMode::Async };
        if let Err(error) = self.client.commit(&list, mode) {
            // It is for others, who read again what is not committed.
            let message =
                format!("that {partition} was read up to {next} could not be committed to the group: {error}");
            self.services.log(Level::Warn, message);
        }
        Ok(())
    }

    /// Positions as they are committed: with the name of the run that committed them.
    pub(crate) fn positions<'p>(
        &self,
        positions: impl IntoIterator<Item = (&'p Partition, i64)>,
    ) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, next) in positions {
            let mut added = list.add_partition(&partition.topic, partition.number);
            added
                .set_offset(Offset::Offset(next))
                .map_err(|error| Error::fatal(format!("position {next}: {error}")))?;
            added.set_metadata(self.run_id.as_str());
        }
        Ok(list)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.group().close();
        self.stop.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn one(partition: &Partition, offset: Offset) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    let added = list.add_partition_offset(&partition.topic, partition.number, offset);
    added.map_err(|error| Error::fatal(format!("{partition}: {error}")))?;
    Ok(list)
}

fn refused(reason: &str) -> Error {
    Error::config(format!("`security`: the brokers do not take the credentials: {reason}"))
}

/// What no patience helps against.
pub(crate) fn verdict(code: Code) -> Option<Error> {
    let words = verdict::words(code);
    match code {
        Code::TopicAuthorizationFailed => Some(Error::config(format!("not allowed to read the topic: {words}"))),
        Code::GroupAuthorizationFailed => Some(Error::config(format!("not allowed to read with this group: {words}"))),
        Code::ClusterAuthorizationFailed => Some(Error::config(format!("not allowed to read: {words}"))),
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => Some(refused(&words)),
        Code::InvalidTopic => Some(Error::config(format!("the topic cannot be read: {words}"))),
        Code::Fatal => Some(Error::fatal(format!("the consumer failed for good: {words}"))),
        _ => None,
    }
}
