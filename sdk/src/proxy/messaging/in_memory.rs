//! Messaging that keeps all in memory.

use super::{Messaging, MessagingError};
use crate::messaging::{Fetch, Fetched, MessageId, Published, Start, TopicInfo};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How long messages are said to be kept where nothing is asked for: seven days.
const DEFAULT_TTL_SECS: u32 = 604_800;
/// Bytes of payloads that all topics hold together; more is refused.
const MAX_BYTES: usize = 256 << 20;
/// Where in an id the number of a stored payload stands.
const STORED_NUMBER_AT: usize = 18;

/// Messaging that keeps all in memory until it is dropped: for tests, and for hosts that keep nothing. Order, ids, waiting and
/// idempotent producers are as in the durable one. Messages do not expire, whatever their time to live; 256 MiB of them are
/// kept, further ones are refused until a topic is deleted.
#[derive(Debug, Default)]
pub struct InMemoryMessaging {
    state: Mutex<State>,
    published: Condvar,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<(String, String), Topic>,
    /// Of topics that were deleted, too.
    generations: HashMap<(String, String), u32>,
    bytes: usize,
    /// The last id that was given, in any topic.
    last: (u64, u16),
    /// How many calls are answered before it cannot be reached.
    answers: Option<u64>,
    /// Messages of so many bytes or more are not taken.
    refused_bytes: Option<usize>,
    /// Publications that wrote something.
    requests: u64,
}

#[derive(Debug)]
struct Topic {
    ttl_secs: u32,
    generation: u32,
    messages: VecDeque<(MessageId, Vec<u8>)>,
    /// Up to which sequence each producer has published.
    producers: HashMap<String, u64>,
    /// The last message that was forgotten.
    forgotten: Option<MessageId>,
    /// The last message that was published.
    last: MessageId,
}

impl State {
    fn topic(&mut self, namespace: &str, topic: &str) -> Result<&mut Topic, MessagingError> {
        self.topics.get_mut(&(namespace.to_owned(), topic.to_owned())).ok_or(MessagingError::NoTopic)
    }

    fn create(&mut self, key: (String, String), ttl_secs: Option<u32>) {
        let generation = self.generations.entry(key.clone()).or_default();
        *generation += 1;
        let topic = Topic {
            ttl_secs: ttl_secs.unwrap_or(DEFAULT_TTL_SECS),
            generation: *generation,
            messages: VecDeque::new(),
            producers: HashMap::new(),
            forgotten: None,
            // All that is published from now on is behind it.
            last: MessageId::new(self.last.0, self.last.1),
        };
        self.topics.insert(key, topic);
    }

    fn append(
        &mut self,
        namespace: &str,
        topic: &str,
        messages: &[&[u8]],
        producer: Option<(&str, u64)>,
    ) -> Result<Published, MessagingError> {
        let to = self.topic(namespace, topic)?;
        let (mut messages, mut newest) = (messages, None);
        if let (Some((name, sequence)), Some(others)) = (producer, messages.len().checked_sub(1)) {
            let Some(last) = sequence.checked_add(others as u64) else {
                let message = format!("{} messages cannot be numbered from {sequence} on", messages.len());
                return Err(MessagingError::BadMessage(message));
            };
            let known = to.producers.get(name).and_then(|known| known.checked_sub(sequence));
            let left_out = known.map_or(0, |before| before.saturating_add(1).min(messages.len() as u64));
            messages = &messages[left_out as usize..];
            if messages.is_empty() {
                return Ok(Published { ids: None, repeated: true });
            }
            newest = Some((name, last));
        }
        let longest = messages.iter().map(|message| message.len()).max().unwrap_or_default();
        if let Some(limit) = self.refused_bytes.filter(|limit| longest >= *limit) {
            return Err(MessagingError::BadMessage(format!(
                "a message of {longest} bytes: less than {limit} are taken"
            )));
        }
        let bytes: usize = messages.iter().map(|message| message.len()).sum();
        if self.bytes + bytes > MAX_BYTES {
            let message = format!("messages in memory hold {MAX_BYTES} bytes at most: delete a topic");
            return Err(MessagingError::Failed(message));
        }
        self.bytes += bytes;
        self.requests += 1;
        let ids: Vec<MessageId> = messages.iter().map(|_| self.next_id()).collect();
        let to = self.topic(namespace, topic)?;
        if let Some((name, last)) = newest {
            to.producers.insert(name.to_owned(), last);
        }
        to.messages.extend(ids.iter().zip(messages).map(|(id, message)| (*id, message.to_vec())));
        let ids = ids.first().copied().zip(ids.last().copied());
        to.last = ids.map_or(to.last, |(_, last)| last);
        Ok(Published { ids, repeated: false })
    }

