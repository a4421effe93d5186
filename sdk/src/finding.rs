use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The pipeline cannot run.
    Error,
    /// The pipeline runs, perhaps not as meant.
    Warning,
}

/// One thing that is wrong with a pipeline or a plugin's properties, with its place and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where: `stages[1].plugin.properties.field` in a pipeline; in a plugin's own findings the property's name.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What would be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the pipeline can run all the same.
    pub severity: Severity,
}

impl Finding {
    /// A finding that keeps the pipeline from running.
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { path: path.into(), message: message.into(), hint: None, severity: Severity::Error }
    }

    /// A finding that does not keep the pipeline from running.
    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, ..Finding::error(path, message) }
    }

    /// Says what would be right.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the pipeline cannot run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
