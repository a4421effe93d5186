//! Where bytes come from: a file, plain or compressed, or standard input.

use crate::follow::Growing;
use crate::stdin::{self, Stdin};
use campanile_sdk::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes that are read at a time from a compressed file.
const COMPRESSED_READ_BYTES: usize = 256 << 10;

/// The name of standard input and output.
pub(crate) const DASH: &str = "-";

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// What the file's name says.
    pub(crate) fn of(path: &Path) -> Compression {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(gz) if gz.eq_ignore_ascii_case("gz") => Compression::Gzip,
            Some(zst) if zst.eq_ignore_ascii_case("zst") => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// Bytes of one file, decompressed. It is not buffered: read large pieces.
///
/// Standard input answers [`io::ErrorKind::WouldBlock`] where nothing came for [`stdin::IDLE`], a file that grows at once.
pub(crate) enum Input {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<File>>>),
    Stdin(Stdin),
    Growing(Growing),
}

impl Input {
    /// A file from its start, or standard input.
    pub(crate) fn open(path: &Path) -> Result<Input> {
        if path.as_os_str() == DASH {
            return stdin::take().map(Input::Stdin);
        }
        Input::open_file(path, 0)
    }

    /// A file from its start; of standard input what comes first, without taking it away from who reads it later.
    pub(crate) fn open_to_wait(path: &Path) -> Result<Input> {
        if path.as_os_str() == DASH {
            return stdin::sample().map(Input::Stdin);
        }
        Input::open_file(path, 0)
    }

    /// A file from this byte of its content on.
    pub(crate) fn open_file(path: &Path, offset: u64) -> Result<Input> {
        let at = |error: io::Error| Error::from(error).context(format!("cannot open `{}`", path.display()));
        let mut file = File::open(path).map_err(at)?;
        if Compression::of(path) == Compression::None {
            if offset > 0 {
                file.seek(SeekFrom::Start(offset)).map_err(at)?;
            }
            return Ok(Input::Plain(file));
        }
        let file = BufReader::with_capacity(COMPRESSED_READ_BYTES, file);
        let mut input = match Compression::of(path) {
            Compression::Zstd => Input::Zstd(Box::new(zstd::Decoder::with_buffer(file).map_err(at)?)),
            _ => Input::Gzip(Box::new(MultiGzDecoder::new(file))),
        };
        if offset > 0 {
            io::copy(&mut input.by_ref().take(offset), &mut io::sink()).map_err(at)?;
        }
        Ok(input)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Plain(file) => file.read(buffer),
            Input::Gzip(decoder) => decoder.read(buffer),
            Input::Zstd(decoder) => decoder.read(buffer),
            Input::Stdin(stdin) => stdin.read(buffer),
            Input::Growing(growing) => growing.read(buffer),
        }
    }
}
