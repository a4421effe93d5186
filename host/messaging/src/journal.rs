//! What a crash may leave in a folder, put in order before the store opens it.
//!
//! The store appends batches to a journal and reads them again when it is opened. After a power cut the last batch, which
//! nobody was told of, may be there in parts. For some such ends the store refuses the folder; and where a batch in the
//! middle is damaged it may leave out all that follows without a word. So: an end that is not whole is cut off here, and a
//! damaged batch that others follow is an error.
//!
//! ```text
//! batch = 1 u8 | items u32 | number u64, then items, then 3 u8 | checksum of the items u64 | "FJL" 3
//! item  = 2 u8 | kind u8 | compression u8 | keyspace u64 | key u16 | value u32 | stored value u32 | key | value
//!       = 4 u8 | keyspace u64
//! ```
//! All numbers little-endian. A new journal is longer than what it holds, and ends with zeros.

use crate::{Durability, Error, Owner, Result, owner, tables};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// What the store itself says of its format.
pub(crate) const VERSION: &str = "version";
const KEYSPACES: &str = "keyspaces";
/// Bytes of a whole version file.
const VERSION_BYTES: u64 = 4;
/// What is read of a journal at a time, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// What is said of an end that is not whole.
const CUT_OFF: &str = "the last write was cut off by a crash and is left out";

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: [u8; 4] = *b"FJL\x03";

/// Puts a folder in order that nobody has open; says what was left out.
pub(crate) fn mend(folder: &Path, durability: Durability) -> Result<Option<String>> {
    let lock = owner::lock(folder);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
    let file = file.map_err(|error| told(&lock, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::Locked(Owner::of(folder))),
        Err(TryLockError::Error(error)) => return Err(told(&lock, &error)),
    }
    // Whoever owned it last is not told of as the owner. Where that fails, nothing worse comes of it.
    let _ = file.set_len(0);
    let mended = mend_locked(folder, durability);
    // A process that is just being started holds the file open as well: closing it would not do.
    file.unlock().map_err(|error| told(&lock, &error))?;
    mended
}

fn mend_locked(folder: &Path, durability: Durability) -> Result<Option<String>> {
    let journals = journals(folder).map_err(|error| told(folder, &error))?;
    if !has_begun(folder)? {
        return begin_again(folder, &journals).map(|()| None);
    }
    tables::check_lists(folder)?;
    mend_journals(&journals, durability)
}

/// Makes sure that a folder's entries are on the disk, not only the files that they name.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| told(folder, &error))
}

/// Whether the store was made, as far as to hold anything.
fn has_begun(folder: &Path) -> Result<bool> {
    let version = folder.join(VERSION);
    match version.metadata() {
        Ok(file) => Ok(file.len() >= VERSION_BYTES),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(told(&version, &error)),
    }
}

/// Takes away what is left of a store that was being made when the process or the power went: it holds nothing, and the
/// store would stumble over it.
fn begin_again(folder: &Path, journals: &[PathBuf]) -> Result<()> {
    let keyspaces = folder.join(KEYSPACES);
    let made = keyspaces.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    for journal in journals {
        let written = File::open(journal).and_then(|file| bytes_written(BufReader::with_capacity(PIECE_BYTES, file)));
        if made || written.map_err(|error| told(journal, &error))? > 0 {
            let why = "it is missing or cut off, and the folder holds messages: restore it from a copy";
            return Err(Error::Corrupt { place: folder.join(VERSION).display().to_string(), why: why.to_owned() });
        }
    }
    let version = folder.join(VERSION);
    match std::fs::read(&version) {
        // A name that others use as well: their file stays.
        Ok(bytes) if !TRAILER.starts_with(&bytes) && !is_zero(&bytes) => {
            let why = "it is no file of messages: name another folder, which holds nothing else";
            return Err(Error::Corrupt { place: version.display().to_string(), why: why.to_owned() });
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(&version, &error)),
        _ => {}
    }
    for file in journals.iter().chain([&version]) {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(file, &error)),
            _ => {}
        }
    }
    Ok(())
}

/// The journals, oldest first.
fn journals(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jnl")).and_then(|number| number.parse().ok());
        journals.extend(number.map(|number: u64| (number, folder.join(&name))));
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

fn mend_journals(journals: &[PathBuf], durability: Durability) -> Result<Option<String>> {
    let mut broken: Option<(&PathBuf, u64)> = None;
    let mut mended = None;
    let mut number = None;
    for path in journals {
        let end = read(path, &mut number).map_err(|error| told(path, &error))?;
        if let Some((path, at)) = broken
            && end.batches > 0
        {
            return Err(damaged(path, at, "restore the folder from a copy"));
        }
        match end.after {
            After::Nothing => continue,
            After::Batches if durability == Durability::Fsync => {
                let what = "restore the folder from a copy, or open it with relaxed durability to give them up";
                return Err(damaged(path, end.at, what));
            }
            After::Batches => {
                let lost = format!("{}: from byte {} on, writes were damaged and are given up", path.display(), end.at);
                mended = Some(lost);
            }
            After::Parts => mended = mended.or_else(|| Some(CUT_OFF.to_owned())),
        }
        broken = broken.or(Some((path, end.at)));
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| {
            file.set_len(end.at)?;
            file.sync_all()
        });
        cut.map_err(|error| told(path, &error))?;
    }
    Ok(mended)
}

fn damaged(path: &Path, at: u64, what: &str) -> Error {
    let why = format!("the batch at byte {at} is damaged, and others follow it: {what}");
    Error::Corrupt { place: path.display().to_string(), why }
}

