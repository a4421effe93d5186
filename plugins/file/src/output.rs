//! Where bytes go: a file, plain or compressed, or standard output.

use crate::input::{Compression, DASH};
use campanile_sdk::{Error, Result};
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes that a writer collects before it writes them.
pub(crate) const WRITE_BYTES: usize = 256 << 10;

/// Bytes on their way out. It is not buffered: write large pieces.
pub(crate) enum Output {
    Plain(File),
    Gzip(GzEncoder<File>),
    Zstd(zstd::Encoder<'static, File>),
    Stdout,
    #[cfg(test)]
    Memory(Vec<u8>),
}

impl Output {
    /// What the file's name says. The bytes go to `part`.
    pub(crate) fn create(name: &Path, part: &Path) -> Result<Output> {
        if name.as_os_str() == DASH {
            return Ok(Output::Stdout);
        }
        let at = |error: io::Error| Error::from(error).context(format!("cannot create `{}`", part.display()));
        let file = File::create(part).map_err(at)?;
        Ok(match Compression::of(name) {
            Compression::None => Output::Plain(file),
            Compression::Gzip => Output::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Compression::Zstd => Output::Zstd(zstd::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(at)?),
        })
    }

    /// Ends the compression, and makes what was written durable.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = match self {
            Output::Plain(file) => file,
            Output::Gzip(encoder) => encoder.finish()?,
            Output::Zstd(encoder) => encoder.finish()?,
            Output::Stdout => return io::stdout().flush(),
            #[cfg(test)]
            Output::Memory(_) => return Ok(()),
        };
        file.sync_all()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Plain(file) => file.write(bytes),
            Output::Gzip(encoder) => encoder.write(bytes),
            Output::Zstd(encoder) => encoder.write(bytes),
            Output::Stdout => io::stdout().write(bytes),
            #[cfg(test)]
            Output::Memory(memory) => memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Plain(file) => file.flush(),
            Output::Gzip(encoder) => encoder.flush(),
            Output::Zstd(encoder) => encoder.flush(),
            Output::Stdout => io::stdout().flush(),
            #[cfg(test)]
            Output::Memory(_) => Ok(()),
        }
    }
}
