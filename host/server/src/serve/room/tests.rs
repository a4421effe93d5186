use super::*;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tower::ServiceExt as _;

/// A service that reads its bodies, and answers when it is told to.
fn service(room: Room, go: Arc<Notify>) -> Router {
    let handler = move |body: Body| async move {
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(bytes) => {
                go.notified().await;
                (StatusCode::OK, bytes.len().to_string())
            }
            Err(error) => (StatusCode::IM_A_TEAPOT, error.to_string()),
        }
    };
    Router::new().route("/", post(handler)).layer(axum::middleware::from_fn_with_state(room, admit))
}

fn request(body: Body) -> Request {
    Request::post("/").body(body).unwrap()
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
    let told = axum::body::to_bytes(second.into_body(), 1_000).await.unwrap();
    assert_eq!(told, "too much is being sent at once: send less, or try again");
    let third = tokio::spawn(large());
    go.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    go.notify_one();
    assert_eq!(third.await.unwrap().unwrap().status(), StatusCode::OK, "room that was given back is given again");
}

#[tokio::test(start_paused = true)]
async fn who_only_says_that_much_will_come_takes_nothing_from_others() {
    let go = Arc::new(Notify::new());
    let service = service(Room::new(10 << 10, 10 << 10), go.clone());
    let begins = || stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
    let slow: Vec<_> = (0..5)
        .map(|_| {
            let body = Body::from_stream(begins().chain(stream::pending()));
            tokio::spawn(service.clone().oneshot(request(body)))
        })
        .collect();
    tokio::task::yield_now().await;
    go.notify_one();
    let small = service.clone().oneshot(request(Body::from("small"))).await.unwrap();
    assert_eq!(small.status(), StatusCode::OK);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}
