//! How far a publisher is.

use crate::store::{MessageId, Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the names of cursors begin with.
pub(crate) const PREFIX: &str = "publisher/";
/// The longest part of a name that is kept as it is, in bytes; of longer ones the SHA-256 is taken.
const NAME_BYTES: usize = 512;

/// How far a publisher is: everything up to and with `after` is published, set aside or dropped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    /// The publisher's stage.
    pub publisher: String,
    /// The stages whose alerts it takes.
    pub stages: Vec<String>,
    /// Alerts with smaller numbers were there before it.
    #[serde(default)]
    pub since: u64,
    /// What it took before its stages were others, as long as some of that is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) before: Vec<Before>,
    /// The last message, 40 hexadecimal digits; nothing before the first.
    pub after: Option<String>,
    /// Alerts published in this run.
    pub published: u64,
    /// Alerts rejected in this run.
    pub rejected: u64,
    /// Alerts handed to it in this run.
    pub taken: u64,
}

/// Which stages' alerts a publisher took, up to the alert with this number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Before {
    stages: Vec<String>,
    until: u64,
}

impl Cursor {
    /// The cursor of a publisher that takes the alerts of these stages from now on. `next` is the number of the next alert.
    pub(crate) fn begin(kept: Option<Cursor>, publisher: &str, stages: &[String], next: u64) -> Cursor {
        let Some(mut cursor) = kept else {
            return Cursor {
                publisher: publisher.to_owned(),
                stages: stages.to_vec(),
                since: next,
                ..Cursor::default()
            };
        };
        if cursor.stages != stages {
            let stages = std::mem::replace(&mut cursor.stages, stages.to_vec());
            cursor.before.push(Before { stages, until: next });
        }
        cursor
    }

    /// The value that this cursor is kept under.
    pub(crate) fn name(publisher: &str) -> String {
        named(PREFIX, publisher)
    }

    /// The message.
    pub fn after(&self) -> Option<MessageId> {
        self.after.as_ref()?.parse().ok()
    }

    /// Whether an alert behind it is for this publisher. What another run left goes where it was going then.
    pub(crate) fn takes(&self, alert: &super::HeldAlert) -> bool {
        if let Some(only) = &alert.only {
            return *only == self.publisher;
        }
        let before = self.before.iter().find(|before| alert.sequence < before.until);
        let stages = before.map_or(&self.stages, |before| &before.stages);
        alert.sequence >= self.since && stages.contains(&alert.stage)
    }

    /// Everything up to and with this message is done with.
    pub(crate) fn move_to(&mut self, id: MessageId, sequence: u64) {
        self.after = Some(id.to_string());
        self.before.retain(|before| before.until > sequence + 1);
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// All cursors of a store.
    pub(crate) fn all(store: &dyn Store) -> Result<Vec<Cursor>, StoreError> {
        let mut all = Vec::new();
        let mut wrong = None;
        store.values(PREFIX, &mut |name, value| match serde_json::from_slice(value) {
            Ok(cursor) => all.push(cursor),
            Err(error) => wrong = Some(StoreError::Failed(format!("the value `{name}` cannot be read: {error}"))),
        })?;
        wrong.map_or(Ok(all), Err)
    }
}

/// A name of a value for something that people name freely.
pub(crate) fn named(prefix: &str, name: &str) -> String {
    if name.len() <= NAME_BYTES {
        return format!("{prefix}{name}");
    }
    let digest: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{digest}")
}
