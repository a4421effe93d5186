//! What the service of the same name passes, request by request.

use super::*;

fn transaction(read: i64, write: i64, in_progress: &[i64], invalid: &[i64]) -> Transaction {
    Transaction {
        read_pointer: read,
        write_pointer: write,
        in_progress: in_progress.to_vec(),
        invalid: invalid.to_vec(),
        ..Transaction::default()
    }
}

#[test]
fn what_is_published_is_polled_plainly_and_within_transactions() {
    let service = Service::new();
    let missing = error(404, "Topic ns:t does not exist.");
    let publish = format!("{TOPIC}/publish");
    assert_eq!(service.post(&publish, publish_request(None, &["m"])).all(), missing);
    assert_eq!(service.post(&format!("{TOPIC}/poll"), Poll::default().encode()).all(), missing);
    let nothing = publish_request(None, &[""; 0]);
    let empty = "Empty payload is only allowed for publishing transactional message. Topic: topic:ns.t";
    assert_eq!(service.post(&publish, nothing.clone()).all(), error(400, empty), "it comes before the topic");
    assert_eq!(service.put(TOPIC, "").all(), (200, None, String::new()));
    assert_eq!(service.post(&publish, nothing).all(), error(400, empty));

    assert_eq!(service.publish(None, &["m0", "m1"]), "");
    let rollback = service.publish(Some(1), &["m2"]);
    assert_eq!(service.call("POST", &format!("{TOPIC}/rollback"), &[], rollback).all(), (200, None, String::new()));

    let plain = service.poll(Poll::default());
    assert_eq!(service.payloads(Poll::default()), ["m0", "m1", "m2"], "plain readers see what was rolled back");
    let reader = transaction(3, 3, &[2], &[]);
    assert_eq!(service.payloads(Poll::time(0).within(&reader)), ["m0", "m1"]);
    let [(_, _), (id1, _), (id2, _)] = &plain[..] else { panic!("{plain:?}") };
    assert_eq!(service.payloads(Poll::after(*id1)), ["m2"]);
    assert_eq!(service.payloads(Poll::after(*id2)), [""; 0]);
    assert_eq!(service.payloads(Poll::time(id1.timestamp_ms as i64).limit(2)), ["m0", "m1"]);

    service.publish(Some(2), &["m3"]);
    service.publish(None, &["m4"]);
    assert_eq!(service.payloads(Poll::after(*id1)), ["m2", "m3", "m4"]);
    let after = |transaction| service.payloads(Poll::after(*id1).within(&transaction));
    assert_eq!(after(transaction(3, 3, &[2], &[])), [""; 0], "what comes after a running transaction is held back");
    assert_eq!(after(transaction(3, 3, &[], &[2])), ["m4"]);
    assert_eq!(after(transaction(3, 3, &[], &[])), ["m3", "m4"]);
}