    /// An id behind all that were given, whatever the clock does.
    fn next_id(&mut self) -> MessageId {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let (time, sequence) = self.last;
        self.last = match sequence.checked_add(1) {
            _ if now > time => (now, 0),
            Some(sequence) => (time, sequence),
            None => (time + 1, 0),
        };
        MessageId::new(self.last.0, self.last.1)
    }
}

fn is_name(name: &str, marks: &[u8]) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

fn check_names(namespace: &str, topic: &str) -> Result<(), MessagingError> {
    let wrong = |what: &str, name: &str, marks: &str| {
        let message = format!("Invalid {what} ID: {name}. Should only contain alphanumeric characters {marks}.");
        Err(MessagingError::Refused(message))
    };
    match (is_name(namespace, b"_"), is_name(topic, b"_-")) {
        (true, true) => Ok(()),
        (false, _) => wrong("namespace", namespace, "or _"),
        (_, false) => wrong("topic", topic, "and _ or -"),
    }
}

impl InMemoryMessaging {
    /// For a call that is answered.
    fn state(&self) -> Result<MutexGuard<'_, State>, MessagingError> {
        let mut state = self.held();
        match &mut state.answers {
            Some(0) => return Err(MessagingError::Unreachable("the messaging service does not answer".to_owned())),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(state)
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a topic, where it is not there.
    pub fn add_topic(&self, namespace: &str, topic: &str) {
        let key = (namespace.to_owned(), topic.to_owned());
        let mut state = self.held();
        if !state.topics.contains_key(&key) {
            state.create(key, None);
        }
    }

    /// Publishes messages, as somebody else does; creates the topic where it is not there.
    pub fn add(&self, namespace: &str, topic: &str, messages: &[impl AsRef<[u8]>]) {
        self.add_topic(namespace, topic);
        let messages: Vec<&[u8]> = messages.iter().map(AsRef::as_ref).collect();
        // The topic is there, and whether it can be reached does not matter here.
        let _ = self.held().append(namespace, topic, &messages, None);
        self.published.notify_all();
    }

    /// Publishes messages whose payloads were stored before, as a large transaction does: their ids share time and
    /// sequence. The topic is there.
    pub fn add_stored(&self, namespace: &str, topic: &str, messages: &[impl AsRef<[u8]>]) {
        let mut state = self.held();
        let shared = state.next_id();
        if let Ok(to) = state.topic(namespace, topic) {
            for (number, message) in (1..).zip(messages) {
                to.last = shared;
                to.last.0[STORED_NUMBER_AT..].copy_from_slice(&u16::to_be_bytes(number));
                to.messages.push_back((to.last, message.as_ref().to_vec()));
            }
        }
        state.bytes += messages.iter().map(|message| message.as_ref().len()).sum::<usize>();
        drop(state);
        self.published.notify_all();
    }

    /// Makes every call fail as if the service could not be reached, or no more.
    pub fn set_unreachable(&self, unreachable: bool) {
        self.held().answers = unreachable.then_some(0);
    }

    /// Makes every call fail so after so many more.
    pub fn become_unreachable_after(&self, calls: u64) {
        self.held().answers = Some(calls);
    }

    /// Does not take messages of so many bytes or more.
    pub fn refuse_from(&self, bytes: usize) {
        self.held().refused_bytes = Some(bytes);
    }

    /// How many publications have written something.
    pub fn requests(&self) -> u64 {
        self.held().requests
    }

    /// Forgets the oldest messages of a topic, as a time to live does: readers that stood before them are told of a gap.
    pub fn forget(&self, namespace: &str, topic: &str, messages: usize) {
        let mut state = self.held();
        let mut bytes = 0;
        if let Ok(topic) = state.topic(namespace, topic) {
            for (id, payload) in topic.messages.drain(..messages.min(topic.messages.len())) {
                bytes += payload.len();
                topic.forgotten = Some(id);
            }
        }
        state.bytes -= bytes;
    }

    /// All messages of a topic as text; none where there is no such topic.
    pub fn texts(&self, namespace: &str, topic: &str) -> Vec<String> {
        let text = |(_, payload): &(MessageId, Vec<u8>)| String::from_utf8_lossy(payload).into_owned();
        self.held().topic(namespace, topic).map(|topic| topic.messages.iter().map(text).collect()).unwrap_or_default()
    }

    /// The ids of all messages of a topic.
    pub fn ids(&self, namespace: &str, topic: &str) -> Vec<MessageId> {
        let mut state = self.held();
        state
            .topic(namespace, topic)
            .map(|topic| topic.messages.iter().map(|(id, _)| *id).collect())
            .unwrap_or_default()
    }
}

impl Topic {
    fn fetch(&self, fetch: &Fetch, fetched: &mut Fetched) {
        let (from, gap) = match fetch.start {
            Start::Oldest => (0, false),
            Start::Time(time_ms) => (self.messages.partition_point(|(id, _)| id.timestamp_ms() < time_ms), false),
            Start::At(at) => (self.messages.partition_point(|(id, _)| *id < at), self.forgotten >= Some(at)),
            Start::After(at) => {
                fetched.set_position(at);
                (self.messages.partition_point(|(id, _)| *id <= at), self.forgotten > Some(at))
            }
            Start::End => {
                fetched.set_position(self.last);
                (self.messages.len(), false)
            }
        };
        fetched.set_gap(gap);
        for (id, payload) in self.messages.range(from..).take(fetch.limit) {
            fetched.push(*id, payload);
            if fetched.payload_bytes() >= fetch.max_bytes {
                break;
            }
        }
    }

