//! Reads records from files.

use crate::follow::{self, Growing, Names, Tail, shared};
use crate::format::{self, CsvOptions, Followed, Format, Part, ReadOptions, RowReader, Tally};
use crate::input::{Compression, DASH};
use crate::parquet;
use crate::paths;
use crate::plain;
use crate::properties::{any_schema, delimiter, yes};
use campanile_sdk::{
    Configure, Emitter, Error, Finding, Level, Limits, Read, Result, Schema, Services, Source, Split, StageContext,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a split of a file that can be cut, whatever the parallelism.
const SPLIT_BYTES: u64 = 16 << 20;
/// Bytes of the longest line that is read, where nothing is said.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// What the longest line may be set to: columns hold two gigabytes.
const LARGEST_MAX_LINE_BYTES: u64 = 1 << 30;

/// Reads records from files, or from standard input.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FileSource {
    /// A file, a pattern such as `data/*.jsonl`, or `-` for standard input. Names ending in `.gz` and `.zst` are
    /// decompressed.
    #[schemars(extend("x-path" = true))]
    path: String,
    /// What stands in the files.
    #[serde(default)]
    format: Format,
    /// The fields of the records: `[{"name": "cpu", "type": "double", "nullable": false}, …]`. Without it the fields are
    /// taken from the first 1,000 records.
    #[serde(default)]
    #[schemars(schema_with = "any_schema")]
    schema: Option<Schema>,
    /// CSV: whether the first line names the fields.
    #[serde(default = "yes")]
    header: bool,
    /// CSV: what parts the fields, one ASCII character.
    #[serde(default)]
    delimiter: Option<String>,
    /// CSV: texts that mean null, beside the empty one.
    #[serde(default)]
    nulls: Vec<String>,
    /// Bytes of the longest line that is read; a longer one is an error record.
    #[serde(default = "max_line_bytes")]
    max_line_bytes: u64,
    /// Whether files are read on while they grow, also when they are rotated or truncated: the run never ends by itself.
    #[serde(default)]
    #[schemars(extend("x-live" = true))]
    follow: bool,
    #[serde(skip)]
    run: Option<Run>,
}

fn max_line_bytes() -> u64 {
    MAX_LINE_BYTES
}

/// What there is while it runs.
struct Run {
    files: Vec<PathBuf>,
    options: ReadOptions,
    schema: Schema,
    services: Services,
    reader: Option<Box<dyn RowReader>>,
    tally: Tally,
    /// What there is where files are followed.
    names: Names,
    tail: Option<Tail>,
    saved: Option<follow::Saved>,
    /// Kept while the source is open.
    _fields: Option<Arc<shared::Fields>>,
}

impl FileSource {
    fn options(&self) -> Result<ReadOptions, Finding> {
        Ok(ReadOptions {
            format: self.format,
            csv: CsvOptions {
                header: self.header,
                delimiter: delimiter(self.delimiter.as_deref())?,
                nulls: self.nulls.clone(),
            },
            max_line_bytes: self.max_line_bytes as usize,
            any: Vec::new(),
        })
    }

    /// What cannot be followed.
    fn check_follow(&self) -> Option<Finding> {
        if self.path == DASH {
            let message = "standard input is read as it comes, and ends when its writer ends";
            return Some(Finding::error("follow", message).hint("leave `follow` out, or name a file"));
        }
        if Compression::of(Path::new(&self.path)) != Compression::None {
            let message = "a compressed file cannot be followed: what stands at its end may be half of a block";
            return Some(Finding::error("follow", message).hint("follow the file before it is compressed"));
        }
        if self.format == Format::Parquet {
            let message = "a parquet file cannot be followed: it is read from its end, which is written last";
            return Some(Finding::error("follow", message).hint("read it without `follow` when it is complete"));
        }
        None
    }

    /// The fields of the records, where the properties tell.
    fn given_schema(&self) -> Option<Schema> {
        match self.format {
            Format::Text => Some(self.schema.clone().unwrap_or_else(plain::schema)),
            _ => self.schema.clone(),
        }
    }

