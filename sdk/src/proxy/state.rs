//! Saving and restoring of stages, on the host's side.

use super::stage::{Stage, told};
use crate::error::{Error, Result};
use crate::shim::state::{too_large, unsaved};
use campanile_abi::{Failure, MAX_STATE_BYTES, OK, Owned, STOP, Slice};

#[cfg(test)]
mod tests;

impl Stage {
    /// Whether the library knows of saving. One that does not was built before there was any: its stages keep nothing, or
    /// lose it.
    pub fn can_save(&self) -> bool {
        self.plugin.state.is_some()
    }

    /// What the stage wants to have back when the run is resumed: none where it keeps nothing, or where its library
    /// [knows of none](Stage::can_save). At most [`MAX_STATE_BYTES`] bytes. When it returns, a sink that answers something
    /// has made durable all that it wrote.
    ///
    /// Called between two batches, after `open` and before `finish`, on the thread that works with the stage.
    pub fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(table) = self.plugin.state else { return Ok(None) };
        let (mut out, mut failure) = (Owned::EMPTY, Failure::NONE);
        let status = (table.snapshot)(self.instance, &mut out, &mut failure);
        let bytes = out.len;
        if status != OK || bytes > MAX_STATE_BYTES {
            // SAFETY: made by the plugin by `Owned::new`, or left empty.
            unsafe { out.discard() };
            return told_ok(status, failure).and(Err(too_large(bytes)));
        }
        // SAFETY: as above.
        let state = unsafe { out.take() };
        told_ok(status, failure).map(|()| Some(state).filter(|state| !state.is_empty()))
    }

    /// Gives the stage back what it saved: after `open`, before anything else.
    pub fn restore(&mut self, state: &[u8]) -> Result<()> {
        let Some(table) = self.plugin.state else { return unsaved() };
        let mut failure = Failure::NONE;
        told_ok((table.restore)(self.instance, Slice::new(state), &mut failure), failure)
    }
}

/// Nothing can be stopped here: a stage that answers so has neither saved nor restored.
fn told_ok(status: i32, failure: Failure) -> Result<()> {
    told(status, failure)?;
    match status {
        STOP => Err(Error::fatal("the plugin breaks the boundary: it answered \"stop\" at a save point")),
        _ => Ok(()),
    }
}
