//! Records in parts: a format that ends with its file has a file for each save point.

use super::saved::{What, other_format};
use super::{Destination, Layout};
use crate::format::RowWriter;
use crate::output::{Output, Target, beside, folder_of, show};
use campanile_sdk::{Batch, Emitter, Error, Mode, Result};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Digits of a part's number; larger numbers have more.
const DIGITS: usize = 6;

/// `out-000001.parquet`, `out-000002.parquet`, … for `out.parquet`. Each is complete when it has its name.
pub(super) struct Parts {
    /// What the names of the parts are made of.
    path: PathBuf,
    layout: Layout,
    mode: Mode,
    /// The number of the last complete part; nothing until it is known whether the run is resumed.
    number: Option<u32>,
    /// The part that is written, and its name to be.
    part: Option<(Box<dyn RowWriter>, PathBuf)>,
    /// What messages name.
    written: PathBuf,
}

impl Parts {
    pub(super) fn open(target: &Target, layout: Layout, mode: Mode) -> Result<Parts> {
        let path = target.path().to_owned();
        let parts = Parts { written: name(&path, 1), path, layout, mode, number: None, part: None };
        // That something can be written there is found out now.
        let probe = beside(&parts.path);
        drop(crate::output::open(&probe, File::options().create(true))?);
        std::fs::remove_file(&probe).map_err(|error| at(error, "remove", &probe))?;
        Ok(parts)
    }

    /// The number of the last complete part. A run that is not resumed begins with the first one, a live one behind what is
    /// there.
    fn begin(&mut self) -> Result<u32> {
        if let Some(number) = self.number {
            return Ok(number);
        }
        let number =
            if self.mode.is_live() { self.there()?.iter().map(|part| part.number).max().unwrap_or(0) } else { 0 };
        self.go_behind(number)
    }

    /// Removes the parts behind this one, and what is not complete.
    fn go_behind(&mut self, number: u32) -> Result<u32> {
        for part in self.there()? {
            if part.number > number || !part.complete {
                std::fs::remove_file(&part.path).map_err(|error| at(error, "remove", &part.path))?;
            }
        }
        self.number = Some(number);
        Ok(number)
    }

    /// Begins a part, unless one is begun.
    fn part(&mut self) -> Result<&mut Box<dyn RowWriter>> {
        let number = self.begin()? + 1;
        let part = match self.part.take() {
            Some(part) => part,
            None => {
                let path = name(&self.path, number);
                self.written = beside(&path);
                let output = Output::create(&path, &self.written)?;
                (self.layout.writer(output, true)?, path)
            }
        };
        Ok(&mut self.part.insert(part).0)
    }

    /// Completes the part that is written, for good.
    fn complete(&mut self) -> Result<u32> {
        let number = self.begin()?;
        let Some((writer, path)) = self.part.take() else { return Ok(number) };
        writer.finish()?.finish()?;
        show(&self.written, &path)?;
        self.number = Some(number + 1);
        Ok(number + 1)
    }

    /// The parts that there are, complete or not.
    fn there(&self) -> Result<Vec<There>> {
        let folder = folder_of(&self.path);
        let mut parts = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| at(error, "look into", folder))? {
            let path = folder.join(entry.map_err(|error| at(error, "look into", folder))?.file_name());
            let (whole, complete) = match path.extension() {
                Some(extension) if extension == "part" => (path.with_extension(""), false),
                _ => (path.clone(), true),
            };
            if let Some(number) = number_of(&self.path, &whole) {
                parts.push(There { path, number, complete });
            }
        }
        Ok(parts)
    }
}

/// A part that was found.
struct There {
    path: PathBuf,
    number: u32,
    complete: bool,
}

/// The name of a part.
fn name(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number:0DIGITS$}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The number in a name, where it is one of a part.
fn number_of(path: &Path, part: &Path) -> Option<u32> {
    let stem = path.file_stem()?.as_encoded_bytes();
    let rest = part.file_name()?.as_encoded_bytes().strip_prefix(stem)?.strip_prefix(b"-")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    (name(path, number).file_name() == part.file_name()).then_some(number)
}

fn at(error: io::Error, doing: &str, path: &Path) -> Error {
    Error::from(error).context(format!("cannot {doing} `{}`", path.display()))
}

impl Destination for Parts {
    fn written(&self) -> &Path {
        &self.written
    }

    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.part()?.write_batch(batch, emitter)
    }

    fn snapshot(&mut self) -> Result<Option<What>> {
        Ok(Some(What::Parts(self.complete()?)))
    }

    fn restore(&mut self, saved: What) -> Result<()> {
        let What::Parts(number) = saved else { return Err(other_format(&self.path)) };
        // Of a live run somebody may take complete parts away.
        if !self.mode.is_live()
            && let Some(missing) = (1..=number).map(|number| name(&self.path, number)).find(|part| !part.exists())
        {
            return Err(Error::config(format!(
                "`{}` is missing, which the run had written when it was saved: put it back to resume the run; a run without \
                 --resume starts afresh",
                missing.display()
            )));
        }
        self.go_behind(number).map(drop)
    }

    fn prepare(&mut self) -> Result<()> {
        if self.begin()? == 0 && !self.mode.is_live() {
            // A run without records has a file too, which tells the fields.
            self.part()?;
        }
        self.complete().map(drop)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        if let Some((writer, _)) = self.part.take()
            && let Ok(output) = writer.finish()
        {
            let _ = output.finish();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
