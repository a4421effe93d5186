//! Messaging as a host offers it, and the table that plugins call.
//!
//! What programs may do is decided here: they publish to any namespace but `system`, and administer topics of their own.

use super::services::HostServices;
use crate::error::{Error, ErrorKind};
use crate::messaging::{Fetch, Fetched, MessageId, Published, Start, TopicInfo};
use crate::shim::guard;
use campanile_abi::{
    FAILED, FETCHED_GAP, FETCHED_POSITION, Failure, FetchV1, FetchedV1, MessagingV1, NO_TOPIC, OK, Opaque, Owned,
    PUBLISHED_IDS, PUBLISHED_REPEATED, PublishedV1, START_AFTER, START_AT, START_END, START_OLDEST, START_TIME, Slice,
    TOPIC_EXISTS, text,
};
use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod in_memory;

pub use in_memory::InMemoryMessaging;

/// The namespace that programs may not publish to.
const SYSTEM_NAMESPACE: &str = "system";
/// The longest that one fetch waits, whatever a plugin asks for.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a waiting fetch does not look whether the run was told to stop.
const WAIT_SLICE: Duration = Duration::from_millis(100);
/// Bytes of payloads after which one fetch ends, whatever a plugin asks for.
const FETCH_BYTES_MAX: usize = 64 << 20;

/// Why messaging did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessagingError {
    /// There is no such topic.
    NoTopic,
    /// There is such a topic already.
    TopicExists,
    /// What is asked makes no sense or is not allowed: a name, a time to live, a missing right. Asking again does not help.
    Refused(String),
    /// A message cannot be taken, such as one that is too large. Others can.
    BadMessage(String),
    /// The service cannot be reached or is busy: the same call may succeed later.
    Unreachable(String),
    /// The service failed: a full disk, a broken folder, an answer that makes no sense.
    Failed(String),
}

impl std::fmt::Display for MessagingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MessagingError::NoTopic => f.write_str("there is no such topic"),
            MessagingError::TopicExists => f.write_str("there is such a topic already"),
            MessagingError::Refused(why)
            | MessagingError::BadMessage(why)
            | MessagingError::Unreachable(why)
            | MessagingError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for MessagingError {}

/// A messaging service: topics in namespaces, messages in topics.
///
/// Called from any thread, from many at once; every call blocks until it is done. Namespaces are never empty. What programs
/// may do was checked before: an implementation need not know who asks. All readers of a topic see the same messages in the
/// same order, the order of their ids.
pub trait Messaging: Send + Sync {
    /// Appends messages to a topic in one step: all of them or none, next to each other and in order, durable when it
    /// returns. With a producer and a sequence: the first message has this sequence, the next one the next; those whose
    /// sequence that producer has published to the topic before, or a later one, are left out, and where that is all of
    /// them, the answer says `repeated`. No message at all is an error of the caller
    /// ([`MessagingError::Refused`]). Ids are told where they are known.
    fn publish(
        &self,
        namespace: &str,
        topic: &str,
        messages: &[&[u8]],
        producer: Option<(&str, u64)>,
    ) -> Result<Published, MessagingError>;

    /// Reads messages as a reader outside of transactions does: no more than `limit` (which may be 0), and none behind the
    /// one that reaches `max_bytes`. Where there is none, it waits for as long as `wait` says, which is a fraction of a
    /// second, and returns as soon as there is one; it may return earlier with nothing.
    ///
    /// The answer's position is the id of the last message, or, where none came, an id that nothing new is before: the start
    /// itself for [`Start::After`], and for [`Start::End`] an id that every message published until now is at or before and
    /// every later one behind, always set. The answer says [gap](Fetched::gap) where messages behind the start have expired.
    fn fetch(&self, namespace: &str, topic: &str, fetch: &Fetch) -> Result<Fetched, MessagingError>;

    /// Creates a topic. Its messages are kept for so many seconds, at least 1; for seven days where nothing is said.
    fn create_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError>;

    /// Sets how long messages are kept; seven days where nothing is said.
    fn update_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError>;

    /// Deletes a topic with its messages.
    fn delete_topic(&self, namespace: &str, topic: &str) -> Result<(), MessagingError>;

    /// A topic as it is now.
    fn topic(&self, namespace: &str, topic: &str) -> Result<TopicInfo, MessagingError>;

    /// All topics of a namespace; none where there is no such namespace.
    fn topics(&self, namespace: &str) -> Result<Vec<TopicInfo>, MessagingError>;
}

