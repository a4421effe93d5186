//! Messaging for the stages of a run.

use super::{Backing, Topics};
use campanile_engine::messaging::{
    Fetch, Fetched, MessageId, Messaging, MessagingError, OpenMessaging, Published, Start, TopicInfo,
};
use campanile_messaging::{self as store, MAX_CURSOR_NAME_BYTES, TopicId};
use campanile_server::client::{Error, Request};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Opened by the first stage that uses it, closed when the run has ended.
#[derive(Clone, Debug)]
pub(crate) struct StageMessaging {
    backing: Backing,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum State {
    /// No stage has used it.
    Unused,
    Open(Arc<Topics>),
    /// Plugins are never unloaded, and what they were given stays: but the folder is given up.
    Closed,
}

impl StageMessaging {
    pub(crate) fn new(backing: Backing) -> StageMessaging {
        StageMessaging { backing, state: Arc::new(Mutex::new(State::Unused)) }
    }

    /// For the options of a run.
    pub(crate) fn opener(&self) -> OpenMessaging {
        let this = self.clone();
        Arc::new(move || {
            this.opened()?;
            Ok(Arc::new(this.clone()))
        })
    }

    /// Gives up what was opened: an owned folder is free for others when this returns, unless a call is still in flight.
    pub(crate) fn close(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Closed);
        // Not under the lock: whoever owned a folder lets others finish what they asked for.
        drop(state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> Result<Arc<Topics>, MessagingError> {
        let mut state = self.state();
        match &*state {
            State::Open(topics) => Ok(Arc::clone(topics)),
            State::Closed => Err(MessagingError::Failed("the run has ended".to_owned())),
            State::Unused => {
                // Whoever comes while it is opened waits for it.
                let topics = Arc::new(self.backing.open().map_err(told)?);
                *state = State::Open(Arc::clone(&topics));
                Ok(topics)
            }
        }
    }
}

impl Messaging for StageMessaging {
    fn publish(
        &self,
        namespace: &str,
        topic: &str,
        messages: &[&[u8]],
        producer: Option<(&str, u64)>,
    ) -> Result<Published, MessagingError> {
        let topic = named(namespace, topic)?;
        if messages.is_empty() {
            return Err(MessagingError::Refused(format!("nothing to publish to topic `{topic}`")));
        }
        if let Some((name, _)) = producer.filter(|(name, _)| !(1..=MAX_CURSOR_NAME_BYTES).contains(&name.len())) {
            return Err(MessagingError::Refused(format!(
                "`{name}` is no name of a producer: 1 to {MAX_CURSOR_NAME_BYTES} bytes"
            )));
        }
        let published = self.opened()?.publish(&topic, messages, producer).map_err(|error| match error {
            // All else was looked at: what is left is their size.
            Error::Invalid(why) => MessagingError::BadMessage(why),
            error => told(error),
        })?;
        Ok(Published { ids: Some((id(published.first), id(published.last))), repeated: published.repeated })
    }

    fn fetch(&self, namespace: &str, topic: &str, fetch: &Fetch) -> Result<Fetched, MessagingError> {
        let topic = named(namespace, topic)?;
        let topics = self.opened()?;
        let mut fetched = Fetched::default();
        let start = match fetch.start {
            Start::Oldest => store::Start::Oldest,
            Start::Time(ms) => store::Start::Time(ms),
            Start::At(id) => store::Start::At(stored(id)),
            Start::After(id) => {
                fetched.set_position(id);
                store::Start::After(stored(id))
            }
            Start::End => {
                let end = topics.end(&topic).map_err(told)?;
                fetched.set_position(id(end));
                store::Start::After(end)
            }
        };
        if fetch.limit == 0 {
            topics.topic(&topic).map_err(told)?;
            return Ok(fetched);
        }
        let batch = topics.fetch(&topic, &Request { start, limit: fetch.limit, wait: fetch.wait }).map_err(told)?;
        fetched.set_gap(batch.gap);
        for (message, payload) in &batch.messages {
            fetched.push(id(*message), payload);
            if fetched.payload_bytes() >= fetch.max_bytes {
                break;
            }
        }
        Ok(fetched)
    }

    fn create_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError> {
        self.opened()?.create_topic(&named(namespace, topic)?, ttl_secs).map_err(told)
    }

    fn update_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError> {
        self.opened()?.update_topic(&named(namespace, topic)?, ttl_secs).map_err(told)
    }

    fn delete_topic(&self, namespace: &str, topic: &str) -> Result<(), MessagingError> {
        self.opened()?.delete_topic(&named(namespace, topic)?).map_err(told)
    }

    fn topic(&self, namespace: &str, topic: &str) -> Result<TopicInfo, MessagingError> {
        self.opened()?.topic(&named(namespace, topic)?).map(described).map_err(told)
    }

    fn topics(&self, namespace: &str) -> Result<Vec<TopicInfo>, MessagingError> {
        let topics = self.opened()?.topics(namespace).map_err(told)?;
        Ok(topics.into_iter().map(described).collect())
    }
}

fn described(topic: store::Topic) -> TopicInfo {
    TopicInfo { name: topic.id.name().to_owned(), ttl_secs: topic.ttl_secs, generation: topic.generation }
}

fn named(namespace: &str, topic: &str) -> Result<TopicId, MessagingError> {
    TopicId::new(namespace, topic).map_err(|error| MessagingError::Refused(error.to_string()))
}

fn id(id: store::MessageId) -> MessageId {
    MessageId(id.to_bytes())
}

fn stored(id: MessageId) -> store::MessageId {
    store::MessageId::from_bytes(id.0)
}

/// An error by what a stage can do about it.
fn told(error: Error) -> MessagingError {
    let why = error.to_string();
    match error {
        Error::Unreachable { .. } | Error::Busy(_) | Error::Lost { .. } => MessagingError::Unreachable(why),
        Error::Refused(_) | Error::Invalid(_) => MessagingError::Refused(why),
        Error::TopicNotFound(_) => MessagingError::NoTopic,
        Error::TopicExists(_) => MessagingError::TopicExists,
        _ => MessagingError::Failed(why),
    }
}

#[cfg(test)]
mod tests;
