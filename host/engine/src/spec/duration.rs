//! Lengths of time as text: `500ms`, `60s`, `5m`, `2h`, `7d`.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// What such a text looks like. Nine digits keep every unit within 64 bits of milliseconds.
const PATTERN: &str = "^0*[1-9][0-9]{0,8}(ms|s|m|h|d)$";

/// The same where zero may stand.
const PATTERN_OR_ZERO: &str = "^0*[0-9]{1,9}(ms|s|m|h|d)$";

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

/// As [`deserialize`], and the way back.
pub(crate) mod option {
    pub(crate) use super::{deserialize, serialize};
}

/// As [`option`], where zero is a length of time too.
pub(crate) mod option_or_zero {
    pub(crate) use super::{deserialize_or_zero as deserialize, serialize};
}

pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, writer: S) -> Result<S::Ok, S::Error> {
    time.map(print).serialize(writer)
}

/// The shortest text for a length of time, in whole milliseconds.
pub(crate) fn print(time: Duration) -> String {
    let millis = time.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.into_iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

pub(crate) fn deserialize_or_zero<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(reader)? else { return Ok(None) };
    let zero = is_zero(&text).then_some(Duration::ZERO);
    let time = zero.or_else(|| parse(&text));
    time.map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is no length of time")))
}

fn is_zero(text: &str) -> bool {
    let digits = text.trim_start_matches('0');
    digits.len() < text.len() && ["ms", "s", "m", "h", "d"].contains(&digits)
}

pub(crate) fn schema_or_zero(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["string", "null"],
        "pattern": PATTERN_OR_ZERO,
        "x-expects": "a length of time such as \"0s\", \"500ms\", \"60s\", \"5m\", \"2h\" or \"7d\""
    })
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(reader)? else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is no length of time")))
}

pub(crate) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
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

    #[test]
    fn what_is_printed_reads_back() {
        for (text, printed) in [("60s", "1m"), ("1500ms", "1500ms"), ("48h", "2d"), ("7s", "7s")] {
            assert_eq!(parse(text).map(print).as_deref(), Some(printed));
            assert_eq!(parse(printed), parse(text));
        }
    }

    #[test]
    fn zero_is_understood_where_it_may_stand() {
        for zero in ["0s", "00ms", "0d"] {
            assert!(is_zero(zero) && parse(zero).is_none(), "{zero}");
        }
        for other in ["s", "0", "0w", "10s", ""] {
            assert!(!is_zero(other), "{other}");
        }
    }
}