fn told(path: &Path, error: &io::Error) -> Error {
    Error::Storage(format!("{}: {error}", path.display()))
}

/// What follows the last whole batch.
enum After {
    Nothing,
    /// Something that is no whole batch.
    Parts,
    /// Whole batches, behind a damaged one.
    Batches,
}

/// How a journal ends.
struct End {
    batches: u64,
    /// Where the last whole batch ends.
    at: u64,
    after: After,
}

/// Reads a journal up to the first batch that is not whole; `number` is that of the last batch.
fn read(path: &Path, number: &mut Option<u64>) -> io::Result<End> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut source = Source { read: BufReader::with_capacity(PIECE_BYTES, file), left: size };
    let (mut batches, mut at) = (0, 0);
    let framed = loop {
        match source.batch()? {
            Batch::Whole(found) => {
                (batches, at) = (batches + 1, size - source.left);
                *number = Some(found);
            }
            Batch::Damaged { framed } => break framed,
        }
    };
    // Where the lengths of the damaged batch are whole, what lies within it is not looked at.
    let from = if framed { size - source.left } else { at };
    let mut read = source.read;
    read.seek(SeekFrom::Start(at))?;
    let written = at + bytes_written(read)?;
    let after = if written == at {
        After::Nothing
    } else {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut rest = Vec::new();
        file.take(written.saturating_sub(from)).read_to_end(&mut rest)?;
        if has_batch(&rest, *number) { After::Batches } else { After::Parts }
    };
    Ok(End { batches, at, after })
}

/// How much is left but for zeros at the end, in pieces.
fn bytes_written(mut read: impl BufRead) -> io::Result<u64> {
    let (mut at, mut written) = (0, 0);
    loop {
        let piece = read.fill_buf()?;
        if piece.is_empty() {
            return Ok(written);
        }
        let length = piece.len();
        at += length as u64;
        if !is_zero(piece) {
            written = at;
        }
        read.consume(length);
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|piece| piece == &ZEROS[..piece.len()])
}

/// Whether a whole batch with a later number lies anywhere in these bytes.
fn has_batch(bytes: &[u8], after: Option<u64>) -> bool {
    let starts = memchr::memchr_iter(START, bytes);
    starts.filter(|start| matches!(bytes.get(start + 13), Some(&(ITEM | CLEAR)))).any(|start| {
        let mut source = Source { read: &bytes[start..], left: (bytes.len() - start) as u64 };
        matches!(source.batch(), Ok(Batch::Whole(number)) if after.is_none_or(|after| number > after))
    })
}

enum Batch {
    /// With its number.
    Whole(u64),
    /// `framed`: only its checksum is wrong.
    Damaged { framed: bool },
}

/// A journal while it is read.
struct Source<R> {
    read: R,
    /// Bytes to its end.
    left: u64,
}

impl<R: BufRead> Source<R> {
    fn batch(&mut self) -> io::Result<Batch> {
        Ok(self.parts()?.unwrap_or(Batch::Damaged { framed: false }))
    }

    /// A batch; none: its parts make no sense.
    fn parts(&mut self) -> io::Result<Option<Batch>> {
        let Some([START]) = self.take()? else { return Ok(None) };
        let (Some(items), Some(number)) = (self.take()?, self.take()?) else { return Ok(None) };
        let mut hash = Xxh3::new();
        for _ in 0..u32::from_le_bytes(items) {
            if !self.item(&mut hash)? {
                return Ok(None);
            }
        }
        let (Some([END]), Some(sum), Some(TRAILER)) = (self.take()?, self.take()?, self.take()?) else {
            return Ok(None);
        };
        let whole = u64::from_le_bytes(sum) == hash.digest();
        Ok(Some(if whole { Batch::Whole(u64::from_le_bytes(number)) } else { Batch::Damaged { framed: true } }))
    }

    fn item(&mut self, hash: &mut Xxh3) -> io::Result<bool> {
        match self.take()? {
            Some([ITEM]) => {
                let Some(head) = self.take::<20>()? else { return Ok(false) };
                let [_, _, _, _, _, _, _, _, _, _, k0, k1, v0, v1, v2, v3, s0, s1, s2, s3] = head;
                // Nothing is compressed here.
                if [v0, v1, v2, v3] != [s0, s1, s2, s3] {
                    return Ok(false);
                }
                hash.update(&[ITEM]);
                hash.update(&head);
                let key = u64::from(u16::from_le_bytes([k0, k1]));
                self.pass(key + u64::from(u32::from_le_bytes([v0, v1, v2, v3])), hash)
            }
            Some([CLEAR]) => {
                let Some(keyspace) = self.take::<8>()? else { return Ok(false) };
                hash.update(&[CLEAR]);
                hash.update(&keyspace);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The next bytes, if there are as many.
    fn take<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        if self.left < N as u64 {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.read.read_exact(&mut bytes)?;
        self.left -= N as u64;
        Ok(Some(bytes))
    }

    /// Passes over bytes, if there are as many.
    fn pass(&mut self, mut count: u64, hash: &mut Xxh3) -> io::Result<bool> {
        if self.left < count {
            return Ok(false);
        }
        self.left -= count;
        while count > 0 {
            let piece = self.read.fill_buf()?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let piece = &piece[..piece.len().min(usize::try_from(count).unwrap_or(usize::MAX))];
            hash.update(piece);
            let length = piece.len();
            self.read.consume(length);
            count -= length as u64;
        }
        Ok(true)
    }
}
