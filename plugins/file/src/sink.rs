//! Writes records to a file.

use crate::format::{self, CsvOptions, Format, RowWriter};
use crate::input::DASH;
use crate::output::{Output, Target};
use crate::parquet;
use crate::properties::{delimiter, yes};
use campanile_sdk::{Batch, Configure, Emitter, Error, Finding, Result, Sink, StageContext};
use schemars::JsonSchema;
use serde::Deserialize;

/// Writes records to a file, or to standard output.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FileSink {
    /// The file, or `-` for standard output. A name ending in `.gz` or `.zst` is compressed. It is written beside, as
    /// `<path>.part`, and takes its name when the run has gone well.
    #[schemars(extend("x-path" = true))]
    path: String,
    /// How records are written.
    #[serde(default)]
    format: Format,
    /// CSV: whether the first line names the fields.
    #[serde(default = "yes")]
    header: bool,
    /// CSV: what parts the fields, one ASCII character.
    #[serde(default)]
    delimiter: Option<String>,
    #[serde(skip)]
    target: Option<Target>,
    #[serde(skip)]
    writer: Option<Box<dyn RowWriter>>,
}

impl FileSink {
    fn csv(&self) -> Result<CsvOptions, Finding> {
        let delimiter = delimiter(self.delimiter.as_deref())?;
        Ok(CsvOptions { header: self.header, delimiter, nulls: Vec::new() })
    }

    fn target(&self) -> Result<&Target> {
        self.target.as_ref().ok_or_else(|| Error::fatal("the sink is not open"))
    }

    fn at(&self, error: Error) -> Error {
        match &self.target {
            Some(target) => error.context(format!("cannot write `{}`", target.written().display())),
            None => error,
        }
    }
}

impl Sink for FileSink {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        if self.path.is_empty() {
            stage.find(Finding::error("path", "it is empty").hint("name a file, or `-` for standard output"));
        }
        if let Err(finding) = self.csv() {
            stage.find(finding);
        }
        if self.format == Format::Parquet
            && let Some(finding) = parquet::check_path(&self.path)
        {
            stage.find(finding);
        }
        let input = stage.input()?;
        for finding in self.format.check(input.schema(), "format") {
            stage.find(finding);
        }
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let csv = self.csv().map_err(|finding| Error::findings(vec![finding]))?;
        let target = Target::new(&self.path)?;
        let output = Output::create(target.path(), target.written())?;
        self.target = Some(target);
        let writer = format::open_writer(self.format, &csv, stage.input()?.schema(), output);
        self.writer = Some(writer.map_err(|error| self.at(error))?);
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Err(Error::fatal("the sink is not open")) };
        let mut written = writer.write_batch(batch, emitter);
        if written.is_ok() && self.path == DASH {
            // Somebody waits for it.
            written = writer.flush();
        }
        written.map_err(|error| if error.is_refusal() { error } else { self.at(error) })
    }

    fn prepare(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let finished = writer.finish().and_then(|output| Ok(output.finish()?));
        finished.map_err(|error| self.at(error))
    }

    fn commit(&mut self) -> Result<()> {
        self.target()?.show()
    }

    fn abort(&mut self) -> Result<()> {
        // What was written so far stays beside; that it is complete is not needed.
        if let Some(writer) = self.writer.take()
            && let Ok(output) = writer.finish()
        {
            let _ = output.finish();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
