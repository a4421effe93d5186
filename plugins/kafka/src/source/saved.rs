//! What a source keeps of a partition, for a run that goes on.

use campanile_sdk::{Error, Result};
use serde::{Deserialize, Serialize};

/// The format that is written.
const VERSION: u32 = 1;

/// How far a partition was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    version: u32,
    /// The first message that was not read; the one before it need not have become a row.
    pub(crate) next: i64,
    /// Where reading ends, of a source that does not follow.
    pub(crate) end: Option<i64>,
}

impl Saved {
    pub(crate) fn new(next: i64, end: Option<i64>) -> Saved {
        Saved { version: VERSION, next, end }
    }

    pub(crate) fn to_json(self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&self)?)
    }

    pub(crate) fn from_json(bytes: &[u8]) -> Result<Saved> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Error::config(format!("what was saved of the partition cannot be read: {error}: start the run without it"))
        };
        let saved: Saved = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        if saved.version > VERSION {
            return Err(Error::config(format!(
                "what was saved of the partition is of version {}, this plugin reads up to {VERSION}: use the version that \
                 wrote it",
                saved.version
            )));
        }
        Ok(saved)
    }
}