/// The table, where the services have messaging.
pub(super) fn table(services: &dyn HostServices, min_revision: u32) -> *const Opaque {
    match (services.messaging(), min_revision) {
        (Some(_), 0..=1) => std::ptr::from_ref(&TABLE).cast(),
        _ => std::ptr::null(),
    }
}

static TABLE: MessagingV1 = MessagingV1 {
    size: std::mem::size_of::<MessagingV1>(),
    publish,
    fetch,
    create_topic,
    update_topic,
    delete_topic,
    describe_topic,
    list_topics,
};

/// What a call works with.
struct Caller {
    services: &'static dyn HostServices,
    messaging: Arc<dyn Messaging>,
}

impl Caller {
    /// The pipeline's namespace for an empty one.
    fn namespace<'a>(&self, named: &'a str) -> &'a str
    where
        'static: 'a,
    {
        if named.is_empty() { self.services.text(text::NAMESPACE) } else { named }
    }
}

/// Runs a call with the messaging of the services behind `data`; a panic of the host stops here.
fn with(data: *mut c_void, failure: *mut Failure, code: impl FnOnce(&Caller) -> Result<(), MessagingError>) -> i32 {
    // SAFETY: `data` is what `ServicesHandle::context` gave, and is never freed.
    let services: &'static Arc<dyn HostServices> = unsafe { &*data.cast() };
    let result = guard::run(|| {
        let messaging = services.messaging().ok_or_else(|| Error::fatal("there is no messaging"))?;
        let caller = Caller { services: &**services, messaging };
        Ok(code(&caller))
    });
    let error = match result {
        Ok(Ok(())) => return OK,
        Ok(Err(MessagingError::NoTopic)) => return NO_TOPIC,
        Ok(Err(MessagingError::TopicExists)) => return TOPIC_EXISTS,
        Ok(Err(MessagingError::Refused(why))) => Error::config(why),
        Ok(Err(MessagingError::BadMessage(why))) => Error::record(0, why),
        Ok(Err(MessagingError::Unreachable(why))) => Error::retry(why),
        Ok(Err(MessagingError::Failed(why))) => Error::fatal(why),
        // The plugin is not to blame for a panic of its host.
        Err(error) if error.kind() == ErrorKind::Panic => {
            error.context("messaging failed; this is a fault of campanile").with_kind(ErrorKind::Fatal)
        }
        Err(error) => error,
    };
    let told = Failure { kind: error.kind().code(), row: -1, text: Owned::new(error.to_json()) };
    // SAFETY: the plugin lends a place for the failure with every call.
    unsafe { failure.write(told) };
    FAILED
}

extern "C" fn publish(
    data: *mut c_void,
    namespace: Slice,
    topic: Slice,
    messages: *const Slice,
    n: usize,
    producer: Slice,
    sequence: u64,
    out: *mut PublishedV1,
    failure: *mut Failure,
) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let (namespace, topic, producer) = unsafe { (namespace.text(), topic.text(), producer.text()) };
    with(data, failure, |caller| {
        let namespace = caller.namespace(&namespace);
        if namespace == SYSTEM_NAMESPACE {
            return Err(MessagingError::Refused("Publish to 'system' namespace is not allowed".to_owned()));
        }
        if n == 0 {
            return Err(MessagingError::Refused(format!("nothing to publish to topic `{topic}`")));
        }
        // SAFETY: as above; `n` is not 0.
        let slices = unsafe { std::slice::from_raw_parts(messages, n) };
        // SAFETY: as above.
        let messages: Vec<&[u8]> = slices.iter().map(|slice| unsafe { slice.bytes() }).collect();
        let producer = (!producer.is_empty()).then_some((&*producer, sequence));
        let published = caller.messaging.publish(namespace, &topic, &messages, producer)?;
        let mut told = PublishedV1::NONE;
        if let Some((first, last)) = published.ids {
            told = PublishedV1 { flags: PUBLISHED_IDS, first: first.0, last: last.0 };
        }
        if published.repeated {
            told.flags |= PUBLISHED_REPEATED;
        }
        // SAFETY: the plugin lends a place for the answer.
        unsafe { out.write(told) };
        Ok(())
    })
}

