//! The outbox of a durable run: alerts are on the disk before a publisher sees them, and leave it when `publish` has
//! returned.
//!
//! Chains push alerts; one thread writes what has gathered in one atomic step, a save point among it where
//! there is one. Each publisher has a reader with a cursor of its own, so that none waits for another.

mod cursor;
mod message;
mod reader;
mod repeats;
mod waiting;
mod writer;

pub use cursor::Cursor;
pub(crate) use cursor::named;
pub(crate) use message::Cause;
pub use message::{AsideAlert, HeldAlert};
pub(crate) use reader::{Reader, Settled};
pub(crate) use repeats::Repeats;
pub use waiting::{KeptAlert, KeptAlerts, Selection};
pub(crate) use writer::{Outbox, Raised};

/// The bytes of alerts that may wait in an outbox where the pipeline says nothing: 256 MiB.
pub const DEFAULT_OUTBOX_BYTES: u64 = 256 << 20;
