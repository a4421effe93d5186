//! Writes rows as JSON lines.

use super::print::{self, NUMBER_ROOM, STRING_ROOM};
use crate::format::RowWriter;
use crate::output::{Output, WRITE_BYTES};
use campanile_sdk::{Any, Batch, DataType, Emitter, Field, Input, Result, Scalar, Schema, Text, text};
use std::io::Write as _;

/// Bytes of a name that is stored as a whole, with its quotes, comma and colon.
const SHORT_BYTES: usize = 16;

/// Opens a writer of rows with this schema.
pub(crate) fn open(schema: &Schema, output: Output) -> Result<Box<dyn RowWriter>> {
    let input = Input::new(schema);
    let columns = schema.fields.iter().map(|field| {
        let name = field.name.as_str();
        let source = match field.data_type {
            DataType::Boolean => Source::Boolean(input.bool(name)?),
            DataType::Int | DataType::Long => Source::Whole(input.i64(name)?),
            DataType::Double => Source::Double(input.f64(name)?, 0),
            DataType::String => Source::Text(input.text(name)?),
            _ => Source::Other(input.any(name)?),
        };
        let mut before = b",".to_vec();
        serde_json::to_writer(&mut before, name)?;
        before.push(b':');
        Ok(Column { before: Before::new(before), source })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    // Braces and line feed, and of each field its name and a value that is no long text.
    let row_room = 4 + columns.iter().map(|column| column.before.room() + NUMBER_ROOM.max(STRING_ROOM)).sum::<usize>();
    Ok(Box::new(JsonWriter { columns, row_room, page: Vec::new(), len: 0, scratch: Vec::new(), output }))
}

struct JsonWriter {
    columns: Vec<Column>,
    /// Bytes that a row of short values may need.
    row_room: usize,
    /// Rows that are not written yet: the first `len` bytes, and room behind them.
    page: Vec<u8>,
    len: usize,
    /// A value that is printed elsewhere first.
    scratch: Vec<u8>,
    output: Output,
}

/// A field, with what stands before its value.
struct Column {
    before: Before,
    source: Source,
}

/// `,"name":`
struct Before {
    short: [u8; SHORT_BYTES],
    len: usize,
    /// What is longer than that.
    long: Option<Box<[u8]>>,
}

/// Where the value comes from, and how it is written.
enum Source {
    Boolean(Field<bool>),
    Whole(Field<i64>),
    /// With the number of digits behind the point that the last one had.
    Double(Field<f64>, usize),
    Text(Field<Text>),
    Other(Field<Any>),
}

impl Before {
    fn new(bytes: Vec<u8>) -> Before {
        let mut short = [0; SHORT_BYTES];
        match short.get_mut(..bytes.len()) {
            Some(place) => place.copy_from_slice(&bytes),
            None => return Before { short, len: 0, long: Some(bytes.into()) },
        }
        Before { short, len: bytes.len(), long: None }
    }

    fn room(&self) -> usize {
        SHORT_BYTES + self.long.as_ref().map_or(0, |long| long.len())
    }

    #[inline(always)]
    fn write(&self, out: &mut [u8], at: usize) -> usize {
        if let Some(long) = &self.long {
            return print::bytes(out, at, long);
        }
        out[at..at + SHORT_BYTES].copy_from_slice(&self.short);
        at + self.len
    }
}

impl RowWriter for JsonWriter {
    fn write_batch(&mut self, batch: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        for record in batch.records() {
            if self.len >= WRITE_BYTES {
                self.write_page()?;
            }
            make_room(&mut self.page, self.len + self.row_room);
            let start = self.len;
            let mut at = start;
            let mut out = &mut self.page[..];
            for Column { before, source } in &mut self.columns {
                // A null is left out.
                match source {
                    Source::Text(field) => {
                        let Some(value) = record.text(*field) else { continue };
                        at = before.write(out, at);
                        match print::quick_string(out, at, value) {
                            Some(end) => at = end,
                            None => {
                                self.scratch.clear();
                                print::string(&mut self.scratch, value);
                                make_room(&mut self.page, at + self.scratch.len() + self.row_room);
                                out = &mut self.page[..];
                                at = print::bytes(out, at, &self.scratch);
                            }
                        }
                    }
                    Source::Double(field, places) => {
                        let Some(value) = record.f64(*field) else { continue };
                        at = before.write(out, at);
                        at = print::double(out, at, value, places);
                    }
                    Source::Whole(field) => {
                        let Some(value) = record.i64(*field) else { continue };
                        at = before.write(out, at);
                        at = print::whole(out, at, value);
                    }
                    Source::Boolean(field) => {
                        let Some(value) = record.bool(*field) else { continue };
                        at = before.write(out, at);
                        at = print::bytes(out, at, if value { b"true" } else { b"false" });
                    }
                    Source::Other(field) => {
                        let value = record.scalar(*field);
                        if value.is_null() {
                            continue;
                        }
                        at = before.write(out, at);
                        write_other(&mut self.scratch, &value);
                        make_room(&mut self.page, at + self.scratch.len() + self.row_room);
                        out = &mut self.page[..];
                        at = print::bytes(out, at, &self.scratch);
                    }
                }
            }
            // The brace takes the place of the comma before the first value.
            out[start] = b'{';
            at = at.max(start + 1);
            self.len = print::bytes(out, at, b"}\n");
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.write_page()?;
        Ok(self.output.flush()?)
    }

    fn output(&mut self) -> Result<Option<&mut Output>> {
        self.write_page()?;
        Ok(Some(&mut self.output))
    }

    fn finish(mut self: Box<Self>) -> Result<Output> {
        self.write_page()?;
        Ok(self.output)
    }
}

impl JsonWriter {
    fn write_page(&mut self) -> Result<()> {
        self.output.write_all(&self.page[..self.len])?;
        self.len = 0;
        Ok(())
    }
}

/// Makes the page at least so long.
#[inline(always)]
fn make_room(page: &mut Vec<u8>, len: usize) {
    if page.len() < len {
        grow(page, len);
    }
}

#[cold]
fn grow(page: &mut Vec<u8>, len: usize) {
    page.resize(len.max(WRITE_BYTES * 2), 0);
}

/// A value of a less common type: in quotes, unless it is a number.
fn write_other(out: &mut Vec<u8>, value: &Scalar<'_>) {
    out.clear();
    match *value {
        Scalar::Float(value) if !value.is_finite() => out.extend_from_slice(b"null"),
        Scalar::Float(value) => text::write_f32(value, out),
        _ => {
            out.push(b'"');
            value.write(out);
            out.push(b'"');
        }
    }
}
