//! Sources.

use crate::configure::Configure;
use crate::context::StageContext;
use crate::emitter::Emitter;
use crate::error::{Error, Result};
use crate::shim::state::unsaved;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a split that may leave says of itself.
const MAY_LEAVE: &str = "mayLeave";

/// A part of a source that can be read on its own: a file, a range of bytes, a partition. Its records keep their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The same for the same part in every run: positions are kept under it, and ids of alerts contain it.
    pub id: String,
    /// What the source needs to find it again.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

impl Split {
    /// A split with this id.
    pub fn new(id: impl Into<String>) -> Split {
        Split { id: id.into(), more: BTreeMap::new() }
    }

    /// Adds what the source needs to find it again.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Split {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// The split may leave: other processes read the source too. Once [`Source::splits`] of a live run does not name it any
    /// more, its reader is asked for nothing; the next save point holds how far it was read, [`Source::commit`] and
    /// [`Source::close`] of its reader follow, and when the source names it again another reader begins, with the position
    /// and the state of then.
    #[must_use]
    pub fn may_leave(self) -> Split {
        self.with(MAY_LEAVE, true)
    }

    /// Whether it [may leave](Split::may_leave).
    pub fn leaves(&self) -> bool {
        self.more.get(MAY_LEAVE).is_some_and(|leaves| leaves == &serde_json::Value::Bool(true))
    }

    /// A text that was added.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.more.get(key).and_then(|value| value.as_str()).ok_or_else(|| self.lacks(key))
    }

    /// A number that was added.
    pub fn number(&self, key: &str) -> Result<u64> {
        self.more.get(key).and_then(serde_json::Value::as_u64).ok_or_else(|| self.lacks(key))
    }

    fn lacks(&self, key: &str) -> Error {
        Error::fatal(format!("split `{}` lacks `{key}`", self.id))
    }
}

/// What a call of [`Source::read`] leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The split may have more.
    More,
    /// The split is read to its end.
    End,
    /// Nothing new for now.
    Idle,
}

/// About how much one call of [`Source::read`] shall emit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
}

/// Up to where a split has been read and saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The split's id.
    pub split: String,
    /// The position of the last row that is safe.
    pub position: u64,
}

/// Reads records from outside. The host opens it, asks for its splits, and reads them one after the other, with
/// `parallelism` on several instances, each split on one of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a source but does not implement `campanile_sdk::Source`",
    note = "write `impl Source for {Self}`, or export it as the kind that it implements"
)]
pub trait Source: DeserializeOwned + Send + 'static {
    /// Whether several instances may read side by side, each its own splits.
    const PARALLEL: bool = false;

    /// Checks the properties and says what will come out, or that it is
    /// [unknown until start](Configure::output_unknown_until_start). Opens nothing.
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()>;

    /// Gets ready: what cannot be reached or read is an error now.
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()>;

    /// The splits, in order. A live run asks about every second, for new ones and for those that
    /// [left](Split::may_leave). With several instances only one of them is asked; the division does not depend on how many
    /// there are.
    fn splits(&mut self) -> Result<Vec<Split>>;

    /// Starts on a split: from its start, or from the row behind `position`.
    fn begin(&mut self, split: &Split, position: Option<u64>) -> Result<()>;

    /// Emits the next rows of the split, about as many as `limits` says: fewer are fine, and none with [`Read::More`]. It
    /// returns within a second or so, with [`Read::Idle`] where there is nothing to read.
    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read>;

    /// What was read up to these positions is safe and will not be asked for again. A reader of a live run is told so after
    /// every save point, with no position where its split has brought no row.
    fn commit(&mut self, positions: &[Position]) -> Result<()> {
        let _ = positions;
        Ok(())
    }

    /// A save point: what is needed to go on from here, beside the [position](Position) of the last row, which the host
    /// keeps; or nothing. Called between two calls of `read` of a run that is [saved](crate::Mode::is_durable), on the thread
    /// that works with the instance. At most [`MAX_STATE_BYTES`](crate::MAX_STATE_BYTES). An error fails the run.
    ///
    /// Give the format a version of its own: a later version of the plugin may read what this one wrote. An empty state is
    /// the same as none.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// The run is resumed: takes what `snapshot` answered in the run before. Called after `open`, before `splits` and `begin`,
    /// only where something was saved. A state that cannot be read is an error that says what to do.
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
