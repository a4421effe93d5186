//! A source and a sink of one file, to try formats with.

use crate::format::{self, CsvOptions, Format, Part, ReadOptions, RowReader, RowWriter, Tally};
use crate::output::Output;
use campanile_sdk::{
    Batch, Configure, Emitter, Error, Limits, Read, Result, Schema, Sink, Source, Split, StageContext, testing,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    path: PathBuf,
    format: Format,
    #[serde(default = "yes")]
    header: bool,
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default)]
    nulls: Vec<String>,
    #[serde(default = "mebibyte")]
    max_line_bytes: usize,
    schema: Option<Schema>,
}

fn yes() -> bool {
    true
}

fn comma() -> char {
    ','
}

fn mebibyte() -> usize {
    1 << 20
}

impl Given {
    fn options(&self) -> ReadOptions {
        ReadOptions { format: self.format, csv: self.csv(), max_line_bytes: self.max_line_bytes, any: Vec::new() }
    }

    fn csv(&self) -> CsvOptions {
        CsvOptions { header: self.header, delimiter: self.delimiter as u8, nulls: self.nulls.clone() }
    }
}

/// Reads one file. When it closes it tells its [`Tally`] in an alert.
#[derive(serde::Deserialize)]
pub(crate) struct OneFile {
    #[serde(flatten)]
    given: Given,
    #[serde(skip)]
    schema: Schema,
    #[serde(skip)]
    reader: Option<Box<dyn RowReader>>,
}

impl Source for OneFile {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.output_unknown_until_start();
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.schema = match self.given.schema.clone() {
            Some(schema) => schema,
            None => format::infer(std::slice::from_ref(&self.given.path), &mut self.given.options())?,
        };
        stage.set_output(self.schema.clone());
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        Ok(vec![Split::new("file")])
    }

    fn begin(&mut self, _: &Split, position: Option<u64>) -> Result<()> {
        let part = Part { after: position, ..Part::whole(&self.given.path) };
        self.reader = Some(format::open_reader(&part, &self.given.options(), &self.schema)?);
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let reader = self.reader.as_mut().ok_or_else(|| Error::fatal("nothing was begun"))?;
        reader.read(limits, emitter)
    }

    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        let mut tally = Tally::default();
        if let Some(reader) = &mut self.reader {
            reader.tally(&mut tally);
        }
        let names = format!("{:?}", tally.unknown_names);
        emitter.emit_alert((
            ("blank", tally.blank_lines as i64),
            ("unknown", tally.unknown_fields as i64),
            ("names", names),
        ))
    }
}

/// Writes one file.
#[derive(serde::Deserialize)]
pub(crate) struct OneOutput {
    #[serde(flatten)]
    given: Given,
    #[serde(skip)]
    writer: Option<Box<dyn RowWriter>>,
}

impl Sink for OneOutput {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let output = Output::create(&self.given.path, &self.given.path)?;
        let input = stage.input()?.schema().clone();
        self.writer = Some(format::open_writer(self.given.format, &self.given.csv(), &input, output)?);
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.writer.as_mut().ok_or_else(|| Error::fatal("nothing was opened"))?.write_batch(batch, emitter)
    }

    fn prepare(&mut self) -> Result<()> {
        match self.writer.take() {
            Some(writer) => Ok(writer.finish()?.finish().map(drop)?),
            None => Ok(()),
        }
    }
}

fn properties(path: &Path, more: &Value) -> Value {
    let mut properties = json!({ "path": path });
    for (key, value) in more.as_object().into_iter().flatten() {
        properties[key] = value.clone();
    }
    properties
}

/// A source of this file.
pub(crate) fn source(path: &Path, more: &Value) -> testing::Harness {
    testing::source::<OneFile>(properties(path, more))
}

/// A sink into this file.
pub(crate) fn sink(path: &Path, more: &Value) -> testing::Harness {
    testing::sink::<OneOutput>(properties(path, more))
}
