//! Messages in topics, a service of the host.

use crate::context::Services;
use crate::error::{Error, Result};
use crate::shim::messaging::HostMessaging;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod fetched;
mod message_id;

pub use fetched::{Fetched, Message};
pub use message_id::{MessageId, ParseMessageIdError};

/// Messages that a fetch asks for where nothing is said.
const FETCH_MESSAGES: usize = 1_024;
/// Bytes of payloads that a fetch asks for where nothing is said.
const FETCH_BYTES: usize = 1 << 20;

/// A topic: its name and the namespace that it is in. A name alone is in the namespace of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicName<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> TopicName<'a> {
    /// A topic of another namespace; an empty one is that of the pipeline.
    pub fn of(namespace: &'a str, name: &'a str) -> TopicName<'a> {
        TopicName { namespace, name }
    }
}

impl<'a> From<&'a str> for TopicName<'a> {
    fn from(name: &'a str) -> TopicName<'a> {
        TopicName { namespace: "", name }
    }
}

impl<'a> From<&'a String> for TopicName<'a> {
    fn from(name: &'a String) -> TopicName<'a> {
        TopicName::from(name.as_str())
    }
}

/// `name`, or `namespace:name` where it is not in the pipeline's.
impl std::fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace {
            "" => f.write_str(self.name),
            namespace => write!(f, "{namespace}:{}", self.name),
        }
    }
}

/// A topic as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicInfo {
    /// Its name within its namespace.
    pub name: String,
    /// How long its messages are kept, in seconds; none: for ever.
    #[serde(rename = "ttl")]
    pub ttl_secs: Option<u32>,
    /// How often a topic of this name was created: 1 for the first.
    pub generation: u32,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The ids of the first and the last message that were written; the same for one message. None where the service does not tell.
    pub ids: Option<(MessageId, MessageId)>,
    /// This producer had published all of them before: nothing was written.
    pub repeated: bool,
}

/// Where a fetch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that is kept.
    #[default]
    Oldest,
    /// With the first message that was published then or later: milliseconds since 1970, by the service's clock.
    Time(u64),
    /// Behind this message, whether or not it is still there.
    After(MessageId),
    /// With this message, or the next one where it is not there.
    At(MessageId),
    /// Behind the newest message: with what is published from now on. [`Fetched::position`] is always set then, also where
    /// no message came.
    End,
}

/// What to fetch: from where, at most how much, and how long to wait where there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Where to begin.
    pub start: Start,
    /// No more messages than this.
    pub limit: usize,
    /// No message behind the one that reaches so many bytes of payloads; one message at least.
    pub max_bytes: usize,
    /// How long to wait where there is nothing. A run that is told to stop ends the wait.
    pub wait: Duration,
}

impl Fetch {
    /// From here on, 1,024 messages or 1 MiB at most, without waiting.
    pub fn from(start: Start) -> Fetch {
        Fetch { start, limit: FETCH_MESSAGES, max_bytes: FETCH_BYTES, wait: Duration::ZERO }
    }

    /// No more messages than this.
    #[must_use]
    pub fn limit(self, limit: usize) -> Fetch {
        Fetch { limit, ..self }
    }

    /// No message behind the one that reaches so many bytes.
    #[must_use]
    pub fn max_bytes(self, max_bytes: usize) -> Fetch {
        Fetch { max_bytes, ..self }
    }

    /// Waits so long where there is nothing.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Fetch {
        Fetch { wait, ..self }
    }
}

