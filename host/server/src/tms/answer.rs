//! What handlers answer with.

use crate::failure::Why;
use axum::Extension;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use campanile_messaging::Error;

/// Bodies in Avro, both ways.
pub(super) const AVRO: HeaderValue = HeaderValue::from_static("avro/binary");

/// An answer that says no.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Why, in words.
    Why(StatusCode, String),
    /// The body is too long: an answer without a body.
    TooLong,
    /// There is no such path.
    NoPath(String),
}

impl Refusal {
    /// The request makes no sense.
    pub(super) fn bad(why: impl Into<String>) -> Refusal {
        Refusal::Why(StatusCode::BAD_REQUEST, why.into())
    }

    /// What ends an answer that has begun.
    pub(super) fn into_error(self) -> std::io::Error {
        std::io::Error::other(match self {
            Refusal::Why(_, why) | Refusal::NoPath(why) => why,
            Refusal::TooLong => "too long".to_owned(),
        })
    }

    /// There is no such path.
    pub(super) fn no_path(uri: &Uri) -> Refusal {
        Refusal::NoPath(format!("Problem accessing: {uri}. Reason: Not Found"))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = match &error {
            Error::InvalidTopic(_)
            | Error::InvalidNamespace(_)
            | Error::InvalidTtl(_)
            | Error::InvalidName(_)
            | Error::EmptyPublish(_)
            | Error::EmptyStore(_) => StatusCode::BAD_REQUEST,
            Error::TopicNotFound(_) => StatusCode::NOT_FOUND,
            Error::TopicExists(_) => StatusCode::CONFLICT,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Poisoned(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::DiskFull { .. } => StatusCode::INSUFFICIENT_STORAGE,
            // Among them a transaction that is too old: so the service is known.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::Why(status, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Why(status, why) if status.is_server_error() => {
                (status, Extension(Why(why.clone())), why).into_response()
            }
            Refusal::Why(status, why) => (status, why).into_response(),
            Refusal::TooLong => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Refusal::NoPath(text) => bare(StatusCode::NOT_FOUND, text),
        }
    }
}

/// A text without content type.
pub(super) fn bare(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// Text that is JSON.
pub(super) fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