#[test]
fn topics_are_made_described_listed_changed_and_deleted() {
    let service = Service::new();
    let path = |name| format!("/v1/namespaces/ns/topics/{name}");
    let (t1, t2) = (path("t1"), path("t2"));
    let missing = error(404, "Topic ns:t1 does not exist.");
    let list = || service.get("/v1/namespaces/ns/topics").all().2;
    assert_eq!(service.get(&t1).all(), missing);
    assert_eq!(service.put(&t1, "").all(), (200, None, String::new()));
    assert_eq!(service.put(&t1, "").all(), error(409, "Topic ns:t1 already exists."));
    let described = |ttl: u32| (200, Some(JSON), format!(r#"{{"generation":"1","ttl":"{ttl}"}}"#));
    assert_eq!(service.get(&t1).all(), described(604_800));
    assert_eq!(service.put(&format!("{t1}/properties"), r#"{"ttl":"5"}"#).all(), (200, None, String::new()));
    assert_eq!(service.get(&t1).all(), described(5));
    let bad = "The ttl property must be a number greater than zero for topic topic:ns.t2";
    assert_eq!(service.put(&t2, r#"{"ttl":"xyz"}"#).all(), error(400, bad));
    assert_eq!(service.put(&t2, r#"{"ttl":"5"}"#).status, 200);
    assert_eq!(list(), r#"["t1","t2"]"#);
    assert_eq!(service.delete(&t1).all(), (200, None, String::new()));
    assert_eq!(list(), r#"["t2"]"#);
    assert_eq!(service.delete(&t1).all(), missing);
    assert_eq!(service.put(&format!("{t1}/properties"), r#"{"ttl":"5"}"#).all(), missing);
    assert_eq!(service.delete(&t2).status, 200);
    assert_eq!(list(), "[]");
}

#[test]
fn a_topic_that_is_made_again_has_the_next_generation() {
    let service = Service::new();
    for generation in 1..=5 {
        assert_eq!(service.put(TOPIC, r#"{"ttl":"100"}"#).status, 200);
        let described = format!(r#"{{"generation":"{generation}","ttl":"100"}}"#);
        assert_eq!(service.get(TOPIC).text(), (200, described));
        assert_eq!(service.delete(TOPIC).status, 200);
    }
}

#[test]
fn a_topic_that_is_made_again_is_empty() {
    let service = Service::new();
    for round in 0..10 {
        assert_eq!(service.put(TOPIC, "").status, 200);
        let sent = [format!("{round}a"), format!("{round}b")];
        service.publish(None, &[&sent[0], &sent[1]]);
        assert_eq!(service.payloads(Poll::default()), sent);
        assert_eq!(service.delete(TOPIC).status, 200);
    }
}

#[test]
fn messages_larger_than_a_piece_come_whole() {
    let service = Service::with_topic();
    let sent: Vec<String> = (0..10_u8).map(|i| char::from(b'a' + i).to_string().repeat(30_000)).collect();
    for message in &sent {
        service.publish(None, &[message]);
    }
    assert_eq!(service.payloads(Poll::default()), sent);
}

#[test]
fn a_transaction_that_is_too_old_publishes_nothing() {
    let service = Service::with(options(), Limits::default());
    assert_eq!(service.put(TOPIC, "").status, 200);
    service.publish(None, &["a", "b"]);
    for pointer in [-i64::MAX, 1] {
        let answer = service.post(&format!("{TOPIC}/publish"), publish_request(Some(pointer), &["c"]));
        let text = format!("Transaction {pointer} has exceeded max lifetime 90000000 ms");
        assert_eq!(answer.all(), error(500, &text));
    }
    assert_eq!(service.payloads(Poll::default()), ["a", "b"]);
    let stored = service.post(&format!("{TOPIC}/store"), publish_request(Some(1), &["d"]));
    assert_eq!(stored.all(), (200, None, String::new()), "a store is not held against the age");
}

#[test]
fn what_is_stored_in_a_transaction_appears_when_it_is_published() {
    let service = Service::new();
    let store = format!("{TOPIC}/store");
    let missing = error(404, "Topic ns:t does not exist.");
    assert_eq!(service.post(&store, publish_request(Some(1), &["m"])).all(), missing);
    let empty = error(400, "Store request must be transactional with payload. Topic: topic:ns.t");
    assert_eq!(service.post(&store, publish_request(Some(1), &[""; 0])).all(), empty);
    assert_eq!(service.post(&store, publish_request(None, &["m"])).all(), empty, "it comes before the topic");
    assert_eq!(service.put(TOPIC, "").status, 200);
    let sent: Vec<String> = (0..20).map(|i| format!("m{i}")).collect();
    for pair in sent.chunks(2) {
        assert_eq!(service.post(&store, publish_request(Some(1), pair)).all(), (200, None, String::new()));
    }
    assert_eq!(service.payloads(Poll::default()), [""; 0]);
    service.publish(Some(1), &[]);
    let all = service.poll(Poll::default());
    assert_eq!(service.payloads(Poll::default()), sent);
    assert_eq!(service.payloads(Poll::at(all[10].0)), sent[10..]);
    assert_eq!(service.payloads(Poll::after(all[11].0)), sent[12..]);
    assert_eq!(service.payloads(Poll::after(all[19].0)), [""; 0]);
    assert_eq!(service.payloads(Poll::default().limit(6)), sent[..6]);
    let more = ["n0", "n1"];
    assert_eq!(service.post(&store, publish_request(Some(2), &more)).status, 200);
    service.publish(Some(2), &[]);
    assert_eq!(service.payloads(Poll::default()).len(), 22);
    assert_eq!(service.payloads(Poll::after(all[19].0)), more);
}
