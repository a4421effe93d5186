#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use crate::auth::{Door, Grant, Right, Tokens};
use crate::messages::tests::on_clock;
use crate::state::MAX_FOLLOWERS;
use crate::testing::{DEADLINE, House, MESSAGES, alerts};
use crate::{Bounds, Limits};
use axum::body::Body;
use axum::http::{Request, Response};
use campanile_messaging::Publish;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An event as a browser sees it.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    event: String,
    id: String,
    data: Value,
}

/// Events, one by one.
struct Events {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Events {
    fn of(response: Response<Body>) -> Events {
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Events { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Seen> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let mut seen = Seen::default();
                for line in event.lines() {
                    match line.split_once(": ").unwrap() {
                        ("event", name) => seen.event = name.to_owned(),
                        ("id", id) => seen.id = id.to_owned(),
                        ("data", data) => seen.data = serde_json::from_str(data).unwrap(),
                        other => panic!("{other:?}"),
                    }
                }
                self.text = rest.to_owned();
                return Some(seen);
            }
            let piece = tokio::time::timeout(DEADLINE, self.body.next()).await.unwrap()?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    async fn payloads(&mut self, count: usize) -> Vec<String> {
        let mut payloads = Vec::new();
        for _ in 0..count {
            payloads.push(self.next().await.unwrap().data["payload"].as_str().unwrap().to_owned());
        }
        payloads
    }
}

fn follow(query: &str, last: Option<&str>) -> Request<Body> {
    let mut request = Request::get(format!("{MESSAGES}{query}")).header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_follower_sees_what_was_there_and_what_comes() {
    let house = House::with(Limits { chunk_bytes: 4, ..Limits::default() }, Door::Owner);
    let first = house.publish(&[b"one"]);
    house.publish(&[b"two", b"line\nbreak"]);
    let mut events = Events::of(house.answer(follow("", None)).await);
    let seen = events.next().await.unwrap();
    assert_eq!((seen.id.as_str(), seen.event.as_str()), (first.to_string().as_str(), ""));
    assert_eq!((&seen.data["payload"], &seen.data["id"]), (&json!("one"), &json!(first.to_string())));
    assert_eq!(events.payloads(2).await, ["two", "line\nbreak"]);
    for number in 0..3 {
        let text = format!("later {number}");
        house.publish(&[text.as_bytes()]);
        assert_eq!(events.payloads(1).await, [text]);
    }
}

#[tokio::test]
async fn a_follower_that_comes_back_goes_on_behind_its_last_event() {
    let house = House::new();
    house.publish(&[b"one", b"two", b"three"]);
    let mut events = Events::of(house.answer(follow("?from=start", None)).await);
    events.next().await.unwrap();
    let last = events.next().await.unwrap().id;
    drop(events);
    house.publish(&[b"four"]);
    // A browser comes back with the address of the first time.
    let mut events = Events::of(house.answer(follow("?from=start", Some(&last))).await);
    assert_eq!(events.payloads(2).await, ["three", "four"]);
}

#[tokio::test]
async fn a_follower_whose_position_expired_is_told_once() {
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    let (_folder, app) = on_clock(&now);
    let messaging = app.messaging.clone();
    let router = crate::serve::router(app, Door::Owner, Bounds::default());
    let first = messaging.publish(&alerts(), Publish::new(&[b"read"])).unwrap().last.to_string();
    messaging.publish(&alerts(), Publish::new(&[b"missed"])).unwrap();
    now.fetch_add(61_000, Ordering::SeqCst);
    let response = tower::ServiceExt::oneshot(router, follow("", Some(&first))).await.unwrap();
    let mut events = Events::of(response);
    let gap = events.next().await.unwrap();
    assert_eq!((gap.event.as_str(), gap.id.as_str(), &gap.data["after"]), ("gap", "", &json!(first)));
    messaging.publish(&alerts(), Publish::new(&[b"kept"])).unwrap();
    assert_eq!(events.payloads(1).await, ["kept"]);
}

#[tokio::test]
async fn events_end_when_the_server_stops_and_when_the_topic_goes() {
    let house = House::new();
    let mut deleted = Events::of(house.answer(follow("", None)).await);
    house.messaging.delete_topic(&alerts()).unwrap();
    let error = deleted.next().await.unwrap();
    assert_eq!((error.event.as_str(), &error.data["error"]["code"]), ("error", &json!("topic-not-found")));
    assert_eq!(deleted.next().await, None);

    house.messaging.create_topic(&alerts(), Some(60)).unwrap();
    let mut stopped = Events::of(house.answer(follow("", None)).await);
    house.shared.stopping.send_replace(true);
    assert_eq!(stopped.next().await, None);
}

#[tokio::test]
async fn what_cannot_be_followed_is_an_error_in_json() {
    let house = House::new();
    for (path, last, status, code) in [
        ("?limit=5", None, 400, "invalid-query"),
        ("?wait=5", None, 400, "invalid-query"),
        ("", Some("7"), 400, "invalid-id"),
    ] {
        let (got, answer) = house.json(follow(path, last)).await;
        assert_eq!((got.as_u16(), answer["error"]["code"].as_str()), (status, Some(code)), "{path} {last:?}");
    }
    house.messaging.delete_topic(&alerts()).unwrap();
    let (status, answer) = house.json(follow("", None)).await;
    assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (404, Some("topic-not-found")));
}

#[tokio::test]
async fn followers_are_so_many_and_one_that_leaves_makes_room() {
    let house = House::new();
    let mut all = Vec::new();
    for _ in 0..MAX_FOLLOWERS {
        all.push(house.answer(follow("", None)).await);
    }
    let (status, answer) = house.json(follow("", None)).await;
    assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (503, Some("too-many-followers")));
    all.pop();
    assert_eq!(house.answer(follow("", None)).await.status().as_u16(), 200);
}

#[tokio::test]
async fn a_token_that_is_revoked_follows_and_waits_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(Tokens::of(folder.path()));
    let house = House::with(Limits::default(), Door::Open(Arc::clone(&tokens)));
    let grant = Grant { namespace: "default".to_owned(), right: Right::Read };
    let header = format!("Bearer {}", tokens.create("reader", &[grant]).unwrap());
    let with_token = |mut request: Request<Body>| {
        request.headers_mut().insert("authorization", header.parse().unwrap());
        request
    };
    house.publish(&[b"before"]);
    let mut events = Events::of(house.answer(with_token(follow("", None))).await);
    assert_eq!(events.payloads(1).await, ["before"]);
    let waiting = Request::get(format!("{MESSAGES}?from=end&wait=20")).body(Body::empty()).unwrap();
    let waits = house.json(with_token(waiting));
    let revoked = async {
        // The one that waits is polled first, and has been let in.
        tokens.revoke("reader").unwrap();
        house.publish(&[b"behind"]);
    };
    let ((status, answer), ()) = tokio::join!(waits, revoked);
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (401, &json!("token-needed")));
    let error = events.next().await.unwrap();
    assert_eq!((error.event.as_str(), &error.data["error"]["code"]), ("error", &json!("token-needed")));
    assert_eq!(events.next().await, None);
}
