//! Rows to CSV.

use crate::format::{CsvOptions, RowWriter};
use crate::output::{Output, WRITE_BYTES};
use campanile_sdk::{Any, Batch, Emitter, Field, Input, Result, Scalar, Schema};
use std::io::Write as _;

pub(super) struct Writer {
    output: Output,
    delimiter: u8,
    fields: Vec<Field<Any>>,
    buffer: Vec<u8>,
    /// The text of one value.
    text: Vec<u8>,
}

/// The line that names the fields, with its end.
pub(super) fn header(options: &CsvOptions, schema: &Schema) -> Vec<u8> {
    let mut line = Vec::new();
    for (index, name) in schema.names().enumerate() {
        if index > 0 {
            line.push(options.delimiter);
        }
        write_value(&mut line, name.as_bytes(), options.delimiter);
    }
    line.push(b'\n');
    line
}

/// A text, in quotes where it would be read as something else.
fn write_value(out: &mut Vec<u8>, text: &[u8], delimiter: u8) {
    let needs = |&byte: &u8| byte == b'"' || byte == b'\n' || byte == b'\r' || byte == delimiter;
    if !text.is_empty() && !text.iter().any(needs) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for (index, piece) in text.split(|&byte| byte == b'"').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(piece);
    }
    out.push(b'"');
}

impl Writer {
    pub(super) fn open(options: &CsvOptions, schema: &Schema, output: Output) -> Result<Writer> {
        let input = Input::new(schema);
        let fields = schema.names().map(|name| input.any(name)).collect::<Result<_>>()?;
        let buffer = if options.header { header(options, schema) } else { Vec::new() };
        Ok(Writer { output, delimiter: options.delimiter, fields, buffer, text: Vec::new() })
    }

    fn write_out(&mut self) -> Result<()> {
        self.output.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl RowWriter for Writer {
    fn write_batch(&mut self, batch: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        for record in batch.records() {
            for index in 0..self.fields.len() {
                if index > 0 {
                    self.buffer.push(self.delimiter);
                }
                let scalar = record.scalar(self.fields[index]);
                // A line of one null would be a blank one, which nobody reads.
                if matches!(scalar, Scalar::Null) && self.fields.len() > 1 {
                    continue;
                }
                self.text.clear();
                scalar.write(&mut self.text);
                write_value(&mut self.buffer, &self.text, self.delimiter);
            }
            self.buffer.push(b'\n');
            if self.buffer.len() >= WRITE_BYTES {
                self.write_out()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.write_out()?;
        Ok(self.output.flush()?)
    }

    fn output(&mut self) -> Result<Option<&mut Output>> {
        self.write_out()?;
        Ok(Some(&mut self.output))
    }

    fn finish(mut self: Box<Self>) -> Result<Output> {
        self.write_out()?;
        Ok(self.output)
    }
}
