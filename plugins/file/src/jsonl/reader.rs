//! Reads a part of a file of JSON lines.

use super::fault::Fault;
use super::row::Rows;
use super::scan::Scan;
use crate::format::{Part, ReadOptions, RowReader, Tally, UNREADABLE};
use crate::lines::{Fill, KEPT_BYTES, Lines, content, too_long};
use campanile_sdk::{Emitter, Limits, Place, Read, Result, Schema};

/// Opens a part.
pub(crate) fn open(part: &Part, options: &ReadOptions, schema: &Schema) -> Result<Box<dyn RowReader>> {
    Ok(Box::new(JsonReader {
        lines: Lines::open(part, options.max_line_bytes)?,
        rows: Rows::new(schema, &options.any)?,
        max_line_bytes: options.max_line_bytes,
        blank: 0,
    }))
}

struct JsonReader {
    lines: Lines,
    rows: Rows,
    max_line_bytes: usize,
    blank: u64,
}

impl RowReader for JsonReader {
    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let mut bytes = 0;
        let answer = loop {
            if self.rows.len() >= limits.rows || bytes >= limits.bytes {
                break Read::More;
            }
            match self.lines.fill()? {
                Fill::Lines => bytes += self.take_lines(limits, limits.bytes - bytes, emitter)?,
                Fill::Long => bytes += self.take_long(emitter)?,
                Fill::Idle if self.rows.len() == 0 => break Read::Idle,
                Fill::Idle => break Read::More,
                Fill::End => break Read::End,
            }
        };
        self.rows.emit(emitter)?;
        Ok(answer)
    }

    fn tally(&mut self, tally: &mut Tally) {
        tally.blank_lines += std::mem::take(&mut self.blank);
        self.rows.tally(tally);
    }
}

impl JsonReader {
    /// Reads lines that are there, and says how many bytes they were.
    fn take_lines(&mut self, limits: Limits, limit_bytes: usize, emitter: &mut Emitter<'_>) -> Result<usize> {
        let JsonReader { lines, rows, max_line_bytes, blank } = self;
        let whole = lines.whole();
        // Checked all at once, which costs little; line by line only where that fails.
        let all = simdutf8::basic::from_utf8(whole).ok();
        let (mut at, mut count) = (0, 0);
        while at < whole.len() && at < limit_bytes && rows.len() < limits.rows {
            let position = lines.offset() + at as u64;
            let taken = match all {
                Some(text) => {
                    let mut scan = Scan { text, at };
                    take_line(rows, &mut scan, position, *max_line_bytes).map(|()| scan.at)
                }
                None => {
                    let end = line_end(whole, at);
                    take_alone(rows, &whole[at..end], position, *max_line_bytes).map(|()| end)
                }
            };
            at = match taken {
                Ok(end) => end,
                Err(Wrong::Blank) => {
                    *blank += 1;
                    line_end(whole, at)
                }
                Err(wrong) => {
                    let end = line_end(whole, at);
                    report((lines, count), (&whole[at..end], position), wrong, *max_line_bytes, emitter)?;
                    end
                }
            };
            count += 1;
        }
        lines.take(at, count);
        Ok(at)
    }

    /// Emits the beginning of a line over the limit as an error record.
    #[cold]
    fn take_long(&mut self, emitter: &mut Emitter<'_>) -> Result<usize> {
        let place = Place { file: self.lines.file(), line: self.lines.number(0)?, offset: self.lines.offset() };
        emitter.emit_unreadable(&place, self.lines.long(), UNREADABLE, &too_long(self.max_line_bytes))?;
        self.lines.skip_long();
        Ok(KEPT_BYTES)
    }
}

/// What is wrong with a line.
enum Wrong {
    Blank,
    Long,
    Fault(String),
}

/// Reads one line of text that may have more of them.
#[inline(always)]
fn take_line(rows: &mut Rows, scan: &mut Scan<'_>, position: u64, max_line_bytes: usize) -> Result<(), Wrong> {
    let start = scan.at;
    match rows.read(scan, position) {
        Ok(()) if scan.at - start <= max_line_bytes => Ok(()),
        read => judge(rows, read, scan.bytes(), start, max_line_bytes),
    }
}

/// What is wrong with a line that was read with this result.
#[cold]
fn judge(rows: &mut Rows, read: Result<(), Fault>, text: &[u8], start: usize, limit: usize) -> Result<(), Wrong> {
    let line = content(&text[start..line_end(text, start)]);
    let long = line.len() > limit;
    match read {
        Ok(()) if long => rows.pop(),
        Ok(()) => return Ok(()),
        Err(_) => rows.undo(),
    }
    Err(match read {
        _ if line.iter().all(u8::is_ascii_whitespace) => Wrong::Blank,
        Err(fault) if !long => Wrong::Fault(rows.message(fault, start)),
        _ => Wrong::Long,
    })
}

/// Reads a line that stands among some that are no UTF-8.
#[cold]
fn take_alone(rows: &mut Rows, line: &[u8], position: u64, limit: usize) -> Result<(), Wrong> {
    let error = match std::str::from_utf8(line) {
        Ok(text) => return take_line(rows, &mut Scan { text, at: 0 }, position, limit),
        Err(_) if content(line).len() > limit => return Err(Wrong::Long),
        Err(error) => error,
    };
    // What stands before the bad byte tells which field it is in.
    let (before, _) = line.split_at(error.valid_up_to());
    let mut field = None;
    if let Ok(text) = std::str::from_utf8(before) {
        match rows.read(&mut Scan { text, at: 0 }, position) {
            Ok(()) => rows.pop(),
            Err(_) => {
                field = rows.current_name().map(|name| format!("field `{name}`: "));
                rows.undo();
            }
        }
    }
    let column = before.len() + 1;
    Err(Wrong::Fault(format!("{}the bytes at column {column} are not UTF-8", field.unwrap_or_default())))
}

/// Counts a blank line, and emits another one as an error record.
#[cold]
fn report(
    (lines, count): (&Lines, u64),
    (line, offset): (&[u8], u64),
    wrong: Wrong,
    limit: usize,
    emitter: &mut Emitter<'_>,
) -> Result<()> {
    let place = Place { file: lines.file(), line: lines.number(count)?, offset };
    match wrong {
        Wrong::Blank => Ok(()),
        Wrong::Long => {
            let kept = &line[..line.len().min(KEPT_BYTES)];
            emitter.emit_unreadable(&place, content(kept), UNREADABLE, &too_long(limit))
        }
        Wrong::Fault(message) => emitter.emit_unreadable(&place, content(line), UNREADABLE, &message),
    }
}

/// The end of the line that begins at `start`, behind its line feed.
fn line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |end| start + end + 1)
}
