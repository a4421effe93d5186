//! How a server is started. Every bound has a unit and a default.

use super::Report;
use crate::state::Limits;
use crate::tls::TlsFiles;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who may do what over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// As the tokens of this data folder say.
    Tokens(PathBuf),
    /// All may do everything: on loopback only.
    Off,
}

/// What clients may hold, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at the same time, for each listener; more wait to be accepted. Default 512.
    pub connections: usize,
    /// How long a client may take to send a request's headers, and how long a connection may lie idle. Default 30 s.
    pub header_timeout: Duration,
    /// How long a client may pause while it sends a body. Default 30 s.
    pub body_idle_timeout: Duration,
    /// How long a body may take in all. Default 10 min.
    pub body_timeout: Duration,
    /// How long a client may take to read what was written to it. Default 60 s.
    pub write_timeout: Duration,
    /// Bodies of all requests of a listener together, in bytes; at least one of the largest fits. Default 256 MiB.
    pub bodies_bytes: usize,
    /// Calls to the store at the same time. Default 128: whoever publishes at the same time shares one `fdatasync`.
    pub storage_threads: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 512,
            header_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(600),
            write_timeout: Duration::from_secs(60),
            bodies_bytes: 256 << 20,
            storage_threads: 128,
        }
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The TCP address; port 0 finds a free one.
    pub listen: Option<SocketAddr>,
    /// The Unix socket. Whoever opens it may do everything, so it is made with mode 0600; the caller holds the lock of the
    /// folder that it lies in.
    pub socket: Option<PathBuf>,
    /// TLS on the TCP address.
    pub tls: Option<TlsFiles>,
    /// Who may do what over TCP.
    pub auth: Auth,
    /// How large bodies may be.
    pub limits: Limits,
    /// What clients may hold.
    pub bounds: Bounds,
    /// Who is told of requests that failed.
    pub report: Option<Report>,
    /// Threads that read and write connections. Default: one for each core.
    pub threads: usize,
}

impl ServerOptions {
    /// Listens nowhere yet, and takes the tokens of `data`.
    pub fn new(data: &Path) -> ServerOptions {
        ServerOptions {
            listen: None,
            socket: None,
            tls: None,
            auth: Auth::Tokens(data.to_owned()),
            limits: Limits::default(),
            bounds: Bounds::default(),
            report: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
