//! An open folder.

use crate::clean::{self, Cleaner};
use crate::core::{Core, Writer};
use crate::fetch::{Fetch, Fetched};
use crate::group::Group;
use crate::key;
use crate::step::{Publish, Published, RollbackRange, Step, check_name};
use crate::store::{Contents, Store};
use crate::topic::{Properties, check_namespace};
use crate::write::Write;
use crate::{Error, MessageId, Options, Result, Topic, TopicId, store, tables};
use event_listener::EventListener;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

/// An open folder of topics. Copies share it; it is closed with the last of them.
#[derive(Clone)]
pub struct Messaging(Arc<Open>);

struct Open {
    core: Arc<Core>,
    /// Ended before the folder is given back.
    _cleaner: Option<Cleaner>,
}

impl Messaging {
    /// Opens a folder, which is made where there is none, for this user alone.
    ///
    /// One process owns a folder: another gets [`Error::Locked`], which says who does. What was acknowledged is there, also after a crash.
    pub fn open(folder: &Path, options: Options) -> Result<Messaging> {
        let store = Store::open(folder, &options)?;
        let contents = store.contents().map_err(|error| tables::name_damaged(folder, error))?;
        let Contents { topics, deleted, clock } = contents;
        let numbers = topics.values().map(|topic| topic.number).chain(deleted.values().map(|record| record.number));
        let next_number = numbers.max().map_or(0, |number| number + 1);
        let gone = clean::gaps(topics.values().map(|topic| topic.number), next_number);
        let writer = Mutex::new(Writer { clock, deleted, gone, next_number, room: None });
        let clean_every = options.clean_every;
        let core = Core { store, options, topics: RwLock::new(topics), writer, group: Group::default() };
        let core = Arc::new(core);
        let _cleaner = match clean_every {
            Duration::MAX => None,
            every => Some(Cleaner::start(core.clone(), every)?),
        };
        Ok(Messaging(Arc::new(Open { core, _cleaner })))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.core().store.folder
    }

    /// Says why a write would be refused: an earlier one failed, or the disk is full.
    pub fn check(&self) -> Result<()> {
        let core = self.core();
        core.store.check_poison()?;
        let (free, least) = (core.store.free_bytes()?, core.options.min_free_bytes);
        if free < least {
            return Err(Error::DiskFull { folder: core.store.folder.clone(), free, least });
        }
        Ok(())
    }

    /// Makes a topic, whose messages are kept for so many seconds; none: for ever.
    pub fn create_topic(&self, topic: &TopicId, properties: impl Into<Properties>) -> Result<()> {
        self.core().submit(vec![Step::Create { id: topic.clone(), properties: properties.into() }]).map(drop)
    }

    /// Replaces what is said of a topic. A longer time to live brings back what has expired and is still there.
    pub fn update_topic(&self, topic: &TopicId, properties: impl Into<Properties>) -> Result<()> {
        let topic = self.core().state(topic)?;
        self.core().submit(vec![Step::Update { topic, properties: properties.into() }]).map(drop)
    }

    /// Deletes a topic and its messages. One that is made again under its name has the next generation.
    pub fn delete_topic(&self, topic: &TopicId) -> Result<()> {
        let topic = self.core().state(topic)?;
        self.core().submit(vec![Step::Delete { topic }]).map(drop)
    }

    /// A topic as it is now.
    pub fn topic(&self, topic: &TopicId) -> Result<Topic> {
        self.core().state(topic).map(|topic| topic.describe())
    }

    /// The topics of a namespace, by the order of their names with a `:` behind.
    pub fn topics(&self, namespace: &str) -> Result<Vec<Topic>> {
        check_namespace(namespace)?;
        let topics = self.core().topics();
        let mut topics: Vec<_> =
            topics.values().filter(|topic| topic.id.namespace() == namespace).map(|topic| topic.describe()).collect();
        topics.sort_by_cached_key(|topic| format!("{}:", topic.id.name()));
        Ok(topics)
    }

    /// The namespaces that have topics, in order.
    pub fn namespaces(&self) -> Vec<String> {
        let mut names: Vec<_> = self.core().topics().keys().map(|topic| topic.namespace().to_owned()).collect();
        names.dedup();
        names
    }

    /// Publishes messages; when it returns they are durable. Messages of one call lie next to each other, unless they are
    /// more than 16,384 or larger than 1 MiB together: then others may come between, and their order holds.
    pub fn publish(&self, topic: &TopicId, publish: Publish<'_>) -> Result<Published> {
        let step = Step::publish(self.core().state(topic)?, publish)?;
        let mut published = self.core().submit(vec![step])?;
        published.pop().ok_or_else(|| Error::Poisoned("a publication was lost".to_owned()))
    }

