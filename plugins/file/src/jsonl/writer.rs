//! Writes rows as JSON lines.

use super::page::{Page, put_scalar};
use crate::format::RowWriter;
use crate::output::{Output, WRITE_BYTES};
use campanile_sdk::{Any, Batch, DataType, Emitter, Field, Input, Record, Result, Schema, Text};
use std::io::Write as _;

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
        Ok(Column { before: Before::new(&before), source })
    });
    let columns = columns.collect::<Result<_>>()?;
    Ok(Box::new(JsonWriter { columns, page: Page::default(), scratch: Vec::new(), output }))
}

struct JsonWriter {
    columns: Vec<Column>,
    page: Page,
    scratch: Vec<u8>,
    output: Output,
}

/// A field, with what stands before its value.
struct Column {
    before: Before,
    source: Source,
}

/// `,"name":`; a short one is stored whole.
enum Before {
    Short([u8; 16], usize),
    Long(Box<[u8]>),
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
    fn new(bytes: &[u8]) -> Before {
        let mut short = [0; 16];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Before::Short(short, bytes.len())
            }
            None => Before::Long(bytes.into()),
        }
    }

    #[inline(always)]
    fn write(&self, page: &mut Page) {
        match self {
            Before::Short(bytes, count) => page.put_short(bytes, *count),
            Before::Long(bytes) => page.put(bytes),
        }
    }
}

impl Column {
    /// Writes name and value; a null is left out.
    #[inline(always)]
    fn write(&mut self, record: Record<'_>, page: &mut Page, scratch: &mut Vec<u8>) {
        match &mut self.source {
            Source::Boolean(field) => {
                if let Some(value) = record.bool(*field) {
                    self.before.write(page);
                    page.put(if value { b"true" } else { b"false" });
                }
            }
            Source::Whole(field) => {
                if let Some(value) = record.i64(*field) {
                    self.before.write(page);
                    page.whole(value);
                }
            }
            Source::Double(field, places) => {
                if let Some(value) = record.f64(*field) {
                    self.before.write(page);
                    page.double(value, places);
                }
            }
            Source::Text(field) => {
                if let Some(value) = record.text(*field) {
                    self.before.write(page);
                    page.string(value);
                }
            }
            Source::Other(field) => {
                let value = record.scalar(*field);
                if !value.is_null() {
                    self.before.write(page);
                    put_scalar(page, &value, scratch);
                }
            }
        }
    }
}

impl RowWriter for JsonWriter {
    fn write_batch(&mut self, batch: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        for record in batch.records() {
            let start = self.page.len();
            for column in &mut self.columns {
                column.write(record, &mut self.page, &mut self.scratch);
            }
            if self.page.len() == start {
                self.page.byte(b'{');
            } else {
                // The comma before the first value.
                self.page.set(start, b'{');
            }
            self.page.put(b"}\n");
            if self.page.len() >= WRITE_BYTES {
                self.write_page()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.write_page()?;
        Ok(self.output.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<Output> {
        self.write_page()?;
        Ok(self.output)
    }
}

impl JsonWriter {
    fn write_page(&mut self) -> Result<()> {
        self.output.write_all(self.page.bytes())?;
        self.page.clear();
        Ok(())
    }
}
