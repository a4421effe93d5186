use super::*;
use serde_json::json;

fn start(value: serde_json::Value) -> Result<Start, Finding> {
    serde_json::from_value::<From>(value).unwrap().start()
}

#[test]
fn a_place_is_a_word_a_time_or_an_id() {
    let id = "00000190a1b2c3d400010000000000000000abcd";
    for (value, expected) in [
        (json!("start"), Start::Oldest),
        (json!(""), Start::Oldest),
        (json!("end"), Start::End),
        (json!(1_700_000_000_123_u64), Start::Time(1_700_000_000_123)),
        (json!("1700000000123"), Start::Time(1_700_000_000_123)),
        (json!("2023-11-14T22:13:20.123Z"), Start::Time(1_700_000_000_123)),
        (json!("2023-11-14T23:13:20.1239+01:00"), Start::Time(1_700_000_000_123)),
        (json!("1960-01-01T00:00:00Z"), Start::Time(0)),
        (json!(id), Start::At(id.parse().unwrap())),
        (json!("0".repeat(40)), Start::At(MessageId::default())),
    ] {
        assert_eq!(start(value.clone()), Ok(expected), "{value}");
    }
    assert_eq!(From::default().start(), Ok(Start::Oldest));
}

#[test]
fn another_text_is_a_finding_that_says_what_would_be_right() {
    for text in ["begin", "2026-11-21", "x".repeat(40).as_str(), "99999999999999999999", "-5"] {
        let finding = start(json!(text)).unwrap_err();
        assert_eq!((finding.path.as_str(), finding.message), ("from", format!("`{text}` says no place in a topic")));
        assert!(finding.hint.unwrap().contains("2026-11-21T10:02:03Z"));
    }
}