    /// Stores payloads of a transaction: they are seen when the transaction publishes without messages of its own, all of
    /// them at once.
    pub fn store(&self, topic: &TopicId, transaction: i64, payloads: &[&[u8]]) -> Result<()> {
        let step = Step::store(self.core().state(topic)?, transaction, payloads)?;
        self.core().submit(vec![step]).map(drop)
    }

    /// Makes messages of a transaction such that no reader within a transaction ever sees them.
    pub fn rollback(&self, topic: &TopicId, range: &RollbackRange) -> Result<()> {
        let topic = self.core().state(topic)?;
        self.core().submit(vec![Step::Rollback { topic, range: *range }]).map(drop)
    }

    /// One atomic step over several topics and cursors: all of it is there, or nothing. `collect` says what; where it
    /// answers with an error nothing is written.
    ///
    /// ```
    /// # use campanile_messaging::{Messaging, Options, Publish, TopicId};
    /// # let folder = tempfile::tempdir()?;
    /// # let messaging = Messaging::open(folder.path(), Options::default())?;
    /// let alerts = TopicId::new("default", "alerts")?;
    /// messaging.create_topic(&alerts, None)?;
    /// messaging.write(|write| {
    ///     write.publish(&alerts, Publish::new(&[b"too fast"]))?;
    ///     write.cursor("readings", b"line 4711")
    /// })?;
    /// assert_eq!(messaging.cursor("readings")?.as_deref(), Some(&b"line 4711"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write<R>(&self, collect: impl FnOnce(&mut Write<'_>) -> Result<R>) -> Result<R> {
        let mut write = Write::new(self.core());
        let answer = collect(&mut write)?;
        let steps = write.into_steps();
        if !steps.is_empty() {
            self.core().submit(steps)?;
        }
        Ok(answer)
    }

    /// A cursor's value.
    pub fn cursor(&self, name: &str) -> Result<Option<Vec<u8>>> {
        check_name(name)?;
        Ok(self.core().store.meta.get(key::cursor(name))?.map(|value| value.to_vec()))
    }

    /// Calls `each` with the name and the value of every cursor whose name begins with `prefix`, in the order of their names
    /// as bytes. They are as they were when it was called; none is held in memory longer than its call.
    pub fn cursors(&self, prefix: &str, each: &mut dyn FnMut(&str, &[u8])) -> Result<()> {
        for guard in self.core().store.meta.prefix(key::cursor(prefix)) {
            let (name, value) = guard.into_inner()?;
            each(key::cursor_name(&name).ok_or_else(|| store::corrupt(&name, "no cursor"))?, &value);
        }
        Ok(())
    }

    /// What was left out when the folder was opened, if anything: a last write that a crash cut off, and that nobody was told
    /// of. What it would have replaced is as it was before it.
    pub fn mended(&self) -> Option<&str> {
        self.core().store.mended.as_deref()
    }

    /// Reads messages in their order. What is there when it is called is delivered, and nothing that comes later.
    pub fn fetch(&self, topic: &TopicId, fetch: &Fetch) -> Result<Fetched> {
        Fetched::new(self.0.core.clone(), self.core().state(topic)?, fetch)
    }

    /// Wakes when something is published to the topic after this call, or it is deleted; for threads and tasks.
    ///
    /// Listen first, fetch then, wait last: so nothing is missed.
    pub fn listen(&self, topic: &TopicId) -> Result<EventListener> {
        self.core().state(topic).map(|topic| topic.published.listen())
    }

    /// The end of a topic: a position that everything published until now is at or before, and everything later behind.
    pub fn end(&self, topic: &TopicId) -> Result<MessageId> {
        let last = self.core().state(topic)?.last();
        // Stored payloads that were published last share its first half.
        Ok(MessageId { payload_timestamp_ms: u64::MAX, payload_sequence: u16::MAX, ..last })
    }

    /// Removes what has expired now, instead of at the next turn of the cleaner, and gives back the room of what was trimmed.
    pub fn clean(&self) -> Result<()> {
        self.core().clean()
    }

    fn core(&self) -> &Core {
        &self.0.core
    }
}

impl std::fmt::Debug for Messaging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messaging").field("folder", &self.folder()).finish_non_exhaustive()
    }
}
