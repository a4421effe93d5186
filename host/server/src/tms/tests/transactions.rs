//! Transactional publish, rollback and polls within transactions.

use super::*;

fn reader(read: i64, write: i64, in_progress: &[i64]) -> Transaction {
    Transaction {
        read_pointer: read,
        write_pointer: write,
        in_progress: in_progress.to_vec(),
        ..Transaction::default()
    }
}

/// A PublishResponse: write pointer, first and last message as timestamp and number.
fn response(transaction: Option<i64>, range: [i64; 4]) -> Vec<u8> {
    let [start, first, end, last] = range;
    let range = Value::Record(vec![
        ("startTimestamp".to_owned(), Value::Long(start)),
        ("startSequenceId".to_owned(), Value::Int(first as i32)),
        ("endTimestamp".to_owned(), Value::Long(end)),
        ("endSequenceId".to_owned(), Value::Int(last as i32)),
    ]);
    let record = Value::Record(vec![
        ("transactionWritePointer".to_owned(), optional(transaction.map(Value::Long))),
        ("rollbackRange".to_owned(), range),
    ]);
    encode(include_str!("../schema/publish-response.avsc"), record)
}

#[test]
fn a_transactional_publish_tells_where_its_messages_went() {
    let service = Service::with_topic();
    let answer = service.publish(Some(1 << 40), &["a", "b", "c"]);
    let ids: Vec<MessageId> = service.poll(Poll::default()).into_iter().map(|(id, _)| id).collect();
    let at = |id: MessageId| [id.timestamp_ms as i64, i64::from(id.sequence)];
    let [[start, first], [end, last]] = [at(ids[0]), at(ids[2])];
    assert_eq!(answer, response(Some(1 << 40), [start, first, end, last]));
}

#[test]
fn numbers_of_messages_go_beyond_those_of_a_signed_short() {
    let service = Service::with(
        Options { tx_max_lifetime: None, time: campanile_messaging::TimeSource::new(|| 1_000_000), ..options() },
        Limits::default(),
    );
    assert_eq!(service.put(TOPIC, "").status, 200);
    for _ in 0..4 {
        service.publish(None, &["x"; 10_000]);
    }
    let answer = service.publish(Some(1), &["y"]);
    let [(id, _)] = &service.poll(Poll::after(service.poll(Poll::default().limit(40_000))[39_999].0))[..] else {
        unreachable!()
    };
    assert_eq!(id.sequence, 40_000);
    assert_eq!(answer, response(Some(1), [id.timestamp_ms as i64, 40_000, id.timestamp_ms as i64, 40_000]));
    assert_eq!(service.post(&format!("{TOPIC}/rollback"), answer).status, 200);
    assert_eq!(service.payloads(Poll::at(*id).within(&reader(9, 9, &[]))), [""; 0]);

    let answer = service.publish(Some(2), &["z"; 30_000]);
    let last = service.poll(Poll::after(*id)).last().unwrap().0;
    assert_eq!(last.timestamp_ms, id.timestamp_ms + 1, "a millisecond has 65,536 numbers");
    let range = [id.timestamp_ms as i64, 40_001, last.timestamp_ms as i64, i64::from(last.sequence)];
    assert_eq!(answer, response(Some(2), range));
    assert_eq!(service.post(&format!("{TOPIC}/rollback"), answer).status, 200);
    assert_eq!(service.payloads(Poll::after(*id).within(&reader(9, 9, &[]))), [""; 0]);
}

#[test]
fn a_rollback_touches_its_own_transaction_only() {
    let service = Service::with_topic();
    service.publish(None, &["plain"]);
    service.publish(Some(1), &["other"]);
    service.publish(Some(2), &["mine"]);
    let all = response(Some(2), [0, 0, i64::MAX, 65_535]);
    assert_eq!(service.post(&format!("{TOPIC}/rollback"), all).all(), (200, None, String::new()));
    assert_eq!(service.payloads(Poll::default().within(&reader(9, 9, &[]))), ["plain", "other"]);
    assert_eq!(service.payloads(Poll::default()), ["plain", "other", "mine"]);
}

