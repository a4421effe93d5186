//! What a poll gives: where it starts, how much it gives, how it travels.

use super::*;
use futures_util::StreamExt;

fn millis() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64
}

/// A service whose pieces hold a few messages, with so many messages `0`, `1`, ….
fn in_pieces(count: usize) -> (Service, Vec<String>) {
    let limits = Limits { chunk_bytes: 100, ..Limits::default() };
    let service = Service::with(options(), limits);
    assert_eq!(service.put(TOPIC, "").status, 200);
    let sent: Vec<String> = (0..count).map(|i| i.to_string()).collect();
    service.publish(None, &sent.iter().map(String::as_str).collect::<Vec<_>>());
    (service, sent)
}

#[test]
fn a_limit_and_a_start_must_make_sense() {
    let service = Service::with_topic();
    service.publish(None, &["m"]);
    let path = format!("{TOPIC}/poll");
    let limit = "Invalid message fetching limit. Limit must be > 0";
    let time = "Invalid message fetching start time. Start time must be >= 0";
    for (poll, text) in [
        (Poll::default().limit(0), limit),
        (Poll::default().limit(-1), limit),
        (Poll::default().limit(i32::MIN), limit),
        (Poll::time(-1), time),
        (Poll::time(i64::MIN), time),
        (Poll::time(-1).limit(0), time),
        (
            Poll { from: Some(From::Id(vec![0; 19])), ..Poll::default() },
            "a message id has 20 bytes, and the one to start from only 19",
        ),
        (
            Poll { from: Some(From::Id(vec![])), ..Poll::default() },
            "a message id has 20 bytes, and the one to start from only 0",
        ),
        (
            Poll { transaction: Some(vec![1, 2, 3]), ..Poll::default() },
            "the transaction is no TTransaction in Thrift: 1 is no type of a value",
        ),
        (
            Poll { transaction: Some(vec![]), ..Poll::default() },
            "the transaction is no TTransaction in Thrift: it ends too early",
        ),
    ] {
        assert_eq!(service.post(&path, poll.encode()).all(), error(400, text), "{text}");
        let missing = service.post("/v1/namespaces/ns/topics/missing/poll", poll.encode());
        assert_eq!(missing.all(), error(404, "Topic ns:missing does not exist."), "the topic comes first");
    }
}

#[test]
fn a_poll_starts_where_it_is_told() {
    let service = Service::with_topic();
    service.publish(None, &["a", "b", "c"]);
    let all = service.poll(Poll::default());
    let ids: Vec<MessageId> = all.iter().map(|(id, _)| *id).collect();
    assert!(ids.is_sorted() && ids[0] != ids[1]);
    assert_eq!(service.payloads(Poll::at(ids[1])), ["b", "c"]);
    assert_eq!(service.payloads(Poll::after(ids[1])), ["c"]);
    assert_eq!(service.payloads(Poll::at(ids[1]).limit(1)), ["b"]);
    assert_eq!(service.payloads(Poll::default().limit(i32::MAX)), ["a", "b", "c"]);
    let longer = [&ids[1].to_bytes()[..], b"more"].concat();
    assert_eq!(service.payloads(Poll { from: Some(From::Id(longer)), ..Poll::default() }), ["b", "c"]);
    assert_eq!(service.payloads(Poll::at(MessageId::default())), ["a", "b", "c"]);
    assert_eq!(service.payloads(Poll::time(0)), ["a", "b", "c"]);
    for future in [Poll::time(millis() + 86_400_000), Poll::time(i64::MAX), Poll::at(MessageId::MAX)] {
        assert_eq!(service.payloads(future), [""; 0]);
    }
}

#[test]
fn an_id_of_an_older_generation_is_a_position() {
    let service = Service::with_topic();
    service.publish(None, &["old"]);
    let (old, _) = service.poll(Poll::default())[0];
    assert_eq!(service.delete(TOPIC).status, 200);
    assert_eq!(service.put(TOPIC, "").status, 200);
    service.publish(None, &["new"]);
    assert_eq!(service.payloads(Poll::after(old)), ["new"]);
}

