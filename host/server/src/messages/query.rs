//! What a reader asks for.

use super::Position;
use crate::api_error::ApiError;
use campanile_messaging::{MessageId, Start};
use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// Messages in an answer where nothing else is asked for.
pub(crate) const DEFAULT_LIMIT: usize = 100;
/// The most messages of one answer.
pub(crate) const MAX_LIMIT: usize = 10_000;
/// The longest that an answer waits for a message.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(60);

/// The query as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchQuery {
    after: Option<String>,
    from: Option<String>,
    limit: Option<String>,
    wait: Option<String>,
}

/// A list that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) position: Position,
    pub(crate) limit: usize,
    pub(crate) wait: Duration,
}

impl FetchQuery {
    /// For an answer that ends.
    pub(crate) fn list(&self) -> Result<List, ApiError> {
        let limit = self.limit.as_deref().map_or(Ok(DEFAULT_LIMIT), limit)?;
        let wait = self.wait.as_deref().map_or(Ok(Duration::ZERO), wait)?;
        Ok(List { position: self.position()?, limit, wait })
    }

    /// For an answer that does not end. `Last-Event-ID` comes from a client that connects again with the address of the first
    /// time: it wins over what stands there.
    pub(crate) fn follow(&self, last_event_id: Option<&str>) -> Result<Position, ApiError> {
        for (given, name) in [(&self.limit, "limit"), (&self.wait, "wait")] {
            if given.is_some() {
                return Err(ApiError::bad(
                    "invalid-query",
                    format!("`{name}` means nothing to events, which do not end: leave it out"),
                ));
            }
        }
        let position = self.position()?;
        match last_event_id {
            Some(id) => Ok(Position(Start::After(message_id("Last-Event-ID", id)?))),
            None => Ok(position),
        }
    }

    /// Whether it begins with what is published from now on.
    pub(crate) fn begins_at_end(&self) -> bool {
        self.after.is_none() && self.from.as_deref() == Some("end")
    }

    /// The end has become a position.
    pub(crate) fn begin_after(&mut self, id: MessageId) {
        self.from = None;
        self.after = Some(id.to_string());
    }

    fn position(&self) -> Result<Position, ApiError> {
        match (&self.after, &self.from) {
            (Some(_), Some(_)) => {
                Err(ApiError::bad("invalid-query", "`after` and `from` are both given: leave one out"))
            }
            (Some(id), None) => Ok(Position(Start::After(message_id("after", id)?))),
            (None, Some(from)) => Ok(Position(start(from)?)),
            (None, None) => Ok(Position(Start::Oldest)),
        }
    }
}

fn message_id(name: &str, text: &str) -> Result<MessageId, ApiError> {
    text.parse().map_err(|error| ApiError::bad("invalid-id", format!("`{name}`: {error}")))
}

fn start(text: &str) -> Result<Start, ApiError> {
    if text == "start" {
        return Ok(Start::Oldest);
    }
    let ms = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().ok(),
        false => text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok()),
    };
    ms.map(Start::Time).ok_or_else(|| {
        ApiError::bad(
            "invalid-query",
            format!(
                "`from`: `{text}` is no time: milliseconds since 1970, a time like 2026-01-31T12:00:00Z, start or end"
            ),
        )
    })
}

fn limit(text: &str) -> Result<usize, ApiError> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| ApiError::bad("invalid-query", format!("`limit`: `{text}` is no number from 1 to {MAX_LIMIT}")))
}

fn wait(text: &str) -> Result<Duration, ApiError> {
    let (digits, unit_ms) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => (digits, 1),
        (None, Some(digits)) => (digits, 1_000),
        (None, None) => (text, 1_000),
    };
    let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let ms = digits.and_then(|digits| digits.parse::<u64>().ok()).and_then(|number| number.checked_mul(unit_ms));
    ms.map(Duration::from_millis).filter(|wait| *wait <= MAX_WAIT).ok_or_else(|| {
        let most = MAX_WAIT.as_secs();
        ApiError::bad("invalid-query", format!("`wait`: `{text}` is no time up to {most} s: write 10, 10s or 500ms"))
    })
}

#[cfg(test)]
mod tests;
