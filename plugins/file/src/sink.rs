//! Writes records to a file.

mod parts;
mod saved;
mod single;
mod there;

use crate::csv;
use crate::format::{self, CsvOptions, Format, RowWriter};
use crate::output::{Output, Target};
use crate::parquet;
use crate::properties::{delimiter, yes};
use campanile_sdk::{Batch, Configure, Emitter, Error, Finding, Result, Schema, Sink, StageContext};
use parts::Parts;
use saved::{Saved, What};
use schemars::JsonSchema;
use serde::Deserialize;
use single::Single;
use std::path::{Path, PathBuf};

/// Writes records to a file, or to standard output.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FileSink {
    /// The file, or `-` for standard output. A name ending in `.gz` or `.zst` is compressed. It is written beside, as
    /// `<path>.part`, and takes its name when the run has gone well; in a live run it is written where it is.
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
    work: Option<Work>,
}

/// What there is while it runs.
struct Work {
    path: PathBuf,
    destination: Box<dyn Destination>,
}

/// Where records go.
trait Destination: Send {
    /// The file that is written: what messages name.
    fn written(&self) -> &Path;
    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()>;
    fn snapshot(&mut self) -> Result<Option<What>>;
    fn restore(&mut self, saved: What) -> Result<()>;
    fn prepare(&mut self) -> Result<()>;
    fn commit(&mut self) -> Result<()>;
    fn abort(&mut self) -> Result<()>;
}

/// How records are written.
struct Layout {
    format: Format,
    csv: CsvOptions,
    schema: Schema,
}

impl Layout {
    /// A writer of records, with what stands in front of them where the output is new.
    fn writer(&self, output: Output, new: bool) -> Result<Box<dyn RowWriter>> {
        let csv = CsvOptions { header: self.csv.header && new, ..self.csv.clone() };
        format::open_writer(self.format, &csv, &self.schema, output)
    }

    /// The line in front of all records, where there is one.
    fn header(&self) -> Option<Vec<u8>> {
        (self.format == Format::Csv && self.csv.header).then(|| csv::header(&self.csv, &self.schema))
    }
}

impl FileSink {
    fn csv(&self) -> Result<CsvOptions, Finding> {
        let delimiter = delimiter(self.delimiter.as_deref())?;
        Ok(CsvOptions { header: self.header, delimiter, nulls: Vec::new() })
    }

    fn work(&mut self) -> Result<&mut Work> {
        self.work.as_mut().ok_or_else(|| Error::fatal("the sink is not open"))
    }
}

impl Work {
    /// Does something, and puts the file's name in front of what went wrong.
    fn at<T>(&mut self, what: impl FnOnce(&mut dyn Destination) -> Result<T>) -> Result<T> {
        what(&mut *self.destination).map_err(|error| {
            if error.is_refusal() {
                return error;
            }
            error.context(format!("cannot write `{}`", self.destination.written().display()))
        })
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
        let layout = Layout { format: self.format, csv, schema: stage.input()?.schema().clone() };
        let (path, mode) = (target.path().to_owned(), stage.mode());
        let destination: Box<dyn Destination> =
            if self.format == Format::Parquet && mode.is_durable() && target.is_file() {
                Box::new(Parts::open(&target, layout, mode)?)
            } else {
                Box::new(Single::open(target, layout, mode)?)
            };
        self.work = Some(Work { path, destination });
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.work()?.at(|destination| destination.write_batch(batch, emitter))
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        let work = self.work()?;
        match work.at(|destination| destination.snapshot())? {
            Some(what) => Saved::new(&work.path, what).to_json().map(Some),
            // What was written to standard output, a pipe or a device cannot be cut back.
            None => Ok(None),
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let work = self.work()?;
        let what = Saved::from_json(state, &work.path)?;
        work.destination.restore(what)
    }

    fn prepare(&mut self) -> Result<()> {
        match &mut self.work {
            Some(work) => work.at(|destination| destination.prepare()),
            None => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<()> {
        self.work()?.destination.commit()
    }

    fn abort(&mut self) -> Result<()> {
        match &mut self.work {
            Some(work) => work.destination.abort(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
