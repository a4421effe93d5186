//! Where reading begins in a partition that goes on from nowhere.

use campanile_sdk::{Finding, text};
use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(test)]
mod tests;

/// Where reading begins, as it is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum From {
    /// Milliseconds since 1970.
    Time(u64),
    /// A word or a time.
    Text(String),
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Earliest,
    Latest,
    /// With the first message of this time or later, milliseconds since 1970.
    Time(i64),
}

impl Default for From {
    fn default() -> From {
        From::Text("earliest".to_owned())
    }
}

impl From {
    pub(crate) fn start(&self) -> Result<Start, Finding> {
        let ms = |ms: u64| i64::try_from(ms).ok().map(Start::Time);
        let (written, start) = match self {
            From::Time(time_ms) => (time_ms.to_string(), ms(*time_ms)),
            From::Text(text) => {
                let start = match text.as_str() {
                    "earliest" | "" => Some(Start::Earliest),
                    "latest" => Some(Start::Latest),
                    number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok().and_then(ms),
                    // A message of within the millisecond may be before the time.
                    time => text::read_timestamp(time).map(|micros| Start::Time(micros.div_euclid(1_000).max(0))),
                };
                (text.clone(), start)
            }
        };
        start.ok_or_else(|| {
            Finding::error("from", format!("`{written}` says no place in a topic")).hint(
                "write `earliest`, `latest`, or a time such as `2026-11-21T10:02:03Z` or in milliseconds since 1970",
            )
        })
    }
}
