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
    /// The stages whose alerts it took.
    pub stages: Vec<String>,
    /// The last message, 40 hexadecimal digits; nothing before the first.
    pub after: Option<String>,
    /// Alerts published in this run.
    pub published: u64,
    /// Alerts rejected in this run.
    pub rejected: u64,
    /// Alerts handed to it in this run.
    pub taken: u64,
}

impl Cursor {
    /// The value that this cursor is kept under.
    pub(crate) fn name(publisher: &str) -> String {
        named(PREFIX, publisher)
    }

    /// The message.
    pub fn after(&self) -> Option<MessageId> {
        self.after.as_ref()?.parse().ok()
    }

    /// Whether an alert behind it is for this publisher.
    pub(crate) fn takes(&self, alert: &super::HeldAlert) -> bool {
        match &alert.only {
            Some(only) => *only == self.publisher,
            None => self.stages.contains(&alert.stage),
        }
    }

    pub(crate) fn set_after(&mut self, id: MessageId) {
        self.after = Some(id.to_string());
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
