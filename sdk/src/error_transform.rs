//! Error transforms.

use crate::batch::{Batch, Record};
use crate::configure::Configure;
use crate::context::StageContext;
use crate::emitter::Emitter;
use crate::error::Result;
use crate::shim::state::unsaved;
use crate::shim::tables::ErrorColumnsView;
use serde::de::DeserializeOwned;

/// Turns error records into records. The input schema is that of the records in error, every field of which may be null:
/// an error of a source has no record, but the bytes that could not be read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as an errortransform but does not implement `campanile_sdk::ErrorTransform`",
    note = "write `impl ErrorTransform for {Self}`, or export it as the kind that it implements"
)]
pub trait ErrorTransform: DeserializeOwned + Send + 'static {
    /// As [`Transform::PARALLEL`](crate::Transform::PARALLEL).
    const PARALLEL: bool = false;

    /// Checks the properties and says what comes out: by default records of the schema that comes in.
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.pass_through()
    }

    /// Gets ready.
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Works on one error record.
    fn transform(&mut self, error: &ErrorRecord<'_>, emitter: &mut Emitter<'_>) -> Result<()>;

    /// Works on a whole batch of them: by default one by one.
    fn transform_batch(&mut self, errors: &ErrorBatch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        for error in errors.records() {
            emitter.at(&error.record);
            if let Err(error) = self.transform(&error, emitter) {
                emitter.take_error(error)?;
            }
        }
        Ok(())
    }

    /// The input has ended.
    fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        let _ = emitter;
        Ok(())
    }

    /// As [`Transform::snapshot`](crate::Transform::snapshot).
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// As [`Transform::restore`](crate::Transform::restore).
    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let _ = state;
        unsaved()
    }

    /// The run is over, however it went.
    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        let _ = emitter;
        Ok(())
    }
}

/// Error records of one stage, lent for one call.
#[derive(Debug)]
pub struct ErrorBatch<'b> {
    pub(crate) batch: &'b Batch<'b>,
    pub(crate) columns: ErrorColumnsView<'b>,
}

/// A record in error, and why.
#[derive(Clone, Copy, Debug)]
pub struct ErrorRecord<'b> {
    /// The record; all null where a source could not read one.
    pub record: Record<'b>,
    /// The error's code.
    pub code: i32,
    /// What is wrong.
    pub message: &'b str,
    /// The stage that emitted it.
    pub stage: &'b str,
    /// The bytes that a source could not read.
    pub raw: Option<&'b [u8]>,
    /// The file that it comes from, or empty.
    pub file: &'b str,
    /// The line in the file, from 1; 0 where there is none.
    pub line: u64,
    /// The position in the split: for a file the offset in bytes.
    pub offset: Option<u64>,
}

impl<'b> ErrorBatch<'b> {
    /// The records without their errors.
    pub fn batch(&self) -> &'b Batch<'b> {
        self.batch
    }

    /// The error records, in order.
    pub fn records(&self) -> impl Iterator<Item = ErrorRecord<'b>> {
        let batch = self.batch;
        let columns = self.columns;
        (0..batch.len()).map(move |row| columns.record(batch.record(row), row))
    }
}
