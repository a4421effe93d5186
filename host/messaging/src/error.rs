//! What can go wrong.

use crate::{Owner, TopicId};
use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. The words of the first group are those that the service is known by on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A topic's name has other characters than are allowed.
    #[error("Invalid topic ID: {0}. Should only contain alphanumeric characters and _ or -.")]
    InvalidTopic(String),
    /// A namespace's name has other characters than are allowed.
    #[error("Invalid namespace ID: {0}. Should only contain alphanumeric characters or _.")]
    InvalidNamespace(String),
    /// There is no such topic.
    #[error("Topic {0} does not exist.")]
    TopicNotFound(TopicId),
    /// There is such a topic already.
    #[error("Topic {0} already exists.")]
    TopicExists(TopicId),
    /// A topic that keeps nothing.
    #[error("The ttl property must be greater than zero for topic topic:{}.{}", .0.namespace(), .0.name())]
    InvalidTtl(TopicId),
    /// A message without payload outside of a transaction.
    #[error(
        "Empty payload is only allowed for publishing transactional message. Topic: topic:{}.{}",
        .0.namespace(), .0.name()
    )]
    EmptyPublish(TopicId),
    /// A store without transaction or without payload.
    #[error("Store request must be transactional with payload. Topic: topic:{}.{}", .0.namespace(), .0.name())]
    EmptyStore(TopicId),
    /// A publication in a transaction that began too long ago.
    #[error("Transaction {transaction} has exceeded max lifetime {max_lifetime_ms} ms")]
    TransactionTooOld {
        /// Its write pointer.
        transaction: i64,
        /// How old it may be.
        max_lifetime_ms: u64,
    },

    /// More than one request, message or name may hold.
    #[error("{what} is {bytes} bytes long: {limit} at most")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The name of a cursor or a producer is empty or too long.
    #[error("`{0}` is no name for a cursor or a producer: 1 to 1024 bytes")]
    InvalidName(String),
    /// A producer's messages would have sequences that are no numbers any more.
    #[error("{messages} messages cannot be numbered from {sequence} on: the last sequence is {}", u64::MAX)]
    InvalidSequence {
        /// The sequence of the first.
        sequence: u64,
        /// How many they are.
        messages: usize,
    },
    /// The disk is nearly full.
    #[error("{}: {free} bytes are free on the disk, {least} must stay free: make room, then write again", .folder.display())]
    DiskFull {
        /// The folder.
        folder: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that must stay free.
        least: u64,
    },
    /// An earlier write failed: what is on the disk is not known, so nothing is written any more.
    #[error("poisoned: an earlier write failed ({0}); restart")]
    Poisoned(String),
    /// Another process has the folder open.
    #[error("{0}")]
    Locked(Owner),
    /// A later version wrote the folder.
    #[error("{}: format {found} was written by a newer version; this one reads up to {known}", .folder.display())]
    NewerFormat {
        /// The folder.
        folder: PathBuf,
        /// The format that it has.
        found: u32,
        /// The latest format known.
        known: u32,
    },
    /// What was read makes no sense.
    #[error("{place}: {why}")]
    Corrupt {
        /// What was read.
        place: String,
        /// Why it makes no sense.
        why: String,
    },
    /// The disk or the store answered with an error.
    #[error("{0}")]
    Storage(String),
}

impl Error {
    /// Says where it was that something made no sense.
    pub(crate) fn within(self, outer: impl std::fmt::Display) -> Error {
        match self {
            Error::Corrupt { place, why } => Error::Corrupt { place: format!("{outer}: {place}"), why },
            error => error,
        }
    }
}
