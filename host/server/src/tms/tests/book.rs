//! What the book says.

use super::*;

const BOOK: &str = include_str!("../../../../../docs/src/reference/messaging-http.md");

/// The bodies that the book prints for curl, in order.
fn printed() -> Vec<Vec<u8>> {
    let quoted =
        BOOK.lines().filter_map(|line| line.strip_prefix("printf '")).map(|line| line.split('\'').next().unwrap());
    quoted
        .map(|text| {
            let mut bytes = Vec::new();
            let mut rest = text;
            while let Some((before, after)) = rest.split_once('\\') {
                bytes.extend(before.bytes());
                bytes.push(u8::from_str_radix(&after[..3], 8).unwrap());
                rest = &after[3..];
            }
            bytes.extend(rest.bytes());
            bytes
        })
        .collect()
}

#[test]
fn the_examples_for_curl_do_what_they_say() {
    let service = Service::with_topic();
    let [publish, poll] = &printed()[..] else { panic!("{:?}", printed()) };
    assert_eq!(publish, &publish_request(None, &["hello"]));
    assert_eq!(poll, &Poll::default().encode());
    assert_eq!(service.post(&format!("{TOPIC}/publish"), publish.clone()).status, 200);
    assert_eq!(messages(&service.post(&format!("{TOPIC}/poll"), poll.clone()).body.unwrap())[0].1, "hello");
}

#[test]
fn the_book_names_the_bounds() {
    let limits = Limits::default();
    assert_eq!((limits.publish_bytes, limits.request_bytes), (64 << 20, 10 << 20));
    for row in ["| a body to publish or store | 64 MiB, settable |", "| any other body | 10 MiB |", "| 1,048,576 |"] {
        assert!(BOOK.contains(row), "{row}");
    }
}
