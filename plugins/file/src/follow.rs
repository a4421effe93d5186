//! Reads a file that grows, is renamed, truncated, and made again.

mod growing;
mod names;
mod rotation;
pub(crate) mod shared;

pub(crate) use growing::Growing;
pub(crate) use names::Names;

use crate::format::{self, Followed, Part, ReadOptions, RowReader, Tally};
use campanile_sdk::{Emitter, Error, Level, Limits, Read, Result, Schema, Services};
use growing::Growth;
use rotation::Known;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of [`Saved`].
const VERSION: u32 = 1;
/// Bits of a position that tell where a row stands in its file; those above them tell which of the files of the name it is.
const OFFSET_BITS: u32 = 48;
/// Looks in a row that find nothing new, behind which the name is looked at less often: there may be many files.
const BUSY_LOOKS: u32 = 64;
/// One of so many of those looks is at the name too.
const LOOKS_AT_NAME: u32 = 16;
/// Files of one name, one after the other, that positions can tell from each other.
const MAX_FILES: u64 = 1 << (u64::BITS - OFFSET_BITS);

/// The part of a position that tells where a row stands in its file.
fn offset_of(position: u64) -> u64 {
    position & ((1 << OFFSET_BITS) - 1)
}

/// What a save point holds of a followed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    version: u32,
    /// How many files had the name before.
    number: u64,
    /// The file that is read; none while nothing has the name.
    file: Option<Known>,
}

impl Saved {
    pub(crate) fn from_json(state: &[u8]) -> Result<Saved> {
        let saved: Saved = serde_json::from_slice(state)
            .map_err(|error| Error::from(error).context("what was saved of a followed file cannot be read"))?;
        if saved.version != VERSION {
            let message = format!(
                "what was saved of a followed file is of version {}, and {VERSION} is read: start the run without resuming \
                 it, or with the version that saved it",
                saved.version
            );
            return Err(Error::config(message));
        }
        Ok(saved)
    }
}

/// Reads the files that have a name, one after the other, and never comes to an end.
pub(crate) struct Tail {
    path: PathBuf,
    options: ReadOptions,
    schema: Schema,
    services: Services,
    current: Option<Current>,
    /// The number of the file that is opened next.
    number: u64,
    tally: Tally,
}

/// The file that is read.
struct Current {
    number: u64,
    file: Growing,
    reader: Box<dyn RowReader>,
    /// What is read when this one is at its end.
    next: Option<Growing>,
    /// There was nothing new the last time.
    waiting: bool,
    /// How often in a row.
    looks: u32,
}

impl Tail {
    /// From the first byte of the file; from behind the last row that was read; or as it was saved.
    pub(crate) fn begin(
        path: &Path,
        (options, schema): (&ReadOptions, &Schema),
        services: Services,
        position: Option<u64>,
        saved: Option<Saved>,
    ) -> Result<Tail> {
        let mut tail = Tail {
            path: path.to_owned(),
            options: options.clone(),
            schema: schema.clone(),
            services,
            current: None,
            number: 0,
            tally: Tally::default(),
        };
        match (saved, position) {
            (Some(Saved { number, file: Some(known), .. }), position) => tail.resume(number, &known, position)?,
            (Some(Saved { number, file: None, .. }), _) => tail.number = number,
            (None, Some(position)) => tail.go_behind(position)?,
            (None, None) => {}
        }
        Ok(tail)
    }

    /// Goes on where a run before was.
    fn resume(&mut self, number: u64, known: &Known, position: Option<u64>) -> Result<()> {
        // Where no row of the file was read, it is read from its start: a row of the file before says nothing about it.
        let after = position.filter(|position| position >> OFFSET_BITS == number).map(offset_of);
        let read = known.fingerprint.read;
        self.number = number;
        let mut found = Growing::open(&self.path)?;
        if let Some(file) = &found
            && !known.is(file)?
        {
            found = None;
        }
        if found.is_none() {
            found = known.find_rotated(&self.path)?;
        }
        match found {
            Some(file) => self.read_on(file, after),
            None => {
                let message = format!(
                    "the file that was `{}` when the run was saved is not there any more, neither under this name nor \
                     rotated in its folder: what it had behind byte {read} is missing; reading the file that has the name \
                     now from its start",
                    self.path.display()
                );
                self.services.log(Level::Warn, message);
                self.number += 1;
                Ok(())
            }
        }
    }

