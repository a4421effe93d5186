//! Alerts that were raised after the save point that a run goes on from: their records are read again.

use super::HeldAlert;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Alerts that are in the outbox, or were, and will be raised a second time.
///
/// Each is forgotten when it has come again, or when its record is behind a save point: then it cannot come any more.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    known: HashMap<String, Option<(u32, u64)>>,
}

/// One, as it is kept with a save point.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    id: String,
    #[serde(default)]
    from: Option<(u32, u64)>,
}

impl Repeats {
    /// Notes an alert that the outbox holds since the save point.
    pub(crate) fn note(&mut self, alert: &HeldAlert) {
        if alert.single {
            self.known.insert(alert.id.clone(), alert.from);
        }
    }

    /// Whether this alert was raised before; then it is forgotten.
    pub(crate) fn take(&mut self, id: &str) -> bool {
        !self.known.is_empty() && self.known.remove(id).is_some()
    }

    /// A save point is written: what lies behind it cannot come again. `is_behind` tells of a split and a position.
    pub(crate) fn saved(&mut self, is_behind: impl Fn(u32, u64) -> bool) {
        self.known.retain(|_, from| from.is_some_and(|(split, position)| !is_behind(split, position)));
        self.known.shrink_to_fit();
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let all: Vec<Known> = self.known.iter().map(|(id, from)| Known { id: id.clone(), from: *from }).collect();
        serde_json::to_vec(&all).unwrap_or_default()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Repeats, String> {
        let all: Vec<Known> = serde_json::from_slice(bytes)
            .map_err(|error| format!("the alerts that will be raised again cannot be read: {error}"))?;
        Ok(Repeats { known: all.into_iter().map(|known| (known.id, known.from)).collect() })
    }
}
