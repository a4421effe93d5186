//! Messages in topics, a service of the host.

use crate::{Failure, Owned, Slice};
use std::ffi::c_void;

/// Bytes of a message id: big-endian and ordered as the messages of a topic are.
pub const MESSAGE_ID_BYTES: usize = 20;

/// An entry's answer: there is no such topic.
pub const NO_TOPIC: i32 = 2;
/// An entry's answer: there is such a topic already.
pub const TOPIC_EXISTS: i32 = 3;

/// Begin with the oldest message that is kept.
pub const START_OLDEST: u32 = 0;
/// Begin with the first message that was published at [`FetchV1::time_ms`] or later.
pub const START_TIME: u32 = 1;
/// Begin behind the message [`FetchV1::id`], whether or not it is still there.
pub const START_AFTER: u32 = 2;
/// Begin with the message [`FetchV1::id`], or the next one where it is not there.
pub const START_AT: u32 = 3;
/// Begin behind the newest message: what is published from now on.
pub const START_END: u32 = 4;

/// In [`FetchedV1::flags`]: messages behind the start have expired and are not among those that came.
pub const FETCHED_GAP: u32 = 1;
/// In [`FetchedV1::flags`]: [`FetchedV1::position`] is set.
pub const FETCHED_POSITION: u32 = 2;

/// In [`PublishedV1::flags`]: the service told the ids.
pub const PUBLISHED_IDS: u32 = 1;
/// In [`PublishedV1::flags`]: this producer had published all of these sequences, or later ones, before; nothing was written.
pub const PUBLISHED_REPEATED: u32 = 2;

/// What became of a publication.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PublishedV1 {
    /// [`PUBLISHED_IDS`] and [`PUBLISHED_REPEATED`].
    pub flags: u32,
    /// The id of the first message.
    pub first: [u8; MESSAGE_ID_BYTES],
    /// The id of the last message.
    pub last: [u8; MESSAGE_ID_BYTES],
}

impl PublishedV1 {
    /// Nothing yet.
    pub const NONE: PublishedV1 = PublishedV1 { flags: 0, first: [0; MESSAGE_ID_BYTES], last: [0; MESSAGE_ID_BYTES] };
}

/// What to fetch.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FetchV1 {
    /// One of `START_OLDEST` to `START_END`.
    pub start: u32,
    /// For [`START_AFTER`] and [`START_AT`].
    pub id: [u8; MESSAGE_ID_BYTES],
    /// For [`START_TIME`]: milliseconds since 1970.
    pub time_ms: u64,
    /// No more messages than this; the host may give fewer.
    pub limit: usize,
    /// No message behind the one that reaches so many bytes of payloads; one message at least.
    pub max_bytes: usize,
    /// Where there is nothing: wait so long for something, or until the run is told to stop. Milliseconds; the host may
    /// wait for less.
    pub wait_ms: u64,
}

/// What was fetched.
#[repr(C)]
#[derive(Debug)]
pub struct FetchedV1 {
    /// [`FETCHED_GAP`] and [`FETCHED_POSITION`].
    pub flags: u32,
    /// Go on with [`START_AFTER`] this id. Not set where there is no message yet: then the same start does.
    pub position: [u8; MESSAGE_ID_BYTES],
    /// How many messages.
    pub n: usize,
    /// The messages in order: of each its id, the length of its payload (4 bytes, little-endian) and the payload.
    pub messages: Owned,
}

impl FetchedV1 {
    /// Nothing yet.
    pub const NONE: FetchedV1 = FetchedV1 { flags: 0, position: [0; MESSAGE_ID_BYTES], n: 0, messages: Owned::EMPTY };
}

/// Messages in topics. The first argument of each entry is the context's `data`; callable from any thread between `open`
/// and `drop`; each call blocks until it is done. An empty namespace is that of the pipeline. Answers are [`crate::OK`],
/// [`NO_TOPIC`], [`TOPIC_EXISTS`], or [`crate::FAILED`] with the failure: of kind retry where the service cannot be
/// reached, of kind record where a message itself cannot be taken, of kind config where what is asked is not allowed.
#[repr(C)]
#[derive(Debug)]
pub struct MessagingV1 {
    /// `size_of::<MessagingV1>()`.
    pub size: usize,
    /// Publishes `n` messages in one step: all of them or none, in order, durable when it returns. Where `producer` is not
    /// empty, the first has this `sequence`, the next one the next; those that are not above all that this producer published to
    /// the topic before are left out.
    pub publish: extern "C" fn(
        *mut c_void,
        namespace: Slice,
        topic: Slice,
        messages: *const Slice,
        n: usize,
        producer: Slice,
        sequence: u64,
        out: *mut PublishedV1,
        failure: *mut Failure,
    ) -> i32,
    /// Fetches messages of any namespace.
    pub fetch: extern "C" fn(
        *mut c_void,
        namespace: Slice,
        topic: Slice,
        fetch: *const FetchV1,
        out: *mut FetchedV1,
        failure: *mut Failure,
    ) -> i32,
    /// Creates a topic of the pipeline's namespace. `properties`: `{"ttl": seconds}`, empty for the defaults.
    pub create_topic: extern "C" fn(*mut c_void, topic: Slice, properties: Slice, failure: *mut Failure) -> i32,
    /// Replaces the properties of a topic of the pipeline's namespace.
    pub update_topic: extern "C" fn(*mut c_void, topic: Slice, properties: Slice, failure: *mut Failure) -> i32,
    /// Deletes a topic of the pipeline's namespace, with its messages.
    pub delete_topic: extern "C" fn(*mut c_void, topic: Slice, failure: *mut Failure) -> i32,
    /// A topic of any namespace: `{"name": text, "ttl": seconds or null for ever, "generation": number}`.
    pub describe_topic:
        extern "C" fn(*mut c_void, namespace: Slice, topic: Slice, response: *mut Owned, failure: *mut Failure) -> i32,
    /// All topics of a namespace, an array of what `describe_topic` answers.
    pub list_topics: extern "C" fn(*mut c_void, namespace: Slice, response: *mut Owned, failure: *mut Failure) -> i32,
}
