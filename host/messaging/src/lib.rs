//! TMS, a messaging service as an embedded store: topics of messages that are durable before they are acknowledged.
//!
//! [`Messaging`] is one open folder. Whoever publishes gets ids that never go back; whoever [fetches](Messaging::fetch) sees
//! the messages of a topic in one order, the same for all. [`Messaging::write`] publishes to several topics and moves
//! [cursors](Messaging::cursor) in one atomic step.
//!
//! All calls block and may come from any thread. A write returns when its bytes are on the disk; what is written at the
//! same time shares one `fdatasync`.

mod clean;
mod clock;
mod commit;
mod core;
mod cursors;
mod entry;
mod error;
mod expiry;
mod fetch;
mod group;
mod id;
mod journal;
mod key;
mod messaging;
mod options;
mod owner;
mod producer;
mod record;
mod step;
mod store;
mod tables;
mod topic;
mod transaction;
mod trim;
mod write;

pub use error::{Error, Result};
pub use event_listener::{EventListener, Listener};
pub use fetch::{Fetch, Fetched, Message, Payload, Start};
pub use id::{MessageId, ParseMessageIdError};
pub use messaging::Messaging;
pub use options::{Durability, Options, TimeSource};
pub use owner::Owner;
pub use step::{MAX_CURSOR_NAME_BYTES, MAX_PROPERTIES_BYTES, MAX_WRITE_BYTES, Publish, Published, RollbackRange};
pub use topic::{DEFAULT_TTL_SECS, Notes, Properties, Topic, TopicId};
pub use transaction::Transaction;
pub use write::Write;
