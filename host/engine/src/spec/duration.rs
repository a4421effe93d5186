//! Lengths of time as text: `500ms`, `60s`, `5m`, `2h`, `7d`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// What such a text looks like. Nine digits keep every unit within 64 bits of milliseconds.
const PATTERN: &str = "^0*[1-9][0-9]{0,8}(ms|s|m|h|d)$";

/// The length of time that a text such as `60s` tells; zero is none.
pub fn parse(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.parse::<u64>().ok().map(|count| Duration::from_millis(count * millis))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(reader)? else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is no length of time")))
}

pub(super) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["string", "null"],
        "pattern": PATTERN,
        "x-expects": "a length of time such as \"500ms\", \"60s\", \"5m\", \"2h\" or \"7d\""
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("060s"), Some(Duration::from_secs(60)));
        assert_eq!(parse("999999999d"), Some(Duration::from_secs(86_400 * 999_999_999)));
        for wrong in ["", "s", "60", "0s", "-1s", "1.5s", "1 s", "1000000000s", "1w", "1ss"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
