//! Bodies that are no Avro, or not what they should be.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

#[test]
fn bodies_that_make_no_sense_are_400_with_a_reason() {
    let service = Service::with_topic();
    // A long of -1, 2^62 and one of more than 64 bits.
    let (minus, huge, wide) = (1_u8, [&[0x80; 8][..], &[0x80, 1]].concat(), [0xff; 10]);
    let publish = |bytes: &[&[u8]]| bytes.concat();
    for (action, body, why) in [
        ("publish", publish(&[]), "it ends too early"),
        ("publish", publish(&[&[2]]), "it ends too early"),
        ("publish", publish(&[&[4, 0]]), "the union has no branch 2"),
        ("publish", publish(&[&[minus, 0]]), "the union has no branch -1"),
        ("publish", publish(&[&[0]]), "it ends too early"),
        ("publish", publish(&[&[0], &wide]), "a number has more than 64 bits"),
        ("publish", publish(&[&[2, 2, 10, b'x']]), "it ends too early"),
        ("publish", publish(&[&[2, 2, minus]]), "a message cannot be -1 bytes long"),
        ("publish", publish(&[&[2, 2], &huge]), "it ends too early"),
        ("publish", publish(&[&[2], &huge, &[2, b'x']]), "it ends too early"),
        ("publish", publish(&[&[2, minus], &huge]), "it ends too early"),
        ("publish", publish(&[&[2], &[0xff; 9], &[1, 2]]), "a block cannot hold -9223372036854775808 messages"),
        ("publish", publish(&[&[2, 2, 2, b'x']]), "it ends too early"),
        ("store", publish(&[]), "it ends too early"),
        ("store", publish(&[&[6]]), "the union has no branch 3"),
        ("poll", publish(&[]), "it ends too early"),
        ("poll", publish(&[&[4]]), "it ends too early"),
        ("poll", publish(&[&[4, 1]]), "it ends too early"),
        ("poll", publish(&[&[4, 1, 2]]), "it ends too early"),
        ("poll", publish(&[&[6, 1, 2, 2]]), "Union index 3 out of bounds: 3"),
        ("poll", publish(&[&[0], &huge]), ""),
        ("poll", publish(&[&[0, minus]]), ""),
        ("poll", publish(&[&[0, 40]]), "it ends too early"),
        ("poll", publish(&[&[4, 7, 2, 2]]), ""),
        ("poll", publish(&[&[4, 1, 0], &wide]), ""),
    ] {
        let answer = service.post(&format!("{TOPIC}/{action}"), body.clone());
        let (status, content_type, text) = answer.all();
        assert_eq!((status, content_type), (400, Some(TEXT)), "{action} {body:?}: {text}");
        assert!(text.starts_with("the body is no "), "{text}");
        assert!(text.ends_with(why), "{action} {body:?}: {text}");
        assert!(text.len() < 200, "{text}");
        let missing = service.post(&format!("/v1/namespaces/ns/topics/missing/{action}"), body);
        assert_eq!(missing.status, 400, "the body comes before the topic");
    }
    assert_eq!(service.payloads(Poll::default()), [""; 0], "nothing was published");
}

#[test]
fn blocks_of_every_kind_are_read_and_what_follows_is_not() {
    let service = Service::with_topic();
    // Two in a block with its size, one in a block without, one in a block with a wrong size; then something else.
    let body = [&[2][..], &[3, 8, 2, b'a', 2, b'b'], &[2, 2, b'c'], &[1, 99, 2, b'd'], &[0], b"more"].concat();
    assert_eq!(service.post(&format!("{TOPIC}/publish"), body).status, 200);
    assert_eq!(service.payloads(Poll::default()), ["a", "b", "c", "d"]);
    let poll = [Poll::default().encode(), b"more".to_vec()].concat();
    assert_eq!(messages(&service.post(&format!("{TOPIC}/poll"), poll).body.unwrap()).len(), 4);
}

#[test]
fn a_request_holds_a_million_messages_at_most() {
    let service = Service::with_topic();
    let count = (1 << 20) + 1;
    let mut body = vec![2];
    // The count as a long: 22 bits in four bytes.
    let zigzag = count << 1;
    body.extend([zigzag as u8 | 0x80, (zigzag >> 7) as u8 | 0x80, (zigzag >> 14) as u8 | 0x80, (zigzag >> 21) as u8]);
    body.resize(body.len() + count, 0);
    body.push(0);
    let answer = service.post(&format!("{TOPIC}/publish"), body);
    assert_eq!(answer.all(), error(400, "the body is no PublishRequest in Avro: it holds more than 1048576 messages"));
}

#[test]
fn a_message_may_be_empty_or_any_bytes() {
    let service = Service::with_topic();
    service.publish(None, &["", "\0", "ä"]);
    assert_eq!(service.payloads(Poll::default()), ["", "\0", "ä"]);
}

/// One service for all cases: they cannot harm it.
static SERVICE: LazyLock<std::sync::Mutex<Service>> = LazyLock::new(|| std::sync::Mutex::new(Service::with_topic()));

fn survives(action: &str, body: Vec<u8>) {
    let service = SERVICE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let answer = service.post(&format!("{TOPIC}/{action}"), body);
    assert!([200, 400].contains(&answer.status.as_u16()), "{action}: {} {:?}", answer.status, answer.body);
    assert!(answer.body.is_some());
}

fn action() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["publish", "store", "poll", "rollback"])
}

proptest! {
    #[test]
    fn random_bytes_are_answered(action in action(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(action, body);
    }

    /// Bytes that look more like what is expected: small numbers.
    #[test]
    fn random_numbers_are_answered(action in action(), body in prop::collection::vec(0..12_u8, 0..60)) {
        survives(action, body);
    }

    /// Good requests with one byte changed, or cut off.
    #[test]
    fn damaged_requests_are_answered(
        action in action(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut body = match action {
            "poll" => Poll::at(MessageId::new(1 << 40, 3)).limit(9).within(&Transaction {
                invalid: vec![1, 2], in_progress: vec![9], ..Transaction::default()
            }).encode(),
            "rollback" => vec![0, 2, 200, 1, 2, 200, 1, 4],
            _ => publish_request(Some(8), &["one", "two"]),
        };
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        survives(action, body);
    }
}
