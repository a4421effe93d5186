//! The lines of a part of a file, in a buffer that holds whole ones.

use crate::follow::Growing;
use crate::format::Part;
use crate::input::Input;
use campanile_sdk::{Error, Result};
use std::cell::Cell;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Bytes that are read at a time.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// The same of a file that is followed: there may be many of them, and each keeps its buffer.
pub(crate) const FOLLOWED_READ_BYTES: usize = 32 << 10;
/// Bytes of a line over the limit that are kept.
pub(crate) const KEPT_BYTES: usize = 64 << 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What [`Lines::fill`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// There are whole lines.
    Lines,
    /// The line that comes is over the limit: its beginning is there.
    Long,
    /// Nothing new for now.
    Idle,
    /// The part is read.
    End,
}

/// Reads lines: each ends at a line feed, the last one of the file at its end.
pub(crate) struct Lines {
    input: Input,
    path: PathBuf,
    file: String,
    buffer: Vec<u8>,
    /// What was not taken yet: `buffer[head..tail]`, of which up to `whole` are whole lines.
    head: usize,
    tail: usize,
    whole: usize,
    /// Where `head` stands in the file; positions are `base` more.
    offset: u64,
    base: u64,
    /// What the file's lines are counted in, where that is not the file with its name.
    growing: Option<Growing>,
    /// How many lines were begun in front of `head`, since `first`.
    lines: u64,
    /// Where the first line stands, and the number of line feeds before it, once somebody asked.
    first: u64,
    before: Cell<Option<u64>>,
    /// The byte at which no line begins any more that belongs to the part.
    end: u64,
    limit: usize,
    input_ended: bool,
    /// The rest of the line that comes belongs to nobody.
    skipping: bool,
    /// No line of the part comes any more.
    ended: bool,
}

impl Lines {
    /// The lines that begin in the part; behind `after` where that is set.
    pub(crate) fn open(part: &Part, limit: usize) -> Result<Lines> {
        // One byte earlier: where that is a line feed, a line begins at the start.
        let from = part.after.unwrap_or_else(|| part.start.saturating_sub(1));
        let input = match &part.followed {
            Some(followed) => followed.file.input(from)?,
            None if from == 0 => Input::open(&part.path)?,
            None => Input::open_file(&part.path, from)?,
        };
        Ok(Lines::of(input, part, from, limit))
    }

    /// The first lines of a file, for a look at them.
    pub(crate) fn sample(part: &Part, limit: usize) -> Result<Lines> {
        Ok(Lines::of(Input::open_to_wait(&part.path)?, part, 0, limit))
    }

    fn of(input: Input, part: &Part, from: u64, limit: usize) -> Lines {
        Lines {
            input,
            path: part.path.clone(),
            file: part.file(),
            buffer: Vec::new(),
            head: 0,
            tail: 0,
            whole: 0,
            offset: from,
            base: part.base(),
            growing: part.followed.as_ref().map(|followed| followed.file.clone()),
            lines: 0,
            first: from,
            before: Cell::new((from == 0).then_some(0)),
            end: part.end.unwrap_or(u64::MAX),
            limit,
            input_ended: false,
            skipping: part.after.is_some() || part.start > 0,
            ended: false,
        }
    }

