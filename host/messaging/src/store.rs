//! What lies in the folder: its format and its keyspaces. `docs/src/internals/messaging-format.md` says the same.

use crate::clock::Clock;
use crate::entry::{Reader, array};
use crate::expiry::Expiry;
use crate::journal;
use crate::key::{self, read_position};
use crate::record::{Record, read_topic};
use crate::tables;
use crate::topic::State;
use crate::{Durability, Error, MessageId, Options, Owner, Payload, Result, TopicId};
use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions, PersistMode, config};
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The format that this version writes.
pub(crate) const FORMAT: u32 = 1;
/// What an entry in memory costs beside its own bytes, about.
const ENTRY_OVERHEAD_BYTES: u64 = 300;
/// Journals on the disk: what is read again when the folder is opened after a crash, in bytes.
const JOURNAL_BYTES: u64 = 128 << 20;
/// Blocks of data in a table, in bytes.
const BLOCK_BYTES: u32 = 16 << 10;
/// Threads that write tables and merge them: of two, one turns round and round while the other merges.
const WORKERS: usize = 1;
/// Tables of one keyspace that may wait to be written: with one more the store lets writers wait, and for ever if the
/// thread that writes tables has failed.
const TABLES_WAITING: usize = 3;
/// How often it is looked whether a table is written.
const LOOK_FOR_TABLES_EVERY: Duration = Duration::from_millis(5);

/// The keyspaces of an open folder.
pub(crate) struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) database: Database,
    /// Everything that is small: the format, the clock, topics, cursors, producers, rollbacks.
    pub(crate) meta: Keyspace,
    /// Published entries.
    pub(crate) messages: Keyspace,
    /// Payloads that were stored to be published later.
    pub(crate) payloads: Keyspace,
    /// What compactions leave out.
    pub(crate) expiry: Arc<Expiry>,
    /// Why nothing may be written any more.
    pub(crate) poison: OnceLock<String>,
    /// What was left out when it was opened.
    pub(crate) mended: Option<String>,
    memtable_bytes: u64,
    persist: PersistMode,
}

/// What the folder holds when it is opened.
pub(crate) struct Contents {
    pub(crate) topics: BTreeMap<TopicId, Arc<State>>,
    /// Generations of topics that were deleted.
    pub(crate) deleted: BTreeMap<TopicId, Record>,
    pub(crate) clock: Clock,
}

impl Store {
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Store> {
        create_folder(folder)?;
        let mended = journal::mend(folder, options.durability)?;
        let expiry = Arc::new(Expiry::default());
        let factory: Arc<dyn fjall::compaction::filter::Factory> = expiry.clone();
        let filters = move |name: &str| (name != META).then(|| factory.clone());
        let database = Database::builder(folder)
            .cache_size(options.cache_bytes)
            .max_journaling_size(JOURNAL_BYTES)
            .journal_compression(fjall::CompressionType::None)
            .worker_threads(WORKERS)
            .with_compaction_filter_factories(Arc::new(filters))
            .open()
            .map_err(|error| match error {
                fjall::Error::Locked => Error::Locked(Owner::of(folder)),
                fjall::Error::InvalidVersion(_) => Error::Corrupt {
                    place: folder.join(journal::VERSION).display().to_string(),
                    why: "a newer version wrote this folder, or it is no folder of messages: start the newer version, or name another folder"
                        .to_owned(),
                },
                error => tables::name_damaged(folder, error.into()),
            })?;
        Owner::note(folder);
        let options_of = |block_bytes| options_of(block_bytes, options.memtable_bytes);
        let meta = database.keyspace(META, || options_of(4 << 10))?;
        let named = |error: fjall::Error| tables::name_damaged(folder, error.into());
        let found = match meta.get(key::FORMAT).map_err(named)? {
            Some(bytes) => array(&bytes, 0).map(u32::from_be_bytes).ok_or_else(|| corrupt(key::FORMAT, "no number"))?,
            None => {
                meta.insert(key::FORMAT, FORMAT.to_be_bytes())?;
                database.persist(PersistMode::SyncAll)?;
                FORMAT
            }
        };
        if found > FORMAT {
            return Err(Error::NewerFormat { folder: folder.to_owned(), found, known: FORMAT });
        }
        let messages = database.keyspace(MESSAGES, || options_of(BLOCK_BYTES))?;
        let payloads = database.keyspace(PAYLOADS, || options_of(BLOCK_BYTES))?;
        // The store syncs what lies in a keyspace's folder, not that the folder is there.
        journal::sync_folder(&folder.join("keyspaces"))?;
        journal::sync_folder(folder)?;
        let persist = match options.durability {
            Durability::Fsync => PersistMode::SyncData,
            Durability::Relaxed => PersistMode::Buffer,
        };
        let (folder, poison) = (folder.to_owned(), OnceLock::new());
        let memtable_bytes = options.memtable_bytes;
        Ok(Store { folder, database, meta, messages, payloads, expiry, poison, mended, memtable_bytes, persist })
    }

