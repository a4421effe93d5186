#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use crate::auth::Door;
use crate::state::App;
use crate::testing::{House, options, text};
use crate::{Bounds, Limits};
use axum::body::Body;
use axum::http::Request;
use campanile_messaging::{Messaging, Options};
use std::sync::Arc;

#[tokio::test]
async fn a_server_that_takes_messages_is_ready() {
    let house = House::new();
    for path in ["/healthz", "/readyz"] {
        let response = house.answer(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!((response.status().as_u16(), text(response).await.as_str()), (200, "ok\n"), "{path}");
    }
}

#[tokio::test]
async fn a_server_that_takes_none_lives_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let messaging = Messaging::open(folder.path(), Options { min_free_bytes: u64::MAX, ..options() }).unwrap();
    let app = App { messaging, limits: Limits::default(), shared: Arc::default() };
    let router = crate::serve::router(app, Door::Owner, Bounds::default());
    for (path, status, said) in [("/healthz", 200, "ok"), ("/readyz", 503, "must stay free")] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body = text(response).await;
        assert!(body.contains(said), "{path}: {body}");
    }
}
