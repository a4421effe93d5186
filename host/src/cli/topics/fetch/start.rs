//! Where reading begins, as it is written.

use campanile_messaging::{MessageId, Start};
use jiff::Timestamp;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// Behind the newest message.
    End,
    /// Somewhere else.
    Start(Start),
}

pub(super) fn parse(text: &str) -> Result<From, String> {
    let start = match text {
        "end" => return Ok(From::End),
        "start" => Some(Start::Oldest),
        id if id.len() == 2 * MessageId::LEN => id.parse().ok().map(Start::At),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Start::Time),
        time => time.parse::<Timestamp>().ok().map(|time| {
            // What was published within the millisecond may be before the time; before 1970 there is nothing.
            Start::Time(u64::try_from(time.as_millisecond()).unwrap_or_default())
        }),
    };
    start.map(From::Start).ok_or_else(|| {
        "write start, end, a time such as 2026-11-21T10:00:00Z or in milliseconds since 1970, or the id of a message, 40 \
         hexadecimal digits"
            .to_owned()
    })
}

pub(super) fn parse_id(text: &str) -> Result<MessageId, String> {
    text.parse().map_err(|error: campanile_messaging::ParseMessageIdError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_words_times_and_ids() {
        let id = MessageId::new(1_795_271_869_783, 7);
        assert_eq!(parse("start"), Ok(From::Start(Start::Oldest)));
        assert_eq!(parse("end"), Ok(From::End));
        assert_eq!(parse("1795271869783"), Ok(From::Start(Start::Time(1_795_271_869_783))));
        assert_eq!(parse("1970-01-01T00:00:01.5Z"), Ok(From::Start(Start::Time(1_500))));
        assert_eq!(parse("1969-12-31T23:59:59Z"), Ok(From::Start(Start::Time(0))));
        assert_eq!(parse(&id.to_string()), Ok(From::Start(Start::At(id))));
        for wrong in ["", "-1", "yesterday", "abc", "99999999999999999999999", "2026-11-21"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse_id("12").is_err());
    }
}
