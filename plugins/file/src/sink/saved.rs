//! What a save point holds of a sink.

use crate::identity::Identity;
use campanile_sdk::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of [`Saved`].
const VERSION: u32 = 1;

/// What a save point holds of a sink.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    version: u32,
    /// The file to be.
    path: PathBuf,
    #[serde(flatten)]
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum What {
    /// One file: its length, and which one it is under whatever name.
    File { bytes: u64, identity: Identity },
    /// The number of the last complete part; 0 before the first.
    Parts(u32),
}

impl Saved {
    pub(super) fn new(path: &Path, what: What) -> Saved {
        Saved { version: VERSION, path: path.to_owned(), what }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// What was saved of the file with this name.
    pub(super) fn from_json(state: &[u8], path: &Path) -> Result<What> {
        let saved: Saved = serde_json::from_slice(state).map_err(|error| {
            Error::from(error).context(format!("what was saved of `{}` cannot be read", path.display()))
        })?;
        let (was, is) = (saved.path.display(), path.display());
        if saved.version != VERSION {
            return Err(Error::config(format!(
                "what was saved of `{was}` is of version {}, and {VERSION} is read: resume the run with the version that \
                 saved it; a run without --resume starts afresh",
                saved.version
            )));
        }
        if saved.path != path {
            return Err(Error::config(format!(
                "the run wrote `{was}`, and property `path` now leads to `{is}`: set it back to resume the run; a run \
                 without --resume starts afresh"
            )));
        }
        Ok(saved.what)
    }
}

/// That the sink and what was saved are of different kinds.
pub(super) fn other_format(path: &Path) -> Error {
    Error::config(format!(
        "the run wrote `{}` in another format: set property `format` back to resume it; a run without --resume starts afresh",
        path.display()
    ))
}
