//! Which process has a folder open: its number stands in the lock file, which holds nothing else.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Digits of a process's number, and more than that.
const MAX_OWNER_BYTES: u64 = 20;

/// Who has a folder open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The folder.
    pub folder: PathBuf,
    /// The number of the process, as far as it is known.
    pub process: Option<u32>,
}

impl Owner {
    /// Whoever holds the lock of a folder now.
    pub(crate) fn of(folder: &Path) -> Owner {
        let mut text = String::new();
        let read = File::open(lock(folder)).and_then(|file| file.take(MAX_OWNER_BYTES).read_to_string(&mut text));
        let process = read.ok().and_then(|_| text.trim().parse().ok());
        Owner { folder: folder.to_owned(), process }
    }

    /// Notes that this process holds the lock. Where there is no room for it, nobody is told who it is.
    pub(crate) fn note(folder: &Path) {
        let file = OpenOptions::new().write(true).truncate(true).open(lock(folder));
        let _ = file.and_then(|mut file| writeln!(file, "{}", std::process::id()));
    }
}

/// The file that the owner of a folder holds a lock of.
pub(crate) fn lock(folder: &Path) -> PathBuf {
    folder.join("lock")
}

impl From<PathBuf> for Owner {
    fn from(folder: PathBuf) -> Owner {
        Owner { folder, process: None }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        match self.process {
            Some(process) => write!(f, "{folder}: another process owns this folder: process {process}"),
            None => write!(f, "{folder}: another process owns this folder"),
        }
    }
}
