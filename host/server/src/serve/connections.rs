//! The connections of one listener: so many at a time, and none for ever.

use super::Bounds;
use crate::listen::{Accepted, Listener};
use crate::state::Shared;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

/// How long to wait when the system gives no connection: it is out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What of a connection is read ahead, in bytes; more headers than this are refused.
const READ_BUFFER_BYTES: usize = 64 << 10;

pub(super) struct Connections {
    listener: Listener,
    router: Router,
    bounds: Bounds,
    shared: Arc<Shared>,
}

impl Connections {
    pub(super) fn new(listener: Listener, router: Router, bounds: Bounds, shared: Arc<Shared>) -> Connections {
        Connections { listener, router, bounds, shared }
    }

    /// Accepts until the server stops; returns when the last connection has ended.
    pub(super) async fn run(self) {
        let places = Arc::new(Semaphore::new(self.bounds.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let mut open = JoinSet::new();
        let mut stopped = pin!(self.shared.stopped());
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = &mut stopped => break,
            };
            while open.try_join_next().is_some() {}
            match accepted {
                Ok(accepted) => {
                    let (router, bounds, shared) = (self.router.clone(), self.bounds, Arc::clone(&self.shared));
                    open.spawn(async move {
                        let _place = place;
                        answer(accepted, router, bounds, &shared).await;
                    });
                }
                // A client that left again costs nothing; anything else is worth a pause.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop(self.listener);
        while open.join_next().await.is_some() {}
    }
}

/// Answers the requests of one connection. What goes wrong is the client's to see.
async fn answer(accepted: Accepted, router: Router, bounds: Bounds, shared: &Shared) {
    let Ok(stream) = accepted.ready().await else { return };
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(bounds.write_timeout));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shared.stopped() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