    /// Goes on behind a row of the file that has the name, about which nothing else is known.
    fn go_behind(&mut self, position: u64) -> Result<()> {
        self.number = position >> OFFSET_BITS;
        let after = offset_of(position);
        match Growing::open(&self.path)? {
            Some(file) if file.len()? > after => self.read_on(file, Some(after)),
            found => {
                let what = if found.is_some() { "is shorter than what was read of it" } else { "is not there" };
                let message = format!(
                    "`{}` {what}: what it had behind byte {after} may be missing; reading it from its start",
                    self.path.display()
                );
                self.services.log(Level::Warn, message);
                self.number += 1;
                Ok(())
            }
        }
    }

    /// Reads a file, from behind a row or from its start.
    fn read_on(&mut self, file: Growing, after: Option<u64>) -> Result<()> {
        let number = self.number;
        if number >= MAX_FILES {
            let message = format!(
                "`{}` was rotated or truncated {MAX_FILES} times, and positions cannot count further: start the run without \
                 resuming it",
                self.path.display()
            );
            return Err(Error::fatal(message));
        }
        let followed = Followed { file: file.clone(), base: number << OFFSET_BITS };
        let part = Part { after, followed: Some(followed), ..Part::whole(&self.path) };
        let reader = format::open_reader(&part, &self.options, &self.schema)?;
        self.current = Some(Current { number, file, reader, next: None, waiting: false, looks: 0 });
        self.number += 1;
        Ok(())
    }

    /// Reads what is there.
    pub(crate) fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        if self.current.is_none() {
            match Growing::open(&self.path)? {
                Some(file) => self.read_on(file, None)?,
                None => return Ok(Read::Idle),
            }
        }
        let Some(current) = &mut self.current else { return Ok(Read::Idle) };
        if current.waiting && !self.look()? {
            return Ok(Read::Idle);
        }
        let Some(current) = &mut self.current else { return Ok(Read::Idle) };
        match current.reader.read(limits, emitter)? {
            Read::More => {
                current.looks = 0;
                Ok(Read::More)
            }
            Read::Idle => {
                current.waiting = true;
                Ok(if self.look()? { Read::More } else { Read::Idle })
            }
            Read::End => {
                self.leave()?;
                Ok(Read::More)
            }
        }
    }

    /// Looks whether there is something to be read behind what was read.
    fn look(&mut self) -> Result<bool> {
        let Some(current) = &mut self.current else { return Ok(false) };
        match current.file.look()? {
            Growth::Grown => {}
            Growth::Truncated => {
                let read = current.file.offset();
                let copy = Known::of(&current.file).find_copy(&self.path)?;
                let message = match &copy {
                    Some(copy) => format!(
                        "`{}` was truncated: reading what it had behind byte {read} from its copy `{}`, and then it from its \
                         start",
                        self.path.display(),
                        copy.path().display()
                    ),
                    None => format!(
                        "`{}` was truncated: reading it from its start; what was written to it behind byte {read} may be \
                         missing",
                        self.path.display()
                    ),
                };
                self.services.log(Level::Warn, message);
                current.next = Some(current.file.anew()?);
                current.file.end_here(copy.as_ref())?;
            }
            Growth::Same if current.looks > BUSY_LOOKS && !current.looks.is_multiple_of(LOOKS_AT_NAME) => {
                current.looks = current.looks.wrapping_add(1);
                return Ok(false);
            }
            Growth::Same => match rotation::next(&self.path, &current.file)? {
                Some(next) => {
                    current.next = Some(next);
                    current.file.end();
                }
                None => {
                    current.looks = current.looks.wrapping_add(1);
                    return Ok(false);
                }
            },
        }
        current.waiting = false;
        Ok(true)
    }

    /// Leaves a file that is read to its end.
    fn leave(&mut self) -> Result<()> {
        if let Some(mut current) = self.current.take() {
            note(&mut current.reader, &mut self.tally);
            if let Some(next) = current.next {
                self.services.log(Level::Debug, format!("reading the next file `{}`", self.path.display()));
                self.read_on(next, None)?;
            }
        }
        Ok(())
    }

    /// What a save point holds.
    pub(crate) fn saved(&self) -> Saved {
        let (number, file) = match &self.current {
            Some(current) => (current.number, Some(Known::of(&current.file))),
            None => (self.number, None),
        };
        Saved { version: VERSION, number, file }
    }

    /// Ends it, and adds what was noticed.
    pub(crate) fn tally(mut self, tally: &mut Tally) {
        if let Some(current) = &mut self.current {
            note(&mut current.reader, &mut self.tally);
        }
        tally.add(self.tally);
    }
}

/// Adds what a reader noticed that is left.
fn note(reader: &mut Box<dyn RowReader>, tally: &mut Tally) {
    let mut noticed = Tally::default();
    reader.tally(&mut noticed);
    tally.add(noticed);
}

#[cfg(test)]
mod tests;