    /// Reads what the folder holds, and lets compactions begin to leave out what expired.
    pub(crate) fn contents(&self) -> Result<Contents> {
        let (mut topics, mut deleted) = (BTreeMap::new(), BTreeMap::new());
        let mut last = match self.meta.get(key::CLOCK)? {
            Some(bytes) => read_position(&bytes, 0).ok_or_else(|| corrupt(key::CLOCK, "no position"))?,
            None => MessageId::default(),
        };
        for guard in self.meta.prefix(key::TOPIC) {
            let (name, record) = guard.into_inner()?;
            let (id, record) = read_topic(&name, &record).ok_or_else(|| corrupt(&name, "no topic"))?;
            if !record.live {
                deleted.insert(id, record);
                continue;
            }
            let published = self.last_before(record.number, MessageId::MAX)?.unwrap_or_default();
            last = last.max(published).max(record.removed_through);
            topics.insert(id.clone(), Arc::new(State::new(id, record, published)));
        }
        self.expiry.begin(topics.values().map(|topic| (topic.number, topic.removed_through())));
        Ok(Contents { topics, deleted, clock: Clock::after(last) })
    }

    /// The last message of a topic before a position.
    pub(crate) fn last_before(&self, topic: u32, end: MessageId) -> Result<Option<MessageId>> {
        let range = key::message(topic, MessageId::default())..key::message(topic, end);
        let Some(guard) = self.messages.range(range).next_back() else { return Ok(None) };
        let (name, value) = guard.into_inner()?;
        let first = key::message_position(&name).ok_or_else(|| corrupt(&name, "no position"))?;
        let count = Reader::new(value.into(), || place(&name))?.count;
        Ok(Some(MessageId { sequence: (u32::from(first.sequence) + count.max(1) - 1) as u16, ..first }))
    }

    /// A batch that is on the disk, or as `durability` says, once it is committed;
    /// of about so many records.
    pub(crate) fn batch(&self, records: usize) -> fjall::OwnedWriteBatch {
        fjall::OwnedWriteBatch::with_capacity(self.database.clone(), records).durability(Some(self.persist))
    }

    /// Hands what is gathered in memory to the thread that writes tables once it is enough. That thread would do so itself,
    /// but only when it is idle: while it merges, memory would grow.
    pub(crate) fn hand_over(&self) -> Result<()> {
        for keyspace in [&self.meta, &self.messages, &self.payloads] {
            let memtable = keyspace.tree.active_memtable();
            if memtable.size() + memtable.len() as u64 * ENTRY_OVERHEAD_BYTES > self.memtable_bytes {
                keyspace.rotate_memtable()?;
            }
            self.wait_for_tables(keyspace, TABLES_WAITING)?;
        }
        Ok(())
    }

    /// Drops the tables that hold nothing but keys of a range.
    pub(crate) fn drop_range<K: AsRef<[u8]>>(&self, keyspace: &Keyspace, keys: impl RangeBounds<K>) -> Result<()> {
        Ok(keyspace.tree.drop_range(keys).map_err(fjall::Error::from)?)
    }

