//! Transforms and splitters.

use crate::batch::{Batch, Record};
use crate::configure::Configure;
use crate::context::StageContext;
use crate::emitter::Emitter;
use crate::error::{Error, Result};
use crate::shim::state::unsaved;
use serde::de::DeserializeOwned;

/// Turns records into records. The type is made from the stage's properties.
///
/// The host calls `configure` (often, and without opening anything), then for a run `open`, a transform method for each
/// batch, `finish`, and `close` however the run went. In a run that is saved, `snapshot` comes between two batches, and
/// `restore` after `open` where the run is resumed. One thread at a time is inside an instance.
///
/// ```
/// use campanile_sdk::*;
///
/// /// Raises an alert when a heart beats too fast.
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct TooFast {
///     limit: f64,
///     #[serde(skip)]
///     heartbeat: Field<f64>,
/// }
///
/// impl Transform for TooFast {
///     fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
///         self.heartbeat = stage.input()?.f64("heartbeat")?;
///         Ok(())
///     }
///
///     fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
///         if let Some(bpm) = record.f64(self.heartbeat) && bpm > self.limit {
///             emitter.emit_alert([("heartbeat", bpm)])?;
///         }
///         emitter.emit(record)
///     }
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a transform but does not implement `campanile_sdk::Transform`",
    note = "write `impl Transform for {Self}`, or export it as the kind that it implements; its properties come by \
            `#[derive(serde::Deserialize)]`"
)]
pub trait Transform: DeserializeOwned + Send + 'static {
    /// Whether several instances may work side by side, each on its own share of the records: true only for a stage that
    /// keeps nothing from one record to the next.
    const PARALLEL: bool = false;

    /// Checks the properties and says what comes out: by default records of the schema that comes in. Opens nothing.
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.pass_through()
    }

    /// Gets ready: resolves fields, loads what is needed. An error here keeps the run from starting.
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Works on one record. A record error ([`Error::record`]) makes it an error record; any other error fails the run.
    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let _ = (record, emitter);
        Err(Error::fatal("the transform implements neither `transform` nor `transform_batch`"))
    }

    /// Works on a whole batch: by default record by record.
    fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        for record in batch.records() {
            emitter.at(&record);
            if let Err(error) = self.transform(&record, emitter) {
                emitter.take_error(error)?;
            }
        }
        Ok(())
    }

    /// The input has ended: the last chance to emit records (made new, by [`Row`](crate::Row)), errors and alerts.
    fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        let _ = emitter;
        Ok(())
    }

    /// A save point: what is needed to go on from here in another process, or nothing where the stage keeps nothing from
    /// one record to the next. Called between two batches of a run that is [saved](crate::Mode::is_durable), after `open` and
    /// before `finish`, on the thread that works with the instance; records wait until it returns. At most [`MAX_STATE_BYTES`](crate::MAX_STATE_BYTES). An error
    /// fails the run.
    ///
    /// Give the format a version of its own: a later version of the plugin may read what this one wrote. An empty state is
    /// the same as none.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// The run is resumed: takes what `snapshot` answered in the run before. Called after `open` and before any record, only
    /// where something was saved. What came out until the save point is safe already, and what comes in begins behind it. A
    /// state that cannot be read is an error that says what to do.
    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let _ = state;
        unsaved()
    }

    /// The run is over, however it went. Alerts can still be raised, records are no longer taken.
    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        let _ = emitter;
        Ok(())
    }
}

/// Sends each record to one of several named ports. As [`Transform`], but for the ports: `configure` declares each by
/// [`Configure::add_port`], `open` resolves them by [`StageContext::port`], and [`Emitter::emit_to`] takes one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a splitter but does not implement `campanile_sdk::Splitter`",
    note = "write `impl Splitter for {Self}`, or export it as the kind that it implements"
)]
pub trait Splitter: DeserializeOwned + Send + 'static {
    /// As [`Transform::PARALLEL`].
    const PARALLEL: bool = false;

    /// Checks the properties and declares the ports. Opens nothing.
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()>;

    /// Gets ready: resolves fields and ports.
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Sends one record to a port. A record error makes it an error record; any other error fails the run.
    fn split(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()>;

    /// Works on a whole batch: by default record by record.
    fn split_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        for record in batch.records() {
            emitter.at(&record);
            if let Err(error) = self.split(&record, emitter) {
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
