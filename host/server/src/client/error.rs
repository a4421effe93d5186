//! What can go wrong, by what to do about it.

/// Shorthand for results of clients.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, by what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answers there: nothing was done. Try later.
    #[error("{server} does not answer: {why}")]
    Unreachable {
        /// Who was asked.
        server: String,
        /// What the system said.
        why: String,
    },
    /// There is no room, or too much to do: nothing was done. Try later.
    #[error("{0}")]
    Busy(String),
    /// The answer did not come: it may have been done, or not.
    #[error("{server} gave no answer, and may have done it or not: {why}")]
    Lost {
        /// Who was asked.
        server: String,
        /// What the system said.
        why: String,
    },
    /// A token is missing, or lacks a right.
    #[error("{0}")]
    Refused(String),
    /// There is no such topic.
    #[error("{0}")]
    TopicNotFound(String),
    /// There is such a topic already.
    #[error("{0}")]
    TopicExists(String),
    /// The request makes no sense, or is too large.
    #[error("{0}")]
    Invalid(String),
    /// It does not work, and will not by trying again.
    #[error("{0}")]
    Fatal(String),
}

impl Error {
    /// Nothing was done, and a later try may do it.
    pub fn was_not_done(&self) -> bool {
        matches!(self, Error::Unreachable { .. } | Error::Busy(_))
    }

    /// The same call may work later. What was [lost](Error::Lost) may be done twice then, unless it reads, or publishes with a producer and its
    /// sequence.
    pub fn is_retryable(&self) -> bool {
        self.was_not_done() || matches!(self, Error::Lost { .. })
    }
}

impl From<campanile_messaging::Error> for Error {
    fn from(error: campanile_messaging::Error) -> Error {
        use campanile_messaging::Error as Store;
        let text = error.to_string();
        match error {
            Store::TopicNotFound(_) => Error::TopicNotFound(text),
            Store::TopicExists(_) => Error::TopicExists(text),
            Store::DiskFull { .. } | Store::Locked(_) => Error::Busy(text),
            Store::InvalidTopic(_)
            | Store::InvalidNamespace(_)
            | Store::InvalidTtl(_)
            | Store::InvalidName(_)
            | Store::InvalidSequence { .. }
            | Store::EmptyPublish(_)
            | Store::EmptyStore(_)
            | Store::TooLarge { .. } => Error::Invalid(text),
            _ => Error::Fatal(text),
        }
    }
}
