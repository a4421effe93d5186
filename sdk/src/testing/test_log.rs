//! Keeps what a plugin tells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps what a plugin logs and counts; clones share it.
#[derive(Clone, Debug, Default)]
pub struct TestLog(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    messages: Vec<String>,
    counts: BTreeMap<String, u64>,
}

impl TestLog {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, level: u32, message: &str, fields: &str) {
        self.kept().messages.push(format!("{level} {message} {fields}").trim_end().to_owned());
    }

    pub(super) fn count(&self, name: &str, delta: u64) {
        *self.kept().counts.entry(name.to_owned()).or_default() += delta;
    }

    /// The messages, in order, each with its level in front: `2 something is not as it should be`.
    pub fn messages(&self) -> Vec<String> {
        self.kept().messages.clone()
    }

    /// What a counter of the plugin stands at.
    pub fn counted(&self, name: &str) -> u64 {
        self.kept().counts.get(name).copied().unwrap_or_default()
    }
}
