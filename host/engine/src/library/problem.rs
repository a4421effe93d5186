use std::path::{Path, PathBuf};

/// Why a library is not used: which step failed, both sides' values, what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("library {}: {message} ({hint})", path.display())]
pub struct LibraryProblem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with the host's and the plugin's value.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// All that the loader has to say, for those who look for a fault.
    pub detail: Option<String>,
}

impl LibraryProblem {
    pub(super) fn new(path: &Path, message: impl Into<String>, hint: impl Into<String>) -> LibraryProblem {
        LibraryProblem { path: path.to_owned(), message: message.into(), hint: hint.into(), detail: None }
    }
}
