//! A list of messages as it is sent: in pieces, so that a client that reads slowly holds no more than one.

use super::query::List;
use super::{MAX_ANSWER_BYTES, Piece, Position};
use crate::api_error::{ApiError, blocking};
use crate::auth::Pass;
use crate::state::App;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use campanile_messaging::{Message, Start, TopicId};
use futures_util::stream;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// A message as people read it: `payload` where it is text, else `payloadBase64`.
pub(crate) fn shown(message: &Message) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), message.id.to_string().into());
    let ms = i64::try_from(message.id.timestamp_ms).unwrap_or(i64::MAX);
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    shown.insert("time".to_owned(), format!("{time:.3}").into());
    match std::str::from_utf8(&message.payload) {
        Ok(text) => shown.insert("payload".to_owned(), text.into()),
        Err(_) => shown.insert("payloadBase64".to_owned(), STANDARD.encode(&message.payload).into()),
    };
    Value::Object(shown)
}

/// Answers what is there, or waits for it as long as was asked.
pub(super) async fn list(app: App, topic: TopicId, asked: List, pass: &Pass) -> Result<Response, ApiError> {
    let piece = first(&app, &topic, &asked, pass).await?;
    let gap = piece.gap;
    let mut listing = Listing {
        left: asked.limit,
        left_bytes: MAX_ANSWER_BYTES,
        position: asked.position,
        app,
        topic,
        gap,
        begun: false,
        ended: false,
    };
    let text = listing.write(&piece);
    // What ends at once has a length, which is kinder to clients.
    let body = match listing.ended {
        true => Body::from(text),
        false => {
            let rest = stream::try_unfold((listing, Some(text)), |(mut listing, first)| async move {
                let text = match first {
                    Some(text) => text,
                    None if listing.ended => return Ok::<_, std::io::Error>(None),
                    None => listing.next().await?,
                };
                Ok(Some((Bytes::from(text), (listing, None))))
            });
            Body::from_stream(rest)
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The first piece; if nothing is there, the first that comes in time. Listens first, reads then and waits last: nothing is missed.
async fn first(app: &App, topic: &TopicId, asked: &List, pass: &Pass) -> Result<Piece, ApiError> {
    let deadline = Instant::now() + asked.wait;
    loop {
        let (store, topic, position) = (app.messaging.clone(), topic.clone(), asked.position.clone());
        let (limit, bytes, waits) = (asked.limit, app.limits.chunk_bytes, !asked.wait.is_zero());
        // After waiting: a token that was revoked meanwhile reads nothing more.
        let pass = waits.then(|| pass.clone());
        let (listener, piece) = blocking(move || {
            let listener = if waits { Some(store.listen(&topic)?) } else { None };
            let piece = Piece::read(&store, &topic, &position, limit, bytes)?;
            if let Some(pass) = pass {
                pass.check()?;
            }
            Ok::<_, ApiError>((listener, piece))
        })
        .await?;
        let Some(listener) = listener.filter(|_| piece.messages.is_empty()) else { return Ok(piece) };
        tokio::select! {
            () = listener => {}
            () = tokio::time::sleep_until(deadline) => return Ok(piece),
            () = app.shared.stopped() => return Ok(piece),
        }
    }
}

/// A list that is being written.
struct Listing {
    app: App,
    topic: TopicId,
    position: Position,
    /// Messages that may still follow.
    left: usize,
    /// Bytes of payloads that may still follow.
    left_bytes: usize,
    gap: bool,
    begun: bool,
    ended: bool,
}

impl Listing {
    /// The text of a piece, with the end of the answer if it is the last.
    fn write(&mut self, piece: &Piece) -> Vec<u8> {
        let mut text = Vec::new();
        if !self.begun {
            text.extend_from_slice(b"{\"messages\":[");
        }
        for message in &piece.messages {
            if self.begun {
                text.push(b',');
            }
            self.begun = true;
            text.extend_from_slice(shown(message).to_string().as_bytes());
            self.left_bytes = self.left_bytes.saturating_sub(message.payload.len());
        }
        self.begun = true;
        self.left = self.left.saturating_sub(piece.messages.len());
        self.position = piece.next(&self.position);
        if piece.end || self.left == 0 || self.left_bytes == 0 {
            self.ended = true;
            let next = match self.position.0 {
                Start::After(id) => Value::from(id.to_string()),
                _ => Value::Null,
            };
            text.extend_from_slice(format!("],\"next\":{next},\"gap\":{}}}", self.gap).as_bytes());
        }
        text
    }

    async fn next(&mut self) -> Result<Vec<u8>, std::io::Error> {
        let (store, topic, position) = (self.app.messaging.clone(), self.topic.clone(), self.position.clone());
        let (limit, bytes) = (self.left, self.app.limits.chunk_bytes.min(self.left_bytes));
        let piece = blocking(move || Piece::read(&store, &topic, &position, limit, bytes)).await;
        // The answer has begun: cut off, it is no JSON, and the client sees that it is not whole.
        let mut piece = piece.map_err(|error| std::io::Error::other(error.message().to_owned()))?;
        // A piece has at least one message, which may be more than this answer still holds.
        if piece.messages.first().is_some_and(|first| first.payload.len() > self.left_bytes) {
            piece.messages.clear();
            self.left_bytes = 0;
        }
        Ok(self.write(&piece))
    }
}
