//! Where bytes go: a file, plain or compressed, or standard output.

use crate::identity::Identity;
use crate::input::{Compression, DASH};
use campanile_sdk::{Error, Result};
use flate2::write::GzEncoder;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that a writer collects before it writes them.
pub(crate) const WRITE_BYTES: usize = 256 << 10;
/// What the name of a file that is not complete ends with.
const PART: &str = ".part";

/// A file to be: written beside, and shown when it is complete; or written where it is.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    /// The file beside; nothing for what is written at once.
    part: Option<PathBuf>,
    /// Whether it is a file: no standard output, pipe or device, which keep nothing.
    file: bool,
}

impl Target {
    /// The file with this name, written beside. A folder that is not there is an error.
    pub(crate) fn new(path: &str) -> Result<Target> {
        if path == DASH {
            return Ok(Target { path: path.into(), part: None, file: false });
        }
        // A link stays one: the file that it leads to is replaced.
        let path = real(Path::new(path));
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                let message = format!("`{}` is a folder: name a file in it", path.display());
                return Err(Error::config(message));
            }
            Ok(found) if !found.is_file() => return Ok(Target { path, part: None, file: false }),
            _ => {}
        }
        let folder = folder_of(&path);
        if !folder.is_dir() {
            return Err(Error::config(format!("there is no folder `{}`: create it first", folder.display())));
        }
        let part = beside(&path);
        Ok(Target { path, part: Some(part), file: true })
    }

    /// Writes the file where it is.
    #[must_use]
    pub(crate) fn at_once(mut self) -> Target {
        self.part = None;
        self
    }

    /// The file to be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that is written.
    pub(crate) fn written(&self) -> &Path {
        self.part.as_deref().unwrap_or(&self.path)
    }

    /// Whether it is a file: no standard output, pipe or device.
    pub(crate) fn is_file(&self) -> bool {
        self.file
    }

    /// Opens the file that is written, as it is; creates it where it is not there.
    pub(crate) fn open(&self) -> Result<File> {
        open(self.written(), File::options().create(true))
    }

    /// Gives the complete file its name, for good.
    pub(crate) fn show(&self) -> Result<()> {
        match &self.part {
            Some(part) => show(part, &self.path),
            None => Ok(()),
        }
    }

    /// Takes the name off the complete file again.
    pub(crate) fn hide(&self) -> Result<()> {
        match &self.part {
            Some(part) => show(&self.path, part),
            None => Ok(()),
        }
    }
}

/// The same path whether the file is there or not.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| match (std::fs::canonicalize(folder_of(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    })
}

/// The name of a file that is not complete.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut part = path.to_owned().into_os_string();
    part.push(PART);
    part.into()
}

/// Opens a file to be written and read; one that is new has its name for good.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let opened = options.read(true).write(true).open(path).and_then(|file| {
        if file.metadata()?.len() == 0 {
            sync_folder(path)?;
        }
        Ok(file)
    });
    opened.map_err(|error| Error::from(hint(error)).context(format!("cannot create `{}`", path.display())))
}

/// Renames a file, for good.
pub(crate) fn show(from: &Path, to: &Path) -> Result<()> {
    let renamed = std::fs::rename(from, to).and_then(|()| sync_folder(to));
    renamed.map_err(|error| {
        let message = format!("cannot rename `{}` to `{}`", from.display(), to.display());
        let error = match error.kind() {
            io::ErrorKind::NotFound => Error::fatal(format!(
                "{error}: somebody took it away while it was written: leave it alone until the run is over"
            )),
            _ => hint(error).into(),
        };
        error.context(message)
    })
}

/// Makes the names in the folder of a file durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all())
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}

/// Says what to do about an error.
fn hint(error: io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room and start the run again",
        io::ErrorKind::ReadOnlyFilesystem => "nothing can be written there: name a file elsewhere",
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}: {hint}"))
}

/// Bytes on their way out. It is not buffered: write large pieces.
pub(crate) struct Output {
    stream: Stream,
    compression: Compression,
    /// Whether a frame was begun since the output was opened.
    framed: bool,
}

enum Stream {
    /// Between two frames, where it is compressed.
    Plain(File),
    Gzip(Box<GzEncoder<File>>),
    Zstd(Box<zstd::Encoder<'static, File>>),
    Stdout,
    /// It failed.
    Gone,
}

impl Output {
    /// Creates `written`, with the compression that the name of the file to be says.
    pub(crate) fn create(name: &Path, written: &Path) -> Result<Output> {
        if name.as_os_str() == DASH {
            return Ok(Output { stream: Stream::Stdout, compression: Compression::None, framed: false });
        }
        let at = |error: io::Error| Error::from(hint(error)).context(format!("cannot create `{}`", written.display()));
        Ok(Output::new(name, File::create(written).map_err(at)?))
    }

