//! Private copies of verified libraries: what is loaded is what was hashed, and a file that changes is a new image.

use super::problem::LibraryProblem;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Copies that were not used for so long are removed.
pub(super) const CACHE_KEEP: Duration = Duration::from_secs(30 * 24 * 3600);
/// More copies than this are removed, the oldest first.
pub(super) const CACHE_ENTRIES_MAX: usize = 256;

/// The folder of the copies.
#[derive(Clone, Debug)]
pub struct CacheFolder(PathBuf);

/// Where copies are kept when nothing else is said.
pub fn default_cache_folder() -> PathBuf {
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    home.unwrap_or_else(std::env::temp_dir).join("campanile").join("libraries")
}

/// What is known of a file without reading it: the hash is kept under it.
#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!(
        "{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}",
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    )
}

#[cfg(not(unix))]
fn identity(metadata: &fs::Metadata) -> String {
    format!("{:x}-{:?}", metadata.len(), metadata.modified())
}

impl CacheFolder {
    /// This folder, made private to the user where it does not exist.
    pub fn new(folder: impl Into<PathBuf>) -> CacheFolder {
        CacheFolder(folder.into())
    }

    fn make(&self) -> std::io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if fs::metadata(&self.0)?.permissions().mode() & 0o022 != 0 {
                return Err(std::io::Error::other("others may write to it"));
            }
        }
        Ok(())
    }

    /// A copy of the file, and its sha256. Where it is not pinned, a file that was seen before is known by its inode and
    /// times.
    pub(super) fn copy_of(&self, path: &Path, pinned: bool) -> Result<(PathBuf, String), LibraryProblem> {
        let wrong = |what: &str, error: std::io::Error| {
            LibraryProblem::new(path, format!("{what}: {error}"), "check permissions and space, or set another folder")
        };
        self.make().map_err(|error| wrong(&format!("cannot make {}", self.0.display()), error))?;
        let metadata = fs::metadata(path).map_err(|error| wrong("cannot be read", error))?;
        let known = self.0.join(format!("{}.known", identity(&metadata)));
        if !pinned
            && let Ok(sha256) = fs::read_to_string(&known)
            && let copy = self.0.join(format!("{sha256}.so"))
            && fs::metadata(&copy).is_ok_and(|copied| copied.len() == metadata.len())
        {
            touch(&copy);
            touch(&known);
            return Ok((copy, sha256));
        }
        let bytes = fs::read(path).map_err(|error| wrong("cannot be read", error))?;
        let sha256 = hex(&Sha256::digest(&bytes));
        let copy = self.0.join(format!("{sha256}.so"));
        if !fs::read(&copy).is_ok_and(|copied| copied == bytes) {
            self.write(&copy, &bytes)
                .map_err(|error| wrong(&format!("cannot copy it to {}", copy.display()), error))?;
        }
        // A hint only: without it the file is hashed again.
        let _ = self.write(&known, sha256.as_bytes());
        self.prune();
        Ok((copy, sha256))
    }

    fn write(&self, to: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let beside =
            self.0.join(format!("{}.{}.new", to.file_name().unwrap_or_default().display(), std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o700);
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        drop(file);
        fs::rename(&beside, to)
    }

    /// Removes what is old. A process that has a copy loaded keeps it: removing a name leaves the file.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.0) else { return };
        let mut copies: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        copies.sort();
        let too_many = copies.len().saturating_sub(2 * CACHE_ENTRIES_MAX);
        for (index, (modified, path)) in copies.into_iter().enumerate() {
            if index < too_many || modified.elapsed().is_ok_and(|age| age > CACHE_KEEP) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Notes that a file was used just now. Where that fails, it is made again when it is missing.
fn touch(path: &Path) {
    if let Ok(file) = fs::File::options().append(true).open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

/// The sha256 of a file.
pub(super) fn sha256_of(path: &Path) -> std::io::Result<String> {
    Ok(hex(&Sha256::digest(fs::read(path)?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
