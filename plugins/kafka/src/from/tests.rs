#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;

#[test]
fn words_and_times_say_where_reading_begins() {
    let start = |text: &str| From::Text(text.to_owned()).start();
    assert_eq!(start("earliest").unwrap(), Start::Earliest);
    assert_eq!(start("latest").unwrap(), Start::Latest);
    assert_eq!(start("1500").unwrap(), Start::Time(1_500));
    assert_eq!(start("1970-01-01T00:00:01.5Z").unwrap(), Start::Time(1_500));
    assert_eq!(From::Time(7).start().unwrap(), Start::Time(7));
    assert!(start("yesterday").unwrap_err().message.contains("`yesterday` says no place"));
    assert!(From::Time(u64::MAX).start().is_err());
}
