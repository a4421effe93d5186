//! Opens the folder of messages, or says who has it.

use super::log::log;
use crate::wiring::messaging::socket_in;
use anyhow::anyhow;
use campanile_messaging::{Error, Messaging, Options};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long another process may take to give the folder up: a command that is about to end.
const OWNER_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is tried.
const TRY_EVERY: Duration = Duration::from_millis(100);

pub(super) enum Opened {
    Done(Messaging),
    /// It was told to stop before.
    Stopped,
}

pub(super) fn open(folder: &Path, options: &Options, stopped: &Receiver<()>) -> anyhow::Result<Opened> {
    let deadline = Instant::now() + OWNER_PATIENCE;
    let mut told = false;
    loop {
        let error = match Messaging::open(folder, options.clone()) {
            Ok(messaging) => return Ok(Opened::Done(messaging)),
            Err(error) => error,
        };
        if !matches!(error, Error::Locked(_)) || Instant::now() >= deadline {
            return Err(explained(folder, &error));
        }
        if !told {
            told = true;
            log(format_args!("waiting for {}: {} has it open", folder.display(), owner(folder)));
        }
        if !matches!(stopped.recv_timeout(TRY_EVERY), Err(RecvTimeoutError::Timeout)) {
            return Ok(Opened::Stopped);
        }
    }
}

/// The error, and what to do about it.
fn explained(folder: &Path, error: &Error) -> anyhow::Error {
    let shown = folder.display();
    match error {
        Error::Locked(_) => {
            anyhow!("{shown}: {} has it open; end it, or serve another folder with --data", owner(folder))
        }
        Error::NewerFormat { .. } => anyhow!("{error}; start that version, or serve another folder with --data"),
        Error::Corrupt { .. } => anyhow!("{shown} cannot be read: {error}; restore it from a backup"),
        Error::Storage(why) if why.contains("No space left") => {
            anyhow!("{error}; make room on the disk, then start again")
        }
        Error::Storage(why) if why.contains("ermission denied") => {
            anyhow!("{error}; start it as the user whose folder this is")
        }
        error => anyhow!("{error}"),
    }
}

/// The process that has the folder open, as far as it can be known.
fn owner(folder: &Path) -> String {
    let socket = socket_in(folder);
    match pid(&socket) {
        Some(pid) => format!("process {pid}{}, which answers on {},", command(pid), socket.display()),
        None => "another process".to_owned(),
    }
}

#[cfg(target_os = "linux")]
fn pid(socket: &Path) -> Option<i32> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    use std::os::fd::AsRawFd;
    // Through the folder, for the path of a socket is short.
    let folder = std::fs::File::open(socket.parent()?).ok()?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(socket.file_name()?);
    let stream = std::os::unix::net::UnixStream::connect(short).ok()?;
    getsockopt(&stream, PeerCredentials).ok().map(|owner| owner.pid())
}

#[cfg(not(target_os = "linux"))]
fn pid(_: &Path) -> Option<i32> {
    None
}

/// What that process was started as; a secret is no argument of ours.
fn command(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split(|&byte| byte == 0).map(String::from_utf8_lossy).take(3).collect();
    let words = words.join(" ");
    if words.trim().is_empty() { String::new() } else { format!(" (`{}`)", words.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_to_do() {
        let folder = Path::new("data/messaging");
        let said = |error| explained(folder, &error).to_string();
        let newer = Error::NewerFormat { folder: folder.to_owned(), found: 9, known: 1 };
        let corrupt = Error::Corrupt { place: "a table".to_owned(), why: "no sense".to_owned() };
        for (text, words) in [
            (said(newer), "start that version"),
            (said(corrupt), "restore it from a backup"),
            (said(Error::Locked(folder.to_owned().into())), "another process has it open; end it"),
            (said(Error::Storage("x: No space left on device".to_owned())), "make room"),
            (said(Error::Storage("x: Permission denied".to_owned())), "as the user whose folder"),
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
}