    /// Gets ready to follow files. What is there is looked at once, however many instances there are.
    fn open_followed(&mut self, mut options: ReadOptions, stage: &mut StageContext<'_>) -> Result<()> {
        let key = shared::Key([stage.run_id(), stage.stage_name(), self.path.clone()]);
        let fields = match shared::of(&key) {
            Some(fields) => fields,
            None => {
                let files = paths::expand_now(&self.path)?;
                let schema = match self.given_schema() {
                    Some(schema) => schema,
                    None => self.infer(&files, &mut options)?,
                };
                for file in &files {
                    if is_followed(file)
                        && let Some(growing) = Growing::open(file)?
                    {
                        let part = Part { followed: Some(Followed { file: growing, base: 0 }), ..Part::whole(file) };
                        format::open_reader(&part, &options, &schema)?;
                    }
                }
                shared::share(key, shared::Fields { schema, any: options.any.clone() })
            }
        };
        options.any.clone_from(&fields.any);
        let schema = fields.schema.clone();
        self.start(Vec::new(), options, schema, stage)._fields = Some(fields);
        Ok(())
    }

    fn start(
        &mut self,
        files: Vec<PathBuf>,
        options: ReadOptions,
        schema: Schema,
        stage: &mut StageContext<'_>,
    ) -> &mut Run {
        if self.given_schema().is_none() {
            stage.set_output(schema.clone());
        }
        let (services, tally, names) = (stage.services(), Tally::default(), Names::default());
        let (reader, tail, saved, fields) = (None, None, None, None);
        self.run.insert(Run { files, options, schema, services, reader, tally, names, tail, saved, _fields: fields })
    }

    /// The fields of the records, where the files have to tell.
    fn infer(&self, files: &[PathBuf], options: &mut ReadOptions) -> Result<Schema> {
        let there: Vec<PathBuf> = files.iter().filter(|file| !self.follow || is_followed(file)).cloned().collect();
        let wait = if self.follow { ", or start the run when there is one" } else { "" };
        if there.is_empty() {
            let message = format!("there is no file `{}` yet: set property `schema`{wait}", self.path);
            return Err(Error::config(message));
        }
        let schema = format::infer(&there, options)?;
        if schema.fields.is_empty() {
            let message =
                format!("`{}` holds no record to take the fields from: set property `schema`{wait}", self.path);
            return Err(Error::config(message));
        }
        Ok(schema)
    }

    fn run(&mut self) -> Result<&mut Run> {
        self.run.as_mut().ok_or_else(|| Error::fatal("the source is not open"))
    }
}

