//! Rows from Parquet.

use super::types::{convert, fields_as};
use crate::format::{Part, RowReader, Tally, UNREADABLE};
use crate::matching::Matching;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use arrow_array::{Array as _, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use campanile_sdk::{
    DataType, Emitter, Error, Limits, MAX_BATCH_BYTES, MAX_BATCH_ROWS, Place, Read, Result, Schema, arrow,
};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub(super) struct Reader {
    file: String,
    rows: ParquetRecordBatchReader,
    schema: Schema,
    arrow_schema: SchemaRef,
    matching: Matching,
    /// For each field its column in what `rows` gives.
    columns: Vec<Option<usize>>,
    /// What was read and not handed on yet; its first row is the one with the number `next`.
    pending: Option<RecordBatch>,
    next: u64,
    count: u64,
}

/// The schema that the file says.
pub(super) fn schema(path: &Path) -> Result<Schema> {
    let (_, metadata) = open(path)?;
    let fields = fields_as(metadata.schema().fields());
    arrow::from_arrow_schema(&arrow_schema::Schema::new(fields)).map_err(|error| {
        error.context(format!("`{}` holds what no field can: leave it out by giving a schema", path.display()))
    })
}

/// Opens a file and reads what stands at its end.
fn open(path: &Path) -> Result<(File, ArrowReaderMetadata)> {
    let at = |what: &str| format!("`{}` {what}", path.display());
    let file = File::open(path).map_err(|error| Error::from(error).context(at("cannot be opened")))?;
    // The types are those of Parquet itself, not those that a writer noted for its own readers.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&file, options)
        .map_err(|error| Error::from(error).context(at("is no parquet file, or not a whole one")))?;
    Ok((file, metadata))
}

impl Reader {
    pub(super) fn open(part: &Part, schema: &Schema) -> Result<Reader> {
        let (file, metadata) = open(&part.path)?;
        let fields = fields_as(metadata.schema().fields());
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let matching = Matching::by_name(&names, schema, &part.file())?;
        for (field, column) in schema.fields.iter().zip(&matching.columns) {
            let Some(column) = column else { continue };
            let found = arrow::from_data_type(&field.name, fields[*column].data_type())
                .map_err(|error| error.context(format!("`{}` cannot be read", part.file())))?;
            if !arrow::fits(&field.data_type, fields[*column].data_type()) {
                let (found, wanted) = in_words(&found, &field.data_type);
                let (file, name) = (part.file(), &field.name);
                let message = format!("column `{name}` of `{file}` is {found}, where the schema says {wanted}");
                return Err(Error::config(message));
            }
        }
        let mut selected: Vec<usize> = matching.columns.iter().flatten().copied().collect();
        selected.sort_unstable();
        let place = |column: usize| selected.iter().position(|&other| other == column);
        let columns = matching.columns.iter().map(|column| column.and_then(place)).collect();
        let next = part.after.map_or(0, |row| row + 1);
        Ok(Reader {
            file: part.file(),
            rows: rows(file, metadata, &selected, next).map_err(|error| failed(&part.file(), next, error))?,
            schema: schema.clone(),
            arrow_schema: Arc::new(arrow::schema(schema)),
            matching,
            columns,
            pending: None,
            next,
            count: 0,
        })
    }

    /// Columns as the schema says.
    fn arrange(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for (field, column) in self.arrow_schema.fields().iter().zip(&self.columns) {
            let array = match column {
                Some(column) => convert(batch.column(*column))?,
                None => new_null_array(field.data_type(), rows),
            };
            // Inner fields keep the file's names; that nulls are there, where none may be, is told row by row.
            fields.push(arrow_schema::Field::new(field.name(), array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }

    /// Hands rows on, and those that are null where they must not be as errors.
    fn hand_on(&self, batch: &RecordBatch, emitter: &mut Emitter<'_>) -> Result<()> {
        let positions: Vec<u64> = (self.next..).take(batch.num_rows()).collect();
        let required: Vec<usize> = (0..self.schema.fields.len())
            .filter(|&column| !self.schema.fields[column].nullable && batch.column(column).null_count() > 0)
            .collect();
        if required.is_empty() {
            return arrow::emit_record_batch(emitter, batch.clone(), &positions);
        }
        let mut good = vec![true; batch.num_rows()];
        for (row, good) in good.iter_mut().enumerate() {
            let Some(&column) = required.iter().find(|&&column| batch.column(column).is_null(row)) else { continue };
            *good = false;
            let name = &self.schema.fields[column].name;
            let message = format!("field `{name}`: null where the schema allows none");
            let place = Place { file: &self.file, line: 0, offset: positions[row] };
            emitter.emit_unreadable(&place, &[], UNREADABLE, &message)?;
        }
        let positions: Vec<u64> =
            positions.into_iter().zip(&good).filter(|(_, good)| **good).map(|(position, _)| position).collect();
        let batch = filter_record_batch(batch, &BooleanArray::from(good))?;
        arrow::emit_record_batch(emitter, batch, &positions)
    }
}

/// Two types by their words, or in full where these are the same.
fn in_words(one: &DataType, other: &DataType) -> (String, String) {
    let full = |data_type: &DataType| serde_json::to_string(data_type).unwrap_or_else(|_| data_type.to_string());
    if one.as_str() == other.as_str() { (full(one), full(other)) } else { (one.to_string(), other.to_string()) }
}

/// The rows from this one on.
fn rows(
    file: File,
    metadata: ArrowReaderMetadata,
    columns: &[usize],
    from: u64,
) -> ::parquet::errors::Result<ParquetRecordBatchReader> {
    let groups = metadata.metadata().row_groups();
    let (mut first, mut skipped) = (0, 0_u64);
    while let Some(group) = groups.get(first) {
        let end = skipped + u64::try_from(group.num_rows()).unwrap_or_default();
        if end > from {
            break;
        }
        (first, skipped) = (first + 1, end);
    }
    let bytes: i64 = groups.iter().map(|group| group.total_byte_size()).sum();
    let count: i64 = groups.iter().map(|group| group.num_rows()).sum();
    let row_bytes = usize::try_from(bytes / count.max(1)).unwrap_or_default().max(1);
    let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
    ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
        .with_row_groups((first..groups.len()).collect())
        .with_offset(usize::try_from(from - skipped).unwrap_or(usize::MAX))
        .with_projection(mask)
        .with_batch_size((MAX_BATCH_BYTES / row_bytes).clamp(1, MAX_BATCH_ROWS))
        .build()
}

fn failed<E: std::error::Error>(file: &str, row: u64, error: E) -> Error {
    Error::from(error).context(format!("`{file}` cannot be read from its row {row} on"))
}

impl RowReader for Reader {
    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let batch = match self.pending.take() {
            Some(batch) => batch,
            None => match self.rows.next() {
                Some(batch) => self.arrange(&batch.map_err(|error| failed(&self.file, self.next, error))?)?,
                None => return Ok(Read::End),
            },
        };
        let count = batch.num_rows().min(limits.rows.max(1));
        self.hand_on(&batch.slice(0, count), emitter)?;
        self.next += count as u64;
        self.count += count as u64;
        if count < batch.num_rows() {
            self.pending = Some(batch.slice(count, batch.num_rows() - count));
        }
        Ok(Read::More)
    }

    fn tally(&mut self, tally: &mut Tally) {
        self.matching.tally(self.count, tally);
    }
}
