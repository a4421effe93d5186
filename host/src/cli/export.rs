//! A new file that something is kept in before it is removed elsewhere.

use anyhow::{Context, bail};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A new file. One that is given up is removed.
#[derive(Debug)]
pub(super) struct Export {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Export {
    /// Makes the file; one that is there is left alone.
    pub(super) fn new(path: &Path) -> anyhow::Result<Export> {
        match File::create_new(path) {
            Ok(file) => Ok(Export { path: path.to_owned(), file: Some(BufWriter::new(file)) }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{}: there is such a file already, and it stays as it is: name another", path.display())
            }
            Err(error) => Err(anyhow::anyhow!("{}: cannot be made: {error}", path.display())),
        }
    }

    /// Adds a line; its end is added where it has none.
    pub(super) fn line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        write_line(file, line).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Returns when all of it is on the disk.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let synced = file.flush().and_then(|()| file.get_ref().sync_all()).and_then(|()| {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        });
        if synced.is_err() {
            self.file = Some(file);
        }
        synced.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Half of it is of no use; where it cannot be removed, nothing worse comes of it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes a line; its end is added where it has none.
pub(super) fn write_line(out: &mut impl Write, line: &[u8]) -> std::io::Result<()> {
    out.write_all(line)?;
    if line.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_whole_and_ends_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let mut export = Export::new(&path).unwrap();
        export.line(b"a").unwrap();
        export.line(b"b\n").unwrap();
        export.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a\nb\n");
        let again = Export::new(&path).unwrap_err().to_string();
        assert!(again.contains("name another"), "{again}");
        let given_up = folder.path().join("other");
        drop(Export::new(&given_up).unwrap());
        assert!(!given_up.exists());
    }
}
