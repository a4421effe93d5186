//! The plugin's half of messaging: the host's table as safe calls.

use crate::error::{Error, Result};
use crate::messaging::{Fetch, Fetched, MessageId, Published, Start, TopicInfo, TopicName};
use crate::shim::context::HostContext;
use campanile_abi::{
    FETCHED_GAP, FETCHED_POSITION, Failure, FetchV1, FetchedV1, MESSAGE_ID_BYTES, MessagingV1, NO_TOPIC, OK, Owned,
    PUBLISHED_IDS, PUBLISHED_REPEATED, PublishedV1, START_AFTER, START_AT, START_END, START_OLDEST, START_TIME, Slice,
    TOPIC_EXISTS, id,
};
use std::ffi::c_void;

/// The messaging of the host, for as long as the instance lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostMessaging {
    data: *mut c_void,
    table: *const MessagingV1,
}

// SAFETY: the host promises that its services may be called from any thread until the instance is dropped.
unsafe impl Send for HostMessaging {}
// SAFETY: as above.
unsafe impl Sync for HostMessaging {}

/// What an entry answered, beside "it failed".
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Ok,
    NoTopic,
    TopicExists,
}

fn answered(status: i32, failure: Failure) -> Result<Answer> {
    // SAFETY: made by the host by `Owned::new`, or left empty.
    let text = unsafe { failure.text.take() };
    match status {
        OK => Ok(Answer::Ok),
        NO_TOPIC => Ok(Answer::NoTopic),
        TOPIC_EXISTS => Ok(Answer::TopicExists),
        _ => Err(Error::from_json(failure.kind, failure.row, &text)),
    }
}

fn slice(text: &str) -> Slice {
    Slice::new(text.as_bytes())
}

fn no_topic(topic: TopicName<'_>) -> Error {
    Error::config(format!("there is no topic `{topic}`: create it first"))
}

fn properties(ttl_secs: Option<u32>) -> String {
    ttl_secs.map_or_else(String::new, |ttl| format!("{{\"ttl\":{ttl}}}"))
}

impl HostMessaging {
    /// The host's table, where it has one.
    pub(crate) fn of(host: &HostContext) -> Option<HostMessaging> {
        let (table, data) = host.interface(id::MESSAGING, 1);
        let table = table.cast::<MessagingV1>();
        (!table.is_null()).then_some(HostMessaging { data, table })
    }

    fn table(&self) -> &MessagingV1 {
        // SAFETY: the host answered with what the id stands for; it outlives the instance.
        unsafe { &*self.table }
    }

    pub(crate) fn publish<'m>(
        &self,
        topic: TopicName<'_>,
        messages: impl Iterator<Item = &'m [u8]>,
        producer: &str,
        sequence: u64,
    ) -> Result<Published> {
        let messages: Vec<Slice> = messages.map(Slice::new).collect();
        self.publish_slices(topic, &messages, slice(producer), sequence)
    }

    fn publish_slices(
        &self,
        topic: TopicName<'_>,
        messages: &[Slice],
        producer: Slice,
        sequence: u64,
    ) -> Result<Published> {
        let (mut out, mut failure) = (PublishedV1::NONE, Failure::NONE);
        let (namespace, name) = (slice(topic.namespace), slice(topic.name));
        let (first, n) = (messages.as_ptr(), messages.len());
        let status =
            (self.table().publish)(self.data, namespace, name, first, n, producer, sequence, &mut out, &mut failure);
        match answered(status, failure)? {
            Answer::Ok => Ok(Published {
                ids: (out.flags & PUBLISHED_IDS != 0).then_some((MessageId(out.first), MessageId(out.last))),
                repeated: out.flags & PUBLISHED_REPEATED != 0,
            }),
            _ => Err(no_topic(topic)),
        }
    }

    pub(crate) fn fetch(&self, topic: TopicName<'_>, fetch: &Fetch) -> Result<Fetched> {
        const NO_ID: [u8; MESSAGE_ID_BYTES] = [0; MESSAGE_ID_BYTES];
        let (start, id, time_ms) = match fetch.start {
            Start::Oldest => (START_OLDEST, NO_ID, 0),
            Start::Time(time_ms) => (START_TIME, NO_ID, time_ms),
            Start::After(id) => (START_AFTER, id.0, 0),
            Start::At(id) => (START_AT, id.0, 0),
            Start::End => (START_END, NO_ID, 0),
        };
        let wait_ms = u64::try_from(fetch.wait.as_millis()).unwrap_or(u64::MAX);
        let asked = FetchV1 { start, id, time_ms, limit: fetch.limit, max_bytes: fetch.max_bytes, wait_ms };
        let (mut out, mut failure) = (FetchedV1::NONE, Failure::NONE);
        let (namespace, name) = (slice(topic.namespace), slice(topic.name));
        let status = (self.table().fetch)(self.data, namespace, name, &asked, &mut out, &mut failure);
        // SAFETY: made by the host by `Owned::new`, or left empty.
        let bytes = unsafe { out.messages.take() };
        match answered(status, failure)? {
            Answer::Ok => Ok(Fetched {
                bytes,
                len: out.n,
                position: (out.flags & FETCHED_POSITION != 0).then_some(MessageId(out.position)),
                gap: out.flags & FETCHED_GAP != 0,
            }),
            _ => Err(no_topic(topic)),
        }
    }

    pub(crate) fn create_topic(&self, name: &str, ttl_secs: Option<u32>) -> Result<bool> {
        let (properties, mut failure) = (properties(ttl_secs), Failure::NONE);
        let status = (self.table().create_topic)(self.data, slice(name), slice(&properties), &mut failure);
        Ok(answered(status, failure)? == Answer::Ok)
    }

    pub(crate) fn update_topic(&self, name: &str, ttl_secs: Option<u32>) -> Result<bool> {
        let (properties, mut failure) = (properties(ttl_secs), Failure::NONE);
        let status = (self.table().update_topic)(self.data, slice(name), slice(&properties), &mut failure);
        Ok(answered(status, failure)? == Answer::Ok)
    }

    pub(crate) fn delete_topic(&self, name: &str) -> Result<bool> {
        let mut failure = Failure::NONE;
        let status = (self.table().delete_topic)(self.data, slice(name), &mut failure);
        Ok(answered(status, failure)? == Answer::Ok)
    }

    pub(crate) fn describe_topic(&self, topic: TopicName<'_>) -> Result<Option<TopicInfo>> {
        let (mut out, mut failure) = (Owned::EMPTY, Failure::NONE);
        let (namespace, name) = (slice(topic.namespace), slice(topic.name));
        let status = (self.table().describe_topic)(self.data, namespace, name, &mut out, &mut failure);
        // SAFETY: made by the host by `Owned::new`, or left empty.
        let json = unsafe { out.take() };
        match answered(status, failure)? {
            Answer::Ok => Ok(Some(serde_json::from_slice(&json)?)),
            _ => Ok(None),
        }
    }

    pub(crate) fn list_topics(&self, namespace: &str) -> Result<Vec<TopicInfo>> {
        let (mut out, mut failure) = (Owned::EMPTY, Failure::NONE);
        let status = (self.table().list_topics)(self.data, slice(namespace), &mut out, &mut failure);
        // SAFETY: made by the host by `Owned::new`, or left empty.
        let json = unsafe { out.take() };
        answered(status, failure)?;
        Ok(serde_json::from_slice(&json)?)
    }
}
