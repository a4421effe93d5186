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
const FINGERPRINT_BYTES: usize = 1_024;

/// What stands at the start of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    /// How many bytes are hashed; fewer than could be where there were no more.
    pub(crate) bytes: usize,
    pub(crate) hash: u64,
}

impl Fingerprint {
    fn of(start: &[u8]) -> Fingerprint {
        Fingerprint { bytes: start.len(), hash: xxh3_64(start) }
    }

    /// Whether as much was hashed as ever is: files of equal lines at their start may be equal in less.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes == FINGERPRINT_BYTES
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
    /// The first bytes of what was read, or of what stands before it.
    start: Vec<u8>,
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
        let state = State { file, offset: 0, start: Vec::new(), end: End::Never };
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
        Fingerprint::of(&self.state().start)
    }

    /// Whether the file begins as one with this fingerprint.
    pub(crate) fn begins_as(&self, fingerprint: &Fingerprint) -> Result<bool> {
        let bytes = fingerprint.bytes.min(FINGERPRINT_BYTES);
        let start = read_start(&mut self.state().file, bytes).map_err(|error| self.at(error))?;
        Ok(Fingerprint::of(&start) == *fingerprint)
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
        let before = usize::try_from(offset).unwrap_or(usize::MAX).min(FINGERPRINT_BYTES);
        state.start = read_start(&mut state.file, before).map_err(|error| self.at(error))?;
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
        let bytes = state.start.len();
        let start = read_start(&mut state.file, bytes).map_err(|error| self.at(error))?;
        Ok(if start == state.start { Growth::Grown } else { Growth::Truncated })
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
        let room = FINGERPRINT_BYTES - state.start.len();
        if room > 0 && offset == state.start.len() as u64 {
            state.start.extend_from_slice(&buffer[..read.min(room)]);
        }
        state.offset += read as u64;
        Ok(read)
    }
}

/// The first bytes of a file; fewer where there are fewer.
fn read_start(file: &mut File, bytes: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(bytes);
    file.seek(SeekFrom::Start(0))?;
    file.take(bytes as u64).read_to_end(&mut start)?;
    Ok(start)
}
