//! Bodies of requests, read as far as they may be long.

use super::answer::Refusal;
use crate::failure::Failed;
use axum::body::{Body, Bytes, HttpBody};
use std::pin::Pin;

/// What is read of a body that is too long, and thrown away, so that a client that sends all before it reads meets the answer
/// and no closed connection; in bytes.
const DRAINED_BYTES: usize = 64_000_000;

/// The whole body, of `limit` bytes at most after it was unpacked.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    let mut length = 0_usize;
    while let Some(piece) = next(&mut body).await? {
        length = length.saturating_add(piece.len());
        if length > limit {
            drain(body).await;
            return Err(Refusal::TooLong);
        }
        if length == piece.len() {
            // A body in one piece is not copied.
            first = piece;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&piece);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

async fn drain(mut body: Body) {
    let mut drained = 0;
    while drained < DRAINED_BYTES {
        match next(&mut body).await {
            Ok(Some(piece)) => drained += piece.len(),
            _ => return,
        }
    }
}

/// The next piece of data.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    loop {
        match std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => {
                return Err(match Failed::of(&error) {
                    Some(failed) => Refusal::Why(failed.status(), failed.to_string()),
                    None => Refusal::bad(format!("the body cannot be read: {}", cause(&error))),
                });
            }
        }
    }
}

/// What is at the bottom of an error.
fn cause<'e>(mut error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
