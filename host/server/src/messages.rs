//! Messages for people and scripts: JSON on `/v1/namespaces/{ns}/topics/{t}/messages`.

mod answer;
mod piece;
mod publish;
mod query;

use crate::api_error::{ApiError, blocking};
pub(crate) use answer::shown;
pub(crate) use piece::{Piece, Position};
pub(crate) use query::{MAX_LIMIT, MAX_WAIT};

use crate::auth::Pass;
use crate::events;
use crate::state::App;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use campanile_messaging::{Publish, TopicId};
use publish::{PublishQuery, Published};
use query::FetchQuery;

/// The most bytes of payloads in one answer; its last id leads to the rest.
pub(crate) const MAX_ANSWER_BYTES: usize = 8 << 20;

pub(crate) fn routes() -> Router<App> {
    let methods = get(fetch).post(publish).fallback(no_such_method);
    Router::new().route("/v1/namespaces/{namespace}/topics/{topic}/messages", methods)
}

async fn no_such_method(uri: Uri) -> ApiError {
    let message = format!("{}: GET fetches messages, POST publishes", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message)
}

type TopicPath = Result<Path<(String, String)>, PathRejection>;

fn topic(path: TopicPath) -> Result<TopicId, ApiError> {
    let Path((namespace, name)) =
        path.map_err(|rejection| ApiError::new(rejection.status(), "invalid-path", rejection.body_text()))?;
    Ok(TopicId::new(&namespace, &name)?)
}

async fn publish(
    State(app): State<App>,
    path: TopicPath,
    query: Result<Query<PublishQuery>, QueryRejection>,
    body: Body,
) -> Result<Json<Published>, ApiError> {
    let topic = topic(path)?;
    let producer = query.map_err(ApiError::bad_query)?.0.producer()?;
    let body = publish::read(body, app.limits.publish_bytes).await?;
    // Also reading a large body takes time that no other connection should wait for.
    blocking(move || {
        let messages = publish::Payloads::parse(&body)?;
        drop(body);
        let payloads = messages.slices();
        let mut request = Publish::new(&payloads);
        if let Some((name, sequence)) = &producer {
            request = request.from_producer(name, *sequence);
        }
        let published = app.messaging.publish(&topic, request)?;
        Ok::<_, ApiError>(Json(Published {
            first: published.first.to_string(),
            last: published.last.to_string(),
            count: published.count,
            repeated: published.repeated,
        }))
    })
    .await
}

async fn fetch(
    State(app): State<App>,
    path: TopicPath,
    query: Result<Query<FetchQuery>, QueryRejection>,
    Extension(pass): Extension<Pass>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let topic = topic(path)?;
    let mut query = query.map_err(ApiError::bad_query)?.0;
    if query.begins_at_end() {
        let (store, topic) = (app.messaging.clone(), topic.clone());
        query.begin_after(blocking(move || store.end(&topic)).await?);
    }
    if wants_events(&headers) {
        let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
        return events::follow(app, topic, query.follow(last)?, pass).await.map(IntoResponse::into_response);
    }
    answer::list(app, topic, query.list()?, &pass).await
}

/// `Accept` names events; among others is enough, as a browser's list of types is not looked at for an order.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

#[cfg(test)]
pub(crate) mod tests;