impl Source for FileSource {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        if self.path.is_empty() {
            stage.find(
                Finding::error("path", "it is empty").hint("name a file, a pattern such as `data/*.jsonl`, or `-`"),
            );
        }
        if let Err(finding) = self.options() {
            stage.find(finding);
        }
        if self.follow {
            if let Some(finding) = self.check_follow() {
                stage.find(finding);
            } else if self.given_schema().is_none() {
                let message = "without it the fields are taken from what the files hold at each start, and a run that is \
                               resumed may find others";
                stage.find(Finding::warning("schema", message).hint("name the fields of the records"));
            }
        } else if self.format == Format::Parquet
            && let Some(finding) = parquet::check_path(&self.path)
        {
            stage.find(finding);
        }
        if !(1..=LARGEST_MAX_LINE_BYTES).contains(&self.max_line_bytes) {
            stage.find(Finding::error("maxLineBytes", format!("it is from 1 to {LARGEST_MAX_LINE_BYTES}")));
        }
        match (&self.schema, self.format) {
            (Some(schema), format) => {
                if schema.fields.is_empty() {
                    stage.find(Finding::error("schema", "it has no field").hint("leave it out to have it inferred"));
                }
                for finding in format.check(schema, "schema") {
                    stage.find(finding);
                }
                stage.set_output(schema.clone());
            }
            (None, Format::Text) => stage.set_output(plain::schema()),
            (None, _) => stage.output_unknown_until_start(),
        }
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let mut options = self.options().map_err(|finding| Error::findings(vec![finding]))?;
        if self.follow {
            return self.open_followed(options, stage);
        }
        let files = paths::expand(&self.path)?;
        for file in &files {
            check_readable(file)?;
        }
        let schema = match self.given_schema() {
            Some(schema) => schema,
            None => self.infer(&files, &mut options)?,
        };
        for file in &files {
            format::check_file(file, &options, &schema)?;
        }
        self.start(files, options, schema, stage);
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        if self.follow {
            let path = self.path.clone();
            let run = self.run()?;
            let files = run.names.look(&path, run.services)?;
            let split = |file: &PathBuf| {
                let path = file.to_string_lossy();
                Split::new(&*path).with("path", &*path).with("start", 0)
            };
            return Ok(files.iter().map(split).collect());
        }
        let run = self.run()?;
        let can_be_cut = matches!(run.options.format, Format::Jsonl | Format::Text);
        let mut splits = Vec::new();
        for file in &run.files {
            let path = file.to_string_lossy();
            let whole = || Split::new(&*path).with("path", &*path).with("start", 0);
            if !can_be_cut || path == DASH || Compression::of(file) != Compression::None {
                splits.push(whole());
                continue;
            }
            let found = std::fs::metadata(file).map_err(|error| cannot_open(file, error))?;
            if !found.is_file() {
                splits.push(whole());
                continue;
            }
            // The same for the beginning of a file that has grown since.
            for start in (0..found.len().max(1)).step_by(SPLIT_BYTES as usize) {
                let id = if start == 0 { path.to_string() } else { format!("{path}@{start}") };
                let split = Split::new(id).with("path", &*path).with("start", start);
                splits.push(split.with("end", start + SPLIT_BYTES));
            }
        }
        Ok(splits)
    }

    fn begin(&mut self, split: &Split, position: Option<u64>) -> Result<()> {
        let follow = self.follow;
        let run = self.run()?;
        run.leave();
        let part = Part {
            path: PathBuf::from(split.text("path")?),
            start: split.number("start")?,
            end: split.number("end").ok(),
            after: position,
            followed: None,
        };
        if follow {
            let how = (&run.options, &run.schema);
            run.tail = Some(Tail::begin(&part.path, how, run.services, position, run.saved.take())?);
            return Ok(());
        }
        if part.path.as_os_str() == DASH && position.is_some() {
            return Err(Error::fatal("standard input cannot be read a second time: read from a file to resume a run"));
        }
        run.reader = Some(format::open_reader(&part, &run.options, &run.schema)?);
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        match self.run()? {
            Run { reader: Some(reader), .. } => reader.read(limits, emitter),
            Run { tail: Some(tail), .. } => tail.read(limits, emitter),
            _ => Err(Error::fatal("no split was begun")),
        }
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        match &self.run()?.tail {
            Some(tail) => Ok(Some(serde_json::to_vec(&tail.saved())?)),
            // The positions of rows are all that it takes.
            None => Ok(None),
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.run()?.saved = Some(follow::Saved::from_json(state)?);
        Ok(())
    }

    fn close(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        if let Some(mut run) = self.run.take() {
            run.leave();
            run.tell();
        }
        Ok(())
    }
}

impl Run {
    /// Leaves the part that was read.
    fn leave(&mut self) {
        if let Some(mut reader) = self.reader.take() {
            reader.tally(&mut self.tally);
        }
        if let Some(tail) = self.tail.take() {
            tail.tally(&mut self.tally);
        }
    }

    /// Tells what was noticed beside records.
    fn tell(&self) {
        let Tally { blank_lines, unknown_fields, unknown_names } = &self.tally;
        if *blank_lines > 0 {
            self.services.count("lines.blank", *blank_lines);
        }
        if *unknown_fields > 0 {
            self.services.count("fields.unknown", *unknown_fields);
            let names = unknown_names.iter().map(|(name, count)| format!("`{name}` ({count})")).collect::<Vec<_>>();
            let message = format!(
                "{unknown_fields} values of fields that the schema does not have were ignored: {}",
                names.join(", ")
            );
            self.services.log(Level::Warn, message);
        }
    }
}

/// Whether a file that a path matches is there and can be followed.
fn is_followed(file: &Path) -> bool {
    Compression::of(file) == Compression::None && file.exists()
}

/// What cannot be opened is told at the start. Pipes are left alone: opening one takes what is in it.
fn check_readable(file: &Path) -> Result<()> {
    if file.as_os_str() == DASH {
        return Ok(());
    }
    let found = std::fs::metadata(file).map_err(|error| cannot_open(file, error))?;
    if found.is_file() {
        std::fs::File::open(file).map_err(|error| cannot_open(file, error))?;
    }
    Ok(())
}

fn cannot_open(file: &Path, error: std::io::Error) -> Error {
    Error::from(error).context(format!("cannot open `{}`", file.display()))
}

#[cfg(test)]
mod tests;
