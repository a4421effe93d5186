#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;

const ID: &str = "00000000000000010002000000000000000a0003";

fn asked(after: Option<&str>, from: Option<&str>, limit: Option<&str>, wait: Option<&str>) -> FetchQuery {
    let own = |text: Option<&str>| text.map(str::to_owned);
    FetchQuery { after: own(after), from: own(from), limit: own(limit), wait: own(wait) }
}

#[test]
fn a_position_is_an_id_a_time_or_the_start() {
    let id: MessageId = ID.parse().unwrap();
    for (after, from, start) in [
        (None, None, Start::Oldest),
        (None, Some("start"), Start::Oldest),
        (None, Some("0"), Start::Time(0)),
        (None, Some("1700000000123"), Start::Time(1_700_000_000_123)),
        (None, Some("2023-11-14T22:13:20.123Z"), Start::Time(1_700_000_000_123)),
        (None, Some("2023-11-14T23:13:20.123+01:00"), Start::Time(1_700_000_000_123)),
        (Some(ID), None, Start::After(id)),
    ] {
        let list = asked(after, from, None, None).list().unwrap();
        assert_eq!(list, List { position: Position(start), limit: 100, wait: Duration::ZERO }, "{after:?} {from:?}");
    }
    for (after, from) in [
        (Some(ID), Some("start")),
        (Some(&ID[2..]), None),
        (Some(""), None),
        (None, Some("")),
        (None, Some("-1")),
        (None, Some("yesterday")),
        (None, Some("2023-11-14")),
        (None, Some("1969-12-31T23:59:59Z")),
        (None, Some("99999999999999999999999")),
    ] {
        assert!(asked(after, from, None, None).list().is_err(), "{after:?} {from:?}");
    }
}

#[test]
fn limits_and_times_to_wait_are_bounded() {
    for (limit, wait, expected) in
        [("1", "0", (1, 0)), ("10000", "60", (10_000, 60_000)), ("7", "10s", (7, 10_000)), ("7", "250ms", (7, 250))]
    {
        let list = asked(None, None, Some(limit), Some(wait)).list().unwrap();
        assert_eq!((list.limit, list.wait.as_millis()), expected);
    }
    for limit in ["0", "-1", "10001", "", "ten", "18446744073709551616"] {
        assert!(asked(None, None, Some(limit), None).list().is_err(), "limit {limit}");
    }
    for wait in
        ["61", "61s", "60001ms", "-1", "+1", "", "s", "ms", "1m", "99999999999999999999", "18446744073709551615"]
    {
        assert!(asked(None, None, None, Some(wait)).list().is_err(), "wait {wait}");
    }
}

#[test]
fn a_follower_goes_on_from_its_last_event() {
    let id: MessageId = ID.parse().unwrap();
    let follow = |query: FetchQuery, last| query.follow(last).map(|position| position.0);
    assert_eq!(follow(asked(None, None, None, None), None), Ok(Start::Oldest));
    assert_eq!(follow(asked(None, Some("5"), None, None), None), Ok(Start::Time(5)));
    assert_eq!(follow(asked(None, Some("5"), None, None), Some(ID)), Ok(Start::After(id)));
    assert!(follow(asked(None, None, None, None), Some("7")).is_err());
    assert!(follow(asked(None, None, Some("7"), None), None).is_err());
    assert!(follow(asked(None, None, None, Some("7")), None).is_err());
}
