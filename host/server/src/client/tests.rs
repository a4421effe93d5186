#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;
use crate::serve::{Auth, Server, ServerOptions};
use crate::testing::{DEADLINE, alerts, options as store};
use campanile_messaging::Messaging;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use tempfile::TempDir;

struct House {
    folder: TempDir,
    messaging: Messaging,
    server: Server,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let messaging = Messaging::open(&folder.path().join("messaging"), store()).unwrap();
        let options = ServerOptions {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            socket: Some(folder.path().join("socket")),
            auth: Auth::Off,
            ..ServerOptions::new(folder.path())
        };
        let server = Server::start(messaging.clone(), options).unwrap();
        House { folder, messaging, server }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address().unwrap())
    }

    /// One over each way.
    fn clients(&self) -> [Client; 2] {
        [remote(&self.url()).unwrap(), Client::socket(&self.folder.path().join("socket")).unwrap()]
    }
}

fn remote(url: &str) -> Result<Client> {
    Client::remote(&Remote { url: url.to_owned(), token: None, authorities: None })
}

#[test]
fn a_client_does_what_the_store_does() {
    let house = House::new();
    for client in house.clients() {
        let topic = alerts();
        assert!(matches!(client.topic(&topic), Err(Error::TopicNotFound(_))));
        client.create_topic(&topic, None).unwrap();
        assert!(matches!(client.create_topic(&topic, None), Err(Error::TopicExists(_))));
        assert_eq!(client.topic(&topic).unwrap().ttl_secs, Some(604_800));
        client.update_topic(&topic, Some(60)).unwrap();
        let described = client.topic(&topic).unwrap();
        assert_eq!(described, house.messaging.topic(&topic).unwrap());
        assert_eq!(client.topics("default").unwrap(), ["alerts"]);
        assert_eq!(client.topics("other").unwrap(), [""; 0]);

        let published = client.publish(&topic, &[b"text", b"\x00\xff", b""], None).unwrap();
        assert_eq!((published.count, published.repeated), (3, false));
        let batch = client.fetch(&topic, &Request::default()).unwrap();
        let payloads: Vec<&[u8]> = batch.messages.iter().map(|(_, payload)| payload.as_slice()).collect();
        assert_eq!((payloads.as_slice(), batch.gap), ([&b"text"[..], b"\x00\xff", b""].as_slice(), false));
        assert_eq!((batch.messages[0].0, batch.messages[2].0), (published.first, published.last));

        let once = client.publish(&topic, &[b"once"], Some(("producer & co", 5))).unwrap();
        let again = client.publish(&topic, &[b"once"], Some(("producer & co", 5))).unwrap();
        assert_eq!((once.first, again.repeated), (again.first, true));

        let starts = |start| client.fetch(&topic, &Request { start, ..Request::default() }).unwrap().messages.len();
        let second = batch.messages[1].0;
        assert_eq!((starts(Start::After(second)), starts(Start::At(second))), (2, 3));
        assert_eq!((starts(Start::Time(second.timestamp_ms)), starts(Start::Time(u64::MAX))), (4, 0));
        assert_eq!((starts(Start::At(MessageId::default())), starts(Start::At(MessageId::MAX))), (4, 0));
        let one = Request { limit: 1, ..Request::default() };
        assert_eq!(client.fetch(&topic, &one).unwrap().messages.len(), 1);

        assert!(matches!(client.publish(&topic, &[], None), Err(Error::Invalid(_))));
        client.delete_topic(&topic).unwrap();
        assert!(matches!(client.delete_topic(&topic), Err(Error::TopicNotFound(_))));
        assert!(matches!(client.publish(&topic, &[b"x"], None), Err(Error::TopicNotFound(_))));
        assert!(matches!(client.fetch(&topic, &Request::default()), Err(Error::TopicNotFound(_))));
        client.health().unwrap();
    }
}

#[test]
fn what_is_too_large_is_refused_in_words_and_not_by_a_closed_connection() {
    let house = House::new();
    house.messaging.create_topic(&alerts(), None).unwrap();
    let large = vec![b'x'; 20 << 20];
    for client in house.clients() {
        let error = client.publish(&alerts(), &[&large, &large, &large, &large], None).unwrap_err();
        assert!(matches!(&error, Error::Invalid(why) if why.contains("publish in smaller parts")), "{error}");
    }
}

