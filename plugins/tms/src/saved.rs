//! What a source keeps of its topic, for a run that goes on.

use campanile_sdk::{Error, MessageId, Result};
use serde::{Deserialize, Serialize};

/// The format that is written.
const VERSION: u32 = 1;

/// How far a topic was read. The position of a row is less than the id of its message: several messages may share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    /// The last message that was read, whether or not it became a row.
    pub(crate) after: Option<MessageId>,
    /// The last message to be read, of a source that does not follow.
    pub(crate) end: Option<MessageId>,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    after: Option<String>,
    end: Option<String>,
}

impl Saved {
    pub(crate) fn to_json(self) -> Result<Vec<u8>> {
        let text = |id: Option<MessageId>| id.map(|id| id.to_string());
        Ok(serde_json::to_vec(&Written { version: VERSION, after: text(self.after), end: text(self.end) })?)
    }

    pub(crate) fn from_json(bytes: &[u8]) -> Result<Saved> {
        let written: Written = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        if written.version > VERSION {
            return Err(Error::config(format!(
                "what was saved of the topic is of version {}, this plugin reads up to {VERSION}: use the version that \
                 wrote it",
                written.version
            )));
        }
        let id = |text: Option<String>| text.map(|text| text.parse::<MessageId>()).transpose();
        let id = |text| id(text).map_err(|error| unreadable(&error));
        Ok(Saved { after: id(written.after)?, end: id(written.end)? })
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::config(format!("what was saved of the topic cannot be read: {error}: start the run without it"))
}
