//! A source that a test reads call by call.

use super::capture::{Capture, Collected};
use super::harness::Harness;
use crate::error::{Error, Result};
use crate::proxy::Stage;
use crate::source::Read;

/// A source that was opened and begun, to be read call by call: for what happens between two calls.
pub struct Reading {
    pub(super) stage: Stage,
    pub(super) capture: Capture,
    pub(super) rows: usize,
}

impl Reading {
    /// Reads on.
    pub fn read(&mut self) -> Result<Read> {
        self.stage.read(self.rows, 1 << 20, &mut self.capture)
    }

    /// Closes the source: all that it emitted.
    pub fn end(self) -> Result<Collected> {
        Harness::end(self.stage, self.capture)
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Harness {
    /// Opens a source and begins its first split, to be read call by call.
    pub fn reading(&self) -> Result<Reading> {
        let (mut stage, capture, rows) = self.open_source()?;
        let splits = stage.splits()?;
        let first = splits.first().ok_or_else(|| Error::fatal("the source has no split"))?;
        stage.begin(first, None)?;
        Ok(Reading { stage, capture, rows })
    }
}
