//! Which file it is, whatever its name.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;

/// Tells a file from others, also where it was renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(found: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt as _;
        Identity { device: found.dev(), inode: found.ino() }
    }

    /// When it was made stands for what this system does not tell.
    #[cfg(not(unix))]
    pub(crate) fn of(found: &Metadata) -> Identity {
        let age = found.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Identity { device: 0, inode: age.map_or(0, |age| age.as_nanos() as u64) }
    }
}