extern "C" fn fetch(
    data: *mut c_void,
    namespace: Slice,
    topic: Slice,
    asked: *const FetchV1,
    out: *mut FetchedV1,
    failure: *mut Failure,
) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let (namespace, topic, asked) = unsafe { (namespace.text(), topic.text(), *asked) };
    with(data, failure, |caller| {
        let start = match asked.start {
            START_OLDEST => Start::Oldest,
            START_TIME => Start::Time(asked.time_ms),
            START_AFTER => Start::After(MessageId(asked.id)),
            START_AT => Start::At(MessageId(asked.id)),
            START_END => Start::End,
            other => return Err(MessagingError::Refused(format!("{other} is no start of a fetch"))),
        };
        let fetch = Fetch {
            start,
            limit: asked.limit,
            max_bytes: asked.max_bytes.min(FETCH_BYTES_MAX),
            wait: Duration::from_millis(asked.wait_ms).min(WAIT_MAX),
        };
        let fetched = wait_for(caller, &topic, caller.namespace(&namespace), fetch)?;
        let mut flags = if fetched.gap { FETCHED_GAP } else { 0 };
        if fetched.position.is_some() {
            flags |= FETCHED_POSITION;
        }
        let told = FetchedV1 {
            flags,
            position: fetched.position.unwrap_or_default().0,
            n: fetched.len,
            messages: Owned::new(fetched.bytes),
        };
        // SAFETY: the plugin lends a place for the answer.
        unsafe { out.write(told) };
        Ok(())
    })
}

/// Fetches, and waits in slices, so that a run that is told to stop does not wait for a message.
fn wait_for(caller: &Caller, topic: &str, namespace: &str, mut fetch: Fetch) -> Result<Fetched, MessagingError> {
    let begun = Instant::now();
    let wait = fetch.wait;
    loop {
        let left = if fetch.limit == 0 { Duration::ZERO } else { wait.saturating_sub(begun.elapsed()) };
        fetch.wait = left.min(WAIT_SLICE);
        let fetched = caller.messaging.fetch(namespace, topic, &fetch)?;
        if !fetched.is_empty() || fetched.gap || left.is_zero() || caller.services.cancelled() {
            return Ok(fetched);
        }
        // What came to the end in this slice is not behind the end of the next.
        fetch.start = fetched.next(fetch.start);
    }
}

/// Seconds to live of a topic's properties.
fn ttl_of(properties: &str) -> Result<Option<u32>, MessagingError> {
    #[derive(serde::Deserialize, Default)]
    struct Properties {
        ttl: Option<u32>,
    }
    let properties = match properties {
        "" => Properties::default(),
        json => serde_json::from_str(json)
            .map_err(|error| MessagingError::Refused(format!("the properties of a topic cannot be read: {error}")))?,
    };
    match properties.ttl {
        Some(0) => Err(MessagingError::Refused("a topic keeps messages for 1 second at least".to_owned())),
        ttl => Ok(ttl),
    }
}

extern "C" fn create_topic(data: *mut c_void, topic: Slice, properties: Slice, failure: *mut Failure) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let (topic, properties) = unsafe { (topic.text(), properties.text()) };
    with(data, failure, |caller| caller.messaging.create_topic(caller.namespace(""), &topic, ttl_of(&properties)?))
}

extern "C" fn update_topic(data: *mut c_void, topic: Slice, properties: Slice, failure: *mut Failure) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let (topic, properties) = unsafe { (topic.text(), properties.text()) };
    with(data, failure, |caller| caller.messaging.update_topic(caller.namespace(""), &topic, ttl_of(&properties)?))
}

extern "C" fn delete_topic(data: *mut c_void, topic: Slice, failure: *mut Failure) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let topic = unsafe { topic.text() };
    with(data, failure, |caller| caller.messaging.delete_topic(caller.namespace(""), &topic))
}

extern "C" fn describe_topic(
    data: *mut c_void,
    namespace: Slice,
    topic: Slice,
    response: *mut Owned,
    failure: *mut Failure,
) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let (namespace, topic) = unsafe { (namespace.text(), topic.text()) };
    with(data, failure, |caller| respond(response, &caller.messaging.topic(caller.namespace(&namespace), &topic)?))
}

extern "C" fn list_topics(data: *mut c_void, namespace: Slice, response: *mut Owned, failure: *mut Failure) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let namespace = unsafe { namespace.text() };
    with(data, failure, |caller| respond(response, &caller.messaging.topics(caller.namespace(&namespace))?))
}

fn respond(response: *mut Owned, answer: &impl serde::Serialize) -> Result<(), MessagingError> {
    let json = serde_json::to_vec(answer).map_err(|error| MessagingError::Failed(error.to_string()))?;
    // SAFETY: the plugin lends a place for the answer.
    unsafe { response.write(Owned::new(json)) };
    Ok(())
}

#[cfg(test)]
mod tests;
