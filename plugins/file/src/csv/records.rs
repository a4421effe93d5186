//! The records of a file, one after the other, each with its place.

use super::split::{Fields, Split, split};
use crate::follow::Growing;
use crate::format::Part;
use crate::input::Input;
use crate::lines::{FOLLOWED_READ_BYTES, KEPT_BYTES, READ_BYTES, count};
use campanile_sdk::{Error, Result};
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What [`Records::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A record, cut into [`Records::fields`].
    Record,
    /// Bytes that are no record, and why.
    Broken(String),
    /// Nothing new for now.
    Idle,
    /// The file is read.
    End,
}

/// Reads records: each ends at a line feed outside quotes, the last one of the file at its end.
pub(super) struct Records {
    input: Input,
    file: String,
    delimiter: u8,
    /// Bytes of the longest record that is read.
    limit: usize,
    buffer: Vec<u8>,
    /// What was not taken yet: `buffer[head..tail]`.
    head: usize,
    tail: usize,
    /// Where `head` stands in the file; positions are `base` more.
    offset: u64,
    base: u64,
    /// What the file's lines are counted in, where that is not the file with its name.
    growing: Option<Growing>,
    /// Line feeds in front of `head`, since `first`.
    lines: u64,
    /// Where reading began, and the line feeds before it, once somebody asked.
    first: u64,
    before: Option<u64>,
    input_ended: bool,
    /// The rest of the line that comes belongs to nobody.
    skipping: bool,
    blank_lines: u64,
    /// What was found last, and where the next record begins.
    found: Range<usize>,
    next: usize,
    fields: Fields,
}

impl Records {
    /// The records of an input that begins at this byte of a file, of this part where they have a place.
    pub(super) fn new(input: Input, part: Option<&Part>, offset: u64, delimiter: u8, limit: usize) -> Records {
        Records {
            input,
            file: part.map(Part::file).unwrap_or_default(),
            delimiter,
            limit,
            buffer: Vec::new(),
            head: 0,
            tail: 0,
            offset,
            base: part.map_or(0, Part::base),
            growing: part.and_then(|part| part.followed.as_ref()).map(|followed| followed.file.clone()),
            lines: 0,
            first: offset,
            before: (offset == 0).then_some(0),
            input_ended: false,
            skipping: false,
            blank_lines: 0,
            found: 0..0,
            next: 0,
            fields: Fields::default(),
        }
    }

    /// The file as places name it.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The bytes that were found last, without the line end; of a record over the limit the beginning.
    pub(super) fn raw(&self) -> &[u8] {
        &self.buffer[self.found.clone()]
    }

    /// The fields of the record that was found last.
    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The position of what was found last: where it stands in the file, and above that the base of the part.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.offset
    }

    /// The lines without anything that were skipped.
    pub(super) fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// The number of the line, from 1, on which begins what was found last. What stands before the place where reading
    /// began is counted when somebody asks first.
    pub(super) fn line(&mut self) -> Result<u64> {
        let before = match self.before {
            Some(before) => before,
            None => count(Path::new(&self.file), self.growing.as_ref(), self.first)?,
        };
        self.before = Some(before);
        Ok(before + self.lines + 1)
    }

    /// Goes on to the next record.
    pub(super) fn next(&mut self) -> Result<Next> {
        let taken = memchr::memchr_iter(b'\n', &self.buffer[self.head..self.next]).count();
        self.take(self.next - self.head, taken as u64);
        loop {
            if self.skipping {
                self.skip();
            }
            self.skip_blank_lines();
            let rest = &self.buffer[self.head..self.tail];
            if !self.skipping
                && !rest.is_empty()
                && let Some(next) = self.find()
            {
                return Ok(next);
            }
            if self.input_ended {
                (self.found, self.next) = (self.head..self.head, self.head);
                return Ok(Next::End);
            }
            if !self.read()? {
                (self.found, self.next) = (self.head..self.head, self.head);
                return Ok(Next::Idle);
            }
        }
    }

    /// Cuts the record at `head`; nothing where it is not there to its end.
    fn find(&mut self) -> Option<Next> {
        let rest = &self.buffer[self.head..self.tail];
        let head = self.head;
        match split(rest, self.delimiter, self.input_ended, &mut self.fields) {
            Split::Record { end, next } if end <= self.limit => {
                (self.found, self.next) = (head..head + end, head + next);
                Some(Next::Record)
            }
            // However much of it is there: who reads it again, from elsewhere, has to find the same.
            Split::Record { .. } => Some(self.over_limit()),
            Split::Behind(at) => {
                let end = match memchr::memchr(b'\n', &rest[at..]) {
                    Some(length) => at + length,
                    None if self.input_ended || rest.len() > self.most() => rest.len(),
                    None => return None,
                };
                if end > self.most() {
                    return Some(self.over_limit());
                }
                let message =
                    format!("behind the closing quote at byte {at} stands neither a delimiter nor a line end");
                Some(self.broken(end, message))
            }
            Split::Open => {
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                Some(self.broken(end, "a quote is opened and never closed".to_owned()))
            }
            Split::More if rest.len() > self.most() => Some(self.over_limit()),
            Split::More => None,
        }
    }

    /// Bytes of a record that may still be one: a carriage return may stand behind as many as are allowed.
    fn most(&self) -> usize {
        self.limit.saturating_add(1)
    }

    fn too_long(&self) -> String {
        format!("a row of more than {} bytes: raise `maxLineBytes`, or look for a quote that is not closed", self.limit)
    }

    /// More bytes than allowed without an end. A quote that was left open swallows what follows: only its first line is
    /// given up.
    fn over_limit(&mut self) -> Next {
        let message = self.too_long();
        let rest = &self.buffer[self.head..self.tail];
        if let Some(end) = memchr::memchr(b'\n', rest).or(self.input_ended.then_some(rest.len())) {
            return self.broken(end, message);
        }
        (self.found, self.next) = (self.head..self.tail.min(self.head + KEPT_BYTES), self.tail);
        self.skipping = true;
        Next::Broken(message)
    }

    /// Gives up what stands before the line feed at `end` (or before the end of the file).
    fn broken(&mut self, end: usize, message: String) -> Next {
        let end = self.head + end;
        self.next = (end + 1).min(self.tail);
        let end = if end > self.head && self.buffer[end - 1] == b'\r' { end - 1 } else { end };
        self.found = self.head..end.min(self.head + KEPT_BYTES);
        Next::Broken(message)
    }

    fn take(&mut self, bytes: usize, lines: u64) {
        self.head += bytes;
        self.offset += bytes as u64;
        self.lines += lines;
        self.next = self.head;
    }

    fn skip(&mut self) {
        match memchr::memchr(b'\n', &self.buffer[self.head..self.tail]) {
            Some(end) => {
                self.skipping = false;
                self.take(end + 1, 1);
            }
            None => self.take(self.tail - self.head, 0),
        }
    }

    fn skip_blank_lines(&mut self) {
        while !self.skipping {
            let end = match (self.buffer[..self.tail].get(self.head), self.buffer[..self.tail].get(self.head + 1)) {
                (Some(b'\n'), _) => 1,
                (Some(b'\r'), Some(b'\n')) => 2,
                (Some(b'\r'), None) if self.input_ended => 1,
                _ => return,
            };
            self.take(end, 1);
            self.blank_lines += 1;
        }
    }

    /// Reads more behind what is there; false where nothing comes for now.
    fn read(&mut self) -> Result<bool> {
        self.buffer.copy_within(self.head..self.tail, 0);
        self.tail -= self.head;
        (self.head, self.next) = (0, 0);
        if self.tail == self.buffer.len() {
            let least = if self.growing.is_some() { FOLLOWED_READ_BYTES } else { READ_BYTES };
            let size = (self.buffer.len() * 2).clamp(least, self.limit.saturating_add(READ_BYTES));
            self.buffer.resize(size.max(self.tail + 1), 0);
        }
        let read = loop {
            match self.input.read(&mut self.buffer[self.tail..]) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(Error::from(error).context(format!("cannot read `{}`", self.file))),
            }
        };
        self.tail += read;
        self.input_ended = read == 0;
        if self.offset == 0 && self.buffer[..self.tail].starts_with(BOM) {
            self.take(BOM.len(), 0);
        }
        Ok(true)
    }
}
