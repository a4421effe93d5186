//! Where bytes go: a file, plain or compressed, or standard output.

use crate::input::{Compression, DASH};
use campanile_sdk::{Error, Result};
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes that a writer collects before it writes them.
pub(crate) const WRITE_BYTES: usize = 256 << 10;
/// What the name of a file that is not complete ends with.
const PART: &str = ".part";

/// A file to be: written beside, and shown when it is complete.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    /// The file beside; nothing for standard output, pipes and devices, which are written at once.
    part: Option<PathBuf>,
}

impl Target {
    /// The file with this name. A folder that is not there is an error.
    pub(crate) fn new(path: &str) -> Result<Target> {
        if path == DASH {
            return Ok(Target { path: path.into(), part: None });
        }
        // A link stays one: the file that it leads to is replaced.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                let message = format!("`{}` is a folder: name a file in it", path.display());
                return Err(Error::config(message));
            }
            Ok(found) if !found.is_file() => return Ok(Target { path, part: None }),
            _ => {}
        }
        let folder = folder_of(&path);
        if !folder.is_dir() {
            return Err(Error::config(format!("there is no folder `{}`: create it first", folder.display())));
        }
        let mut part = path.clone().into_os_string();
        part.push(PART);
        Ok(Target { path, part: Some(part.into()) })
    }

    /// The file to be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that is written.
    pub(crate) fn written(&self) -> &Path {
        self.part.as_deref().unwrap_or(&self.path)
    }

    /// Gives the complete file its name, for good.
    pub(crate) fn show(&self) -> Result<()> {
        let Some(part) = &self.part else { return Ok(()) };
        let at = |error: io::Error| {
            Error::from(error).context(format!("cannot rename `{}` to `{}`", part.display(), self.path.display()))
        };
        std::fs::rename(part, &self.path).map_err(at)?;
        File::open(folder_of(&self.path)).and_then(|folder| folder.sync_all()).map_err(at)
    }
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}

/// Bytes on their way out. It is not buffered: write large pieces.
pub(crate) enum Output {
    Plain(File),
    Gzip(Box<GzEncoder<File>>),
    Zstd(Box<zstd::Encoder<'static, File>>),
    Stdout,
}

impl Output {
    /// Opens `written`, with the compression that the name of the file to be says.
    pub(crate) fn create(name: &Path, written: &Path) -> Result<Output> {
        if name.as_os_str() == DASH {
            return Ok(Output::Stdout);
        }
        let at = |error: io::Error| Error::from(error).context(format!("cannot create `{}`", written.display()));
        let file = File::create(written).map_err(at)?;
        Ok(match Compression::of(name) {
            Compression::None => Output::Plain(file),
            Compression::Gzip => Output::Gzip(Box::new(GzEncoder::new(file, flate2::Compression::default()))),
            Compression::Zstd => {
                Output::Zstd(Box::new(zstd::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(at)?))
            }
        })
    }

    /// Ends the compression, and makes what was written durable.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = match self {
            Output::Plain(file) => file,
            Output::Gzip(encoder) => encoder.finish()?,
            Output::Zstd(encoder) => encoder.finish()?,
            Output::Stdout => return io::stdout().flush(),
        };
        // Pipes and devices keep nothing.
        if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Plain(file) => file.write(bytes),
            Output::Gzip(encoder) => encoder.write(bytes),
            Output::Zstd(encoder) => encoder.write(bytes),
            Output::Stdout => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Plain(file) => file.flush(),
            Output::Gzip(encoder) => encoder.flush(),
            Output::Zstd(encoder) => encoder.flush(),
            Output::Stdout => io::stdout().flush(),
        }
    }
}
