//! What a file holds that a live run finds.

use crate::input::{Compression, Input};
use crate::lines::{READ_BYTES, content};

use campanile_sdk::{Error, Result};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// What a file holds that records are to be written behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    /// Whole lines.
    Lines,
    /// Lines, the last of which has no end.
    Torn,
}

/// What the file holds. It is refused where it begins with another line than `header`, or ends within a compressed frame.
pub(super) fn look(path: &Path, header: Option<&[u8]>) -> Result<There> {
    let at = |error: io::Error| Error::from(error).context(format!("cannot read `{}`", path.display()));
    let mut file = File::open(path).map_err(at)?;
    if file.metadata().map_err(at)?.len() == 0 {
        return Ok(There::Nothing);
    }
    let wanted = header.map_or(0, |header| header.len() + 1);
    let (start, last) = if Compression::of(path) == Compression::None {
        let mut start = Vec::new();
        file.by_ref().take(wanted as u64).read_to_end(&mut start).map_err(at)?;
        let mut last = [0];
        file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last)).map_err(at)?;
        (start, Some(last[0]))
    } else {
        unpack(path, wanted).map_err(|error| {
            Error::config(format!(
                "`{}` does not end with a whole frame, so nothing can be written behind it ({error}): name another file, or \
                 resume the run that wrote it",
                path.display()
            ))
        })?
    };
    let Some(last) = last else { return Ok(There::Nothing) };
    if let Some(header) = header {
        let first = start.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
        if content(first) != content(header) {
            return Err(Error::config(format!(
                "`{}` does not begin with the line `{}`, so these records cannot be written behind it: name another file",
                path.display(),
                String::from_utf8_lossy(content(header))
            )));
        }
    }
    Ok(if last == b'\n' { There::Lines } else { There::Torn })
}

/// The first bytes, and the last one, of a compressed file, which is read to its end.
fn unpack(path: &Path, wanted: usize) -> Result<(Vec<u8>, Option<u8>)> {
    let mut input = Input::open_file(path, 0)?;
    let (mut start, mut last, mut buffer) = (Vec::new(), None, vec![0; READ_BYTES]);
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return Ok((start, last)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let more = wanted.saturating_sub(start.len()).min(read);
        start.extend_from_slice(&buffer[..more]);
        last = Some(buffer[read - 1]);
    }
}
