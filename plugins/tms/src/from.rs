//! Where reading begins.

use campanile_sdk::{Finding, MessageId, Start, text};
use schemars::JsonSchema;
use serde::Deserialize;

/// Digits of a message id.
const ID_DIGITS: usize = 40;

/// Where reading begins, as it is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum From {
    /// Milliseconds since 1970.
    Time(u64),
    /// A word, a time or an id.
    Text(String),
}

impl Default for From {
    fn default() -> From {
        From::Text("start".to_owned())
    }
}

impl From {
    pub(crate) fn start(&self) -> Result<Start, Finding> {
        let text = match self {
            From::Time(time_ms) => return Ok(Start::Time(*time_ms)),
            From::Text(text) => text.as_str(),
        };
        let start = match text {
            "start" | "" => Some(Start::Oldest),
            "end" => Some(Start::End),
            id if id.len() == ID_DIGITS => id.parse::<MessageId>().ok().map(Start::At),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok().map(Start::Time),
            time => text::read_timestamp(time).map(|micros| {
                // What was published within the millisecond may be before the time.
                Start::Time(u64::try_from(micros.div_euclid(1_000)).unwrap_or_default())
            }),
        };
        start.ok_or_else(|| {
            Finding::error("from", format!("`{text}` says no place in a topic")).hint(
                "write `start`, `end`, a time such as `2026-11-21T10:02:03Z` or in milliseconds since 1970, or the id of a \
                 message, 40 hexadecimal digits",
            )
        })
    }
}

#[cfg(test)]
mod tests;
