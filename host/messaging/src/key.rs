//! The keys of all keyspaces, and the positions of messages in them. Numbers are big-endian: keys sort by them.

use crate::entry::array;
use crate::{MessageId, TopicId};

pub(crate) const FORMAT: &[u8] = b"format";
pub(crate) const CLOCK: &[u8] = b"clock";
pub(crate) const TOPIC: &[u8] = b"topic/";
pub(crate) const CURSOR: &[u8] = b"cursor/";
pub(crate) const PRODUCER: &[u8] = b"producer/";
pub(crate) const ROLLBACK: &[u8] = b"rollback/";

pub(crate) fn topic(id: &TopicId) -> Vec<u8> {
    [TOPIC, id.to_string().as_bytes(), b":"].concat()
}

pub(crate) fn cursor(name: &str) -> Vec<u8> {
    [CURSOR, name.as_bytes()].concat()
}

pub(crate) fn cursor_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(CURSOR)?).ok()
}

pub(crate) fn producer(topic: u32, name: &str) -> Vec<u8> {
    [PRODUCER, &topic.to_be_bytes(), name.as_bytes()].concat()
}

pub(crate) fn rollbacks_of(topic: u32, transaction: i64) -> Vec<u8> {
    [ROLLBACK, &topic.to_be_bytes(), &transaction.to_be_bytes()].concat()
}

pub(crate) fn rollback(topic: u32, transaction: i64, start: MessageId) -> Vec<u8> {
    [ROLLBACK, &topic.to_be_bytes(), &transaction.to_be_bytes(), &position(start)].concat()
}

pub(crate) fn message(topic: u32, id: MessageId) -> [u8; 14] {
    let (topic, position) = (topic.to_be_bytes(), position(id));
    std::array::from_fn(|i| if i < 4 { topic[i] } else { position[i - 4] })
}

pub(crate) fn message_position(key: &[u8]) -> Option<MessageId> {
    read_position(key, 4)
}

pub(crate) fn payloads_of(topic: u32, transaction: i64) -> [u8; 12] {
    let (topic, pointer) = (topic.to_be_bytes(), transaction.to_be_bytes());
    std::array::from_fn(|i| if i < 4 { topic[i] } else { pointer[i - 4] })
}

pub(crate) fn payload(topic: u32, transaction: i64, id: MessageId) -> [u8; 22] {
    let (head, position) = (payloads_of(topic, transaction), position(id));
    std::array::from_fn(|i| if i < 12 { head[i] } else { position[i - 12] })
}

pub(crate) fn payload_position(key: &[u8]) -> Option<MessageId> {
    read_position(key, 12)
}

/// The number of the topic that a message or a payload belongs to.
pub(crate) fn number(key: &[u8]) -> Option<u32> {
    array(key, 0).map(u32::from_be_bytes)
}

/// Time and number of a message, as they stand in keys.
pub(crate) fn position(id: MessageId) -> [u8; 10] {
    std::array::from_fn(|i| id.to_bytes()[i])
}

pub(crate) fn read_position(bytes: &[u8], at: usize) -> Option<MessageId> {
    let (ms, number) = (array(bytes, at)?, array(bytes, at + 8)?);
    Some(MessageId::new(u64::from_be_bytes(ms), u16::from_be_bytes(number)))
}
