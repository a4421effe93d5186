//! The messaging service that stages are given, and what a host has to provide for it.

pub use campanile_sdk::proxy::{InMemoryMessaging, Messaging, MessagingError};
pub use campanile_sdk::{Fetch, Fetched, Message, MessageId, Published, Start, TopicInfo};

use std::sync::{Arc, Mutex, PoisonError};

/// Opens messaging: called when a stage first uses it, from the stage's thread, and again after it failed.
pub type OpenMessaging = Arc<dyn Fn() -> Result<Arc<dyn Messaging>, MessagingError> + Send + Sync>;

/// Messaging that is opened by the first call: a pipeline that does not use it opens nothing.
pub(crate) struct LazyMessaging {
    open: OpenMessaging,
    opened: Mutex<Option<Arc<dyn Messaging>>>,
    /// In a dry run nothing is changed: what would be is answered as if it were done.
    dry: bool,
}

impl LazyMessaging {
    pub(crate) fn new(open: OpenMessaging, dry: bool) -> LazyMessaging {
        LazyMessaging { open, opened: Mutex::default(), dry }
    }

    fn opened(&self) -> Result<Arc<dyn Messaging>, MessagingError> {
        // Whoever comes while it is opened waits for it.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(messaging) = &*opened {
            return Ok(Arc::clone(messaging));
        }
        let messaging = (self.open)()?;
        *opened = Some(Arc::clone(&messaging));
        Ok(messaging)
    }
}

impl Messaging for LazyMessaging {
    fn publish(
        &self,
        namespace: &str,
        topic: &str,
        messages: &[&[u8]],
        producer: Option<(&str, u64)>,
    ) -> Result<Published, MessagingError> {
        let messaging = self.opened()?;
        if self.dry {
            return messaging.topic(namespace, topic).map(|_| Published::default());
        }
        messaging.publish(namespace, topic, messages, producer)
    }

    fn fetch(&self, namespace: &str, topic: &str, fetch: &Fetch) -> Result<Fetched, MessagingError> {
        self.opened()?.fetch(namespace, topic, fetch)
    }

    fn create_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError> {
        let messaging = self.opened()?;
        if self.dry { Ok(()) } else { messaging.create_topic(namespace, topic, ttl_secs) }
    }

    fn update_topic(&self, namespace: &str, topic: &str, ttl_secs: Option<u32>) -> Result<(), MessagingError> {
        let messaging = self.opened()?;
        if self.dry { Ok(()) } else { messaging.update_topic(namespace, topic, ttl_secs) }
    }

    fn delete_topic(&self, namespace: &str, topic: &str) -> Result<(), MessagingError> {
        let messaging = self.opened()?;
        if self.dry { Ok(()) } else { messaging.delete_topic(namespace, topic) }
    }

    fn topic(&self, namespace: &str, topic: &str) -> Result<TopicInfo, MessagingError> {
        self.opened()?.topic(namespace, topic)
    }

    fn topics(&self, namespace: &str) -> Result<Vec<TopicInfo>, MessagingError> {
        self.opened()?.topics(namespace)
    }
}

#[cfg(test)]
mod tests;
