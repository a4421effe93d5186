//! Error records on their way to an error transform, or to the dead letters.

use crate::batch::{Batch, Origin, SplitOrigin, null_column};
use arrow_array::ArrayRef;
use arrow_schema::SchemaRef;
use campanile_sdk::proxy::{ErrorsIn, ErrorsOut};
use std::sync::Arc;

/// Error records of one stage: a record and a reason each.
#[derive(Debug)]
pub(super) struct ErrorBatch {
    /// The stage that emitted them.
    pub(super) stage: usize,
    /// The records; all null where there is none.
    pub(super) batch: Batch,
    /// Whether error `i` has a record.
    pub(super) has_record: Vec<bool>,
    pub(super) codes: Vec<i32>,
    message_ends: Vec<u32>,
    messages: Vec<u8>,
    raw_ends: Vec<u32>,
    raw: Vec<u8>,
    pub(super) lines: Vec<u64>,
    pub(super) positions: Vec<u64>,
    /// The file they come from, or empty.
    pub(super) file: String,
}

impl ErrorBatch {
    /// Takes error records in; the rows they name are rows of `input`.
    pub(super) fn new(
        stage: usize,
        errors: ErrorsIn<'_>,
        input: Option<&Batch>,
        schema: &SchemaRef,
    ) -> Result<ErrorBatch, String> {
        let n = errors.len();
        let rows: Vec<Option<u32>> = (0..n).map(|i| errors.row(i).filter(|_| input.is_some())).collect();
        let batch = records(&rows, input, schema)?;
        let origin = input.map(Batch::origin);
        let mut file = errors.file().into_owned();
        if file.is_empty() {
            file = origin.and_then(|origin| origin.split.as_ref()).map(|split| split.file.clone()).unwrap_or_default();
        }
        let mut made = ErrorBatch {
            stage,
            batch,
            has_record: rows.iter().map(Option::is_some).collect(),
            codes: (0..n).map(|i| errors.code(i)).collect(),
            message_ends: Vec::with_capacity(n),
            messages: Vec::new(),
            raw_ends: Vec::with_capacity(n),
            raw: Vec::new(),
            lines: (0..n).map(|i| errors.line(i)).collect(),
            positions: Vec::with_capacity(n),
            file,
        };
        for (i, row) in rows.iter().enumerate() {
            made.messages.extend_from_slice(errors.message(i).as_bytes());
            made.message_ends.push(made.messages.len() as u32);
            made.raw.extend_from_slice(errors.raw(i));
            made.raw_ends.push(made.raw.len() as u32);
            let of_row = || origin?.position(row.as_ref().copied()? as usize);
            made.positions.push(errors.position(i).or_else(of_row).unwrap_or(campanile_abi::NO_POSITION));
        }
        Ok(made)
    }

    /// One error that the engine itself found in a row of `input`.
    pub(super) fn single(
        stage: usize,
        row: Option<u32>,
        message: &str,
        input: Option<&Batch>,
        schema: &SchemaRef,
    ) -> Result<ErrorBatch, String> {
        let row = row.filter(|_| input.is_some());
        let origin = input.map(Batch::origin);
        let file = origin.and_then(|origin| origin.split.as_ref()).map(|split| split.file.clone());
        let position = row.and_then(|row| origin?.position(row as usize));
        Ok(ErrorBatch {
            stage,
            batch: records(&[row], input, schema)?,
            has_record: vec![row.is_some()],
            codes: vec![0],
            message_ends: vec![message.len() as u32],
            messages: message.as_bytes().to_vec(),
            raw_ends: vec![0],
            raw: Vec::new(),
            lines: vec![0],
            positions: vec![position.unwrap_or(campanile_abi::NO_POSITION)],
            file: file.unwrap_or_default(),
        })
    }

    /// A source could not read these: they stand in this split.
    pub(super) fn come_from(&mut self, split: &Arc<SplitOrigin>) {
        if self.file.is_empty() {
            self.file.clone_from(&split.file);
        }
        let origin = Origin { split: Some(Arc::clone(split)), positions: Some(self.positions[..].into()), way: 0 };
        self.batch = Batch::new(self.batch.rows(), self.batch.columns().to_vec(), origin);
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    pub(super) fn message(&self, i: usize) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(part(&self.message_ends, &self.messages, i))
    }

    pub(super) fn raw(&self, i: usize) -> &[u8] {
        part(&self.raw_ends, &self.raw, i)
    }

    pub(super) fn position(&self, i: usize) -> Option<u64> {
        self.positions.get(i).copied().filter(|&position| position != campanile_abi::NO_POSITION)
    }

    /// Where error `i` comes from, for people.
    pub(super) fn place(&self, i: usize) -> String {
        let (line, position) = (self.lines[i], self.position(i));
        match (self.file.is_empty(), line, position) {
            (false, 0, Some(position)) => format!("{} at {position}", self.file),
            (false, 0, None) => self.file.clone(),
            (false, line, _) => format!("{}:{line}", self.file),
            (true, 0, Some(position)) => format!("position {position}"),
            (true, 0, None) => String::new(),
            (true, line, _) => format!("line {line}"),
        }
    }

    pub(super) fn lend<'a>(&'a self, stage_name: &'a str) -> ErrorsOut<'a> {
        ErrorsOut {
            stage: stage_name,
            codes: &self.codes,
            message_ends: &self.message_ends,
            messages: &self.messages,
            raw_ends: &self.raw_ends,
            raw: &self.raw,
            lines: &self.lines,
            positions: &self.positions,
            file: &self.file,
        }
    }
}

fn part<'a>(ends: &[u32], bytes: &'a [u8], i: usize) -> &'a [u8] {
    let start = if i == 0 { 0 } else { ends[i - 1] as usize };
    &bytes[start..ends[i] as usize]
}

/// The records of errors as columns; where there is none, nulls.
fn records(rows: &[Option<u32>], input: Option<&Batch>, schema: &SchemaRef) -> Result<Batch, String> {
    let all: Option<Vec<u32>> = rows.iter().copied().collect();
    if let (Some(input), Some(rows)) = (input, all) {
        return input.select(Some(&rows), rows.len());
    }
    let columns: Vec<ArrayRef> =
        schema.fields().iter().map(|field| null_column(field.data_type(), rows.len())).collect();
    let split = input.and_then(|input| input.origin().split.clone());
    let origin = Origin { split, ..Origin::default() };
    if input.is_none() || rows.iter().all(Option::is_none) {
        return Ok(Batch::new(rows.len(), columns, origin));
    }
    // Some have a record and some have none, which no kind of stage does in one call.
    Err("its error records name rows of the input and none in one call".to_owned())
}

/// Error records that are shared by all who take them.
pub(super) type SharedErrors = Arc<ErrorBatch>;
