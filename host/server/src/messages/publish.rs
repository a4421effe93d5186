//! What a publisher sends.

use crate::api_error::ApiError;
use axum::body::Body;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The most messages of one request: each costs memory beside its bytes.
const MAX_MESSAGES: usize = 1 << 20;

/// What is read of a body that is too long, and thrown away, in bytes: a client that sends all before it reads meets the answer
/// then, and not a closed connection.
const DRAINED_BYTES: usize = 64_000_000;

/// The whole body, of `limit` bytes at most after it was unpacked.
pub(super) async fn read(body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut pieces = body.into_data_stream();
    let (mut whole, mut length) = (Vec::new(), 0_usize);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| ApiError::bad_body(&error))?;
        length = length.saturating_add(piece.len());
        match length <= limit {
            true => whole.extend_from_slice(&piece),
            false if length - limit > DRAINED_BYTES => break,
            false => whole = Vec::new(),
        }
    }
    if length > limit {
        let message =
            format!("the body is longer than {limit} bytes, which is what this server takes: publish in smaller parts");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message));
    }
    Ok(whole)
}

/// The query as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishQuery {
    producer: Option<String>,
    sequence: Option<String>,
}

impl PublishQuery {
    /// Who publishes, and the first message's number among those of this producer; none: as often as it is sent.
    pub(super) fn producer(self) -> Result<Option<(String, u64)>, ApiError> {
        match (self.producer, self.sequence) {
            (None, None) => Ok(None),
            (Some(producer), Some(sequence)) => match sequence.parse() {
                Ok(number) => Ok(Some((producer, number))),
                Err(_) => Err(ApiError::bad("invalid-query", format!("`sequence`: `{sequence}` is no number from 0"))),
            },
            _ => Err(ApiError::bad("invalid-query", "`producer` and `sequence` belong together: give both, or none")),
        }
    }
}

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Published {
    pub(super) first: String,
    pub(super) last: String,
    pub(super) count: usize,
    pub(super) repeated: bool,
}

/// The payloads of a request, one behind the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Payloads {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Payloads {
    /// Reads `"text"`, `{"payload": "text"}`, `{"payloadBase64": "…"}`, or an array of these.
    pub(super) fn parse(body: &[u8]) -> Result<Payloads, ApiError> {
        let payloads: Payloads = serde_json::from_slice(body).map_err(|error| {
            ApiError::bad(
                "invalid-messages",
                format!(
                    "the body is no messages: {error}; send [\"text\", …], or [{{\"payload\": \"text\"}}, {{\"payloadBase64\": \"…\"}}, …]"
                ),
            )
        })?;
        if payloads.ends.len() > MAX_MESSAGES {
            let message = format!("more than {MAX_MESSAGES} messages in one request: publish in smaller parts");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message));
        }
        Ok(payloads)
    }

    pub(super) fn slices(&self) -> Vec<&[u8]> {
        let mut start = 0;
        let slice = |end: &usize| {
            let slice = &self.bytes[start..*end];
            start = *end;
            slice
        };
        self.ends.iter().map(slice).collect()
    }

    fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.ends.push(self.bytes.len());
    }
}

impl<'de> Deserialize<'de> for Payloads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payloads, D::Error> {
        deserializer.deserialize_any(All(Payloads::default()))
    }
}

/// A message, or an array of them.
struct All(Payloads);

impl<'de> Visitor<'de> for All {
    type Value = Payloads;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of texts and of objects with `payload` or `payloadBase64`")
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<Payloads, E> {
        One(&mut self.0).visit_str(text)?;
        Ok(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<Payloads, A::Error> {
        One(&mut self.0).visit_map(map)?;
        Ok(self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Payloads, A::Error> {
        // One more than is allowed is enough to know.
        while self.0.ends.len() <= MAX_MESSAGES {
            if seq.next_element_seed(One(&mut self.0))?.is_none() {
                return Ok(self.0);
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.0)
    }
}

/// One message, which is added to the others.
struct One<'a>(&'a mut Payloads);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or an object with `payload` or `payloadBase64`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.push(text.as_bytes());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let before = self.0.ends.len();
        while let Some(Text(key)) = map.next_key()? {
            if self.0.ends.len() > before {
                return Err(A::Error::custom("a message has one member: `payload` or `payloadBase64`"));
            }
            match key.as_ref() {
                "payload" => self.0.push(map.next_value::<Text<'de>>()?.0.as_bytes()),
                "payloadBase64" => {
                    let text = map.next_value::<Text<'de>>()?.0;
                    let decoded = STANDARD.decode_vec(text.as_ref(), &mut self.0.bytes);
                    decoded.map_err(|error| A::Error::custom(format!("`payloadBase64`: {error}")))?;
                    self.0.ends.push(self.0.bytes.len());
                }
                other => return Err(A::Error::unknown_field(other, &["payload", "payloadBase64"])),
            }
        }
        match self.0.ends.len() > before {
            true => Ok(()),
            false => Err(A::Error::custom("a message without `payload` or `payloadBase64`")),
        }
    }
}

/// A text that is borrowed where it can be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