#[test]
fn an_empty_answer_is_an_empty_array() {
    let service = Service::with_topic();
    let answer = service.post(&format!("{TOPIC}/poll"), Poll::default().encode());
    assert_eq!(answer.body.unwrap()[..], [0]);
}

#[test]
fn pieces_are_blocks_of_one_array() {
    let (service, sent) = in_pieces(50);
    assert_eq!(service.payloads(Poll::default()), sent);
    for limit in [1, 4, 5, 7, 49, 50, 51] {
        let expected = &sent[..50.min(limit)];
        assert_eq!(service.payloads(Poll::default().limit(limit as i32)), expected, "{limit}");
    }
}

#[test]
fn a_block_holds_as_many_messages_as_it_says() {
    // More than 63 messages: their number takes two bytes.
    let service = Service::with_topic();
    let sent: Vec<String> = (0..200).map(|i| "x".repeat(i)).collect();
    service.publish(None, &sent.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(service.payloads(Poll::default()), sent);
}

#[test]
fn a_client_that_stops_reading_holds_one_piece() {
    let (service, _) = in_pieces(1000);
    let request = Request::post(format!("{TOPIC}/poll")).header("content-type", AVRO);
    let request = request.body(Body::from(Poll::default().encode())).unwrap();
    service.runtime.block_on(async {
        let response = service.router.clone().oneshot(request).await.unwrap();
        let mut pieces = response.into_body().into_data_stream();
        let first = pieces.next().await.unwrap().unwrap();
        assert!(first.len() < 200, "{}", first.len());
        // The folder can go while the answer is still open: nothing of it is held.
        let topic = campanile_messaging::TopicId::new("ns", "t").unwrap();
        service.messaging.delete_topic(&topic).unwrap();
        let second = pieces.next().await.unwrap();
        assert!(second.is_err(), "what goes wrong midway ends the connection: {second:?}");
    });
}

#[test]
fn an_answer_ends_where_the_request_came_in() {
    let (service, sent) = in_pieces(50);
    let request = Request::post(format!("{TOPIC}/poll")).header("content-type", AVRO);
    let request = request.body(Body::from(Poll::default().encode())).unwrap();
    let body = service.runtime.block_on(async {
        let response = service.router.clone().oneshot(request).await.unwrap();
        let asked = millis();
        while millis() <= asked {
            std::hint::spin_loop();
        }
        let topic = campanile_messaging::TopicId::new("ns", "t").unwrap();
        service.messaging.publish(&topic, campanile_messaging::Publish::new(&[b"late"])).unwrap();
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
    });
    let payloads: Vec<String> = messages(&body).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, sent);
    assert_eq!(service.payloads(Poll::default()).last().unwrap(), "late");
}

#[test]
fn a_position_that_has_expired_is_told() {
    let now = Arc::new(std::sync::atomic::AtomicU64::new(1_000_000));
    let clock = Arc::clone(&now);
    let time = campanile_messaging::TimeSource::new(move || clock.load(std::sync::atomic::Ordering::SeqCst));
    let service = Service::with(Options { time, ..options() }, Limits::default());
    assert_eq!(service.put(TOPIC, r#"{"ttl":10}"#).status, 200);
    service.publish(None, &["a"]);
    service.publish(None, &["b"]);
    let (a, _) = service.poll(Poll::default())[0];
    let gap = |poll: Poll| {
        let answer = service.post(&format!("{TOPIC}/poll"), poll.encode());
        (answer.headers.get("campanile-gap").cloned(), messages(&answer.body.unwrap()).len())
    };
    assert_eq!(gap(Poll::after(a)), (None, 1));
    now.fetch_add(11_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(gap(Poll::after(a)), (Some("true".parse().unwrap()), 0));
    assert_eq!(gap(Poll::default()), (None, 0), "who starts with the oldest misses nothing");
}
