//! Asks a server for what [`Messaging`](campanile_messaging::Messaging) does in the process: over TCP, or over the Unix socket of the process that
//! owns a folder.
//!
//! All calls block, may come from any thread but a task of tokio, and end after a bounded time. None is repeated here:
//! [`Error::was_not_done`] says whether that is safe.

mod answer;
mod error;

pub use error::{Error, Result};

use crate::listen::ShortPath;
use crate::messages::{MAX_LIMIT, MAX_WAIT};
use crate::tls;
use answer::{Described, Listed, Posted, payload, reason};
use campanile_messaging::{MessageId, Start, Topic, TopicId};
use reqwest::blocking::{ClientBuilder, RequestBuilder, Response};
use reqwest::{Certificate, Method, StatusCode, Url, redirect};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take, beside what it was asked to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection is kept for the next request; shorter than a server keeps it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A server elsewhere.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where it listens: `http://host:port` or `https://host:port`.
    pub url: String,
    /// What it asks for.
    pub token: Option<String>,
    /// PEM: certificates of authorities that are trusted beside those of the system.
    pub authorities: Option<PathBuf>,
}

/// What is asked of a topic's messages.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where to begin.
    pub start: Start,
    /// How many messages at most; a server gives no more than 10,000 at a time, and no more than about 8 MiB.
    pub limit: usize,
    /// How long to wait if nothing is there; 60 s at most.
    pub wait: Duration,
}

impl Default for Request {
    fn default() -> Request {
        Request { start: Start::Oldest, limit: usize::MAX, wait: Duration::ZERO }
    }
}

/// Messages that were there. None does not mean that the topic ends, if there was a time to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In their order; go on with [`Start::After`] the last id.
    pub messages: Vec<(MessageId, Vec<u8>)>,
    /// Messages behind the position have expired: the reader has missed them.
    pub gap: bool,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The id of the first message that was written.
    pub first: MessageId,
    /// The id of the last message.
    pub last: MessageId,
    /// Messages that were written now: fewer than the request had where its producer had published some of them.
    pub count: usize,
    /// The producer had published all of them: nothing was written now, and the ids are those that it wrote last.
    pub repeated: bool,
}

/// A connection to a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::blocking::Client,
    base: Url,
    token: Option<String>,
    /// How errors name the server.
    name: String,
    /// Kept for as long as the socket is reached through its folder.
    _socket: Option<std::sync::Arc<ShortPath>>,
}