    /// The file as places name it.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The whole lines that are there, each with its line feed.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.buffer[self.head..self.whole]
    }

    /// The beginning of a line over the limit.
    pub(crate) fn long(&self) -> &[u8] {
        &self.buffer[self.head..self.tail.min(self.head + KEPT_BYTES)]
    }

    /// The position of the next line: where it stands in the file, and above that the base of the part.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.offset
    }

    /// Goes on behind so many bytes and lines.
    pub(crate) fn take(&mut self, bytes: usize, lines: u64) {
        self.head += bytes;
        self.offset += bytes as u64;
        self.lines += lines;
    }

    /// Goes on behind a line over the limit.
    pub(crate) fn skip_long(&mut self) {
        self.skipping = true;
    }

    /// The number in the file, from 1, of the line that is `lines` behind the next one. What stands before a part is
    /// counted when somebody asks first: nobody asks where no line is broken.
    pub(crate) fn number(&self, lines: u64) -> Result<u64> {
        let before = match self.before.get() {
            Some(before) => before,
            None => count(&self.path, self.growing.as_ref(), self.first)?,
        };
        self.before.set(Some(before));
        Ok(before + self.lines + lines + 1)
    }

    /// Makes sure that there is at least one whole line, or says why there is none.
    pub(crate) fn fill(&mut self) -> Result<Fill> {
        loop {
            if self.skipping && !self.skip() && !self.input_ended {
                match self.read()? {
                    Fill::Lines => continue,
                    other => return Ok(other),
                }
            }
            if self.head < self.whole {
                return Ok(Fill::Lines);
            }
            if self.ended || self.offset >= self.end || self.input_ended {
                return Ok(Fill::End);
            }
            // A carriage return may stand behind a line of just the limit.
            if self.tail - self.head > self.limit.saturating_add(1) {
                return Ok(Fill::Long);
            }
            match self.read()? {
                Fill::Lines => {}
                Fill::End if self.head < self.tail => {}
                other => return Ok(other),
            }
        }
    }

    /// Drops bytes up to the end of the line; false where its end is not there yet.
    fn skip(&mut self) -> bool {
        let rest = &self.buffer[self.head..self.tail];
        match memchr::memchr(b'\n', rest) {
            Some(end) => {
                self.skipping = false;
                self.take(end + 1, 1);
            }
            None => self.take(rest.len(), 0),
        }
        self.skipping = self.skipping && !self.input_ended;
        self.find_whole(self.head);
        !self.skipping
    }

    /// Reads more behind what is there.
    fn read(&mut self) -> Result<Fill> {
        self.buffer.copy_within(self.head..self.tail, 0);
        self.tail -= self.head;
        self.whole = 0;
        self.head = 0;
        if self.tail == self.buffer.len() {
            // So much shows that a line is over the limit, and leaves room for a line feed at the end.
            let largest = self.limit.saturating_add(READ_BYTES);
            let least = if self.growing.is_some() { FOLLOWED_READ_BYTES } else { READ_BYTES };
            self.buffer.resize((self.buffer.len() * 2).clamp(least, largest), 0);
        }
        let n = loop {
            match self.input.read(&mut self.buffer[self.tail..]) {
                Ok(n) => break n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Fill::Idle),
                Err(error) => return Err(Error::from(error).context(format!("cannot read `{}`", self.file))),
            }
        };
        let fresh = self.tail;
        self.tail += n;
        if self.offset == 0 && self.tail >= BOM.len() && self.buffer.starts_with(BOM) {
            self.take(BOM.len(), 0);
        }
        if n == 0 {
            self.input_ended = true;
            if self.head == self.tail {
                return Ok(Fill::End);
            }
            if self.buffer[self.tail - 1] != b'\n' {
                // The last line needs no line feed; there is room, as nothing was read into it.
                self.buffer[self.tail] = b'\n';
                self.tail += 1;
            }
        }
        self.find_whole(fresh.max(self.head));
        Ok(if n == 0 { Fill::End } else { Fill::Lines })
    }

    /// Finds the end of the last whole line of the part; in front of `fresh` there is none.
    fn find_whole(&mut self, fresh: usize) {
        self.whole = match memchr::memrchr(b'\n', &self.buffer[fresh..self.tail]) {
            Some(last) => fresh + last + 1,
            None => self.head,
        };
        // The last line of the part is the one that holds the byte before its end.
        let left = self.end.saturating_sub(self.offset);
        if left < (self.whole - self.head) as u64 {
            let last = self.head + (left as usize).saturating_sub(1);
            if left == 0 {
                self.whole = self.head;
            } else if let Some(end) = memchr::memchr(b'\n', &self.buffer[last..self.whole]) {
                self.whole = last + end + 1;
            }
            self.ended = true;
        }
    }
}

/// The message for a line over the limit.
pub(crate) fn too_long(limit: usize) -> String {
    format!(
        "the line is longer than {limit} bytes, and at most its first {KEPT_BYTES} are kept: raise `maxLineBytes` where \
         such lines are meant"
    )
}

/// A line without its end.
pub(crate) fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The line feeds in the first bytes of a file, or of one that is followed.
pub(crate) fn count(path: &Path, growing: Option<&Growing>, bytes: u64) -> Result<u64> {
    let input = match growing {
        Some(growing) => growing.again()?,
        None => Input::open_file(path, 0)?,
    };
    let mut input = input.take(bytes);
    let mut buffer = vec![0; READ_BYTES];
    let mut lines = 0;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(lines),
            Ok(n) => lines += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::from(error).context(format!("cannot read `{}`", path.display()))),
        }
    }
}
