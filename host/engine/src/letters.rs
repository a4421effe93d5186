//! Dead letters as they lie in the store of a run: error records that no stage took.

#[cfg(test)]
mod tests;

use crate::store::sift::{STEP_BYTES, Sieve, sift, walk};
use crate::store::{MessageId, Store, StoreError, Stored, Topic};
use campanile_sdk::text::read_base64;
use serde_json::Value;
use std::collections::HashSet;

/// A dead letter.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// Its place in the store.
    pub id: MessageId,
    /// All of it: `runId`, `timeMs`, `stageName`, `errorCode`, `errorMessage`, `record`, `raw`, `rawEncoding`, `position`.
    pub json: Value,
}

impl Letter {
    fn new(stored: Stored) -> Result<Letter, StoreError> {
        let json = serde_json::from_slice(&stored.bytes).map_err(|error| {
            StoreError::Failed(format!("dead letter {} cannot be read: {error}", short_id(stored.id)))
        })?;
        Ok(Letter { id: stored.id, json })
    }

    fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    /// The run that it is of.
    pub fn run(&self) -> &str {
        self.text("runId")
    }

    /// The stage that the error is of.
    pub fn stage(&self) -> &str {
        self.text("stageName")
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        self.text("errorMessage")
    }

    /// The stage's number for it.
    pub fn code(&self) -> i64 {
        self.json["errorCode"].as_i64().unwrap_or_default()
    }

    /// When it was kept: milliseconds since 1970.
    pub fn time_ms(&self) -> i64 {
        self.json["timeMs"].as_i64().unwrap_or_default()
    }

    /// Where the record was, for people: file and line as far as they are known.
    pub fn place(&self) -> String {
        let position = &self.json["position"];
        let file = position["file"].as_str().unwrap_or_default();
        match (position["line"].as_u64(), position["offset"].as_u64()) {
            (Some(line), _) if file.is_empty() => format!("line {line}"),
            (Some(line), _) => format!("{file}:{line}"),
            (None, Some(offset)) if file.is_empty() => format!("position {offset}"),
            (None, Some(offset)) => format!("{file} at {offset}"),
            (None, None) => file.to_owned(),
        }
    }

    /// The record, where there is one.
    pub fn record(&self) -> Option<&Value> {
        self.json.get("record")
    }

    /// The bytes that a source could not read.
    pub fn raw(&self) -> Option<Vec<u8>> {
        let text = self.json.get("raw")?.as_str()?;
        if self.json["rawEncoding"] != "base64" {
            return Some(text.as_bytes().to_vec());
        }
        let mut bytes = Vec::new();
        read_base64(text, &mut bytes).then_some(bytes)
    }
}

/// The dead letters of a store that no run holds.
pub struct KeptLetters<'a>(&'a dyn Store);

impl<'a> KeptLetters<'a> {
    /// The dead letters of a store.
    pub fn new(store: &'a dyn Store) -> KeptLetters<'a> {
        KeptLetters(store)
    }

    /// All of them, the oldest first; read in pages. `each` answers whether to go on.
    pub fn each(&self, each: &mut dyn FnMut(Letter) -> bool) -> Result<(), StoreError> {
        walk(self.0, Topic::Errors, None, &mut |stored| Ok(each(Letter::new(stored)?)))
    }

    /// Removes some; the others stay in their order, with new ids. One atomic step up to 32 MiB of letters, several beyond.
    pub fn remove(&self, ids: &HashSet<MessageId>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        sift(self.0, Topic::Errors, STEP_BYTES, &mut Removed(ids))
    }
}

struct Removed<'a>(&'a HashSet<MessageId>);

impl Sieve for Removed<'_> {
    fn takes(&mut self, message: &Stored) -> Result<bool, StoreError> {
        Ok(self.0.contains(&message.id))
    }
}

/// A message's id as people type it: what tells it from others of its log.
pub fn short_id(id: MessageId) -> String {
    match id == MessageId::new(id.timestamp_ms(), id.sequence()) {
        true => format!("{:x}-{}", id.timestamp_ms(), id.sequence()),
        false => id.to_string(),
    }
}

/// Reads an id, short or with all its 40 digits.
pub fn parse_id(text: &str) -> Option<MessageId> {
    match text.split_once('-') {
        Some((time, number)) => Some(MessageId::new(u64::from_str_radix(time, 16).ok()?, number.parse().ok()?)),
        None => text.parse().ok(),
    }
}
