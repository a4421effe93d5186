#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use crate::text;

#[test]
fn dates_come_back_as_they_were_written() {
    for days in (-1_000_000..3_000_000).step_by(97).chain([-719_468, -719_469, 0, -1, 19_782]) {
        let mut written = Vec::new();
        text::write_date(i64::from(days), &mut written);
        assert_eq!(read_date(std::str::from_utf8(&written).unwrap()), Some(days));
    }
}

#[test]
fn days_that_do_not_exist_are_refused() {
    for text in [
        "2026-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-1-1",
        "26-01-01",
        "2026-01-01 ",
        "",
        "2026-04-31",
    ] {
        assert_eq!(read_date(text), None, "{text}");
    }
    assert!(read_date("2024-02-29").is_some());
}

#[test]
fn times_are_read_in_any_offset() {
    let micros = 1_716_200_000_123_456;
    for text in [
        "2024-05-20T10:13:20.123456Z",
        "2024-05-20t10:13:20.123456z",
        "2024-05-20 10:13:20.1234567+00:00",
        "2024-05-20T12:13:20.123456+02:00",
        "2024-05-20T04:43:20.123456-05:30",
    ] {
        assert_eq!(read_timestamp(text), Some(micros), "{text}");
    }
    assert_eq!(read_timestamp("2024-05-20T10:13:20Z"), Some(1_716_200_000_000_000));
    assert_eq!(read_timestamp("2016-12-31T23:59:60Z"), read_timestamp("2017-01-01T00:00:00Z"));
    for text in [
        "2024-05-20",
        "2024-05-20T10:13:20",
        "2024-05-20T10:13Z",
        "2024-05-20T24:00:00Z",
        "2024-05-20T10:13:20.Z",
        "2024-05-20T10:13:20+2:00",
    ] {
        assert_eq!(read_timestamp(text), None, "{text}");
    }
}

#[test]
fn bytes_come_back_as_they_were_written() {
    for len in 0..70 {
        let bytes: Vec<u8> = (0..len).map(|i| (i * 89 + len) as u8).collect();
        let (mut written, mut read) = (Vec::new(), Vec::new());
        text::write_base64(&bytes, &mut written);
        assert!(read_base64(std::str::from_utf8(&written).unwrap(), &mut read));
        assert_eq!(read, bytes);
    }
}

#[test]
fn what_is_not_base64_is_refused() {
    for text in ["A", "AB", "ABC", "AB=C", "====", "A===", "AB==CD==", "Zh==", "Zm9=", "Zm9v\n", "é==="] {
        assert!(!read_base64(text, &mut Vec::new()), "{text}");
    }
}
