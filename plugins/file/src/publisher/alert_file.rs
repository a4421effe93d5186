//! A file of whole lines, each of which is durable.

use crate::identity::Identity;
use crate::output::sync_folder;
use campanile_sdk::{Level, Services};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes at the end of the file in which the last line feed is looked for.
const MAX_TORN_BYTES: u64 = 16 << 20;
/// Bytes that are looked at at a time.
const STEP_BYTES: u64 = 64 << 10;

/// A file of whole lines: no line is ever mixed with another, however a run ended.
///
/// It is locked while it is written, so that several runs may append to the same one.
pub(super) struct AlertFile {
    path: PathBuf,
    services: Services,
    file: File,
    identity: Identity,
    /// Behind this byte stands what could neither be written whole nor taken back.
    torn_at: Option<u64>,
}

impl AlertFile {
    /// Opens a file, or makes it, and mends its end.
    pub(super) fn open(path: &Path, services: Services) -> io::Result<AlertFile> {
        let options = || File::options().read(true).append(true).to_owned();
        let file = match options().open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = options().create(true).open(path)?;
                // Its name is to be as durable as what stands in it.
                sync_folder(path)?;
                file
            }
            opened => opened?,
        };
        let identity = Identity::of(&file.metadata()?);
        let mut opened = AlertFile { path: path.to_owned(), services, file, identity, torn_at: None };
        opened.locked(AlertFile::mend)?;
        Ok(opened)
    }

    /// Appends whole lines; they are durable when it returns. Where it fails, none of them is there.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if !self.has_its_name()? {
            let message = format!("`{}` was renamed or removed: going on in a new one", self.path.display());
            self.services.log(Level::Info, message);
            *self = AlertFile::open(&self.path, self.services)?;
        }
        self.locked(|this| {
            if let Some(whole) = this.torn_at {
                this.file.set_len(whole)?;
                this.torn_at = None;
            }
            let before = this.file.metadata()?.len();
            let written = this.file.write_all(lines).and_then(|()| this.file.sync_data());
            if written.is_err() && this.file.set_len(before).is_err() {
                this.torn_at = Some(before);
            }
            written
        })
    }

    /// Does something while no other run writes the file.
    fn locked<T>(&mut self, what: impl FnOnce(&mut AlertFile) -> io::Result<T>) -> io::Result<T> {
        match self.file.lock() {
            // A file system without locks: whoever has one does not let several runs write a file.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return what(self),
            locked => locked?,
        }
        let done = what(self);
        self.file.unlock()?;
        done
    }

    fn has_its_name(&self) -> io::Result<bool> {
        match std::fs::metadata(&self.path) {
            Ok(found) => Ok(Identity::of(&found) == self.identity),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the file end with a whole line: what a crash left of a line is cut off.
    fn mend(&mut self) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        let torn = last_line(&mut self.file, len)?;
        if torn.is_empty() {
            return Ok(());
        }
        if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&torn).is_ok() {
            // Only its line feed is missing.
            self.file.write_all(b"\n")?;
            return self.file.sync_data();
        }
        // Some file systems leave zeros where a write was cut off.
        if torn[0] != b'{' && torn.iter().any(|&byte| byte != 0) {
            return Err(io::Error::other("it does not end with an alert: name another file"));
        }
        self.file.set_len(len - torn.len() as u64)?;
        self.file.sync_all()?;
        let message =
            format!("cut {} bytes of an unfinished alert off the end of `{}`", torn.len(), self.path.display());
        self.services.log(Level::Warn, message);
        Ok(())
    }
}

/// What stands behind the last line feed of a file.
fn last_line(file: &mut File, len: u64) -> io::Result<Vec<u8>> {
    let mut from = len;
    let mut tail = Vec::new();
    while from > 0 {
        if len - from >= MAX_TORN_BYTES {
            return Err(io::Error::other(format!(
                "its last line is longer than {MAX_TORN_BYTES} bytes: name another file"
            )));
        }
        let step = from.min(STEP_BYTES);
        from -= step;
        let mut bytes = vec![0; step as usize];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut bytes)?;
        if let Some(end) = memchr::memrchr(b'\n', &bytes) {
            bytes.drain(..=end);
            bytes.append(&mut tail);
            return Ok(bytes);
        }
        bytes.append(&mut tail);
        tail = bytes;
    }
    Ok(tail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::fs::{read_to_string, rename, write};

    fn open(path: &Path) -> AlertFile {
        AlertFile::open(path, Services::default()).unwrap()
    }

    #[test]
    fn a_file_that_is_rotated_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("alerts.jsonl"), folder.path().join("alerts.jsonl.1"));
        let mut file = open(&path);
        file.append(b"{\"a\":1}\n").unwrap();
        rename(&path, &rotated).unwrap();
        file.append(b"{\"a\":2}\n").unwrap();
        assert_eq!(read_to_string(&rotated).unwrap(), "{\"a\":1}\n");
        assert_eq!(read_to_string(&path).unwrap(), "{\"a\":2}\n");
        std::fs::remove_file(&path).unwrap();
        write(&path, "{\"another\":0}\n{\"torn").unwrap();
        file.append(b"{\"a\":3}\n").unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "{\"another\":0}\n{\"a\":3}\n");
    }

    #[test]
    fn what_could_not_be_taken_back_goes_before_the_next_alert() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let mut file = open(&path);
        file.append(b"{\"a\":1}\n").unwrap();
        file.file.write_all(b"{\"a\":").unwrap();
        file.torn_at = Some(8);
        file.append(b"{\"a\":2}\n").unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "{\"a\":1}\n{\"a\":2}\n");
    }

    #[test]
    fn several_runs_may_append_to_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let line = format!("{{\"text\":\"{}\"}}\n", "x".repeat(5_000));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        // Opening mends the end, which another one may be writing.
                        open(&path).append(line.as_bytes()).unwrap();
                    }
                });
            }
        });
        let written = read_to_string(&path).unwrap();
        assert_eq!(written.lines().count(), 80);
        assert!(written.split_inclusive('\n').all(|written| written == line));
    }
}
