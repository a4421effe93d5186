//! Messaging that keeps all in memory.

use super::{Messaging, MessagingError};
use crate::messaging::{Fetch, Fetched, MessageId, Published, Start, TopicInfo};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How long messages are said to be kept where nothing is asked for: seven days.
const DEFAULT_TTL_SECS: u32 = 604_800;
/// Bytes of payloads that all topics hold together; more is refused.
const MAX_BYTES: usize = 256 << 20;

/// Messaging that keeps all in memory until it is dropped: for tests, and for hosts that keep nothing. Order, ids, waiting and
/// idempotent producers are as in the durable one. Messages do not expire, whatever their time to live; 256 MiB of them are
/// kept, further ones are refused until a topic is deleted.
#[derive(Debug, Default)]
pub struct InMemoryMessaging {
    state: Mutex<State>,
    published: Condvar,
    unreachable: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<(String, String), Topic>,
    /// Of topics that were deleted, too.
    generations: HashMap<(String, String), u32>,
    bytes: usize,
    /// The last id that was given, in any topic.
    last: (u64, u16),
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
    fn state(&self) -> Result<MutexGuard<'_, State>, MessagingError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(MessagingError::Unreachable("the messaging service does not answer".to_owned()));
        }
        Ok(self.held())
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every call fail as if the service could not be reached, or no more.
    pub fn set_unreachable(&self, unreachable: bool) {
        self.unreachable.store(unreachable, Ordering::SeqCst);
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
        let mut state = self.state()?;
        let bytes: usize = messages.iter().map(|message| message.len()).sum();
        let full = state.bytes + bytes > MAX_BYTES;
        let to = state.topic(namespace, topic)?;
        if let Some((name, sequence)) = producer {
            if to.producers.get(name).is_some_and(|last| *last >= sequence) {
                return Ok(Published { ids: None, repeated: true });
            }
            if !full {
                to.producers.insert(name.to_owned(), sequence);
            }
        }
        if full {
            let message = format!("messages in memory hold {MAX_BYTES} bytes at most: delete a topic");
            return Err(MessagingError::Failed(message));
        }
        let ids: Vec<MessageId> = messages.iter().map(|_| state.next_id()).collect();
        state.bytes += bytes;
        let to = state.topic(namespace, topic)?;
        to.messages.extend(ids.iter().zip(messages).map(|(id, message)| (*id, message.to_vec())));
        let ids = ids.first().copied().zip(ids.last().copied());
        if let Some((_, last)) = ids {
            to.last = last;
        }
        drop(state);
        self.published.notify_all();
        Ok(Published { ids, repeated: false })
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
        let generation = state.generations.get(&key).copied().unwrap_or(0) + 1;
        state.generations.insert(key.clone(), generation);
        let topic = Topic {
            ttl_secs: ttl_secs.unwrap_or(DEFAULT_TTL_SECS),
            generation,
            messages: VecDeque::new(),
            producers: HashMap::new(),
            forgotten: None,
            // All that is published from now on is behind it.
            last: MessageId::new(state.last.0, state.last.1),
        };
        state.topics.insert(key, topic);
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
