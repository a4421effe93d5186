//! Texts of others, and times, as they stand in a table.

use jiff::Timestamp;

/// Characters of a text that are shown in a table.
const SHOWN_CHARS: usize = 100;

/// A text as part of one line: without what would move the cursor, and not too long.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).map(plain).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// A text as one line, all of it.
pub(super) fn line(text: &str) -> String {
    text.chars().map(plain).collect()
}

fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Milliseconds since 1970 as RFC 3339.
pub(super) fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line() {
        assert_eq!(excerpt("a\nb\u{1b}[2J"), "a b [2J");
        assert_eq!(excerpt(&"x".repeat(101)), format!("{}…", "x".repeat(100)));
        assert_eq!(line(&"x\t".repeat(80)).chars().count(), 160);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_000), "1970-01-01T00:00:01.000Z");
        assert_eq!(time(i64::MAX), "9223372036854775807 ms");
    }
}
