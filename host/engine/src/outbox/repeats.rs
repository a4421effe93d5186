//! Alerts that were raised after the save point that a run goes on from: what raised them will do so again.

use super::{Cause, HeldAlert};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Alerts that are in the outbox, or were, and will be raised a second time.
///
/// Each is forgotten when it has come again, or when what raised it is behind a save point: then it cannot come any more.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// By the id.
    known: HashMap<String, Known>,
}

/// One, as it is kept with a save point.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    id: String,
    stage: String,
    from: Cause,
}

impl Repeats {
    /// Notes an alert that the outbox holds since the save point.
    pub(crate) fn note(&mut self, alert: &HeldAlert) {
        if let (true, Some(from)) = (alert.single, alert.from) {
            let known = Known { id: alert.id.clone(), stage: alert.stage.clone(), from };
            self.known.insert(alert.id.clone(), known);
        }
    }

    /// Whether this alert was raised before; then it is forgotten.
    pub(crate) fn take(&mut self, id: &str) -> bool {
        !self.known.is_empty() && self.known.remove(id).is_some()
    }

    /// A save point is written: what lies behind it cannot come again. `is_behind` tells of a stage and what raised its alert.
    pub(crate) fn saved(&mut self, is_behind: impl Fn(&str, Cause) -> bool) {
        self.known.retain(|_, known| !is_behind(&known.stage, known.from));
        self.known.shrink_to_fit();
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Numbers and texts only: writing them cannot fail.
        serde_json::to_vec(&self.known.values().collect::<Vec<&Known>>()).unwrap_or_default()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Repeats, String> {
        let all: Vec<Known> = serde_json::from_slice(bytes)
            .map_err(|error| format!("the alerts that will be raised again cannot be read: {error}"))?;
        Ok(Repeats { known: all.into_iter().map(|known| (known.id.clone(), known)).collect() })
    }
}

#[cfg(test)]
mod tests;
