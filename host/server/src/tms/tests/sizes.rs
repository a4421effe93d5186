//! How long bodies may be.

use super::*;

const TOO_LONG: (u16, Option<&str>, String) = (413, None, String::new());

fn small() -> Service {
    let limits = Limits { publish_bytes: 2000, request_bytes: 1000, ..Limits::default() };
    let service = Service::with(Options { tx_max_lifetime: None, ..options() }, limits);
    assert_eq!(service.put(TOPIC, "").status, 200);
    service
}

#[test]
fn bodies_are_bounded_to_the_byte() {
    let service = small();
    let padded = |mut body: Vec<u8>, length| {
        body.resize(length, 0);
        body
    };
    let publish = publish_request(Some(1), &["m"]);
    let poll = Poll::default().encode();
    for (action, body, limit) in [("publish", &publish, 2000), ("store", &publish, 2000), ("poll", &poll, 1000)] {
        let path = format!("{TOPIC}/{action}");
        assert_eq!(service.post(&path, padded(body.clone(), limit)).status, 200, "{action}: what follows is ignored");
        assert_eq!(service.post(&path, padded(body.clone(), limit + 1)).all(), TOO_LONG, "{action}");
        // The length is looked at before all else.
        let missing = format!("/v1/namespaces/n-s/topics/missing/{action}");
        assert_eq!(service.call("POST", &missing, &[], vec![0; limit + 1]).all(), TOO_LONG, "{action}");
    }
    let answer = service.publish(Some(2), &["m"]).to_vec();
    let rollback = format!("{TOPIC}/rollback");
    assert_eq!(service.post(&rollback, padded(answer.clone(), 1000)).status, 200);
    assert_eq!(service.post(&rollback, padded(answer, 1001)).all(), TOO_LONG);
    assert_eq!(service.put("/v1/namespaces/ns/topics/other", " ".repeat(1001)).all(), TOO_LONG);
    assert_eq!(service.put(&format!("{TOPIC}/properties"), " ".repeat(1001)).all(), TOO_LONG);
}

#[test]
fn eleven_megabytes_are_published_and_not_polled() {
    let service = Service::with_topic();
    let message = "x".repeat(11_000_000);
    service.publish(None, &[&message]);
    assert_eq!(service.payloads(Poll::default()), std::slice::from_ref(&message));
    assert_eq!(service.post(&format!("{TOPIC}/poll"), message).all(), TOO_LONG);
}

#[test]
fn a_body_in_many_pieces_is_read_whole_or_thrown_away() {
    let service = small();
    let stream = |body: Vec<u8>| {
        let pieces: Vec<_> = body.chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        Body::from_stream(futures_util::stream::iter(pieces))
    };
    let publish = format!("{TOPIC}/publish");
    let message = "x".repeat(1500);
    assert_eq!(service.post(&publish, stream(publish_request(None, &[&message]))).status, 200);
    assert_eq!(service.payloads(Poll::default()), [message]);
    assert_eq!(service.post(&publish, stream(vec![1; 100_000])).all(), TOO_LONG);
}

#[test]
fn a_body_that_breaks_off_is_refused() {
    let service = small();
    let pieces = [Ok(vec![2]), Err(std::io::Error::other("the line went dead"))];
    let answer = service.post(&format!("{TOPIC}/publish"), Body::from_stream(futures_util::stream::iter(pieces)));
    assert_eq!(answer.all(), error(400, "the body cannot be read: the line went dead"));
}
