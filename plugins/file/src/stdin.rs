//! Standard input, read by a thread of its own, so that whoever waits for it can do something else meanwhile.

use crate::format::SAMPLE_RECORDS;
use campanile_sdk::{Error, Result};
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a read waits before it says that nothing came.
pub(crate) const IDLE: Duration = Duration::from_millis(100);
/// How long a sample waits for more after it has got something.
const SAMPLE_IDLE: Duration = Duration::from_secs(1);
/// Bytes of standard input that a sample looks at.
const SAMPLE_BYTES: usize = 32 << 20;
/// Bytes that the thread reads at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait to be taken.
const PIECES: usize = 4;

type Piece = io::Result<Vec<u8>>;

/// What one process has of standard input: the same for all instances of the source.
enum Shared {
    Untouched,
    /// What a sample saw, and what comes behind it.
    Sampled(Vec<u8>, Receiver<Piece>),
    Taken,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared::Untouched);

/// Bytes that were seen already, and what comes behind them.
pub(crate) struct Stdin {
    seen: Vec<u8>,
    taken: usize,
    /// Nothing where only what was seen is given.
    pieces: Option<Receiver<Piece>>,
    /// Something was given since the last wait: whoever got it does not wait for more.
    gave: bool,
}

impl Stdin {
    fn new(seen: Vec<u8>, pieces: Option<Receiver<Piece>>) -> Stdin {
        Stdin { seen, taken: 0, pieces, gave: false }
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.seen.len() {
            let Some(pieces) = &self.pieces else { return Ok(0) };
            let wait = if std::mem::take(&mut self.gave) { Duration::ZERO } else { IDLE };
            match pieces.recv_timeout(wait) {
                Ok(piece) => (self.seen, self.taken) = (piece?, 0),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let n = buffer.len().min(self.seen.len() - self.taken);
        buffer[..n].copy_from_slice(&self.seen[self.taken..self.taken + n]);
        self.taken += n;
        self.gave = n > 0;
        Ok(n)
    }
}

/// Standard input, for the one that reads it.
pub(crate) fn take() -> Result<Stdin> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    match std::mem::replace(&mut *shared, Shared::Taken) {
        Shared::Untouched => Ok(Stdin::new(Vec::new(), Some(start(io::stdin())?))),
        Shared::Sampled(seen, pieces) => Ok(Stdin::new(seen, Some(pieces))),
        Shared::Taken => Err(Error::config("standard input is read already: let only one stage read `-`")),
    }
}

/// What comes first on standard input: it stays there for the one that takes it.
pub(crate) fn sample() -> Result<Stdin> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Shared::Untouched = *shared {
        let pieces = start(io::stdin())?;
        *shared = Shared::Sampled(peek(&pieces)?, pieces);
    }
    match &*shared {
        Shared::Sampled(seen, _) => Ok(Stdin::new(whole_lines(seen).to_vec(), None)),
        _ => Err(Error::config("standard input is read already: let only one stage read `-`")),
    }
}

/// Waits for the first line, and for more until there are enough of them or nothing comes for a while.
fn peek(pieces: &Receiver<Piece>) -> Result<Vec<u8>> {
    let (mut seen, mut lines) = (Vec::new(), 0);
    while lines <= SAMPLE_RECORDS && seen.len() < SAMPLE_BYTES {
        let piece = match pieces.recv_timeout(SAMPLE_IDLE) {
            Ok(piece) => piece?,
            Err(RecvTimeoutError::Timeout) if lines == 0 => continue,
            Err(_) => break,
        };
        lines += memchr::memchr_iter(b'\n', &piece).count();
        seen.extend_from_slice(&piece);
    }
    Ok(seen)
}

/// What was seen up to the end of its last line; all of it where there is only one.
fn whole_lines(seen: &[u8]) -> &[u8] {
    &seen[..memchr::memrchr(b'\n', seen).map_or(seen.len(), |end| end + 1)]
}

/// Reads in a thread that ends with the input, or when nobody takes anything more. A read that never returns keeps it
/// until the process ends; it holds nothing of the plugin's.
fn start(input: impl Read + Send + 'static) -> Result<Receiver<Piece>> {
    let (sender, receiver) = sync_channel(PIECES);
    std::thread::Builder::new().name("stdin".into()).spawn(move || pump(input, &sender))?;
    Ok(receiver)
}

fn pump(mut input: impl Read, sender: &SyncSender<Piece>) {
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let piece = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => Ok(buffer[..n].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = piece.is_err();
        if sender.send(piece).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// An input that gives what is sent, and ends when nobody can send any more.
    struct Fed(Receiver<&'static str>);

    impl Read for Fed {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Ok(text) = self.0.recv() else { return Ok(0) };
            buffer[..text.len()].copy_from_slice(text.as_bytes());
            Ok(text.len())
        }
    }

    fn fed() -> (SyncSender<&'static str>, Stdin) {
        let (sender, receiver) = mpsc::sync_channel(8);
        (sender, Stdin::new(Vec::new(), Some(start(Fed(receiver)).unwrap())))
    }

    fn read(stdin: &mut Stdin) -> io::Result<String> {
        let mut buffer = [0; 3];
        stdin.read(&mut buffer).map(|n| String::from_utf8(buffer[..n].to_vec()).unwrap())
    }

    #[test]
    fn a_read_gives_what_is_there_and_says_when_nothing_came() {
        let (sender, mut stdin) = fed();
        assert_eq!(read(&mut stdin).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        sender.send("abcd").unwrap();
        let first = loop {
            match read(&mut stdin) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => break other.unwrap(),
            }
        };
        assert_eq!(first, "abc");
        assert_eq!(read(&mut stdin).unwrap(), "d");
        assert_eq!(read(&mut stdin).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(sender);
        let last = loop {
            match read(&mut stdin) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => break other.unwrap(),
            }
        };
        assert_eq!(last, "", "the end");
        assert_eq!(read(&mut stdin).unwrap(), "");
    }

    #[test]
    fn what_was_given_is_not_held_back_to_wait_for_more() {
        let (sender, mut stdin) = fed();
        sender.send("ab").unwrap();
        loop {
            match read(&mut stdin) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => break assert_eq!(other.unwrap(), "ab"),
            }
        }
        assert!(stdin.gave, "the next read does not wait");
        assert_eq!(read(&mut stdin).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(!stdin.gave, "the one behind it does");
    }

    #[test]
    fn a_sample_waits_for_a_line_and_gives_whole_ones() {
        let (sender, receiver) = mpsc::sync_channel(8);
        for text in ["{\"a\"", ":1}\n", "{\"a\":2}\n{\"a"] {
            sender.send(text).unwrap();
        }
        drop(sender);
        let seen = peek(&start(Fed(receiver)).unwrap()).unwrap();
        assert_eq!(seen, b"{\"a\":1}\n{\"a\":2}\n{\"a");
        assert_eq!(whole_lines(&seen), b"{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(whole_lines(b"no end"), b"no end");
    }
}