    fn info(&self, name: &str) -> TopicInfo {
        TopicInfo { name: name.to_owned(), ttl_secs: Some(self.ttl_secs), generation: self.generation }
    }
}

impl Messaging for InMemoryMessaging {
    fn publish(
        &self,
        namespace: &str,
        topic: &str,
        messages: &[&[u8]],
        producer: Option<(&str, u64)>,
    ) -> Result<Published, MessagingError> {
        let published = self.state()?.append(namespace, topic, messages, producer)?;
        self.published.notify_all();
        Ok(published)
    }

    fn fetch(&self, namespace: &str, topic: &str, fetch: &Fetch) -> Result<Fetched, MessagingError> {
        let until = Instant::now() + fetch.wait;
        let mut fetch = *fetch;
        let mut state = self.state()?;
        loop {
            let mut fetched = Fetched::default();
            state.topic(namespace, topic)?.fetch(&fetch, &mut fetched);
            let left = until.saturating_duration_since(Instant::now());
            if !fetched.is_empty() || fetched.gap() || fetch.limit == 0 || left.is_zero() {
                return Ok(fetched);
            }
            fetch.start = fetched.next(fetch.start);
            state = self.published.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn create_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError> {
        check_names(namespace, topic)?;
        let mut state = self.state()?;
        let key = (namespace.to_owned(), topic.to_owned());
        if state.topics.contains_key(&key) {
            return Err(MessagingError::TopicExists);
        }
        state.create(key, ttl_secs);
        Ok(())
    }

    fn update_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError> {
        self.state()?.topic(namespace, topic)?.ttl_secs = ttl_secs.unwrap_or(DEFAULT_TTL_SECS);
        Ok(())
    }

    fn delete_topic(&self, namespace: &str, topic: &str) -> Result<(), MessagingError> {
        let mut state = self.state()?;
        let removed = state.topics.remove(&(namespace.to_owned(), topic.to_owned())).ok_or(MessagingError::NoTopic)?;
        state.bytes -= removed.messages.iter().map(|(_, payload)| payload.len()).sum::<usize>();
        drop(state);
        // Whoever waits is told that the topic is gone.
        self.published.notify_all();
        Ok(())
    }

    fn topic(&self, namespace: &str, topic: &str) -> Result<TopicInfo, MessagingError> {
        Ok(self.state()?.topic(namespace, topic)?.info(topic))
    }

    fn topics(&self, namespace: &str) -> Result<Vec<TopicInfo>, MessagingError> {
        let state = self.state()?;
        let of_namespace = state.topics.iter().filter(|((of, _), _)| of == namespace);
        Ok(of_namespace.map(|((_, name), topic)| topic.info(name)).collect())
    }
}
