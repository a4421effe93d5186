//! What an error of Kafka means for an alert.

use campanile_sdk::Error;
use rdkafka::types::RDKafkaErrorCode as Code;

/// What is to become of an alert.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// Not now.
    Retry(String),
    /// The batch that it was in cannot be taken: sent alone it shows whether it is the cause.
    Suspect(String),
    /// It was thrown out of the queue because of another's failure.
    Purged,
    /// No alert can be published as things are.
    Stop(Error),
}

/// Says what a failed delivery means. What is not known to be final is tried again: nothing is lost by that.
pub(crate) fn of(code: Code, topic: &str) -> Verdict {
    let words = words(code);
    match code {
        Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidMessage
        | Code::InvalidMessageSize
        | Code::InvalidTimestamp
        | Code::InvalidRecord
        | Code::InvalidDifferentRecord
        | Code::UnsupportedForMessageFormat
        | Code::BadMessage => Verdict::Suspect(words),
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            Verdict::Stop(Error::config(format!("`topic`: not allowed to write to `{topic}`: {words}")))
        }
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
            Verdict::Stop(Error::config(format!("`security`: the brokers do not take the credentials: {words}")))
        }
        Code::InvalidTopic => Verdict::Stop(Error::config(format!("`topic`: `{topic}` cannot be written to: {words}"))),
        Code::Fatal | Code::Fenced => Verdict::Stop(Error::fatal(format!("the producer failed for good: {words}"))),
        Code::PurgeQueue | Code::PurgeInflight => Verdict::Purged,
        _ => Verdict::Retry(words),
    }
}

/// The words for an error, such as `Broker: Message size too large`.
pub(crate) fn words(code: Code) -> String {
    let text = code.to_string();
    // It prints as `Name (words)`.
    let words = text.split_once(" (").and_then(|(_, words)| words.strip_suffix(')'));
    words.unwrap_or(&text).to_owned()
}
