//! Bodies that are packed, both ways.

use super::*;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::Read;

const GZIP: [(&str, &str); 2] = [("content-type", AVRO), ("content-encoding", "gzip")];

fn packed(body: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(body, Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

#[test]
fn packed_requests_are_read() {
    let service = Service::with_topic();
    let publish = format!("{TOPIC}/publish");
    assert_eq!(service.call("POST", &publish, &GZIP, packed(&publish_request(None, &["m"]))).status, 200);
    assert_eq!(service.payloads(Poll::default()), ["m"]);
    let properties = format!("{TOPIC}/properties");
    let encoding = [("content-encoding", "gzip")];
    assert_eq!(service.call("PUT", &properties, &encoding, packed(br#"{"ttl":7}"#)).status, 200);
    assert_eq!(service.get(TOPIC).text(), (200, r#"{"generation":"1","ttl":"7"}"#.to_owned()));
}

#[test]
fn a_bomb_is_too_long() {
    let limits = Limits { publish_bytes: 100_000, ..Limits::default() };
    let service = Service::with(options(), limits);
    assert_eq!(service.put(TOPIC, "").status, 200);
    let bomb = packed(&vec![0; 50_000_000]);
    assert!(bomb.len() < 300_000);
    for action in ["publish", "store", "poll", "rollback"] {
        let answer = service.call("POST", &format!("{TOPIC}/{action}"), &GZIP, bomb.clone());
        assert_eq!(answer.all(), (413, None, String::new()), "{action}");
    }
}

#[test]
fn what_cannot_be_unpacked_is_refused() {
    let service = Service::with_topic();
    let publish = format!("{TOPIC}/publish");
    let whole = packed(&publish_request(None, &["m"]));
    for body in [b"no gzip at all".to_vec(), whole[..whole.len() / 2].to_vec()] {
        let answer = service.call("POST", &publish, &GZIP, body);
        let (status, content_type, text) = answer.all();
        assert_eq!((status, content_type), (400, Some(TEXT)), "{text}");
        assert!(text.starts_with("the body cannot be read: "), "{text}");
    }
    let strange = [("content-type", AVRO), ("content-encoding", "br")];
    assert_eq!(service.call("POST", &publish, &strange, whole).status, 415);
    assert_eq!(service.payloads(Poll::default()), [""; 0]);
}

#[test]
fn answers_are_packed_for_those_who_ask() {
    let limits = Limits { chunk_bytes: 1000, ..Limits::default() };
    let service = Service::with(options(), limits);
    assert_eq!(service.put(TOPIC, "").status, 200);
    let sent = vec!["x".repeat(300); 100];
    service.publish(None, &sent.iter().map(String::as_str).collect::<Vec<_>>());
    let headers = [("content-type", AVRO), ("accept-encoding", "gzip")];
    let answer = service.call("POST", &format!("{TOPIC}/poll"), &headers, Poll::default().encode());
    assert_eq!((answer.status, answer.content_type()), (StatusCode::OK, Some(AVRO)));
    assert_eq!(answer.headers[header::CONTENT_ENCODING], "gzip");
    let body = answer.body.unwrap();
    assert!(body.len() < 10_000, "{}", body.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
    let payloads: Vec<String> = messages(&unpacked).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, sent);
}
