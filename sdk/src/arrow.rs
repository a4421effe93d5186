//! Whole batches as those of arrow-rs, for plugins that read or write formats which arrow-rs knows. Feature `arrow`.
//!
//! ```
//! use campanile_sdk::{Batch, Emitter, Result, Transform, arrow};
//!
//! #[derive(serde::Deserialize)]
//! struct Same;
//!
//! impl Transform for Same {
//!     fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
//!         let columns = arrow::record_batch(batch)?; // arrow-rs from here on
//!         let rows: Vec<u32> = (0..columns.num_rows() as u32).collect();
//!         arrow::emit_record_batch_of(emitter, columns, &rows)
//!     }
//! }
//! ```

mod schemas;

pub use schemas::{data_type, fits, from_arrow_schema, from_data_type, schema};

use crate::batch::Batch;
use crate::emitter::{Emitter, MAX_BATCH_ROWS};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::shim;
use arrow_array::{Array, RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::DataType as ArrowType;
use std::sync::Arc;

/// A batch as arrow-rs has it. Where the host keeps the batch beyond the call nothing is copied, and its memory is the
/// host's until the last column is dropped: who keeps columns for long, keeps copies.
pub fn record_batch(batch: &Batch<'_>) -> Result<RecordBatch> {
    let Some(raw) = batch.raw else { return Err(Error::fatal("this batch was not lent by a host")) };
    let schema = Arc::new(schema(batch.schema));
    let data = shim::arrow::import(raw, ArrowType::Struct(schema.fields().clone()))?;
    let rows = data.len();
    let (_, columns, _) = StructArray::from(data).into_parts();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// Hands rows on that a source made. `positions` says where each stands in the split, or is empty. The columns have the
/// names and types of the output's fields, in their order; lists, structs and maps are welcome.
pub fn emit_record_batch(emitter: &mut Emitter<'_>, batch: RecordBatch, positions: &[u64]) -> Result<()> {
    if !positions.is_empty() && positions.len() != batch.num_rows() {
        return Err(Error::fatal(format!("{} positions for {} rows", positions.len(), batch.num_rows())));
    }
    emit(emitter, batch, None, (!positions.is_empty()).then_some(positions))
}

/// Hands rows on that a transform made; `rows` says of which row of its input each was made.
pub fn emit_record_batch_of(emitter: &mut Emitter<'_>, batch: RecordBatch, rows: &[u32]) -> Result<()> {
    if rows.len() != batch.num_rows() {
        return Err(Error::fatal(format!("{} rows of the input for {} new ones", rows.len(), batch.num_rows())));
    }
    emit(emitter, batch, Some(rows), None)
}

fn emit(emitter: &mut Emitter<'_>, batch: RecordBatch, rows: Option<&[u32]>, positions: Option<&[u64]>) -> Result<()> {
    emitter.flush_port(0)?;
    let Some(port) = emitter.state.ports.first() else {
        return Err(Error::fatal("this stage has no output: declare it in `configure`"));
    };
    check(&port.schema, &batch)?;
    let mut start = 0;
    while start < batch.num_rows() {
        let count = MAX_BATCH_ROWS.min(batch.num_rows() - start);
        let mut exported = shim::arrow::export_batch(batch.slice(start, count));
        let rows = rows.map(|rows| &rows[start..start + count]);
        let positions = positions.map(|positions| &positions[start..start + count]);
        emitter.host.batch_array(0, &mut exported, rows, positions)?;
        start += count;
    }
    Ok(())
}

/// What the host relies on: names, types, and no null where the schema says so.
pub(crate) fn check(schema: &Schema, batch: &RecordBatch) -> Result<()> {
    let given = batch.schema_ref().fields();
    if given.len() != schema.fields.len() {
        let message = format!("a batch of {} columns for an output of {} fields", given.len(), schema.fields.len());
        return Err(Error::fatal(message));
    }
    for ((field, given), column) in schema.fields.iter().zip(given).zip(batch.columns()) {
        if field.name != *given.name() {
            return Err(Error::fatal(format!("column `{}` where the output has `{}`", given.name(), field.name)));
        }
        if !fits(&field.data_type, given.data_type()) {
            let wanted = data_type(&field.data_type);
            let message =
                format!("column `{}` is {}, where {wanted} is needed: cast it", field.name, given.data_type());
            return Err(Error::fatal(message));
        }
        if !field.nullable && column.null_count() > 0 {
            let message = format!("column `{}` holds nulls, which the output's schema rules out", field.name);
            return Err(Error::fatal(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
