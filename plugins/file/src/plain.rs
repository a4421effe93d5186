//! Lines of text: records of one field.

use crate::format::{Part, ReadOptions, RowReader, RowWriter, UNREADABLE};
use crate::lines::{Fill, KEPT_BYTES, Lines, content, too_long};
use crate::output::{Output, WRITE_BYTES};
use campanile_sdk::{
    Batch, ColumnBuilder, DataType, Emitter, Field, Finding, Input, Limits, Place, Read, Result, Schema, SchemaField,
    Text,
};
use std::io::Write as _;

/// The field of a line.
const LINE: &str = "line";

/// The schema of lines.
pub(crate) fn schema() -> Schema {
    Schema::new(vec![SchemaField::new(LINE, DataType::String).required()])
}

/// What of the schema lines cannot carry.
pub(crate) fn check(schema: &Schema, property: &str) -> Vec<Finding> {
    match schema.fields.as_slice() {
        [field] if field.name == LINE && field.data_type == DataType::String => Vec::new(),
        _ => {
            let message = "format text has one field, `line` of type string";
            vec![Finding::error(property, message).hint("take format jsonl or csv for other fields")]
        }
    }
}

/// Opens a part.
pub(crate) fn open_reader(part: &Part, options: &ReadOptions, schema: &Schema) -> Result<Box<dyn RowReader>> {
    Ok(Box::new(TextReader {
        lines: Lines::open(part, options.max_line_bytes)?,
        columns: ColumnBuilder::all(schema)?,
        positions: Vec::new(),
        max_line_bytes: options.max_line_bytes,
    }))
}

struct TextReader {
    lines: Lines,
    columns: Vec<ColumnBuilder>,
    positions: Vec<u64>,
    max_line_bytes: usize,
}

impl RowReader for TextReader {
    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let mut bytes = 0;
        let answer = loop {
            if self.positions.len() >= limits.rows || bytes >= limits.bytes {
                break Read::More;
            }
            match self.lines.fill()? {
                Fill::Lines => bytes += self.take_line(emitter)?,
                Fill::Long => {
                    self.report(self.lines.long(), too_long(self.max_line_bytes), emitter)?;
                    self.lines.skip_long();
                    bytes += KEPT_BYTES;
                }
                Fill::Idle if self.positions.is_empty() => break Read::Idle,
                Fill::Idle => break Read::More,
                Fill::End => break Read::End,
            }
        };
        if !self.positions.is_empty() {
            emitter.emit_columns(&mut self.columns, &self.positions)?;
            self.positions.clear();
        }
        Ok(answer)
    }
}

impl TextReader {
    fn take_line(&mut self, emitter: &mut Emitter<'_>) -> Result<usize> {
        let whole = self.lines.whole();
        let end = memchr::memchr(b'\n', whole).map_or(whole.len(), |end| end + 1);
        let line = content(&whole[..end]);
        match simdutf8::basic::from_utf8(line) {
            _ if line.len() > self.max_line_bytes => {
                self.report(&line[..line.len().min(KEPT_BYTES)], too_long(self.max_line_bytes), emitter)?;
            }
            Ok(text) => {
                for column in &mut self.columns {
                    column.push_text(text);
                }
                self.positions.push(self.lines.offset());
            }
            Err(_) => self.report(line, "the line is not UTF-8".to_owned(), emitter)?,
        }
        self.lines.take(end, 1);
        Ok(end)
    }

    #[cold]
    fn report(&self, raw: &[u8], message: String, emitter: &mut Emitter<'_>) -> Result<()> {
        let place = Place { file: self.lines.file(), line: self.lines.number(0)?, offset: self.lines.offset() };
        emitter.emit_unreadable(&place, raw, UNREADABLE, &message)
    }
}

/// Opens a writer.
pub(crate) fn open_writer(schema: &Schema, output: Output) -> Result<Box<dyn RowWriter>> {
    let line = Input::new(schema).text(LINE)?;
    Ok(Box::new(TextWriter { line, page: Vec::new(), output }))
}

struct TextWriter {
    line: Field<Text>,
    page: Vec<u8>,
    output: Output,
}

impl RowWriter for TextWriter {
    fn write_batch(&mut self, batch: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        for record in batch.records() {
            self.page.extend_from_slice(record.text(self.line).unwrap_or_default().as_bytes());
            self.page.push(b'\n');
            if self.page.len() >= WRITE_BYTES {
                self.output.write_all(&self.page)?;
                self.page.clear();
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.output.write_all(&self.page)?;
        self.page.clear();
        Ok(self.output.flush()?)
    }

    fn output(&mut self) -> Result<Option<&mut Output>> {
        self.output.write_all(&self.page)?;
        self.page.clear();
        Ok(Some(&mut self.output))
    }

    fn finish(mut self: Box<Self>) -> Result<Output> {
        self.output.write_all(&self.page)?;
        Ok(self.output)
    }
}

#[cfg(test)]
mod tests;