#[test]
fn a_client_that_waits_is_woken() {
    let house = House::new();
    house.messaging.create_topic(&alerts(), None).unwrap();
    for client in house.clients() {
        let last = client.publish(&alerts(), &[b"seen"], None).unwrap().last;
        let asked = Request { start: Start::After(last), wait: Duration::from_secs(60), ..Request::default() };
        let waiting = {
            let client = client.clone();
            let (tell, told) = std::sync::mpsc::sync_channel(1);
            thread::spawn(move || tell.send(client.fetch(&alerts(), &asked).unwrap()));
            told
        };
        client.publish(&alerts(), &[b"new"], None).unwrap();
        assert_eq!(waiting.recv_timeout(DEADLINE).unwrap().messages[0].1, b"new");
    }
}

#[test]
fn an_address_that_is_none_is_said_before_anything_is_sent() {
    for url in ["", "localhost:8090", "ftp://localhost", "http://", "unix:/x"] {
        let error = remote(url).unwrap_err();
        assert!(matches!(&error, Error::Invalid(why) if why.starts_with(url)), "{url}: {error}");
    }
    let error = remote("http://user:word@localhost:1").unwrap_err();
    assert_eq!(error.to_string(), "http://localhost:1/: a user in the address means nothing here: give a token");
    let missing = Some("/nowhere/ca.pem".into());
    let error = Client::remote(&Remote { url: "https://localhost".to_owned(), token: None, authorities: missing });
    assert!(matches!(error, Err(Error::Invalid(why)) if why.contains("/nowhere/ca.pem")));
}

/// Answers one request with this, or with nothing.
fn once(answer: &'static str) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).unwrap();
        let length = answer.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        let answer = answer.replace("\r\n\r\n", &format!("\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"));
        stream.write_all(answer.as_bytes()).unwrap();
    });
    remote(&url).unwrap()
}

#[test]
fn errors_say_what_to_do() {
    // answer, and: its kind, whether nothing was done, whether a later try may help
    let table = [
        ("", "Lost", false, true),
        ("HTTP/1.1 200 OK\r\n\r\nno JSON", "Fatal", false, false),
        ("HTTP/1.1 503 Later\r\n\r\nfull", "Busy", true, true),
        ("HTTP/1.1 429 Slow\r\n\r\n", "Busy", true, true),
        ("HTTP/1.1 507 Full\r\n\r\nthe disk is nearly full", "Busy", true, true),
        ("HTTP/1.1 401 Who\r\n\r\na token is needed", "Refused", false, false),
        ("HTTP/1.1 403 No\r\n\r\n", "Refused", false, false),
        ("HTTP/1.1 404 None\r\n\r\nTopic a:b does not exist.", "TopicNotFound", false, false),
        (
            "HTTP/1.1 404 None\r\n\r\n{\"error\":{\"code\":\"topic-not-found\",\"message\":\"m\"}}",
            "TopicNotFound",
            false,
            false,
        ),
        ("HTTP/1.1 404 None\r\n\r\n<html>", "Fatal", false, false),
        ("HTTP/1.1 413 Large\r\n\r\n", "Invalid", false, false),
        ("HTTP/1.1 400 Bad\r\n\r\nlimit", "Invalid", false, false),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n", "Fatal", false, false),
        ("HTTP/1.1 500 Oops\r\n\r\n", "Fatal", false, false),
    ];
    for (answer, kind, not_done, retryable) in table {
        let error = once(answer).publish(&alerts(), &[b"x"], None).unwrap_err();
        let found = format!("{error:?}");
        assert!(found.starts_with(kind), "{answer:?}: {found}");
        assert_eq!((error.was_not_done(), error.is_retryable()), (not_done, retryable), "{answer:?}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = remote(&format!("http://{gone}")).unwrap().health().unwrap_err();
    assert!(matches!(&error, Error::Unreachable { why, .. } if why.contains("refused")), "{error}");
    let error = Client::socket(Path::new("/nowhere/socket")).unwrap().health().unwrap_err();
    assert!(error.was_not_done(), "{error}");
}
