//! What a server answers, and messages as it takes them.

use super::{Batch, Published};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use campanile_messaging::{MessageId, Notes, Topic, TopicId};
use serde::Deserialize;
use serde_json::{Value, json};

/// A message as it is sent: a text where it is one.
pub(super) fn payload(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({ "payloadBase64": STANDARD.encode(bytes) }),
    }
}

/// The code and the text of an error; a text alone has no code.
pub(super) fn reason(body: &str) -> (String, String) {
    #[derive(Deserialize)]
    struct Answer {
        error: Told,
    }
    #[derive(Deserialize)]
    struct Told {
        code: String,
        message: String,
    }
    match serde_json::from_str::<Answer>(body) {
        Ok(Answer { error }) => (error.code, error.message),
        Err(_) => (String::new(), body.trim().to_owned()),
    }
}

#[derive(Deserialize)]
pub(super) struct Described {
    ttl: Option<String>,
    generation: String,
    #[serde(flatten)]
    notes: Notes,
}

impl Described {
    pub(super) fn topic(self, id: &TopicId) -> Result<Topic, String> {
        let number = |name: &str, text: &str| text.parse().map_err(|_| format!("`{name}` is `{text}`"));
        Ok(Topic {
            id: id.clone(),
            generation: number("generation", &self.generation)?,
            ttl_secs: self.ttl.map(|ttl| number("ttl", &ttl)).transpose()?,
            notes: self.notes,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Posted {
    first: String,
    last: String,
    count: usize,
    repeated: bool,
}

impl Posted {
    pub(super) fn published(self) -> Result<Published, String> {
        let Posted { count, repeated, .. } = self;
        Ok(Published { first: id(&self.first)?, last: id(&self.last)?, count, repeated })
    }
}

#[derive(Deserialize)]
pub(super) struct Listed {
    messages: Vec<Shown>,
    next: Option<String>,
    gap: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    payload: Option<String>,
    payload_base64: Option<String>,
}

impl Listed {
    /// Where to go on.
    pub(super) fn next(&self) -> Result<Option<MessageId>, String> {
        self.next.as_deref().map(id).transpose()
    }

    pub(super) fn batch(self) -> Result<Batch, String> {
        let messages = self.messages.into_iter().map(|shown| {
            let bytes = match (shown.payload, shown.payload_base64) {
                (Some(text), None) => text.into_bytes(),
                (None, Some(text)) => STANDARD.decode(&text).map_err(|error| error.to_string())?,
                _ => return Err(format!("message {} has no payload", shown.id)),
            };
            Ok((id(&shown.id)?, bytes))
        });
        Ok(Batch { messages: messages.collect::<Result<_, String>>()?, gap: self.gap })
    }
}

fn id(text: &str) -> Result<MessageId, String> {
    text.parse().map_err(|error: campanile_messaging::ParseMessageIdError| error.to_string())
}
