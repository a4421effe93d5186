use crate::Finding;

/// What the caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pipeline or the properties are wrong: the run does not start.
    Config,
    /// This record cannot be processed: it becomes an error record, and the run goes on.
    Record,
    /// Not now: the same call may succeed later.
    Retry,
    /// The run fails.
    Fatal,
    /// The plugin panicked: the run fails, and the instance is not called again.
    Panic,
}

impl ErrorKind {
    pub(crate) const fn code(self) -> u32 {
        match self {
            ErrorKind::Config => 1,
            ErrorKind::Record => 2,
            ErrorKind::Retry => 3,
            ErrorKind::Fatal => 4,
            ErrorKind::Panic => 5,
        }
    }

    pub(crate) const fn from_code(code: u32) -> ErrorKind {
        match code {
            1 => ErrorKind::Config,
            2 => ErrorKind::Record,
            3 => ErrorKind::Retry,
            5 => ErrorKind::Panic,
            _ => ErrorKind::Fatal,
        }
    }
}

/// Why something did not work: a kind, a message (lower case, no full stop) and its causes.
///
/// Any [`std::error::Error`] becomes a fatal one by `?`; [`Error::context`] says what was being done. An
/// [`ErrorKind::Record`] error that a transform or splitter returns for a record becomes an error record of the stage.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    causes: Vec<String>,
    code: i32,
    row: Option<u32>,
    findings: Vec<Finding>,
    signal: Signal,
}

/// What an emitter call answered, on its way back through the author's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    None,
    /// Nothing more is wanted.
    Stop,
    /// The host could not take it, and knows why.
    Refused,
}

/// A result with our [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            causes: Vec::new(),
            code: 0,
            row: None,
            findings: Vec::new(),
            signal: Signal::None,
        }
    }

    /// The pipeline or the properties are wrong.
    pub fn config(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Config, message)
    }

    /// This record cannot be processed; `code` is for those who sort errors by it.
    pub fn record(code: i32, message: impl Into<String>) -> Error {
        Error { code, ..Error::new(ErrorKind::Record, message) }
    }

    /// Not now.
    pub fn retry(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Retry, message)
    }

    /// The run fails.
    pub fn fatal(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Fatal, message)
    }

    /// Several things that are wrong with the properties, all at once.
    pub fn findings(findings: Vec<Finding>) -> Error {
        let message = findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Error { findings, ..Error::config(message) }
    }

    pub(crate) fn signal(signal: Signal) -> Error {
        Error { signal, ..Error::fatal("the emitter takes nothing more") }
    }

    pub(crate) fn signalled(&self) -> Signal {
        self.signal
    }

    /// Puts `message` in front; what was the message becomes the first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Error {
        let was = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, was);
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Makes it an error of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Error {
        self.kind = kind;
        self
    }

    /// The message without its causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The causes, the nearest first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// The code of a record error.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The input row that was being worked on.
    pub fn row(&self) -> Option<u32> {
        self.row
    }

    pub(crate) fn at_row(mut self, row: Option<u32>) -> Error {
        self.row = self.row.or(row);
        self
    }

    /// What is wrong with the properties, one by one.
    pub fn all_findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The error as it crosses.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        #[derive(serde::Serialize)]
        struct Parts<'a> {
            message: &'a str,
            causes: &'a [String],
            findings: &'a [Finding],
        }
        let parts = Parts { message: &self.message, causes: &self.causes, findings: &self.findings };
        serde_json::to_vec(&parts).unwrap_or_default()
    }

    pub(crate) fn from_json(kind: u32, row: i64, json: &[u8]) -> Error {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Parts {
            message: String,
            causes: Vec<String>,
            findings: Vec<Finding>,
        }
        let parts: Parts = serde_json::from_slice(json).unwrap_or_default();
        let message = if parts.message.is_empty() { "it failed without a message".to_owned() } else { parts.message };
        Error {
            kind: ErrorKind::from_code(kind),
            message,
            causes: parts.causes,
            code: 0,
            row: u32::try_from(row).ok(),
            findings: parts.findings,
            signal: if kind == 0 { Signal::Refused } else { Signal::None },
        }
    }

    /// Whether it only says that an emitter call was refused, for a reason that the host knows.
    pub fn is_refusal(&self) -> bool {
        self.signal == Signal::Refused
    }
}

/// The message and its causes, parted by colons.
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Error { causes, ..Error::fatal(error.to_string()) }
    }
}
