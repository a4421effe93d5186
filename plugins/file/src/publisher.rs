//! Appends alerts to a file.

use crate::input::DASH;
use campanile_sdk::{
    AlertFormat, AlertPublisher, Alerts, Configure, Error, ErrorKind, Finding, Level, Result, Services, StageContext,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes at the end of the file in which the last line feed is looked for.
const MAX_TORN_BYTES: u64 = 16 << 20;
/// Bytes that are looked at at a time.
const STEP_BYTES: u64 = 64 << 10;

/// Appends alerts to a file, or writes them to standard output: one JSON object a line.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FilePublisher {
    /// The file, or `-` for standard output.
    #[schemars(extend("x-path" = true))]
    path: String,
    /// How an alert is written.
    #[serde(default)]
    format: AlertFormat,
    #[serde(skip)]
    file: Option<Appended>,
    #[serde(skip)]
    page: Vec<u8>,
}

/// Where alerts go.
enum Appended {
    /// A file that holds whole lines.
    File(File),
    /// A pipe or a device: nothing is kept, nothing can be torn.
    Stream(File),
    Stdout,
}

impl FilePublisher {
    fn at(&self, doing: &str, error: io::Error) -> Error {
        let kind = match error.kind() {
            // Space can be made, and a quota be raised, while the run waits.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WouldBlock => ErrorKind::Retry,
            _ => ErrorKind::Fatal,
        };
        Error::from(error).context(format!("cannot {doing} `{}`", self.path)).with_kind(kind)
    }

    fn open(&self, services: Services) -> Result<Appended> {
        if self.path == DASH {
            return Ok(Appended::Stdout);
        }
        let path = Path::new(&self.path);
        if path.is_dir() {
            return Err(Error::config(format!("`{}` is a folder: name a file in it", self.path)));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return Err(Error::config(format!("there is no folder `{}`: create it first", folder.display())));
        }
        let opened = match std::fs::metadata(path) {
            Ok(found) if !found.is_file() => File::options().append(true).open(path).map(Appended::Stream),
            _ => File::options().read(true).append(true).create(true).open(path).and_then(|mut file| {
                self.mend(&mut file, services)?;
                Ok(Appended::File(file))
            }),
        };
        opened.map_err(|error| self.at("open", error))
    }

    /// Makes the file end with a whole line: what a crash left of a line is cut off.
    fn mend(&self, file: &mut File, services: Services) -> io::Result<()> {
        let len = file.metadata()?.len();
        let torn = last_line(file, len)?;
        if torn.is_empty() {
            return Ok(());
        }
        if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&torn).is_ok() {
            // Only its line feed is missing.
            return file.write_all(b"\n");
        }
        if torn[0] != b'{' {
            return Err(io::Error::other("it does not end with an alert: name another file"));
        }
        let whole = len - torn.len() as u64;
        file.set_len(whole)?;
        file.sync_all()?;
        let message = format!("cut {} bytes of an unfinished alert off the end of `{}`", torn.len(), self.path);
        services.log(Level::Warn, message);
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

impl AlertPublisher for FilePublisher {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        if self.path.is_empty() {
            stage.find(Finding::error("path", "it is empty").hint("name a file, or `-` for standard output"));
        }
        Ok(())
    }

    fn initialize(&mut self, context: &mut StageContext<'_>) -> Result<()> {
        self.file = Some(self.open(context.services())?);
        Ok(())
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        self.page.clear();
        for alert in alerts {
            alert.write_json(self.format, &mut self.page);
            self.page.push(b'\n');
        }
        let written = match &mut self.file {
            None => return Err(Error::fatal("the publisher is not initialized")),
            Some(Appended::Stdout) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&self.page).and_then(|()| stdout.flush())
            }
            Some(Appended::Stream(file)) => file.write_all(&self.page),
            Some(Appended::File(file)) => file.metadata().and_then(|before| {
                let written = file.write_all(&self.page).and_then(|()| file.sync_data());
                if written.is_err() {
                    // What is there of these alerts goes, so that they are not there twice when they are tried again.
                    let _ = file.set_len(before.len());
                }
                written
            }),
        };
        written.map_err(|error| self.at("append to", error))
    }

    fn destroy(&mut self) -> Result<()> {
        self.file = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
