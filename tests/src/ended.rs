//! A process that has ended.

use serde_json::Value;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// The signal that nothing can catch.
const SIGKILL: i32 = 9;

/// What a process left.
#[derive(Clone, Debug)]
pub struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) took: Duration,
    pub(crate) peak_bytes: u64,
}

impl Ended {
    /// Fails unless the process ended by itself, with this code.
    #[track_caller]
    pub fn code_is(&self, code: i32) {
        assert_eq!(self.status.code(), Some(code), "{self}");
    }

    /// The code with which it ended, if by itself.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails unless the process was killed.
    #[track_caller]
    pub fn was_killed(&self) {
        assert_eq!(self.status.signal(), Some(SIGKILL), "{self}");
    }

    /// Fails unless stderr contains all of these.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        let said = self.stderr();
        for words in words {
            assert!(said.contains(words), "stderr lacks {words:?}\n{self}");
        }
    }

    /// What it wrote for machines.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it wrote for people.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("stdout is no JSON: {error}\n{self}"))
    }

    /// How long it ran.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The most memory it was seen to have, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (out, err) = (self.stdout(), self.stderr());
        write!(f, "{} after {:?}\n--- stdout\n{out}\n--- stderr\n{err}", self.status, self.took)
    }
}
