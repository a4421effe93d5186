use super::*;
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use tower::ServiceExt;

fn service(report: Report) -> Router {
    let broken = || async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.extensions_mut().insert(Why("the disk is gone".to_owned()));
        response
    };
    let failures = Failures::new(Some(report));
    let router = Router::new().route("/broken", get(broken)).route("/well", get(|| async { "well" }));
    router.layer(axum::middleware::from_fn_with_state(failures, watch))
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_and_a_flood_of_them_is_counted() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let lines = told.clone();
    let service = service(Report::new(move |line| lines.lock().unwrap().push(line.to_owned())));
    let ask = |path: &str| service.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    for path in ["/well", "/missing", "/broken?token=secret"] {
        ask(path).await.unwrap();
    }
    assert_eq!(*told.lock().unwrap(), ["GET /broken failed with 503: the disk is gone"], "without the query");
    for _ in 0..100 {
        ask("/broken").await.unwrap();
    }
    assert_eq!(told.lock().unwrap().len(), 20);
    tokio::time::advance(SPAN).await;
    ask("/broken").await.unwrap();
    assert_eq!(
        told.lock().unwrap()[20..],
        ["81 more requests failed", "GET /broken failed with 503: the disk is gone"]
    );
}
