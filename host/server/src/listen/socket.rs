//! A Unix socket that only its owner can open.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// Bytes that the path of a socket may have: `sun_path` with its closing zero.
const MAX_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A path by which the system finds a socket, however long the path of its folder.
#[derive(Debug)]
pub(crate) struct ShortPath {
    path: PathBuf,
    /// Kept open while `path` leads through it.
    _folder: Option<File>,
}

impl ShortPath {
    /// The path itself if it is short enough; on Linux one through the open folder if not.
    pub(crate) fn of(path: &Path) -> io::Result<ShortPath> {
        if path.as_os_str().len() <= MAX_PATH_BYTES {
            return Ok(ShortPath { path: path.to_owned(), _folder: None });
        }
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) if cfg!(target_os = "linux") => {
                let folder = File::open(folder)?;
                let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
                Ok(ShortPath { path, _folder: Some(folder) })
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the path of a socket has {MAX_PATH_BYTES} bytes at most here: choose a folder with a shorter path"
                ),
            )),
        }
    }

    pub(crate) fn as_path(&self) -> &Path {
        &self.path
    }
}

/// A Unix socket that is listened on. Its file is removed when this is dropped.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// The file and the user whose it is.
    file: (u64, u32),
}

impl Socket {
    /// Listens on `path`. The caller owns the folder: what lies at the path is left over from an owner that is gone, and
    /// is replaced. To be called within a runtime.
    pub(crate) fn bind(path: &Path) -> io::Result<Socket> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        if let Err(error) = fs::remove_file(&beside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(ShortPath::of(&beside)?.as_path())?;
        // It gets its name when all is right with it: nobody meets a socket that others may open.
        fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
        let file = fs::metadata(&beside)?;
        fs::rename(&beside, path)?;
        Ok(Socket { listener, path: path.to_owned(), file: (file.ino(), file.uid()) })
    }

    /// The next connection of the same user, or of root.
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let peer = stream.peer_cred()?.uid();
            if peer == self.file.1 || peer == 0 {
                return Ok(stream);
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Only if it still is this one.
        if fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.file.0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
