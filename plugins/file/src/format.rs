//! The formats, and what each of them brings: a reader, a writer, a schema from a sample.

use crate::follow::Growing;
use crate::input::Input;
use crate::jsonl::Inferred;
use crate::output::Output;
use crate::{csv, jsonl, parquet, plain};
use campanile_sdk::{Batch, Emitter, Finding, Limits, Read, Result, Schema};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The code of error records made of what cannot be read.
pub(crate) const UNREADABLE: i32 = 1;
/// Records from which a schema is inferred.
pub(crate) const SAMPLE_RECORDS: usize = 1_000;

/// What stands in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// One JSON object a line.
    #[default]
    Jsonl,
    /// Comma-separated values, RFC 4180.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Lines of text: one field `line`.
    Text,
}

/// How CSV is written and read; of no meaning for other formats.
#[derive(Clone, Debug)]
pub(crate) struct CsvOptions {
    /// Whether the first line names the fields.
    pub(crate) header: bool,
    /// What parts fields, one ASCII character.
    pub(crate) delimiter: u8,
    /// Texts that mean null, beside the empty one.
    pub(crate) nulls: Vec<String>,
}

/// What readers of all formats are told.
#[derive(Clone, Debug)]
pub(crate) struct ReadOptions {
    pub(crate) format: Format,
    pub(crate) csv: CsvOptions,
    /// Bytes of the longest line (of a row in CSV) that is read.
    pub(crate) max_line_bytes: usize,
    /// Text fields in which JSON values of any type may stand: inference saw them there.
    pub(crate) any: Vec<String>,
}

/// The part of a file to be read, opened by the reader that gets it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The file; `-` for standard input.
    pub(crate) path: PathBuf,
    /// Where it begins, a byte: 0 for every format that is not cut.
    pub(crate) start: u64,
    /// The byte behind it; nothing for the end of the file.
    pub(crate) end: Option<u64>,
    /// Where the last row stands that was read before: reading goes on behind it.
    pub(crate) after: Option<u64>,
    /// The open file, where it is followed.
    pub(crate) followed: Option<Followed>,
}

/// A file that is read while it grows: its [`Input`] has nothing new for now instead of an end.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) file: Growing,
    /// What is added to where a row stands in the file, so that positions grow from one file to the next.
    pub(crate) base: u64,
}

impl Part {
    /// All of a file.
    pub(crate) fn whole(path: &Path) -> Part {
        Part { path: path.to_owned(), start: 0, end: None, after: None, followed: None }
    }

    /// What is added to where a row stands in the file.
    pub(crate) fn base(&self) -> u64 {
        self.followed.as_ref().map_or(0, |followed| followed.base)
    }

    /// The file as places name it.
    pub(crate) fn file(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

/// What a reader noticed beside rows.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Lines of nothing but white space.
    pub(crate) blank_lines: u64,
    /// Values of fields that the schema does not have.
    pub(crate) unknown_fields: u64,
    /// Their names, the first of them, with how often each stood there.
    pub(crate) unknown_names: BTreeMap<String, u64>,
}

/// Names of unknown fields that are kept of several files.
const MAX_UNKNOWN_NAMES: usize = 64;

impl Tally {
    /// Adds what was noticed elsewhere.
    pub(crate) fn add(&mut self, other: Tally) {
        self.blank_lines += other.blank_lines;
        self.unknown_fields += other.unknown_fields;
        for (name, count) in other.unknown_names {
            if self.unknown_names.len() < MAX_UNKNOWN_NAMES || self.unknown_names.contains_key(&name) {
                *self.unknown_names.entry(name).or_default() += count;
            }
        }
    }
}

/// Reads one part of one file.
///
/// It emits rows with [`Emitter::emit_columns`] and their positions, what cannot be read with
/// [`Emitter::emit_unreadable`], about as many a call as the limits say. An [`Input`] that answers
/// [`std::io::ErrorKind::WouldBlock`] has nothing new for now: what is there is emitted, and then `Read::Idle` answered.
pub(crate) trait RowReader: Send {
    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read>;

    /// Adds what was noticed; called once, when the part is left.
    fn tally(&mut self, tally: &mut Tally) {
        let _ = tally;
    }
}

/// Writes rows into an [`Output`], in pieces of [`crate::output::WRITE_BYTES`] or more.
pub(crate) trait RowWriter: Send {
    /// A row that cannot be written is an error record (`emitter.emit_error`); an error fails the run, and the sink puts
    /// the file's name in front of it.
    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()>;

    /// Writes what is held back, so that somebody who waits at standard output sees it.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// The output, flushed, to make it durable where it is; nothing for a format that ends with its file.
    fn output(&mut self) -> Result<Option<&mut Output>> {
        Ok(None)
    }

    /// Writes what is left, and gives the output back unfinished: the sink ends the compression and syncs.
    fn finish(self: Box<Self>) -> Result<Output>;
}

impl Format {
    /// What of the schema this format cannot carry: findings under `property`.
    pub(crate) fn check(self, schema: &Schema, property: &str) -> Vec<Finding> {
        match self {
            Format::Jsonl => jsonl::check(schema, property),
            Format::Csv => csv::check(schema, property),
            Format::Parquet => parquet::check(schema, property),
            Format::Text => plain::check(schema, property),
        }
    }
}

/// The schema that these files seem to have; of no fields where they hold no record. A sample of standard input stays
/// there for the one that reads it.
pub(crate) fn infer(paths: &[PathBuf], options: &mut ReadOptions) -> Result<Schema> {
    if options.format == Format::Jsonl {
        let Inferred { schema, any } = jsonl::infer(paths, options)?;
        options.any = any;
        return Ok(schema);
    }
    for path in paths {
        let schema = match options.format {
            Format::Csv => csv::infer(Input::open_to_wait(path)?, options)?,
            Format::Parquet => parquet::infer(path)?,
            Format::Jsonl | Format::Text => plain::schema(),
        };
        if !schema.fields.is_empty() {
            return Ok(schema);
        }
    }
    Ok(Schema::default())
}

/// Whether a file that names its columns has those that the schema asks for, found out before the run begins. A pipe
/// keeps what it has: reading takes it away.
pub(crate) fn check_file(path: &Path, options: &ReadOptions, schema: &Schema) -> Result<()> {
    if matches!(options.format, Format::Csv | Format::Parquet) && path.is_file() {
        open_reader(&Part::whole(path), options, schema)?;
    }
    Ok(())
}

/// Opens a part for reading.
pub(crate) fn open_reader(part: &Part, options: &ReadOptions, schema: &Schema) -> Result<Box<dyn RowReader>> {
    match options.format {
        Format::Jsonl => jsonl::open_reader(part, options, schema),
        Format::Csv => csv::open_reader(part, options, schema),
        // Neither standard input nor compressed files: the source refuses them before.
        Format::Parquet => parquet::open_reader(part, schema),
        Format::Text => plain::open_reader(part, options, schema),
    }
}

/// Opens a writer of rows with this schema.
pub(crate) fn open_writer(
    format: Format,
    csv: &CsvOptions,
    schema: &Schema,
    output: Output,
) -> Result<Box<dyn RowWriter>> {
    match format {
        Format::Jsonl => jsonl::open_writer(schema, output),
        Format::Csv => csv::open_writer(csv, schema, output),
        Format::Parquet => parquet::open_writer(schema, output),
        Format::Text => plain::open_writer(schema, output),
    }
}
