//! Room for the bodies of all requests together: whoever finds none waits.

use crate::messages::ApiError;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What room is given in, in bytes.
const UNIT_BYTES: usize = 1 << 10;
/// How long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(30);

/// Room for bodies.
#[derive(Clone, Debug)]
pub(super) struct Room {
    units: Arc<Semaphore>,
    /// What a body takes whose length is not known before.
    largest: u32,
}

impl Room {
    /// Room for `bytes`, of bodies of at most `largest`: one such body always finds room when no other is there.
    pub(super) fn new(bytes: usize, largest: usize) -> Room {
        let largest = units(largest).min(Semaphore::MAX_PERMITS);
        let units = units(bytes).clamp(largest, Semaphore::MAX_PERMITS);
        Room { units: Arc::new(Semaphore::new(units)), largest: u32::try_from(largest).unwrap_or(u32::MAX) }
    }

    fn needed(&self, request: &Request<Body>) -> u32 {
        // What is packed may become as large as is allowed.
        let known =
            (!request.headers().contains_key(header::CONTENT_ENCODING)).then(|| request.body().size_hint().exact());
        let known = known.flatten().map(|bytes| usize::try_from(bytes).map_or(usize::MAX, units));
        known.and_then(|units| u32::try_from(units).ok()).map_or(self.largest, |units| units.min(self.largest))
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}

/// Lets a request through when there is room for its body, and keeps the room until it is answered.
pub(super) async fn admit(State(room): State<Room>, request: Request<Body>, next: Next) -> Response {
    match timeout(PATIENCE, room.units.acquire_many(room.needed(&request))).await {
        Ok(Ok(_room)) => next.run(request).await,
        _ => {
            let why = "too much is being sent at once: send less, or try again";
            let mut response = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", why.to_owned()).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

#[cfg(test)]
mod tests;
