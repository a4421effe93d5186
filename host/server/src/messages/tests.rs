#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;
use crate::Limits;
use crate::auth::Door;
use crate::testing::{DEADLINE, House, MESSAGES, alerts, options, text};
use axum::http::Request;
use campanile_messaging::{Messaging, TimeSource};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn payloads(body: &Value) -> Vec<&str> {
    body["messages"].as_array().unwrap().iter().map(|message| message["payload"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_published_is_fetched_in_order_with_id_and_time() {
    let house = House::new();
    let (status, published) = house.post("", r#"["one", {"payload": "zwei"}, {"payloadBase64": "AP8="}]"#).await;
    assert_eq!((status, &published["count"], &published["repeated"]), (StatusCode::OK, &json!(3), &json!(false)));
    let (status, fetched) = house.get("").await;
    assert_eq!(status, StatusCode::OK);
    let messages = fetched["messages"].as_array().unwrap();
    assert_eq!((&messages[0]["id"], &messages[2]["id"]), (&published["first"], &published["last"]));
    assert_eq!((&messages[0]["payload"], &messages[1]["payload"]), (&json!("one"), &json!("zwei")));
    assert_eq!((&messages[2]["payloadBase64"], messages[2].get("payload")), (&json!("AP8="), None));
    assert_eq!((&fetched["next"], &fetched["gap"]), (&published["last"], &json!(false)));
    // The time is that of the id, to the millisecond.
    let ms = u64::from_str_radix(&messages[0]["id"].as_str().unwrap()[..16], 16).unwrap();
    let time: jiff::Timestamp = messages[0]["time"].as_str().unwrap().parse().unwrap();
    assert_eq!(time.as_millisecond() as u64, ms);
    assert_eq!(messages[0]["time"].as_str().unwrap().len(), "2026-01-31T12:00:00.000Z".len());
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let house = House::new();
    let (status, empty) = house.get("").await;
    assert_eq!((status, empty), (StatusCode::OK, json!({ "messages": [], "next": null, "gap": false })));
    let all: Vec<String> = (0..250).map(|number| number.to_string()).collect();
    house.post("", json!(all).to_string()).await;
    let (mut query, mut seen) = ("?from=start".to_owned(), Vec::new());
    loop {
        let (_, fetched) = house.get(&query).await;
        let page: Vec<String> = payloads(&fetched).into_iter().map(str::to_owned).collect();
        query = format!("?after={}", fetched["next"].as_str().unwrap());
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 100);
        seen.extend(page);
    }
    assert_eq!(seen, all);
    let (_, fetched) = house.get("?limit=3").await;
    assert_eq!(payloads(&fetched), ["0", "1", "2"]);
    let (_, fetched) = house.get("?from=2999-01-01T00:00:00Z").await;
    assert_eq!(fetched, json!({ "messages": [], "next": null, "gap": false }));
}

#[tokio::test]
async fn an_answer_comes_in_pieces_that_join_to_one_list() {
    let house = House::with(Limits { chunk_bytes: 10, ..Limits::default() }, Door::Owner);
    let all: Vec<String> = (0..100).map(|number| format!("message {number}")).collect();
    house.post("", json!(all).to_string()).await;
    for limit in [1, 2, 99, 100, 101] {
        let (_, fetched) = house.get(&format!("?limit={limit}")).await;
        assert_eq!(payloads(&fetched), all[..limit.min(100)]);
        assert_eq!(fetched["next"], fetched["messages"].as_array().unwrap().last().unwrap()["id"]);
    }
}

#[tokio::test]
async fn an_answer_holds_so_many_bytes_and_leads_to_the_rest() {
    let house = House::new();
    let large = vec![b'x'; 3 << 20];
    for _ in 0..4 {
        house.publish(&[&large]);
    }
    house.publish(&[&vec![b'y'; 9 << 20]]);
    let (_, fetched) = house.get("").await;
    assert_eq!(payloads(&fetched).len(), 2);
    let (_, fetched) = house.get(&format!("?after={}", fetched["next"].as_str().unwrap())).await;
    assert_eq!(payloads(&fetched).len(), 2);
    // A message larger than an answer is an answer of its own.
    let (_, fetched) = house.get(&format!("?after={}", fetched["next"].as_str().unwrap())).await;
    assert_eq!(payloads(&fetched)[0].len(), 9 << 20);
}

#[tokio::test]
async fn the_same_sequence_of_a_producer_is_written_once() {
    let house = House::new();
    let (_, first) = house.post("?producer=p&sequence=7", r#"["one"]"#).await;
    let (status, again) = house.post("?producer=p&sequence=7", r#"["one"]"#).await;
    assert_eq!((status, &again["repeated"], &again["first"]), (StatusCode::OK, &json!(true), &first["first"]));
    assert_eq!((&first["count"], &again["count"]), (&json!(1), &json!(0)));
    house.post("?producer=p&sequence=8", r#""two""#).await;
    let (_, fetched) = house.get("").await;
    assert_eq!(payloads(&fetched), ["one", "two"]);
}

#[tokio::test]
async fn messages_that_a_producer_has_published_are_left_out_of_what_it_sends() {
    let house = House::new();
    house.post("?producer=p&sequence=7", r#"["seven", "eight"]"#).await;
    let (_, published) = house.post("?producer=p&sequence=6", r#"["six", "seven", "eight", "nine"]"#).await;
    assert_eq!((&published["count"], &published["repeated"]), (&json!(1), &json!(false)));
    assert_eq!(published["first"], published["last"]);
    let (_, fetched) = house.get("").await;
    assert_eq!(payloads(&fetched), ["seven", "eight", "nine"]);
    let (status, error) = house.post("?producer=p&sequence=18446744073709551615", r#"["last", "none"]"#).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid-sequence")));
}

#[tokio::test]
async fn each_error_has_a_code_and_says_what_to_do() {
    let house = House::with(Limits { publish_bytes: 1_000, ..Limits::default() }, Door::Owner);
    let id = "00".repeat(20);
    let here = MESSAGES;
    for (method, path, body, status, code) in [
        ("GET", "/v1/namespaces/default/topics/none/messages".to_owned(), "", 404, "topic-not-found"),
        ("POST", "/v1/namespaces/default/topics/none/messages".to_owned(), r#""x""#, 404, "topic-not-found"),
        ("GET", "/v1/namespaces/a-b/topics/alerts/messages".to_owned(), "", 400, "invalid-namespace"),
        ("GET", "/v1/namespaces/default/topics/a%2Fb/messages".to_owned(), "", 400, "invalid-topic"),
        ("GET", "/v1/namespaces/default/topics/%ff/messages".to_owned(), "", 400, "invalid-path"),
        ("GET", format!("{here}?after={id}&from=start"), "", 400, "invalid-query"),
        ("GET", format!("{here}?after=77"), "", 400, "invalid-id"),
        ("GET", format!("{here}?from=noon"), "", 400, "invalid-query"),
        ("GET", format!("{here}?limit=0"), "", 400, "invalid-query"),
        ("GET", format!("{here}?limit=10001"), "", 400, "invalid-query"),
        ("GET", format!("{here}?wait=61"), "", 400, "invalid-query"),
        ("GET", format!("{here}?lmit=1"), "", 400, "invalid-query"),
        ("GET", format!("{here}?limit=1&limit=2"), "", 400, "invalid-query"),
        ("POST", here.to_owned(), "", 400, "invalid-messages"),
        ("POST", here.to_owned(), "[7]", 400, "invalid-messages"),
        ("POST", here.to_owned(), "[]", 400, "no-messages"),
        ("POST", format!("{here}?producer=p"), r#""x""#, 400, "invalid-query"),
        ("DELETE", here.to_owned(), "", 405, "method-not-allowed"),
    ] {
        let request = Request::builder().method(method).uri(&path).body(Body::from(body)).unwrap();
        let (got, answer) = house.json(request).await;
        assert_eq!((got.as_u16(), answer["error"]["code"].as_str()), (status, Some(code)), "{method} {path} {body}");
        assert!(answer["error"]["message"].as_str().unwrap().len() > 10, "{method} {path}");
    }
    let (status, answer) = house.post("", format!("\"{}\"", "x".repeat(1_000))).await;
    assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (413, Some("too-large")));
}

#[tokio::test]
async fn a_full_disk_is_said_and_comes_with_a_time_to_try_again() {
    let folder = tempfile::tempdir().unwrap();
    Messaging::open(folder.path(), options()).unwrap().create_topic(&alerts(), None).unwrap();
    let full = campanile_messaging::Options { min_free_bytes: u64::MAX, ..options() };
    let messaging = Messaging::open(folder.path(), full).unwrap();
    let app = App { messaging, limits: Limits::default(), shared: Arc::default() };
    let router = crate::serve::router(app, Door::Owner, crate::Bounds::default());
    let request = Request::post(MESSAGES).body(Body::from(r#""x""#)).unwrap();
    let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (507, "1"));
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(body["error"]["code"], "disk-full");
}

#[tokio::test]
async fn a_compressed_body_is_measured_by_what_comes_out_of_it() {
    let house = House::with(Limits { publish_bytes: 1_000, ..Limits::default() }, Door::Owner);
    // gzip of a JSON text of 100,000 `x`.
    let gzip = gzip_of(format!("\"{}\"", "x".repeat(100_000)).as_bytes());
    assert!(gzip.len() < 1_000);
    let request = Request::post(MESSAGES).header("content-encoding", "gzip").body(Body::from(gzip)).unwrap();
    let (status, answer) = house.json(request).await;
    assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (413, Some("too-large")));
    let request = Request::post(MESSAGES).header("content-encoding", "gzip").body(Body::from(gzip_of(b"\"ok\"")));
    let (status, _) = house.json(request.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let (_, fetched) = house.get("").await;
    assert_eq!(payloads(&fetched), ["ok"]);
}

fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A waiting answer ends because of what is published, long before its time to wait does.
#[tokio::test(start_paused = true)]
async fn whoever_waits_is_woken_by_what_is_published() {
    let house = Arc::new(House::new());
    let last = house.publish(&[b"seen"]);
    let waiting = {
        let house = Arc::clone(&house);
        tokio::spawn(async move { house.get(&format!("?after={last}&wait=60s")).await })
    };
    all_wait().await;
    assert!(!waiting.is_finished());
    house.publish(&[b"new"]);
    let (status, fetched) = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
    assert_eq!((status, payloads(&fetched)), (StatusCode::OK, vec!["new"]));
    // What is there already is not waited for.
    let (_, fetched) = house.get("?wait=60s").await;
    assert_eq!(payloads(&fetched), ["seen", "new"]);
}

/// Returns when every request waits: the paused clock goes on only when nothing else does.
async fn all_wait() {
    tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>()).await.unwrap_err();
}

#[tokio::test]
async fn nothing_in_time_is_an_empty_list() {
    let house = House::new();
    let last = house.publish(&[b"seen"]);
    let (status, fetched) = house.get(&format!("?after={last}&wait=20ms")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(fetched, json!({ "messages": [], "next": last.to_string(), "gap": false }));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_answered_when_the_server_stops_or_the_topic_goes() {
    let house = Arc::new(House::new());
    let wait = |house: &Arc<House>| {
        let house = Arc::clone(house);
        tokio::spawn(async move { house.get("?wait=60s").await })
    };
    let waiting = wait(&house);
    all_wait().await;
    house.messaging.delete_topic(&alerts()).unwrap();
    let (status, answer) = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
    assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (404, Some("topic-not-found")));

    house.messaging.create_topic(&alerts(), Some(60)).unwrap();
    let waiting = wait(&house);
    all_wait().await;
    house.shared.stopping.send_replace(true);
    let (status, answer) = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
    assert_eq!((status, payloads(&answer).len()), (StatusCode::OK, 0));
}

/// A store whose clock the test moves.
pub(crate) fn on_clock(now: &Arc<AtomicU64>) -> (tempfile::TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::clone(now);
    let time = TimeSource::new(move || clock.load(Ordering::SeqCst));
    let messaging = Messaging::open(folder.path(), campanile_messaging::Options { time, ..options() }).unwrap();
    messaging.create_topic(&alerts(), Some(60)).unwrap();
    (folder, App { messaging, limits: Limits::default(), shared: Arc::default() })
}

#[tokio::test]
async fn a_reader_whose_position_expired_is_told() {
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    let (_folder, app) = on_clock(&now);
    let first = app.messaging.publish(&alerts(), Publish::new(&[b"read"])).unwrap().last;
    app.messaging.publish(&alerts(), Publish::new(&[b"missed"])).unwrap();
    now.fetch_add(61_000, Ordering::SeqCst);
    app.messaging.publish(&alerts(), Publish::new(&[b"kept"])).unwrap();
    let router = crate::serve::router(app, Door::Owner, crate::Bounds::default());
    let request = Request::get(format!("{MESSAGES}?after={first}")).body(Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
    let fetched: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!((payloads(&fetched), &fetched["gap"]), (vec!["kept"], &json!(true)));
}
