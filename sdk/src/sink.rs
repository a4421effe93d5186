//! Sinks.

use crate::batch::{Batch, Record};
use crate::configure::Configure;
use crate::context::StageContext;
use crate::emitter::Emitter;
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;

/// Writes records to the outside. Records can be emitted as errors; there is nothing else to emit.
///
/// After the last batch the host calls `prepare`; then `commit` if the whole run went well, else `abort`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a sink but does not implement `campanile_sdk::Sink`",
    note = "write `impl Sink for {Self}`, or export it as the kind that it implements"
)]
pub trait Sink: DeserializeOwned + Send + 'static {
    /// Whether several instances may write side by side, each its share of the records.
    const PARALLEL: bool = false;

    /// Checks the properties against the schema of the records. Opens nothing.
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Gets ready: what cannot be reached or written is an error now.
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Writes one record. A record error makes it an error record; any other error fails the run.
    fn write(&mut self, record: &Record<'_>) -> Result<()> {
        let _ = record;
        Err(Error::fatal("the sink implements neither `write` nor `write_batch`"))
    }

    /// Writes a whole batch: by default record by record.
    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        for record in batch.records() {
            emitter.at(&record);
            if let Err(error) = self.write(&record) {
                emitter.take_error(error)?;
            }
        }
        Ok(())
    }

    /// Makes what was written durable, without showing it to anyone.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// The run went well: shows what was written.
    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    /// The run failed or was stopped: what was there before stays.
    fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    /// The run is over, however it went.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
