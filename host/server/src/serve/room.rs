//! Room for the bodies of all requests together: what comes takes room as it comes, and who finds none waits.

use crate::failure::Failed;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{error::Elapsed, timeout};

/// What room is given in, in bytes.
const UNIT_BYTES: usize = 1 << 10;
/// How long a body waits for room.
const PATIENCE: Duration = Duration::from_secs(30);

/// Room for bodies.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    /// Room for `bytes`, of bodies of at most `largest`: one such body always finds room when no other is there.
    pub(super) fn new(bytes: usize, largest: usize) -> Room {
        Room(Arc::new(Semaphore::new(units(bytes.max(largest)).min(Semaphore::MAX_PERMITS))))
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}

/// The room that one body has taken.
type Taken = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

/// Gives a body room as it comes, and keeps the room until the request is answered.
pub(super) async fn admit(State(Room(room)): State<Room>, request: Request, next: Next) -> Response {
    let taken = Taken::default();
    let body = |body| Body::new(Admitted { body, room, taken: Arc::clone(&taken), bytes: 0, units: 0, waits: None });
    let response = next.run(request.map(body)).await;
    drop(taken);
    response
}

struct Admitted {
    body: Body,
    room: Arc<Semaphore>,
    taken: Taken,
    /// What has come, and the room it has.
    bytes: usize,
    units: usize,
    waits: Option<(Bytes, Acquiring)>,
}

type Acquired = Result<Result<OwnedSemaphorePermit, AcquireError>, Elapsed>;
type Acquiring = Pin<Box<dyn Future<Output = Acquired> + Send>>;

impl Admitted {
    fn take(&self, permit: OwnedSemaphorePermit) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.as_mut() {
            Some(taken) => taken.merge(permit),
            None => *taken = Some(permit),
        }
    }
}

impl HttpBody for Admitted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.waits.is_none() {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            };
            self.bytes += data.len();
            let more = units(self.bytes) - self.units;
            self.units += more;
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            let acquiring = Arc::clone(&self.room).acquire_many_owned(more);
            self.waits = Some((data, Box::pin(timeout(PATIENCE, acquiring))));
        }
        let Some((_, acquiring)) = &mut self.waits else { return Poll::Pending };
        let Poll::Ready(acquired) = acquiring.as_mut().poll(cx) else { return Poll::Pending };
        let data = self.waits.take().map(|(data, _)| data).unwrap_or_default();
        Poll::Ready(Some(match acquired {
            Ok(Ok(permit)) => {
                self.take(permit);
                Ok(Frame::data(data))
            }
            _ => Err(axum::Error::new(Failed::NoRoom)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.waits.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.waits.is_none() { self.body.size_hint() } else { SizeHint::default() }
    }
}

#[cfg(test)]
mod tests;
