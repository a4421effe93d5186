//! Messages as server-sent events: an answer that does not end.

use crate::api_error::{ApiError, blocking};
use crate::auth::Pass;
use crate::messages::{Piece, Position, shown};
use crate::state::App;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use campanile_messaging::{Start, TopicId};
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// How often a silent connection is told that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The most messages read at a time for one follower.
const MAX_PIECE: usize = 1_000;

/// Follows a topic from `position` on. An error before the first event has a status of its own, a later one is the event `error`.
pub(crate) async fn follow(
    app: App,
    topic: TopicId,
    position: Position,
    pass: Pass,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let place = Arc::clone(&app.shared.followers).try_acquire_owned().map_err(|_| {
        let message = "all places for followers are taken: come again later, or fetch with `wait`";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-followers", message)
    })?;
    let mut follower =
        Follower { app, topic, position, pass, ready: VecDeque::new(), gap_told: false, ended: false, _place: place };
    // At once, so that a topic that is not there is a 404.
    let _ = follower.read(false).await?;
    let events = stream::unfold(follower, |mut follower| async move { Some((Ok(follower.next().await?), follower)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("alive")))
}

struct Follower {
    app: App,
    topic: TopicId,
    position: Position,
    pass: Pass,
    /// Events of the piece that was read last: a follower that reads slowly holds no more.
    ready: VecDeque<Event>,
    /// Whether the gap behind the position was told: once is enough.
    gap_told: bool,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended || *self.app.shared.stopping.borrow() {
                return None;
            }
            match self.read(true).await {
                Ok(Some(listener)) => tokio::select! {
                    () = listener => {}
                    () = self.app.shared.stopped() => return None,
                },
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(Event::default().event("error").data(error.json().to_string()));
                }
            }
        }
    }

    /// Reads a piece; if nothing is there, returns what to wait for. Listens first: nothing is missed.
    async fn read(&mut self, waits: bool) -> Result<Option<impl Future<Output = ()> + use<>>, ApiError> {
        let (store, topic, position) = (self.app.messaging.clone(), self.topic.clone(), self.position.clone());
        let (bytes, pass) = (self.app.limits.chunk_bytes, self.pass.clone());
        let (listener, piece) = blocking(move || {
            let listener = if waits { Some(store.listen(&topic)?) } else { None };
            let piece = Piece::read(&store, &topic, &position, MAX_PIECE, bytes)?;
            // After waiting: a token that was revoked meanwhile reads nothing more.
            pass.check()?;
            Ok::<_, ApiError>((listener, piece))
        })
        .await?;
        if piece.gap && !self.gap_told {
            self.ready.push_back(gap(&self.position));
        }
        self.gap_told = piece.gap && piece.messages.is_empty();
        self.position = piece.next(&self.position);
        let events = piece.messages.iter().map(|message| {
            // JSON has no line breaks, which would part an event.
            Event::default().id(message.id.to_string()).data(shown(message).to_string())
        });
        self.ready.extend(events);
        Ok(listener.filter(|_| self.ready.is_empty()))
    }
}

fn gap(position: &Position) -> Event {
    let after = match &position.0 {
        Start::After(id) | Start::At(id) => id.to_string().into(),
        _ => serde_json::Value::Null,
    };
    let message = "messages after this position have expired: what follows is the oldest that is kept";
    Event::default().event("gap").data(serde_json::json!({ "after": after, "message": message }).to_string())
}

#[cfg(test)]
mod tests;
