//! Sinks.

use crate::batch::{Batch, Record};
use crate::configure::Configure;
use crate::context::StageContext;
use crate::emitter::Emitter;
use crate::error::{Error, Result};
use crate::shim::state::unsaved;
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

    /// A save point: makes all that was written so far durable (`fsync`), still without showing it to anyone, and answers
    /// what is needed to cut the output back to exactly here, such as its length. Called between two batches of a run that
    /// is [saved](crate::Mode::is_durable), after `open` and before `prepare`, on the thread that works with the instance;
    /// records wait until it returns. At most [`MAX_STATE_BYTES`](crate::MAX_STATE_BYTES). An error fails the run.
    ///
    /// A sink that answers nothing cannot go on where it was: in a run that is resumed it begins anew, behind the save point.
    ///
    /// Give the format a version of its own: a later version of the plugin may read what this one wrote. An empty state is
    /// the same as none.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// The run is resumed: takes what `snapshot` answered in the run before, cuts the output back to there, and goes on
    /// behind it. Called after `open` and before any record, only where something was saved; `open` therefore leaves alone
    /// what an earlier run has written, and what begins anew does so with the first record, snapshot or `prepare`.
    ///
    /// The process may have been killed at any moment, also right after an earlier `restore`: there may be more than was
    /// saved. Where there is less, because somebody took it away, or where the state cannot be read, it is an error that
    /// says what to do.
    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let _ = state;
        unsaved()
    }

    /// The run is over, however it went.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
