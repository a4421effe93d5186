//! A folder of messages, or the process that owns it.
//!
//! One process owns a folder: it holds the lock, and answers on the Unix socket in it. Every other process asks there, and takes the
//! folder over when the owner is gone. Whoever uses [`Access`] need not know which of the two it is.

mod owner;

use crate::client::{Batch, Client, Error, Published, Request, Result};
use campanile_messaging::{
    DEFAULT_TTL_SECS, Error as StoreError, MessageId, Messaging, Options, Properties, Publish, Topic, TopicId,
};
use owner::Owner;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// The socket's name in the folder.
pub const SOCKET: &str = "socket";
/// The first pause when neither the folder can be opened nor its owner answers; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How often one call changes its way: an owner that goes each time is not waited for.
const MAX_TURNS: usize = 3;

/// How a folder is accessed.
#[derive(Clone, Debug)]
pub struct AccessOptions {
    /// How the folder is opened by its owner.
    pub store: Options,
    /// How long to look for a way when the folder is locked and its owner does not answer: it starts, or ends. Default 10 s.
    pub patience: Duration,
}

impl Default for AccessOptions {
    fn default() -> AccessOptions {
        AccessOptions { store: Options::default(), patience: Duration::from_secs(10) }
    }
}

/// A folder of messages, whoever owns it. All calls block, and may come from any thread but a task of tokio.
///
/// When it is dropped, an owner lets requests of others end and then gives the folder up.
#[derive(Debug)]
pub struct Access {
    folder: PathBuf,
    options: AccessOptions,
    way: RwLock<Way>,
    /// Held by the one thread that looks for a way.
    search: Mutex<()>,
}

#[derive(Clone, Debug)]
enum Way {
    Own(Arc<Owner>),
    Ask(Client),
}

/// What a call may do if its answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Done twice it has the same effect.
    Yes,
    /// It may have been done: the caller is told.
    No,
}

