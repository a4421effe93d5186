//! A body that a client sends too slowly ends with an error, instead of never.

use super::Bounds;
use crate::failure::Failed;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// Limits how long the body of a request takes.
pub(super) async fn timed(request: Request, bounds: Bounds) -> Request {
    request.map(|body| Body::new(Timed { body, bounds, since: None, timer: None }))
}

struct Timed {
    body: Body,
    bounds: Bounds,
    /// When it was first asked for: a handler may take its time before.
    since: Option<Instant>,
    /// Runs while the client pauses.
    timer: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame);
        }
        let Bounds { body_idle_timeout: idle, body_timeout: total, .. } = self.bounds;
        let now = Instant::now();
        let end = *self.since.get_or_insert(now) + total;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until((now + idle).min(end))));
        timer.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new(Failed::TooSlow { idle, total }))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
