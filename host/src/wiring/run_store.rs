//! Where runs keep what they go on from: a small store for each instance of each pipeline.

use anyhow::{Context, bail};
use campanile_engine::store::{MessageId, Store, StoreError, Stored, Topic, Write};
use campanile_messaging::{self as store, Error, Fetch, Messaging, Options, Owner, Publish, Start, TopicId};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder of all runs within the folder of data.
const FOLDER: &str = "pipelines";
/// The namespace of what a run keeps.
const NAMESPACE: &str = "system";
/// The store is cleaned after so many writes that trim.
const CLEAN_AFTER_TRIMS: u64 = 4_096;

/// The folder of an instance of a pipeline.
pub(crate) fn folder_in(data: &Path, namespace: &str, pipeline: &str, instance: &str) -> PathBuf {
    data.join(FOLDER).join(namespace).join(pipeline).join(instance)
}

/// What an instance of a pipeline keeps, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunFolder {
    pub(crate) namespace: String,
    pub(crate) pipeline: String,
    pub(crate) instance: String,
    pub(crate) path: PathBuf,
}

impl fmt::Display for RunFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.pipeline, self.instance)
    }
}

/// All that runs keep below a folder of data, in order.
pub(crate) fn folders_in(data: &Path) -> anyhow::Result<Vec<RunFolder>> {
    let mut found = Vec::new();
    for (namespace, path) in subfolders(&data.join(FOLDER))? {
        for (pipeline, path) in subfolders(&path)? {
            for (instance, path) in subfolders(&path)? {
                if is_store(&path)? {
                    let (namespace, pipeline) = (namespace.clone(), pipeline.clone());
                    found.push(RunFolder { namespace, pipeline, instance, path });
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folders in a folder, if it is there, with their names.
fn subfolders(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let unreadable = || format!("{} cannot be looked at", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(unreadable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.with_context(unreadable)?.path();
        // What has another name than a run would give it is none of ours.
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_dir()) {
            found.push((name.to_owned(), path));
        }
    }
    Ok(found)
}

/// Whether a store was made in a folder, as far as to hold something.
fn is_store(folder: &Path) -> anyhow::Result<bool> {
    let version = folder.join("version");
    version.try_exists().with_context(|| format!("{} cannot be looked at", version.display()))
}

/// What came of opening a store that is there.
pub(crate) enum Opened {
    Store(RunStore),
    /// Another process holds it.
    Held(Owner),
}

/// What a run keeps.
pub(crate) struct RunStore {
    messaging: Messaging,
    topics: [TopicId; Topic::ALL.len()],
    trims: AtomicU64,
}

impl RunStore {
    /// Opens the store in a folder, which is made where there is none. One process at a time has it open.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<RunStore> {
        match RunStore::try_open(folder)? {
            Opened::Store(store) => Ok(store),
            Opened::Held(owner) => {
                bail!("{owner}; it runs this pipeline: stop it first, or give this run another --instance")
            }
        }
    }

    /// Opens a store that is there, and makes none.
    pub(crate) fn open_existing(folder: &RunFolder) -> anyhow::Result<Opened> {
        if !is_store(&folder.path)? {
            bail!("{folder}: it is gone");
        }
        RunStore::try_open(&folder.path)
    }

    fn try_open(folder: &Path) -> anyhow::Result<Opened> {
        let messaging = match Messaging::open(folder, Options::small()) {
            Ok(messaging) => messaging,
            Err(Error::Locked(owner)) => return Ok(Opened::Held(owner)),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("{}: what the run keeps cannot be opened", folder.display()));
            }
        };
        let mut topics = Vec::new();
        for topic in Topic::ALL {
            let id = TopicId::new(NAMESPACE, topic.name())?;
            match messaging.create_topic(&id, None) {
                Ok(()) | Err(Error::TopicExists(_)) => topics.push(id),
                Err(error) => return Err(error).with_context(|| folder.display().to_string()),
            }
        }
        let topics = topics.try_into().map_err(|_| anyhow::anyhow!("a topic of the run's store is missing"))?;
        Ok(Opened::Store(RunStore { messaging, topics, trims: AtomicU64::new(0) }))
    }

    /// Gives back the room of what was cut off.
    pub(crate) fn clean(&self) -> Result<(), StoreError> {
        self.messaging.clean().map(drop).map_err(told)
    }

    fn topic(&self, topic: Topic) -> &TopicId {
        &self.topics[Topic::ALL.iter().position(|other| *other == topic).unwrap_or_default()]
    }
}

impl Store for RunStore {
    fn write(&self, write: &Write) -> Result<(), StoreError> {
        let done = self.messaging.write(|batch| {
            for name in &write.remove {
                batch.remove_cursor(name)?;
            }
            for (name, value) in &write.set {
                batch.cursor(name, value)?;
            }
            for (topic, messages) in &write.publish {
                let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
                if !messages.is_empty() {
                    batch.publish(self.topic(*topic), Publish::new(&messages))?;
                }
            }
            for (topic, through) in &write.trim {
                batch.trim(self.topic(*topic), stored(*through))?;
            }
            Ok(())
        });
        done.map_err(told)?;
        if !write.trim.is_empty()
            && self.trims.fetch_add(1, Ordering::Relaxed) % CLEAN_AFTER_TRIMS == CLEAN_AFTER_TRIMS - 1
        {
            self.messaging.clean().map_err(told)?;
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.messaging.cursor(name).map_err(told)
    }

    fn values(&self, prefix: &str, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), StoreError> {
        self.messaging.cursors(prefix, each).map_err(told)
    }

    fn read(&self, topic: Topic, after: Option<MessageId>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let start = after.map_or(Start::Oldest, |after| Start::After(stored(after)));
        let fetch = Fetch { start, limit, transaction: None };
        let fetched = self.messaging.fetch(self.topic(topic), &fetch).map_err(told)?;
        let read = fetched.map(|message| {
            let message = message.map_err(told)?;
            Ok(Stored { id: MessageId(message.id.to_bytes()), bytes: message.payload.to_vec() })
        });
        read.collect()
    }

    fn mended(&self) -> Option<String> {
        let mended = self.messaging.mended()?;
        Some(format!("{mended}: the save point before it is used"))
    }
}

fn stored(id: MessageId) -> store::MessageId {
    store::MessageId::from_bytes(id.0)
}

fn told(error: Error) -> StoreError {
    match error {
        Error::DiskFull { .. } => StoreError::Later(error.to_string()),
        error => StoreError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
