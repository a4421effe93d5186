//! What CDAP's service passes, request by request, against `campanile serve`.

use super::avro::{self, Poll};
use super::service::Service;
use crate::scene;
use campanile_tests::Scene;

const TOPIC: &str = "/v1/namespaces/ns/topics/t";
const AVRO: &str = "avro/binary";
const TEXT: &str = "text/plain; charset=utf-8";

/// A server for clients that send no tokens and number transactions from 1, and its folder.
struct Cdap {
    service: Service,
    _scene: Scene,
}

impl Cdap {
    fn new() -> Cdap {
        Cdap::with(&["--no-auth", "--tx-max-lifetime", "unlimited"])
    }

    fn with(args: &[&str]) -> Cdap {
        let scene = scene();
        Cdap { service: Service::start(&scene, args), _scene: scene }
    }

    /// Code, content type and text of the answer.
    fn call(&self, method: &str, path: &str, content_type: Option<&str>, body: &[u8]) -> (u16, String, String) {
        let (code, kind, body) = self.service.request(method, path, content_type, body);
        (code, kind, String::from_utf8(body).unwrap())
    }

    fn put(&self, path: &str, body: &str) -> (u16, String, String) {
        self.call("PUT", path, None, body.as_bytes())
    }

    fn post(&self, verb: &str, body: &[u8]) -> (u16, String, String) {
        self.call("POST", &format!("{TOPIC}/{verb}"), Some(AVRO), body)
    }

    /// Publishes, and gives back what a rollback sends.
    #[track_caller]
    fn publish(&self, transaction: Option<i64>, messages: &[&str]) -> Vec<u8> {
        let body = avro::publish(transaction, messages);
        let (code, kind, answer) = self.service.request("POST", &format!("{TOPIC}/publish"), Some(AVRO), &body);
        assert_eq!((code, kind.as_str()), (200, if transaction.is_some() { AVRO } else { "" }));
        assert_eq!(answer.is_empty(), transaction.is_none());
        answer
    }

    #[track_caller]
    fn poll(&self, poll: &Poll) -> Vec<(Vec<u8>, String)> {
        let (code, kind, body) = self.service.request("POST", &format!("{TOPIC}/poll"), Some(AVRO), &poll.encode());
        assert_eq!((code, kind.as_str()), (200, AVRO));
        avro::messages(&body)
    }

    #[track_caller]
    fn payloads(&self, poll: &Poll) -> Vec<String> {
        self.poll(poll).into_iter().map(|(_, payload)| payload).collect()
    }
}

fn error(code: u16, text: &str) -> (u16, String, String) {
    (code, TEXT.to_owned(), text.to_owned())
}

fn done() -> (u16, String, String) {
    (200, String::new(), String::new())
}

#[test]
fn what_is_published_is_polled_plainly_and_within_transactions() {
    let cdap = Cdap::new();
    let missing = error(404, "Topic ns:t does not exist.");
    assert_eq!(cdap.post("publish", &avro::publish(None, &["m"])), missing);
    assert_eq!(cdap.post("poll", &Poll::default().encode()), missing);
    assert_eq!(cdap.put(TOPIC, ""), done());
    let empty = "Empty payload is only allowed for publishing transactional message. Topic: topic:ns.t";
    assert_eq!(cdap.post("publish", &avro::publish(None, &[])), error(400, empty));

    cdap.publish(None, &["m0", "m1"]);
    let rollback = cdap.publish(Some(1), &["m2"]);
    assert_eq!(cdap.post("rollback", &rollback), done());
    let plain = cdap.poll(&Poll::default());
    assert_eq!(cdap.payloads(&Poll::default()), ["m0", "m1", "m2"], "plain readers see what was rolled back");
    assert_eq!(cdap.payloads(&Poll::time(0).within(3, &[2], &[])), ["m0", "m1"]);
    let [_, (id1, _), (id2, _)] = &plain[..] else { panic!("{plain:?}") };
    assert_eq!(cdap.payloads(&Poll::after(id1)), ["m2"]);
    assert_eq!(cdap.payloads(&Poll::after(id2)), [""; 0]);
    let published = i64::from_be_bytes(id1[..8].try_into().unwrap());
    assert_eq!(cdap.payloads(&Poll::time(published).limit(2)), ["m0", "m1"]);

    cdap.publish(Some(2), &["m3"]);
    cdap.publish(None, &["m4"]);
    assert_eq!(cdap.payloads(&Poll::after(id1)), ["m2", "m3", "m4"]);
    assert_eq!(
        cdap.payloads(&Poll::after(id1).within(3, &[2], &[])),
        [""; 0],
        "held back behind a running transaction"
    );
    assert_eq!(cdap.payloads(&Poll::after(id1).within(3, &[], &[2])), ["m4"]);
    assert_eq!(cdap.payloads(&Poll::after(id1).within(3, &[], &[])), ["m3", "m4"]);
}

