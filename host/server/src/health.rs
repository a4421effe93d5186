//! Whether the server lives, and whether it takes messages.

use crate::api_error::blocking;
use crate::state::App;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/healthz", get("ok\n")).route("/readyz", get(ready))
}

async fn ready(State(app): State<App>) -> Response {
    match blocking(move || app.messaging.check()).await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.message())).into_response(),
    }
}

#[cfg(test)]
mod tests;
