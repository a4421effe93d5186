//! What the tests of this crate begin with.
#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use crate::auth::Door;
use crate::serve::{Bounds, router};
use crate::state::{App, Limits, Shared};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use campanile_messaging::{Durability, MessageId, Messaging, Options, Publish, TopicId};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// Nothing here takes this long, unless it is stuck.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const MESSAGES: &str = "/v1/namespaces/default/topics/alerts/messages";

/// A store that goes with its folder, and a router on it.
pub(crate) struct House {
    _folder: TempDir,
    pub(crate) messaging: Messaging,
    pub(crate) shared: Arc<Shared>,
    pub(crate) router: Router,
}

pub(crate) fn options() -> Options {
    Options { durability: Durability::Relaxed, min_free_bytes: 0, ..Options::default() }
}

pub(crate) fn alerts() -> TopicId {
    TopicId::new("default", "alerts").unwrap()
}

impl House {
    /// With the topic `default:alerts`, behind a door without questions.
    pub(crate) fn new() -> House {
        House::with(Limits::default(), Door::Owner)
    }

    pub(crate) fn with(limits: Limits, door: Door) -> House {
        let folder = tempfile::tempdir().unwrap();
        let messaging = Messaging::open(&folder.path().join("messaging"), options()).unwrap();
        messaging.create_topic(&alerts(), Some(3_600)).unwrap();
        let shared = Arc::new(Shared::default());
        let app = App { messaging: messaging.clone(), limits, shared: Arc::clone(&shared) };
        House { _folder: folder, messaging, shared, router: router(app, door, Bounds::default()) }
    }

    pub(crate) fn publish(&self, messages: &[&[u8]]) -> MessageId {
        self.messaging.publish(&alerts(), Publish::new(messages)).unwrap().last
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        tokio::time::timeout(DEADLINE, self.router.clone().oneshot(request)).await.unwrap().unwrap()
    }

    /// Status and body of an answer that must be JSON.
    pub(crate) async fn json(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.answer(request).await;
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        assert_eq!(kind.as_deref(), Some("application/json"));
        (response.status(), serde_json::from_str(&text(response).await).unwrap())
    }

    pub(crate) async fn get(&self, query: &str) -> (StatusCode, Value) {
        self.json(Request::get(format!("{MESSAGES}{query}")).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, query: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        self.json(Request::post(format!("{MESSAGES}{query}")).body(body.into()).unwrap()).await
    }
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = tokio::time::timeout(DEADLINE, to_bytes(response.into_body(), usize::MAX)).await.unwrap();
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}
