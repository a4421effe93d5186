//! The HTTP side: TMS over REST, and its client.
//!
//! [`Server`] answers over TCP and a Unix socket, on a runtime of its own; [`client`] asks such a server; [`Access`](access::Access) opens a
//! folder of messages, or asks the process that has it open. All calls block.

pub mod access;
mod api_error;
pub mod auth;
pub mod client;
mod events;
mod failure;
mod health;
mod listen;
mod messages;
mod serve;
mod state;
#[cfg(test)]
mod testing;
mod tls;
mod tms;

pub use serve::{Auth, Bounds, Error, Report, Server, ServerOptions};
pub use state::Limits;
pub use tls::TlsFiles;
