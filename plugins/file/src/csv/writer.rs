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

impl Writer {
    pub(super) fn open(options: &CsvOptions, schema: &Schema, output: Output) -> Result<Writer> {
        let input = Input::new(schema);
        let fields = schema.names().map(|name| input.any(name)).collect::<Result<_>>()?;
        let mut writer = Writer { output, delimiter: options.delimiter, fields, buffer: Vec::new(), text: Vec::new() };
        if options.header {
            for (index, name) in schema.names().enumerate() {
                writer.part(index);
                writer.text.clear();
                writer.text.extend_from_slice(name.as_bytes());
                writer.value();
            }
            writer.buffer.push(b'\n');
        }
        Ok(writer)
    }

    /// A delimiter in front of every field but the first.
    fn part(&mut self, index: usize) {
        if index > 0 {
            self.buffer.push(self.delimiter);
        }
    }

    /// The text, in quotes where it would be read as something else.
    fn value(&mut self) {
        let needs = |&byte: &u8| byte == b'"' || byte == b'\n' || byte == b'\r' || byte == self.delimiter;
        if !self.text.is_empty() && !self.text.iter().any(needs) {
            return self.buffer.extend_from_slice(&self.text);
        }
        self.buffer.push(b'"');
        for (index, piece) in self.text.split(|&byte| byte == b'"').enumerate() {
            if index > 0 {
                self.buffer.extend_from_slice(b"\"\"");
            }
            self.buffer.extend_from_slice(piece);
        }
        self.buffer.push(b'"');
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
                self.part(index);
                let scalar = record.scalar(self.fields[index]);
                // A line of one null would be a blank one, which nobody reads.
                if matches!(scalar, Scalar::Null) && self.fields.len() > 1 {
                    continue;
                }
                self.text.clear();
                scalar.write(&mut self.text);
                self.value();
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

    fn finish(mut self: Box<Self>) -> Result<Output> {
        self.write_out()?;
        Ok(self.output)
    }
}
