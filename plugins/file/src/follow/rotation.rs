//! Where a file went that is followed, and which one comes after it.

use super::growing::{Fingerprint, Growing};
use crate::identity::Identity;
use crate::input::Compression;
use campanile_sdk::Result;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is known of a file that was read in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Known {
    #[serde(flatten)]
    pub(crate) identity: Identity,
    #[serde(flatten)]
    pub(crate) fingerprint: Fingerprint,
}

impl Known {
    pub(crate) fn of(file: &Growing) -> Known {
        Known { identity: file.identity(), fingerprint: file.fingerprint() }
    }

    /// Whether this is the file, with the bytes that were read. Numbers of inodes are used again, and those of devices change
    /// when a machine starts.
    pub(crate) fn is(&self, file: &Growing) -> Result<bool> {
        let identity = file.identity();
        let same = identity.inode == self.identity.inode
            && (identity.device == self.identity.device || self.fingerprint.is_full());
        Ok(same && file.has(&self.fingerprint)?)
    }

    /// Whether this is a copy of the file, with the bytes that were read.
    fn is_copied_to(&self, file: &Growing) -> Result<bool> {
        Ok(file.identity() != self.identity && self.fingerprint.is_full() && file.has(&self.fingerprint)?)
    }

    /// The file under another name; or else a copy of it, as is made before a file is truncated.
    pub(crate) fn find_rotated(&self, path: &Path) -> Result<Option<Growing>> {
        let mut copy = None;
        // The newest first; what cannot be opened is not found.
        for (name, _) in rotated(path)?.into_iter().rev() {
            let Ok(Some(file)) = Growing::open(&name) else { continue };
            if self.is(&file)? {
                return Ok(Some(file));
            }
            if copy.is_none() && self.is_copied_to(&file)? {
                copy = Some(file);
            }
        }
        Ok(copy)
    }

    /// The newest copy of the file.
    pub(crate) fn find_copy(&self, path: &Path) -> Result<Option<Growing>> {
        for (name, _) in rotated(path)?.into_iter().rev() {
            if let Ok(Some(file)) = Growing::open(&name)
                && self.is_copied_to(&file)?
            {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }
}

/// The file to be read behind this one: of the files that were rotated away the first one written to after it, else the one
/// that has the name now, once there is something in it (until then somebody may still write to the one before).
pub(crate) fn next(path: &Path, current: &Growing) -> Result<Option<Growing>> {
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(campanile_sdk::Error::from(error).context(format!("cannot open `{}`", path.display())));
        }
    };
    let newest = Identity::of(&found);
    if newest == current.identity() || found.len() == 0 {
        return Ok(None);
    }
    let left = current.modified()?;
    for (name, modified) in rotated(path)? {
        if modified <= left {
            continue;
        }
        match Growing::open(&name)? {
            Some(file) if file.identity() != current.identity() && file.identity() != newest => return Ok(Some(file)),
            _ => {}
        }
    }
    Growing::open(path)
}

/// The files that may have had this name, in the order in which they were written to last: `app.log.1`, `app.log-20261121`;
/// none that is compressed or empty.
fn rotated(path: &Path) -> Result<Vec<(PathBuf, SystemTime)>> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let at = |error: io::Error| {
        campanile_sdk::Error::from(error).context(format!("cannot look for rotated files in `{}`", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let entry = entry.map_err(at)?;
        if !is_rotated(path.file_name().unwrap_or_default(), &entry.file_name()) {
            continue;
        }
        // One that goes away meanwhile is none.
        if let Ok(found) = entry.metadata()
            && let Ok(modified) = found.modified()
            && found.is_file()
            && found.len() > 0
        {
            files.push((entry.path(), modified));
        }
    }
    files.sort_by(|one, other| one.1.cmp(&other.1).then_with(|| other.0.cmp(&one.0)));
    Ok(files)
}

/// Whether a file of this name gets that name when it is rotated: behind its own name stand a number, a date or `old`.
fn is_rotated(name: &OsStr, other: &OsStr) -> bool {
    let Some(rest) = other.as_encoded_bytes().strip_prefix(name.as_encoded_bytes()) else { return false };
    let Some((first, rest)) = rest.split_first() else { return false };
    Compression::of(Path::new(other)) == Compression::None
        && matches!(first, b'.' | b'-' | b'_')
        && !rest.is_empty()
        && (rest == b"old" || rest.iter().all(|byte| byte.is_ascii_digit() || b".-_:TZ".contains(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_were_rotated_away_are_known_by_their_names() {
        let is = |other: &str| is_rotated(OsStr::new("app.log"), OsStr::new(other));
        for name in ["app.log.1", "app.log-20261121", "app.log.2026-11-21T10:02:03Z", "app.log_7", "app.log.old"] {
            assert!(is(name), "{name}");
        }
        for name in ["app.log", "app.log.1.gz", "app.log.zst", "app.log.bak", "app.logs", "app.log.", "other.log.1"] {
            assert!(!is(name), "{name}");
        }
    }
}
