//! Where requests come in: a TCP address, a Unix socket.

mod socket;

pub(crate) use socket::{ShortPath, Socket};

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// How long a client may take to agree on TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is listened on.
pub(crate) enum Listener {
    Tcp { listener: TcpListener, tls: Option<Arc<ServerConfig>> },
    Unix(Socket),
}

impl Listener {
    /// The next connection; what is to be agreed on there is left to [`Accepted::ready`], so that one client keeps no other waiting.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp { listener, tls } => {
                let (stream, _) = listener.accept().await?;
                // Answers are written whole: waiting for more to send only delays them.
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream, tls.clone()))
            }
            Listener::Unix(socket) => Ok(Accepted::Unix(socket.accept().await?)),
        }
    }
}

/// A connection that came in.
pub(crate) enum Accepted {
    Tcp(TcpStream, Option<Arc<ServerConfig>>),
    Unix(UnixStream),
}

impl Accepted {
    /// The stream of bytes, once TLS is agreed on.
    pub(crate) async fn ready(self) -> io::Result<Stream> {
        match self {
            Accepted::Tcp(stream, None) => Ok(Stream::Tcp(stream)),
            Accepted::Tcp(stream, Some(config)) => {
                let handshake = TlsAcceptor::from(config).accept(stream);
                let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await??;
                Ok(Stream::Tls(Box::new(stream)))
            }
            Accepted::Unix(stream) => Ok(Stream::Unix(stream)),
        }
    }
}

/// The address in words that say whose fault it is.
pub(crate) fn bind(address: SocketAddr) -> Result<std::net::TcpListener, String> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("cannot listen on {address}: another process does; end it, or choose another port")
        }
        io::ErrorKind::AddrNotAvailable => format!("cannot listen on {address}: this machine has no such address"),
        io::ErrorKind::PermissionDenied => {
            format!("cannot listen on {address}: ports below 1024 are reserved; choose another port")
        }
        _ => format!("cannot listen on {address}: {error}"),
    };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Bytes to and from a client.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($inner) => $call,
            Stream::Tls($inner) => $call,
            Stream::Unix($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_read(cx, into))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, inner => Pin::new(inner).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, inner => Pin::new(inner).poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Tcp(inner) => inner.is_write_vectored(),
            Stream::Tls(inner) => inner.is_write_vectored(),
            Stream::Unix(inner) => inner.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }
}
