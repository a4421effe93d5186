//! Alerts as they lie in a store: one JSON object a message.

use campanile_sdk::proxy::AlertOut;
use serde::{Deserialize, Serialize};

/// An alert in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldAlert {
    /// Counts the alerts of this outbox, from 0.
    pub sequence: u64,
    /// The id.
    pub id: String,
    /// The stage that emitted it.
    #[serde(rename = "stageName")]
    pub stage: String,
    /// Keys and values, in order.
    pub payload: Vec<(String, String)>,
    /// When it was emitted or its group closed: milliseconds since 1970.
    pub time_ms: i64,
    /// The groupBy keys of its stage, a JSON array, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group_by: String,
    /// Further members of the envelope, a JSON object, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub more: String,
    /// The only publisher that shall publish it: it was set aside and is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// What it was raised from, where that would raise it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Cause>,
    /// Whether replaying its records would raise it again: an alert of a group leaves with a save point, and would not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single: bool,
}

/// What would raise an alert again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Cause {
    /// The record of this split and position.
    Record(u32, u64),
    /// No record: it is the alert with this number among those of its stage that none raised, in this stream of records.
    Number((u32, u32), u64),
}

impl HeldAlert {
    /// An alert with its number in the outbox.
    pub(crate) fn new(sequence: u64, alert: AlertOut) -> HeldAlert {
        HeldAlert {
            sequence,
            id: alert.id,
            stage: alert.stage,
            payload: alert.payload,
            time_ms: alert.time_ms,
            group_by: alert.group_by,
            more: alert.more,
            only: None,
            from: None,
            single: false,
        }
    }

    /// As publishers get it.
    pub(crate) fn into_alert(self) -> AlertOut {
        AlertOut {
            id: self.id,
            stage: self.stage,
            payload: self.payload,
            time_ms: self.time_ms,
            group_by: self.group_by,
            more: self.more,
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Numbers and texts only: writing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a message of the outbox.
    pub fn from_bytes(bytes: &[u8]) -> Result<HeldAlert, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("a message of the outbox cannot be read: {error}"))
    }
}

/// An alert that was set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsideAlert {
    /// The publisher that could not publish it.
    pub publisher: String,
    /// Why.
    pub reason: String,
    /// When it was set aside: milliseconds since 1970.
    pub time_ms: i64,
    /// The alert.
    pub alert: HeldAlert,
}

impl AsideAlert {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a message of the alerts that were set aside.
    pub fn from_bytes(bytes: &[u8]) -> Result<AsideAlert, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("an alert that was set aside cannot be read: {error}"))
    }
}
