//! Appends alerts to a file.

mod alert_file;

use crate::input::DASH;
use alert_file::AlertFile;
use campanile_sdk::{
    AlertFormat, AlertPublisher, Alerts, Configure, Error, ErrorKind, Finding, Result, Services, StageContext,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

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
    File(AlertFile),
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
            _ => AlertFile::open(path, services).map(Appended::File),
        };
        opened.map_err(|error| self.at("open", error))
    }
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
            Some(Appended::File(file)) => file.append(&self.page),
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