#[test]
fn a_rollback_needs_a_range_and_a_topic() {
    let service = Service::with_topic();
    let path = format!("{TOPIC}/rollback");
    for (body, text) in [
        (response(None, [0, 0, 1, 0]), "a rollback needs the write pointer of its transaction"),
        (response(Some(1), [-1, 0, 1, 0]), "the range to roll back has an end at -1 ms, number 0: no message"),
        (response(Some(1), [0, 65_536, 1, 0]), "the range to roll back has an end at 0 ms, number 65536: no message"),
        (response(Some(1), [0, 0, 1, -1]), "the range to roll back has an end at 1 ms, number -1: no message"),
        (vec![], "the body is no PublishResponse in Avro: it ends too early"),
        (vec![4], "the body is no PublishResponse in Avro: Union index 2 out of bounds: 2"),
    ] {
        assert_eq!(service.post(&path, body).all(), error(400, text), "{text}");
    }
    let good = response(Some(1), [0, 0, 1, 0]);
    let missing = service.post("/v1/namespaces/ns/topics/missing/rollback", good.clone());
    assert_eq!(missing.all(), error(404, "Topic ns:missing does not exist."));
    let untyped = service.call("POST", &path, &[("content-type", "text/plain")], [good, vec![7; 9]].concat());
    assert_eq!(untyped.all(), (200, None, String::new()), "neither the content type nor what follows matters");
}

#[test]
fn a_readers_own_messages_are_seen_although_in_progress() {
    let service = Service::with_topic();
    service.publish(Some(5), &["own"]);
    assert_eq!(service.payloads(Poll::default().within(&reader(3, 5, &[5]))), ["own"]);
    assert_eq!(service.payloads(Poll::default().within(&reader(3, 6, &[5]))), [""; 0]);
    let checkpoint = Transaction { checkpoint_write_pointers: vec![5, 7], ..reader(3, 7, &[5, 7]) };
    assert_eq!(service.payloads(Poll::default().within(&checkpoint)), ["own"]);
}

#[test]
fn visibility_levels_change_nothing() {
    let service = Service::with_topic();
    service.publish(Some(5), &["own"]);
    for level in [2, 3] {
        let mut bytes = thrift(&reader(3, 5, &[5]));
        let at = bytes.len() - 2;
        bytes[at] = level;
        assert_eq!(service.payloads(Poll { transaction: Some(bytes), ..Poll::default() }), ["own"]);
    }
}

#[test]
fn what_is_stored_late_joins_and_a_second_reference_gives_it_again() {
    let service = Service::with_topic();
    let store = |message| service.post(&format!("{TOPIC}/store"), publish_request(Some(1), &[message])).status;
    assert_eq!(store("a"), 200);
    service.publish(Some(1), &[]);
    assert_eq!(store("b"), 200);
    assert_eq!(service.payloads(Poll::default()), ["a", "b"]);
    service.publish(Some(1), &[]);
    assert_eq!(service.payloads(Poll::default()), ["a", "b", "a", "b"]);
}

#[test]
fn an_empty_transaction_is_published_and_gives_nothing() {
    let service = Service::with_topic();
    service.publish(None, &["before"]);
    service.publish(Some(7), &[]);
    service.publish(None, &["after"]);
    assert_eq!(service.payloads(Poll::default()), ["before", "after"]);
}

#[test]
fn a_poll_right_before_a_reference_skips_nothing() {
    let service = Service::with_topic();
    assert_eq!(service.post(&format!("{TOPIC}/store"), publish_request(Some(1), &["a", "b"])).status, 200);
    service.publish(Some(1), &[]);
    let (first, _) = service.poll(Poll::default())[0];
    let before = MessageId::new(first.timestamp_ms, first.sequence);
    assert_eq!(service.payloads(Poll::after(before)), ["a", "b"]);
}

#[test]
fn a_transaction_holds_in_every_piece() {
    let limits = Limits { chunk_bytes: 50, ..Limits::default() };
    let service = Service::with(Options { tx_max_lifetime: None, ..options() }, limits);
    assert_eq!(service.put(TOPIC, "").status, 200);
    service.publish(None, &["a", "b", "c"]);
    service.publish(Some(4), &["invalid", "invalid", "invalid"]);
    service.publish(Some(1), &["d", "e", "f"]);
    service.publish(Some(2), &["running"]);
    service.publish(None, &["later"]);
    let reader = Transaction { invalid: vec![4], ..reader(3, 3, &[2]) };
    assert_eq!(service.payloads(Poll::default().within(&reader)), ["a", "b", "c", "d", "e", "f"]);
}
