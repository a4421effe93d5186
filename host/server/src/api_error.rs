//! Errors in JSON, each with a code that stays as it is.

use crate::failure::{Failed, Why};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use campanile_messaging::Error;
use std::error::Error as StdError;

/// When a client that was told to wait may come again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// `{"error":{"code":"topic-not-found","message":"…"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, code, message: message.into() }
    }

    /// The request makes no sense.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn bad_query(rejection: QueryRejection) -> ApiError {
        let why = StdError::source(&rejection).map_or_else(|| rejection.body_text(), ToString::to_string);
        ApiError::bad("invalid-query", format!("query: {why}"))
    }

    /// The body did not come, or not whole.
    pub(crate) fn bad_body(error: &axum::Error) -> ApiError {
        let mut deepest: &(dyn StdError + 'static) = error;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        match Failed::of(error) {
            Some(slow @ Failed::TooSlow { .. }) => ApiError::new(slow.status(), "body-too-slow", slow.to_string()),
            Some(busy @ Failed::NoRoom) => ApiError::new(busy.status(), "busy", busy.to_string()),
            None => ApiError::bad("body-unreadable", format!("the body cannot be read: {deepest}")),
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// As it is sent.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": { "code": self.code, "message": self.message } })
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        let (status, code) = match &error {
            Error::InvalidTopic(_) => (StatusCode::BAD_REQUEST, "invalid-topic"),
            Error::InvalidNamespace(_) => (StatusCode::BAD_REQUEST, "invalid-namespace"),
            Error::TopicNotFound(_) => (StatusCode::NOT_FOUND, "topic-not-found"),
            Error::TopicExists(_) => (StatusCode::CONFLICT, "topic-exists"),
            Error::EmptyPublish(_) | Error::EmptyStore(_) => (StatusCode::BAD_REQUEST, "no-messages"),
            Error::InvalidTtl(_) => (StatusCode::BAD_REQUEST, "invalid-ttl"),
            Error::InvalidName(_) => (StatusCode::BAD_REQUEST, "invalid-name"),
            Error::InvalidSequence { .. } => (StatusCode::BAD_REQUEST, "invalid-sequence"),
            Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Error::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
            Error::Poisoned(_) => (StatusCode::SERVICE_UNAVAILABLE, "poisoned"),
            Error::Corrupt { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "corrupt"),
            Error::Storage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "storage"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        // CDAP's words for it name a transaction, which there is none of here.
        let message = match &error {
            Error::EmptyPublish(topic) => format!("nothing to publish to {topic}: give at least one message"),
            error => error.to_string(),
        };
        ApiError { status, code, message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.json())).into_response();
        if self.status.is_server_error() {
            response.extensions_mut().insert(Why(self.message.clone()));
        }
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE) {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// Runs what blocks on a thread of its own kind.
pub(crate) async fn blocking<T: Send + 'static, E: Into<ApiError> + Send + 'static>(
    call: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the request ended halfway, which is a defect: {error}"),
        )),
    }
}