    /// Writes what is in memory of a keyspace as a table, and waits for it. The store itself would wait for ever where the
    /// thread that writes tables has failed.
    pub(crate) fn write_table(&self, keyspace: &Keyspace) -> Result<()> {
        keyspace.rotate_memtable()?;
        self.wait_for_tables(keyspace, 0)
    }

    /// Before a write that is larger than what may wait to be written: waits until nothing does, so that memory holds one such
    /// write and no second.
    pub(crate) fn wait_for_memory(&self, bytes: u64) -> Result<()> {
        if bytes <= self.memtable_bytes.saturating_mul(TABLES_WAITING as u64) {
            return Ok(());
        }
        [&self.meta, &self.messages, &self.payloads]
            .into_iter()
            .try_for_each(|keyspace| self.wait_for_tables(keyspace, 0))
    }

    /// Waits until no more than so many tables are still to be written.
    fn wait_for_tables(&self, keyspace: &Keyspace, most: usize) -> Result<()> {
        while keyspace.tree.sealed_memtable_count() > most {
            // Answers with an error once a write failed, also that of a table.
            self.database.persist(PersistMode::Buffer)?;
            std::thread::sleep(LOOK_FOR_TABLES_EVERY);
        }
        Ok(())
    }

    /// Bytes that this user may still write to the disk.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let disk = nix::sys::statvfs::statvfs(&self.folder);
        let disk = disk.map_err(|error| Error::Storage(format!("{}: {error}", self.folder.display())))?;
        Ok(disk.blocks_available() as u64 * disk.fragment_size() as u64)
    }

    /// Refuses a write after one that failed.
    pub(crate) fn check_poison(&self) -> Result<()> {
        self.poison.get().map_or(Ok(()), |why| Err(Error::Poisoned(why.clone())))
    }
}

const META: &str = "meta";
const MESSAGES: &str = "messages";
const PAYLOADS: &str = "payloads";

/// Entries are never looked for by their whole key: no filters.
fn options_of(block_bytes: u32, memtable_bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(memtable_bytes)
        .data_block_size_policy(config::BlockSizePolicy::all(block_bytes))
        .filter_policy(config::FilterPolicy::disabled())
}

fn create_folder(folder: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).map_err(|error| Error::Storage(format!("{}: {error}", folder.display())))?;
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_none()) {
        // One that was made beforehand holds from now on what others must not read.
        let private = std::fs::Permissions::from_mode(0o700);
        let made = std::fs::set_permissions(folder, private);
        made.map_err(|error| Error::Storage(format!("{}: it cannot be made private: {error}", folder.display())))?;
    }
    missing.into_iter().filter_map(Path::parent).try_for_each(journal::sync_folder)
}

fn place(name: &[u8]) -> String {
    format!("key {}", name.escape_ascii())
}

pub(crate) fn corrupt(name: &[u8], why: &str) -> Error {
    Error::Corrupt { place: place(name), why: why.to_owned() }
}

impl From<fjall::Error> for Error {
    fn from(error: fjall::Error) -> Error {
        use fjall::Error::{Poisoned, Storage};
        match error {
            Poisoned => Error::Poisoned("the store".to_owned()),
            Storage(fjall::LsmError::Io(error)) => Error::Storage(error.to_string()),
            Storage(error) => Error::Corrupt { place: "a table".to_owned(), why: format!("{error:?}") },
            error => Error::Storage(error.to_string()),
        }
    }
}

/// An entry's name and what it holds.
pub(crate) fn read_entry(guard: fjall::Guard, at: fn(&[u8]) -> Option<MessageId>) -> Result<(MessageId, Reader)> {
    let (name, value) = guard.into_inner()?;
    let first = at(&name).ok_or_else(|| corrupt(&name, "no position"))?;
    Ok((first, Reader::new(Payload::from(value), || place(&name))?))
}
