#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod acceptance;
mod book;
mod encodings;
mod garbage;
mod names;
mod polling;
mod properties;
mod sizes;
mod transactions;

use crate::auth::Door;
use crate::serve::{Bounds, router};
use crate::state::{App, Limits};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use campanile_messaging::{Durability, MessageId, Messaging, Options, Transaction};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const AVRO: &str = "avro/binary";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// The path of a topic that most tests use.
const TOPIC: &str = "/v1/namespaces/ns/topics/t";

/// The service as its clients meet it, without a network.
struct Service {
    router: Router,
    runtime: Runtime,
    messaging: Messaging,
    _folder: TempDir,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    /// None: the connection ended before the body did.
    body: Option<Bytes>,
}

impl Service {
    /// A service for transactions of any age.
    fn new() -> Service {
        Service::with(Options { tx_max_lifetime: None, ..options() }, Limits::default())
    }

    fn with(options: Options, limits: Limits) -> Service {
        let folder = tempfile::tempdir().unwrap();
        let messaging = Messaging::open(folder.path(), options).unwrap();
        let app = App { messaging: messaging.clone(), limits, shared: Arc::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Service { router: router(app, Door::Owner, Bounds::default()), runtime, messaging, _folder: folder }
    }

    /// A service with the topic [`TOPIC`].
    fn with_topic() -> Service {
        let service = Service::new();
        assert_eq!(service.put(TOPIC, "").text(), (200, String::new()));
        service
    }

    fn send(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.ok();
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(body.into()).unwrap())
    }

    fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "")
    }

    fn put(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call("PUT", path, &[], body)
    }

    fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], "")
    }

    fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call("POST", path, &[("content-type", AVRO)], body)
    }

    /// Publishes to [`TOPIC`], and gives back the body of the answer.
    fn publish(&self, transaction: Option<i64>, messages: &[&str]) -> Bytes {
        let answer = self.post(&format!("{TOPIC}/publish"), publish_request(transaction, messages));
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(answer.content_type(), transaction.map(|_| AVRO));
        answer.body.unwrap()
    }

    /// Polls [`TOPIC`].
    fn poll(&self, poll: Poll) -> Vec<(MessageId, String)> {
        let answer = self.post(&format!("{TOPIC}/poll"), poll.encode());
        assert_eq!((answer.status, answer.content_type()), (StatusCode::OK, Some(AVRO)), "{:?}", answer.body);
        messages(&answer.body.unwrap())
    }

    /// The payloads that a poll of [`TOPIC`] gives.
    fn payloads(&self, poll: Poll) -> Vec<String> {
        self.poll(poll).into_iter().map(|(_, payload)| payload).collect()
    }
}

impl Answer {
    fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap())
    }

    /// Status and body.
    fn text(&self) -> (u16, String) {
        (self.status.as_u16(), String::from_utf8(self.body.clone().unwrap().into()).unwrap())
    }

    /// Status, content type, body.
    fn all(&self) -> (u16, Option<&str>, String) {
        let (status, text) = self.text();
        (status, self.content_type(), text)
    }
}

/// What an error says, as [`Answer::all`].
fn error(status: u16, text: &str) -> (u16, Option<&'static str>, String) {
    (status, Some(TEXT), text.to_owned())
}

fn options() -> Options {
    Options { durability: Durability::Relaxed, min_free_bytes: 0, ..Options::default() }
}

/// What a poll asks for.
#[derive(Clone, Default)]
struct Poll {
    from: Option<From>,
    exclusive: bool,
    limit: Option<i32>,
    transaction: Option<Vec<u8>>,
}

#[derive(Clone)]
enum From {
    Id(Vec<u8>),
    Time(i64),
}

impl Poll {
    fn time(time: i64) -> Poll {
        Poll { from: Some(From::Time(time)), ..Poll::default() }
    }

    fn at(id: MessageId) -> Poll {
        Poll { from: Some(From::Id(id.to_bytes().to_vec())), ..Poll::default() }
    }

    fn after(id: MessageId) -> Poll {
        Poll { exclusive: true, ..Poll::at(id) }
    }

    fn limit(self, limit: i32) -> Poll {
        Poll { limit: Some(limit), ..self }
    }

    fn within(self, transaction: &Transaction) -> Poll {
        Poll { transaction: Some(thrift(transaction)), ..self }
    }

    fn encode(&self) -> Vec<u8> {
        let start = match self.from.clone() {
            Some(From::Id(bytes)) => Value::Union(0, Box::new(Value::Bytes(bytes))),
            Some(From::Time(time)) => Value::Union(1, Box::new(Value::Long(time))),
            None => Value::Union(2, Box::new(Value::Null)),
        };
        let record = Value::Record(vec![
            ("startFrom".to_owned(), start),
            ("inclusive".to_owned(), Value::Boolean(!self.exclusive)),
            ("limit".to_owned(), optional(self.limit.map(Value::Int))),
            ("transaction".to_owned(), optional(self.transaction.clone().map(Value::Bytes))),
        ]);
        encode(include_str!("schema/consume-request.avsc"), record)
    }
}

fn optional(value: Option<Value>) -> Value {
    value.map_or(Value::Union(1, Box::new(Value::Null)), |value| Value::Union(0, Box::new(value)))
}

fn encode(schema: &str, value: Value) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap()
}

fn decode(schema: &str, mut bytes: &[u8]) -> Value {
    let schema = Schema::parse_str(schema).unwrap();
    let value = GenericDatumReader::builder(&schema).build().unwrap().read_value(&mut bytes).unwrap();
    assert_eq!(bytes, [0_u8; 0], "nothing follows");
    value
}

fn publish_request(transaction: Option<i64>, messages: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let messages = messages.iter().map(|message| Value::Bytes(message.as_ref().to_vec())).collect();
    let record = Value::Record(vec![
        ("transactionWritePointer".to_owned(), optional(transaction.map(Value::Long))),
        ("messages".to_owned(), Value::Array(messages)),
    ]);
    encode(include_str!("schema/publish-request.avsc"), record)
}

/// The messages in an answer to a poll.
fn messages(body: &[u8]) -> Vec<(MessageId, String)> {
    let Value::Array(messages) = decode(include_str!("schema/consume-response.avsc"), body) else { unreachable!() };
    let message = |message| {
        let Value::Record(fields) = message else { unreachable!() };
        let [(_, Value::Bytes(id)), (_, Value::Bytes(payload))] = &fields[..] else { unreachable!() };
        (MessageId::from_bytes(id[..].try_into().unwrap()), String::from_utf8(payload.clone()).unwrap())
    };
    messages.into_iter().map(message).collect()
}

/// A transaction as its manager encodes it.
fn thrift(transaction: &Transaction) -> Vec<u8> {
    let long = |field: u8, value: i64| [&[10, 0, field][..], &value.to_be_bytes()].concat();
    let int = |field: u8, value: i32| [&[8, 0, field][..], &value.to_be_bytes()].concat();
    let longs = |field: u8, values: &[i64]| {
        let head = [&[15, 0, field, 10][..], &(values.len() as i32).to_be_bytes()].concat();
        values.iter().fold(head, |bytes, value| [&bytes[..], &value.to_be_bytes()].concat())
    };
    [
        long(1, transaction.write_pointer),
        long(2, transaction.read_pointer),
        longs(3, &transaction.invalid),
        longs(4, &transaction.in_progress),
        long(5, transaction.in_progress.first().copied().unwrap_or(i64::MAX)),
        int(6, 1),
        long(7, transaction.write_pointer),
        longs(8, &transaction.checkpoint_write_pointers),
        int(9, 1),
        vec![0],
    ]
    .concat()
}