/// Publishes to topics, fetches from them, and administers those of the pipeline's namespace.
///
/// A copy may be kept in the plugin and used from threads of its own; these threads end before the plugin is dropped. Each
/// call blocks until it is done. Programs fetch from any namespace, publish to any but `system`, and create, change and
/// delete topics in their own only.
///
/// # Errors
/// - of kind [`Retry`](crate::ErrorKind::Retry) where the service cannot be reached: the same call may succeed later;
/// - of kind [`Record`](crate::ErrorKind::Record) where a message itself cannot be taken, such as one that is too large;
/// - of kind [`Config`](crate::ErrorKind::Config) where there is no such topic, or what is asked is not allowed.
///
/// ```
/// use campanile_sdk::{testing, *};
/// use serde_json::json;
/// use std::sync::Arc;
///
/// /// Publishes the names that come by.
/// #[derive(serde::Deserialize)]
/// struct Greeter {
///     #[serde(skip)]
///     name: Field<Text>,
///     #[serde(skip)]
///     messaging: Option<Messaging>,
/// }
///
/// impl Sink for Greeter {
///     fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
///         self.name = stage.input()?.text("name")?;
///         let messaging = stage.services().messaging()?;
///         messaging.create_topic("greetings", None)?;
///         self.messaging = Some(messaging);
///         Ok(())
///     }
///
///     fn write(&mut self, record: &Record<'_>) -> Result<()> {
///         if let (Some(messaging), Some(name)) = (&self.messaging, record.text(self.name)) {
///             messaging.publish("greetings", &[format!("hello, {name}")])?;
///         }
///         Ok(())
///     }
/// }
///
/// let messaging = Arc::new(testing::InMemoryMessaging::default());
/// testing::sink::<Greeter>(json!({})).messaging(&messaging).run([json!({ "name": "Ada" })]).unwrap();
/// assert_eq!(messaging.texts("default", "greetings"), ["hello, Ada"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Messaging(HostMessaging);

impl Services {
    /// The messaging of the host.
    ///
    /// # Errors
    /// Of kind config where the host has none. Asking opens nothing: what cannot be reached shows with the first call.
    pub fn messaging(&self) -> Result<Messaging> {
        let host = self.host.as_ref().and_then(HostMessaging::of);
        host.map(Messaging).ok_or_else(|| {
            Error::config("this host has no messaging: run the pipeline with a newer `campanile`, or give the run one")
        })
    }
}

impl Messaging {
    /// Publishes messages in one step: all of them or none, in order. They are durable when it returns.
    pub fn publish<'t>(&self, topic: impl Into<TopicName<'t>>, messages: &[impl AsRef<[u8]>]) -> Result<Published> {
        self.0.publish(topic.into(), messages.iter().map(AsRef::as_ref), "", 0)
    }

    /// As [`publish`](Messaging::publish), once: the first message has this sequence, the next one the next, and so on. Those
    /// whose sequence this producer has published to the topic before, or a later one, are left out; where that is all of them,
    /// nothing is written and the answer says `repeated`. A producer counts up, from any number, with or without gaps.
    pub fn publish_from<'t>(
        &self,
        topic: impl Into<TopicName<'t>>,
        producer: &str,
        sequence: u64,
        messages: &[impl AsRef<[u8]>],
    ) -> Result<Published> {
        if producer.is_empty() {
            return Err(Error::fatal("a producer has a name: `publish` is for those without"));
        }
        self.0.publish(topic.into(), messages.iter().map(AsRef::as_ref), producer, sequence)
    }

    /// Fetches messages. Where none come, there is nothing new for now.
    pub fn fetch<'t>(&self, topic: impl Into<TopicName<'t>>, fetch: &Fetch) -> Result<Fetched> {
        self.0.fetch(topic.into(), fetch)
    }

    /// A topic, or nothing where there is none of this name.
    pub fn topic<'t>(&self, topic: impl Into<TopicName<'t>>) -> Result<Option<TopicInfo>> {
        self.0.describe_topic(topic.into())
    }

    /// All topics of a namespace; of the pipeline's where it is empty.
    pub fn topics(&self, namespace: &str) -> Result<Vec<TopicInfo>> {
        self.0.list_topics(namespace)
    }

    /// Creates a topic in the pipeline's namespace whose messages are kept for so many seconds, seven days where nothing is
    /// said. False: there is one of this name already, which stays as it is.
    pub fn create_topic(&self, name: &str, ttl_secs: Option<u32>) -> Result<bool> {
        self.0.create_topic(name, ttl_secs)
    }

    /// Sets how long the messages of a topic of the pipeline's namespace are kept: seven days where nothing is said. False:
    /// there is none of this name.
    pub fn update_topic(&self, name: &str, ttl_secs: Option<u32>) -> Result<bool> {
        self.0.update_topic(name, ttl_secs)
    }

    /// Deletes a topic of the pipeline's namespace with its messages. False: there is none of this name.
    pub fn delete_topic(&self, name: &str) -> Result<bool> {
        self.0.delete_topic(name)
    }
}

#[cfg(test)]
mod tests;
