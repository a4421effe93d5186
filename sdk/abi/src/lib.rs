//! The frozen tables between Campanile and its plugins: no logic, only shapes.
//!
//! A plugin library exports one root ([`root`]) that answers one question: *do you have interface `id`, at least at
//! revision `r`?* Each interface is a `repr(C)` table of its own. The rules, without which an old plugin would not load
//! in a new host:
//!
//! 1. The root never changes: no field more, none renamed, no argument renamed.
//! 2. A table never changes. A grown one is a new struct that nests the frozen one as its first field, and is handed
//!    out only for the higher revision that was asked for.
//! 3. A new capability is a new id in [`id`]. Null means "not here".
//! 4. Whoever allocates, frees: what crosses is borrowed for the call or carries its own release function.
//! 5. Every `extern "C"` function catches the panics of its own side.
//! 6. This crate stays at 1.y.
#![allow(unsafe_code, reason = "the boundary itself")]

mod alert_publisher;
mod array;
mod batch;
mod context;
mod delivery;
mod emitter;
mod error_transform;
pub mod id;
pub mod last_words;
pub mod load;
pub mod manifest;
mod messaging;
pub mod root;
mod sink;
mod slice;
mod source;
mod stage;
mod state;
mod transform;

pub use alert_publisher::{
    AlertPublisherV1, AlertV1, OUTCOME_DONE, OUTCOME_REJECTED, OUTCOME_RETRY, OutcomeV1, PairV1,
};
pub use array::ArrowArray;
pub use batch::BatchV1;
pub use context::{ContextRef, ContextV1, text};
pub use delivery::{DeliveryV1, NO_SEQUENCE};
pub use emitter::{ALERTS_WANTED, AlertsV1, EmitterRef, EmitterV1, ErrorsV1, NO_POSITION, NO_ROW, PatchV1};
pub use error_transform::{ErrorRecordsV1, ErrorTransformV1};
pub use messaging::{
    FETCHED_GAP, FETCHED_POSITION, FetchV1, FetchedV1, MESSAGE_ID_BYTES, MessagingV1, NO_TOPIC, PUBLISHED_IDS,
    PUBLISHED_REPEATED, PublishedV1, START_AFTER, START_AT, START_END, START_OLDEST, START_TIME, TOPIC_EXISTS,
};
pub use root::Opaque;
pub use sink::SinkV1;
pub use slice::{FAILED, Failure, OK, Owned, STOP, Slice};
pub use source::{READ_END, READ_IDLE, READ_MORE, SourceV1};
pub use stage::{LibraryV1, PARALLEL, StageV1};
pub use state::{MAX_STATE_BYTES, StateV1};
pub use transform::TransformV1;

/// The revision of the boundary as a whole; a draft until the first release.
pub const ABI_REVISION: u32 = 1;

/// The oldest revision whose plugins this host understands.
pub const OLDEST_ABI_REVISION: u32 = 1;
