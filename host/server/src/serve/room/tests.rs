use super::*;
use axum::Router;
use axum::routing::post;
use tokio::sync::Notify;
use tower::ServiceExt;

fn request(body: Body) -> Request<Body> {
    Request::builder().method("POST").uri("/").body(body).unwrap()
}

/// A service whose handler answers when it is told to.
fn service(room: Room, go: Arc<Notify>) -> Router {
    let handler = move || async move { go.notified().await };
    Router::new().route("/", post(handler)).layer(axum::middleware::from_fn_with_state(room, admit))
}

#[test]
fn a_body_takes_what_it_says_and_at_most_what_is_allowed() {
    let room = Room::new(1 << 20, 100 << 10);
    let needed = |body: Body| room.needed(&request(body));
    assert_eq!(needed(Body::empty()), 0);
    assert_eq!(needed(Body::from("x")), 1);
    assert_eq!(needed(Body::from(vec![0; 2 << 10])), 2);
    assert_eq!(needed(Body::from(vec![0; 1 << 20])), 100, "it will be refused");
    let unknown = futures_util::stream::iter([Ok::<_, std::io::Error>("x")]);
    assert_eq!(needed(Body::from_stream(unknown)), 100);
    let mut packed = request(Body::from("x"));
    packed.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert_eq!(room.needed(&packed), 100);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_waits_and_is_told_when_it_takes_too_long() {
    let go = Arc::new(Notify::new());
    let service = service(Room::new(10 << 10, 10 << 10), go.clone());
    let large = || service.clone().oneshot(request(Body::from(vec![0; 8 << 10])));
    let first = tokio::spawn(large());
    tokio::task::yield_now().await;
    // The paused clock goes on only when everybody waits: the second does, in vain.
    let second = large().await.unwrap();
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers()[header::RETRY_AFTER], "1");
    let third = tokio::spawn(large());
    go.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    go.notify_one();
    assert_eq!(third.await.unwrap().unwrap().status(), StatusCode::OK, "room that was given back is given again");
}