#[test]
fn topics_are_made_described_listed_changed_and_deleted() {
    let cdap = Cdap::new();
    let path = |name: &str| format!("/v1/namespaces/ns/topics/{name}");
    let (t1, t2) = (path("t1"), path("t2"));
    let (t1_properties, missing) = (path("t1/properties"), error(404, "Topic ns:t1 does not exist."));
    let get = |path: &str| cdap.call("GET", path, None, b"");
    let delete = |path: &str| cdap.call("DELETE", path, None, b"");
    let json = |text: &str| (200, "application/json".to_owned(), text.to_owned());
    assert_eq!(get(&t1), missing);
    assert_eq!(cdap.put(&t1, ""), done());
    assert_eq!(cdap.put(&t1, ""), error(409, "Topic ns:t1 already exists."));
    assert_eq!(get(&t1), json(r#"{"generation":"1","ttl":"604800"}"#));
    assert_eq!(cdap.put(&t1_properties, r#"{"ttl":"5"}"#), done());
    assert_eq!(get(&t1), json(r#"{"generation":"1","ttl":"5"}"#));
    let bad = "The ttl property must be a number greater than zero for topic topic:ns.t2";
    assert_eq!(cdap.put(&t2, r#"{"ttl":"xyz"}"#), error(400, bad));
    assert_eq!(cdap.put(&t2, r#"{"ttl":"5"}"#), done());
    assert_eq!(get("/v1/namespaces/ns/topics"), json(r#"["t1","t2"]"#));
    assert_eq!(delete(&t1), done());
    assert_eq!(delete(&t1), missing);
    assert_eq!(cdap.put(&t1_properties, r#"{"ttl":"5"}"#), missing);
    assert_eq!(delete(&t2), done());
    assert_eq!(get("/v1/namespaces/ns/topics"), json("[]"));
}

#[test]
fn a_topic_that_is_made_again_has_the_next_generation_and_nothing_old() {
    let cdap = Cdap::new();
    for generation in 1..=10 {
        assert_eq!(cdap.put(TOPIC, r#"{"ttl":"100"}"#), done());
        let described = format!(r#"{{"generation":"{generation}","ttl":"100"}}"#);
        assert_eq!(cdap.call("GET", TOPIC, None, b"").2, described);
        let sent = [format!("{generation}a"), format!("{generation}b")];
        cdap.publish(None, &[&sent[0], &sent[1]]);
        assert_eq!(cdap.payloads(&Poll::default()), sent);
        assert_eq!(cdap.call("DELETE", TOPIC, None, b""), done());
    }
}

#[test]
fn messages_larger_than_a_piece_come_whole() {
    let cdap = Cdap::new();
    assert_eq!(cdap.put(TOPIC, ""), done());
    let sent: Vec<String> = (0..10_u8).map(|i| char::from(b'a' + i).to_string().repeat(30_000)).collect();
    for message in &sent {
        cdap.publish(None, &[message]);
    }
    assert_eq!(cdap.payloads(&Poll::default()), sent);
}

#[test]
fn a_transaction_that_is_too_old_publishes_nothing() {
    let cdap = Cdap::with(&["--no-auth"]);
    assert_eq!(cdap.put(TOPIC, ""), done());
    cdap.publish(None, &["a", "b"]);
    for pointer in [-i64::MAX, 1] {
        let text = format!("Transaction {pointer} has exceeded max lifetime 90000000 ms");
        assert_eq!(cdap.post("publish", &avro::publish(Some(pointer), &["c"])), error(500, &text));
    }
    assert_eq!(cdap.payloads(&Poll::default()), ["a", "b"]);
}

#[test]
fn what_is_stored_in_a_transaction_appears_when_it_is_published() {
    let cdap = Cdap::new();
    assert_eq!(cdap.put(TOPIC, ""), done());
    let empty = error(400, "Store request must be transactional with payload. Topic: topic:ns.t");
    assert_eq!(cdap.post("store", &avro::publish(Some(1), &[])), empty);
    let sent: Vec<String> = (0..20).map(|i| format!("m{i}")).collect();
    for pair in sent.chunks(2) {
        assert_eq!(cdap.post("store", &avro::publish(Some(1), &[&pair[0], &pair[1]])), done());
    }
    assert_eq!(cdap.payloads(&Poll::default()), [""; 0]);
    cdap.publish(Some(1), &[]);
    let all = cdap.poll(&Poll::default());
    assert_eq!(cdap.payloads(&Poll::default()), sent);
    assert_eq!(cdap.payloads(&Poll::at(&all[10].0)), sent[10..]);
    assert_eq!(cdap.payloads(&Poll::after(&all[11].0)), sent[12..]);
    assert_eq!(cdap.payloads(&Poll::after(&all[19].0)), [""; 0]);
    assert_eq!(cdap.payloads(&Poll::default().limit(6)), sent[..6]);
    assert_eq!(cdap.post("store", &avro::publish(Some(2), &["n0", "n1"])), done());
    cdap.publish(Some(2), &[]);
    assert_eq!(cdap.payloads(&Poll::default()).len(), 22);
    assert_eq!(cdap.payloads(&Poll::after(&all[19].0)), ["n0", "n1"]);
}