    /// A file from where it stands, with the compression that the name of the file to be says.
    pub(crate) fn new(name: &Path, file: File) -> Output {
        Output { stream: Stream::Plain(file), compression: Compression::of(name), framed: false }
    }

    /// A file behind so many bytes, which are all that is kept of it.
    pub(crate) fn behind(name: &Path, mut file: File, bytes: u64) -> io::Result<Output> {
        // A link may lead to a device.
        if file.metadata()?.is_file() {
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
        }
        Ok(Output::new(name, file))
    }

    /// Begins a frame where it is compressed, unless one is begun.
    fn begin_frame(&mut self) -> io::Result<()> {
        if self.compression == Compression::None || !matches!(self.stream, Stream::Plain(_)) {
            return Ok(());
        }
        self.framed = true;
        self.stream = match (std::mem::replace(&mut self.stream, Stream::Gone), self.compression) {
            (Stream::Plain(file), Compression::Gzip) => {
                Stream::Gzip(Box::new(GzEncoder::new(file, flate2::Compression::default())))
            }
            (Stream::Plain(file), Compression::Zstd) => {
                Stream::Zstd(Box::new(zstd::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL)?))
            }
            (stream, _) => stream,
        };
        Ok(())
    }

    /// Ends the frame that was begun: what comes behind it can be cut off.
    fn end_frame(&mut self) -> io::Result<()> {
        self.stream = match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Gzip(encoder) => Stream::Plain(encoder.finish()?),
            Stream::Zstd(encoder) => Stream::Plain(encoder.finish()?),
            stream => stream,
        };
        Ok(())
    }

    /// Makes what was written durable, ended so that the file can be cut off here, and says where that is.
    pub(crate) fn save(&mut self) -> io::Result<u64> {
        self.end_frame().map_err(hint)?;
        let Stream::Plain(file) = &mut self.stream else { return Err(gone()) };
        file.sync_data().map_err(hint)?;
        file.stream_position()
    }

    /// Which file it is.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        match &self.stream {
            Stream::Plain(file) => Ok(Identity::of(&file.metadata()?)),
            _ => Err(gone()),
        }
    }

    /// Ends the compression, and makes what was written durable: how many bytes the file has, if it is one.
    pub(crate) fn finish(mut self) -> io::Result<Option<u64>> {
        // An empty file is no compressed one.
        if !self.framed
            && let Stream::Plain(file) = &mut self.stream
            && file.metadata()?.is_file()
            && file.stream_position()? == 0
        {
            self.begin_frame()?;
        }
        self.end_frame().map_err(hint)?;
        let mut file = match self.stream {
            Stream::Plain(file) => file,
            Stream::Stdout => return io::stdout().flush().map(|()| None),
            _ => return Err(gone()),
        };
        // Pipes and devices keep nothing.
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        file.sync_all().map_err(hint)?;
        file.stream_position().map(Some)
    }
}

fn gone() -> io::Error {
    io::Error::other("it failed before")
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begin_frame()?;
        let written = match &mut self.stream {
            Stream::Plain(file) => file.write(bytes),
            Stream::Gzip(encoder) => encoder.write(bytes),
            Stream::Zstd(encoder) => encoder.write(bytes),
            Stream::Stdout => io::stdout().write(bytes),
            Stream::Gone => Err(gone()),
        };
        written.map_err(hint)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.stream {
            Stream::Plain(file) => file.flush(),
            Stream::Gzip(encoder) => encoder.flush(),
            Stream::Zstd(encoder) => encoder.flush(),
            Stream::Stdout => io::stdout().flush(),
            Stream::Gone => Err(gone()),
        };
        flushed.map_err(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_disk_say_what_to_do() {
        let told = |kind: io::ErrorKind| hint(io::Error::new(kind, "it")).to_string();
        assert_eq!(told(io::ErrorKind::StorageFull), "it: make room and start the run again");
        assert_eq!(told(io::ErrorKind::ReadOnlyFilesystem), "it: nothing can be written there: name a file elsewhere");
        assert_eq!(told(io::ErrorKind::Other), "it");
    }
}
