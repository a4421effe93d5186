//! The server: listeners on a runtime of their own, beside a program that knows nothing of tasks.

mod body;
mod connections;
mod failures;
mod options;
mod room;

pub use failures::Report;
pub use options::{Auth, Bounds, ServerOptions};

use crate::auth::{self, Door, Tokens};
use crate::listen::{self, Listener, Socket};
use crate::state::{App, Limits, Shared};
use crate::{health, messages, tms};
use axum::Router;
use axum::middleware;
use campanile_messaging::Messaging;
use connections::Connections;
use failures::Failures;
use room::Room;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

/// How long a server that is dropped waits for requests to end.
const DROP_DEADLINE: Duration = Duration::from_secs(5);
/// How long threads may take to end once all requests have.
const THREADS_DEADLINE: Duration = Duration::from_secs(1);

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address or the socket cannot be listened on, or not like this.
    #[error("{0}")]
    Listen(String),
    /// The certificate or its key cannot be used.
    #[error("{0}")]
    Tls(String),
    /// The tokens cannot be read or made.
    #[error(transparent)]
    Tokens(#[from] auth::Error),
    /// The system gives no threads.
    #[error("no threads for the server: {0}")]
    Threads(std::io::Error),
}

/// A server that answers in the background, until it is [stopped](Server::stop) or dropped.
///
/// All calls block; none may come from within a task of tokio.
#[derive(Debug)]
pub struct Server {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    listeners: JoinSet<()>,
    address: Option<SocketAddr>,
    first_token: bool,
}

impl Server {
    /// Listens, and answers from the moment that this returns.
    ///
    /// On loopback a first token is made if none was ever made in the data folder. Any other address is refused unless
    /// tokens exist. Fails if an address, a certificate or a file of tokens cannot be used; nothing is left listening then.
    pub fn start(messaging: Messaging, options: ServerOptions) -> Result<Server, Error> {
        let tls = options.tls.as_ref().map(|files| files.read().map_err(Error::Tls)).transpose()?;
        let mut first_token = false;
        let door = match options.listen {
            Some(address) => Some(door(address, &options.auth, &mut first_token)?),
            None => None,
        };
        let bound = options.listen.map(|address| listen::bind(address).map_err(Error::Listen)).transpose()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .max_blocking_threads(options.bounds.storage_threads.max(1))
            .thread_name("campanile-http")
            .enable_all()
            .build()
            .map_err(Error::Threads)?;

        let shared = Arc::new(Shared::default());
        let app = App { messaging, limits: options.limits, shared: Arc::clone(&shared) };
        let mut server = Server { runtime: None, shared, listeners: JoinSet::new(), address: None, first_token };
        let mut doors = Vec::new();
        {
            let _within = runtime.enter();
            if let (Some(bound), Some(door)) = (bound, door) {
                server.address = bound.local_addr().ok();
                let listener = tokio::net::TcpListener::from_std(bound).map_err(Error::Threads)?;
                doors.push((Listener::Tcp { listener, tls }, door));
            }
            if let Some(path) = &options.socket {
                let failed = |error| Error::Listen(format!("cannot listen on {}: {error}", path.display()));
                doors.push((Listener::Unix(Socket::bind(path).map_err(failed)?), Door::Owner));
            }
        }
        let failures = Failures::new(options.report.clone());
        for (listener, door) in doors {
            let router = router(app.clone(), door, options.bounds);
            let router = router.layer(middleware::from_fn_with_state(failures.clone(), failures::watch));
            let connections = Connections::new(listener, router, options.bounds, Arc::clone(&server.shared));
            server.listeners.spawn_on(connections.run(), runtime.handle());
        }
        server.runtime = Some(runtime);
        Ok(server)
    }

    /// The TCP address that it listens on, with the port that was found for port 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whether the first token was made by this start: a person wants to know where it lies.
    pub fn made_first_token(&self) -> bool {
        self.first_token
    }

    /// Accepts nothing more, lets requests end, and cuts off those that have not after `deadline`. Whoever waits for messages is
    /// answered at once. The file of the socket is gone afterwards; true if every request had its answer.
    pub fn stop(mut self, deadline: Duration) -> bool {
        self.end(deadline)
    }

    fn end(&mut self, deadline: Duration) -> bool {
        let Some(runtime) = self.runtime.take() else { return true };
        self.shared.stopping.send_replace(true);
        let listeners = &mut self.listeners;
        let all = async { while listeners.join_next().await.is_some() {} };
        let ended = runtime.block_on(async { tokio::time::timeout(deadline, all).await.is_ok() });
        if !ended {
            runtime.block_on(self.listeners.shutdown());
        }
        runtime.shutdown_timeout(THREADS_DEADLINE);
        ended
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(DROP_DEADLINE);
    }
}

/// What is asked of those who come to this address.
fn door(address: SocketAddr, auth: &Auth, first_token: &mut bool) -> Result<Door, Error> {
    let loopback = address.ip().to_canonical().is_loopback();
    match auth {
        Auth::Off if loopback => Ok(Door::Loopback(None)),
        Auth::Off => Err(Error::Listen(format!(
            "cannot listen on {address} without tokens: anyone who reaches this machine could write; leave out --no-auth, or listen on \
             127.0.0.1"
        ))),
        Auth::Tokens(folder) => {
            let tokens = Arc::new(Tokens::of(folder));
            if loopback {
                *first_token = tokens.make_first()?;
                return Ok(Door::Loopback(Some(tokens)));
            }
            match tokens.list()?.is_empty() {
                false => Ok(Door::Open(tokens)),
                true => Err(Error::Listen(format!(
                    "cannot listen on {address}, which others reach, before there is a token: make one with \
                     `campanile tokens create NAME --right admin --namespace '*'`, or listen on 127.0.0.1"
                ))),
            }
        }
    }
}

/// All routes, behind a door.
pub(crate) fn router(app: App, door: Door, bounds: Bounds) -> Router {
    let Limits { publish_bytes, request_bytes, .. } = app.limits;
    let room = Room::new(bounds.bodies_bytes, publish_bytes.max(request_bytes));
    Router::new()
        .merge(health::routes())
        .merge(messages::routes())
        .merge(tms::routes())
        .layer(middleware::from_fn_with_state(room, room::admit))
        .layer(RequestDecompressionLayer::new())
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(door, auth::guard))
        .layer(middleware::map_request(move |request| body::timed(request, bounds)))
        .with_state(app)
}

#[cfg(test)]
mod tests;