impl Client {
    /// A client of a server elsewhere; nothing is sent yet. Fails if the address or the file of authorities cannot be used.
    pub fn remote(remote: &Remote) -> Result<Client> {
        let invalid = |why: String| Error::Invalid(format!("{}: {why}", remote.url));
        let mut base = Url::parse(&remote.url)
            .map_err(|error| invalid(format!("no address of a server: {error}; write http://host:port")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(invalid("no address of a server: write http://host:port or https://host:port".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() {
            // Without the user: a password stands beside it, most likely.
            let _ = (base.set_username(""), base.set_password(None));
            return Err(Error::Invalid(format!("{base}: a user in the address means nothing here: give a token")));
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        let mut builder = builder().pool_idle_timeout(IDLE_TIMEOUT).tcp_nodelay(true);
        if let Some(path) = &remote.authorities {
            let authorities = tls::certificates(path).map_err(Error::Invalid)?;
            let authorities: reqwest::Result<Vec<Certificate>> =
                authorities.iter().map(|authority| Certificate::from_der(authority)).collect();
            let authorities =
                authorities.map_err(|error| Error::Invalid(format!("{}: {}", path.display(), causes(&error))))?;
            builder = builder.tls_certs_merge(authorities);
        }
        let http = builder.build().map_err(|error| invalid(causes(&error)))?;
        Ok(Client { http, base, token: remote.token.clone(), name: remote.url.clone(), _socket: None })
    }

    /// A client of the process that owns the folder of this socket; nothing is sent yet.
    pub fn socket(path: &Path) -> Result<Client> {
        let unreachable = |why: String| Error::Unreachable { server: path.display().to_string(), why };
        let short = ShortPath::of(path).map_err(|error| unreachable(error.to_string()))?;
        // Each request connects anew, which costs little here: one that meets nobody was certainly not done.
        let builder = builder().pool_max_idle_per_host(0).unix_socket(short.as_path());
        let http = builder.build().map_err(|error| unreachable(causes(&error)))?;
        let base = Url::parse("http://localhost").map_err(|error| unreachable(error.to_string()))?;
        let name = path.display().to_string();
        Ok(Client { http, base, token: None, name, _socket: Some(std::sync::Arc::new(short)) })
    }

    /// Whether the server is there and takes messages.
    pub fn health(&self) -> Result<()> {
        self.send(self.request(Method::GET, &["readyz"])).map(drop)
    }

    /// Creates a topic; without a time to live it has that of the service, seven days.
    pub fn create_topic(&self, topic: &TopicId, ttl_secs: Option<u32>) -> Result<()> {
        self.send(self.request(Method::PUT, &of(topic)).json(&properties(ttl_secs))).map(drop)
    }

    /// Replaces a topic's time to live; without one it has that of the service. What else is noted of it stays.
    pub fn update_topic(&self, topic: &TopicId, ttl_secs: Option<u32>) -> Result<()> {
        let notes = self.topic(topic)?.notes.into_iter().map(|(name, value)| (name, Value::from(value)));
        let properties: Map<_, _> = notes.chain(properties(ttl_secs)).collect();
        self.send(self.request(Method::PUT, &with(topic, "properties")).json(&properties)).map(drop)
    }

    /// Deletes a topic with its messages.
    pub fn delete_topic(&self, topic: &TopicId) -> Result<()> {
        self.send(self.request(Method::DELETE, &of(topic))).map(drop)
    }

    /// A topic as it is now.
    pub fn topic(&self, topic: &TopicId) -> Result<Topic> {
        let described: Described = self.read(self.request(Method::GET, &of(topic)))?;
        described.topic(topic).map_err(|why| self.not_understood(&why))
    }

    /// The names of a namespace's topics.
    pub fn topics(&self, namespace: &str) -> Result<Vec<String>> {
        self.read(self.request(Method::GET, &["v1", "namespaces", namespace, "topics"]))
    }

    /// Publishes messages in one step. With a producer, the first has its sequence, the next one the next, and so on; those that
    /// the producer has published before are left out, so each has one effect, however often and in whatever pieces it is sent.
    pub fn publish(&self, topic: &TopicId, messages: &[&[u8]], producer: Option<(&str, u64)>) -> Result<Published> {
        let mut request = self.request(Method::POST, &with(topic, "messages"));
        if let Some((name, sequence)) = producer {
            request = request.query(&[("producer", name), ("sequence", &sequence.to_string())]);
        }
        let messages: Vec<Value> = messages.iter().map(|message| payload(message)).collect();
        let posted: Posted = self.read(request.json(&messages))?;
        posted.published().map_err(|why| self.not_understood(&why))
    }

    /// Fetches messages, and waits if there are none.
    pub fn fetch(&self, topic: &TopicId, asked: &Request) -> Result<Batch> {
        let wait = asked.wait.min(MAX_WAIT);
        let mut query = vec![("limit", asked.limit.clamp(1, MAX_LIMIT).to_string())];
        match asked.start {
            Start::Oldest => query.push(("from", "start".to_owned())),
            Start::Time(ms) => query.push(("from", ms.to_string())),
            Start::After(id) => query.push(("after", id.to_string())),
            Start::At(id) => match before(id) {
                Some(id) => query.push(("after", id.to_string())),
                None => query.push(("from", "start".to_owned())),
            },
        }
        if !wait.is_zero() {
            query.push(("wait", format!("{}ms", wait.as_millis())));
        }
        let request = self.request(Method::GET, &with(topic, "messages")).query(&query);
        let listed: Listed = self.read(request.timeout(wait + ANSWER_TIMEOUT))?;
        listed.batch().map_err(|why| self.not_understood(&why))
    }

    /// The end of a topic: a position that everything published until now is at or before, and everything later behind.
    pub fn end(&self, topic: &TopicId) -> Result<MessageId> {
        let query = [("from", "end"), ("limit", "1")];
        let listed: Listed = self.read(self.request(Method::GET, &with(topic, "messages")).query(&query))?;
        let next = listed.next().map_err(|why| self.not_understood(&why))?;
        let batch = listed.batch().map_err(|why| self.not_understood(&why))?;
        // What was published in between is behind the end.
        let end = batch.messages.first().map_or(next, |(id, _)| before(*id));
        end.ok_or_else(|| self.not_understood("it says nothing of the end"))
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let body = self.send(request)?.bytes().map_err(|error| self.failed(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.not_understood(&error.to_string()))
    }

    fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().map_err(|error| self.failed(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let (code, message) = reason(&response.text().unwrap_or_default());
        let said = format!("{}: {message}", self.name);
        Err(match (status, code.as_str()) {
            (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::INSUFFICIENT_STORAGE, _) => {
                Error::Busy(said)
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Error::Refused(said),
            // CDAP's paths have no codes: none but the topic can be missing there.
            (StatusCode::NOT_FOUND, "topic-not-found") => Error::TopicNotFound(message),
            (StatusCode::NOT_FOUND, "") if message.ends_with("does not exist.") => Error::TopicNotFound(message),
            (StatusCode::NOT_FOUND, _) => Error::Fatal(format!("{}: this is no server of messages", self.name)),
            (StatusCode::CONFLICT, _) => Error::TopicExists(message),
            (status, _) if status.is_client_error() => Error::Invalid(said),
            (status, _) => Error::Fatal(format!("{said} ({status})")),
        })
    }

    fn failed(&self, error: &reqwest::Error) -> Error {
        let (server, why) = (self.name.clone(), causes(error));
        match error.is_connect() {
            true => Error::Unreachable { server, why },
            false => Error::Lost { server, why },
        }
    }

    fn not_understood(&self, why: &str) -> Error {
        Error::Fatal(format!("{}: the answer is not understood: {why}", self.name))
    }
}

fn builder() -> ClientBuilder {
    tls::install_provider();
    // A redirect would take the token along; a proxy is for other servers than one's own.
    reqwest::blocking::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
}

fn of(topic: &TopicId) -> [&str; 5] {
    ["v1", "namespaces", topic.namespace(), "topics", topic.name()]
}

fn with<'a>(topic: &'a TopicId, last: &'a str) -> [&'a str; 6] {
    ["v1", "namespaces", topic.namespace(), "topics", topic.name(), last]
}

fn properties(ttl_secs: Option<u32>) -> Map<String, Value> {
    ttl_secs.map(|ttl| ("ttl".to_owned(), Value::from(ttl.to_string()))).into_iter().collect()
}

/// The greatest id below: what comes behind it begins with `id`.
fn before(id: MessageId) -> Option<MessageId> {
    let mut bytes = id.to_bytes();
    for byte in bytes.iter_mut().rev() {
        let (less, borrows) = byte.overflowing_sub(1);
        *byte = less;
        if !borrows {
            return Some(MessageId::from_bytes(bytes));
        }
    }
    None
}

/// An error with what lies below it; the outermost one of the library says no more than that it failed.
fn causes(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    let mut texts: Vec<String> = Vec::new();
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    match texts.is_empty() {
        true if error.is_timeout() => "no answer in time".to_owned(),
        true => error.to_string(),
        false => texts.join(": "),
    }
}

#[cfg(test)]
mod tests;