impl Access {
    /// Opens the folder, or finds its owner.
    ///
    /// Fails if the folder cannot be opened, or is locked and its owner does not answer for as long as `options` say.
    pub fn open(folder: &Path, options: AccessOptions) -> Result<Access> {
        let way = search(folder, &options)?;
        Ok(Access { folder: folder.to_owned(), options, way: RwLock::new(way), search: Mutex::new(()) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The store, if this process owns the folder now. Whoever keeps it keeps the folder locked.
    pub fn messaging(&self) -> Option<Messaging> {
        match self.way() {
            Way::Own(owner) => Some(owner.messaging().clone()),
            Way::Ask(_) => None,
        }
    }

    /// Whether messages are taken.
    pub fn health(&self) -> Result<()> {
        self.call(Again::Yes, |messaging| Ok(messaging.check()?), Client::health)
    }

    /// Creates a topic; without a time to live it has that of the service, seven days.
    pub fn create_topic(&self, topic: &TopicId, ttl_secs: Option<u32>) -> Result<()> {
        let ttl = Some(ttl_secs.unwrap_or(DEFAULT_TTL_SECS));
        self.call(
            Again::No,
            |messaging| Ok(messaging.create_topic(topic, ttl)?),
            |client| client.create_topic(topic, ttl),
        )
    }

    /// Replaces a topic's time to live. What else is noted of it stays.
    pub fn update_topic(&self, topic: &TopicId, ttl_secs: Option<u32>) -> Result<()> {
        let ttl = Some(ttl_secs.unwrap_or(DEFAULT_TTL_SECS));
        self.call(
            Again::Yes,
            |messaging| {
                let notes = messaging.topic(topic)?.notes;
                Ok(messaging.update_topic(topic, Properties { ttl_secs: ttl, notes })?)
            },
            |client| client.update_topic(topic, ttl),
        )
    }

    /// Deletes a topic with its messages.
    pub fn delete_topic(&self, topic: &TopicId) -> Result<()> {
        self.call(Again::No, |messaging| Ok(messaging.delete_topic(topic)?), |client| client.delete_topic(topic))
    }

    /// A topic as it is now.
    pub fn topic(&self, topic: &TopicId) -> Result<Topic> {
        self.call(Again::Yes, |messaging| Ok(messaging.topic(topic)?), |client| client.topic(topic))
    }

    /// The names of a namespace's topics.
    pub fn topics(&self, namespace: &str) -> Result<Vec<String>> {
        let own = |messaging: &Messaging| {
            Ok(messaging.topics(namespace)?.into_iter().map(|topic| topic.id.name().to_owned()).collect())
        };
        self.call(Again::Yes, own, |client| client.topics(namespace))
    }

    /// Publishes messages in one step; returns when they are on the disk.
    ///
    /// With a producer and the first message's sequence it is repeated if the owner goes before it answers, and what was written by
    /// then is left out; without, [`Error::Lost`] says that the
    /// messages may be there or not.
    pub fn publish(&self, topic: &TopicId, messages: &[&[u8]], producer: Option<(&str, u64)>) -> Result<Published> {
        let again = if producer.is_some() { Again::Yes } else { Again::No };
        let own = |messaging: &Messaging| {
            let mut request = Publish::new(messages);
            if let Some((name, sequence)) = producer {
                request = request.from_producer(name, sequence);
            }
            let published = messaging.publish(topic, request)?;
            let campanile_messaging::Published { first, last, count, repeated } = published;
            Ok(Published { first, last, count, repeated })
        };
        self.call(again, own, |client| client.publish(topic, messages, producer))
    }

    /// Fetches messages, and waits if there are none.
    pub fn fetch(&self, topic: &TopicId, asked: &Request) -> Result<Batch> {
        self.call(Again::Yes, |messaging| owner::fetch(messaging, topic, asked), |client| client.fetch(topic, asked))
    }

    /// The end of a topic: a position that everything published until now is at or before, and everything later behind.
    pub fn end(&self, topic: &TopicId) -> Result<MessageId> {
        self.call(Again::Yes, |messaging| Ok(messaging.end(topic)?), |client| client.end(topic))
    }

    /// Does what is asked on the way that there is, and on another if that one ends.
    fn call<T>(
        &self,
        again: Again,
        own: impl Fn(&Messaging) -> Result<T>,
        ask: impl Fn(&Client) -> Result<T>,
    ) -> Result<T> {
        let mut turns = 0;
        loop {
            let client = match self.way() {
                Way::Own(owner) => return own(owner.messaging()),
                Way::Ask(client) => client,
            };
            let error = match ask(&client) {
                Err(error @ Error::Unreachable { .. }) => error,
                Err(error @ Error::Lost { .. }) if again == Again::Yes => error,
                other => return other,
            };
            turns += 1;
            if turns > MAX_TURNS {
                return Err(error);
            }
            self.turn()?;
        }
    }

    fn way(&self) -> Way {
        self.way.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks for another way, unless another thread found one in the meantime.
    fn turn(&self) -> Result<()> {
        let _one: MutexGuard<'_, ()> = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        if let Way::Own(_) = self.way() {
            return Ok(());
        }
        let way = search(&self.folder, &self.options)?;
        *self.way.write().unwrap_or_else(PoisonError::into_inner) = way;
        Ok(())
    }
}

/// Opens the folder, or finds who has it open. Locked and silent means that its owner starts or ends: that is waited for.
fn search(folder: &Path, options: &AccessOptions) -> Result<Way> {
    let deadline = Instant::now() + options.patience;
    let mut pause = FIRST_PAUSE;
    let socket = folder.join(SOCKET);
    loop {
        match Messaging::open(folder, options.store.clone()) {
            Ok(messaging) => return Ok(Way::Own(Arc::new(Owner::start(messaging, &socket)?))),
            Err(StoreError::Locked(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let silent = match Client::socket(&socket).and_then(|client| client.health().map(|()| client)) {
            Ok(client) => return Ok(Way::Ask(client)),
            // Out of room, but there: it says so to each call.
            Err(Error::Busy(_)) => return Client::socket(&socket).map(Way::Ask),
            Err(error) => error,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Unreachable {
                server: format!("the process that owns {}", folder.display()),
                why: format!("{silent}; if it hangs, end it: this one takes over then"),
            });
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests;
