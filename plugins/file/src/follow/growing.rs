//! An open file that somebody writes to.

use crate::identity::Identity;
use crate::input::Input;
use campanile_sdk::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes at the start of a file that tell it from others.
const START_BYTES: usize = 1_024;
/// Bytes in front of where a file was read to, which tell it from others that start as it does.
const LAST_BYTES: usize = 256;

/// What a file that was read can be known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fingerprint {
    /// Up to where it was read.
    pub(crate) read: u64,
    /// How many bytes at its start are hashed; fewer than could be where no more were read.
    start_bytes: usize,
    start_hash: u64,
    /// The same of the bytes in front of where it was read to.
    last_bytes: usize,
    last_hash: u64,
}

impl Fingerprint {
    /// Whether as much was hashed as ever is: files of equal lines at their start may be equal in less.
    pub(crate) fn is_full(&self) -> bool {
        self.start_bytes == START_BYTES
    }
}

/// An open file that somebody writes to. At its end there is nothing new for now, until it is told to [end](Growing::end).
///
/// Copies are the same: what one reads another does not.
#[derive(Clone, Debug)]
pub(crate) struct Growing {
    path: PathBuf,
    identity: Identity,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Up to where it was read.
    offset: u64,
    /// The first bytes of what was read, or of what stands before it; and the last ones.
    start: Vec<u8>,
    last: Vec<u8>,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may come.
    Never,
    /// Nothing comes behind what is there now.
    Behind,
    /// Nothing comes any more.
    Here,
}

/// What became of a file since it was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    Same,
    Grown,
    /// What was read is not there any more.
    Truncated,
}

impl Growing {
    /// Opens a file; nothing where it is not there.
    pub(crate) fn open(path: &Path) -> Result<Option<Growing>> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((found, _)) if !found.is_file() => {
                Err(Error::config(format!("`{}` is no regular file: only those can be followed", path.display())))
            }
            Ok((found, file)) => Ok(Some(Growing::of(path, Identity::of(&found), file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error).context(format!("cannot open `{}`", path.display()))),
        }
    }

    fn of(path: &Path, identity: Identity, file: File) -> Growing {
        let state = State { file, offset: 0, start: Vec::new(), last: Vec::new(), end: End::Never };
        Growing { path: path.to_owned(), identity, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, error: io::Error) -> Error {
        Error::from(error).context(format!("cannot read `{}`", self.path.display()))
    }

    /// The name under which it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Up to where it was read.
    pub(crate) fn offset(&self) -> u64 {
        self.state().offset
    }

    /// Of what was read.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let state = self.state();
        Fingerprint {
            read: state.offset,
            start_bytes: state.start.len(),
            start_hash: xxh3_64(&state.start),
            last_bytes: state.last.len(),
            last_hash: xxh3_64(&state.last),
        }
    }

    /// Whether the file has what was read of one with this fingerprint.
    pub(crate) fn has(&self, known: &Fingerprint) -> Result<bool> {
        let (start_bytes, last_bytes) = (known.start_bytes.min(START_BYTES), known.last_bytes.min(LAST_BYTES));
        let mut state = self.state();
        let mut read = || -> io::Result<bool> {
            let len = state.file.metadata()?.len();
            let start = read_at(&mut state.file, 0, start_bytes)?;
            let last = read_at(&mut state.file, known.read.saturating_sub(last_bytes as u64), last_bytes)?;
            let hashes = (xxh3_64(&start), xxh3_64(&last));
            Ok(len >= known.read && hashes == (known.start_hash, known.last_hash))
        };
        read().map_err(|error| self.at(error))
    }

    pub(crate) fn len(&self) -> Result<u64> {
        Ok(self.state().file.metadata().map_err(|error| self.at(error))?.len())
    }

    pub(crate) fn modified(&self) -> Result<std::time::SystemTime> {
        self.state().file.metadata().and_then(|found| found.modified()).map_err(|error| self.at(error))
    }

    /// Its bytes from this one on: what [`offset`](Growing::offset) tells of.
    pub(crate) fn input(&self, offset: u64) -> Result<Input> {
        let mut state = self.state();
        let before = |bytes: usize| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes);
        state.start = read_at(&mut state.file, 0, before(START_BYTES)).map_err(|error| self.at(error))?;
        let last = before(LAST_BYTES);
        state.last = read_at(&mut state.file, offset - last as u64, last).map_err(|error| self.at(error))?;
        state.offset = offset;
        drop(state);
        Ok(Input::Growing(self.clone()))
    }

    /// Its bytes from the first to the last that is there now, beside what else reads it. They are read before anything else
    /// is.
    pub(crate) fn again(&self) -> Result<Input> {
        let again = self.state().file.try_clone().and_then(|mut file| {
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        });
        again.map(Input::Plain).map_err(|error| self.at(error))
    }

    /// The same file from its start, as if it were another.
    pub(crate) fn anew(&self) -> Result<Growing> {
        let file = self.state().file.try_clone().map_err(|error| self.at(error))?;
        Ok(Growing::of(&self.path, self.identity, file))
    }

    /// Nothing comes behind what is there now.
    pub(crate) fn end(&self) {
        self.state().end = End::Behind;
    }

    /// What was read is all there is; but where `copy` is one of the file, what stands in it behind that.
    pub(crate) fn end_here(&self, copy: Option<&Growing>) -> Result<()> {
        let file = copy.map(|copy| copy.state().file.try_clone()).transpose().map_err(|error| self.at(error))?;
        let mut state = self.state();
        match file {
            Some(file) => (state.file, state.end) = (file, End::Behind),
            None => state.end = End::Here,
        }
        Ok(())
    }

    /// What became of it since it was read to its end.
    pub(crate) fn look(&self) -> Result<Growth> {
        let len = self.len()?;
        let mut state = self.state();
        if len == state.offset {
            return Ok(Growth::Same);
        }
        if len < state.offset {
            return Ok(Growth::Truncated);
        }
        // It may have become shorter and then longer than before.
        let (bytes, offset) = (state.last.len(), state.offset);
        let last = read_at(&mut state.file, offset - bytes as u64, bytes).map_err(|error| self.at(error))?;
        Ok(if last == state.last { Growth::Grown } else { Growth::Truncated })
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        if state.end == End::Here {
            return Ok(0);
        }
        let offset = state.offset;
        state.file.seek(SeekFrom::Start(offset))?;
        let read = state.file.read(buffer)?;
        if read == 0 && state.end == End::Never {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = &buffer[..read];
        if offset == state.start.len() as u64 && offset < START_BYTES as u64 {
            let room = START_BYTES - state.start.len();
            state.start.extend_from_slice(&bytes[..read.min(room)]);
        }
        let kept = LAST_BYTES.saturating_sub(read).min(state.last.len());
        let gone = state.last.len() - kept;
        state.last.drain(..gone);
        state.last.extend_from_slice(&bytes[read.saturating_sub(LAST_BYTES)..]);
        state.offset += read as u64;
        Ok(read)
    }
}

/// Bytes of a file; fewer where there are fewer.
fn read_at(file: &mut File, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::with_capacity(bytes);
    file.seek(SeekFrom::Start(offset))?;
    file.take(bytes as u64).read_to_end(&mut read)?;
    Ok(read)
}
