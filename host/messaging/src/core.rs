//! What all parts of an open folder share.

use crate::clock::Clock;
use crate::group::Group;
use crate::record::Record;
use crate::step::{Published, Step};
use crate::store::Store;
use crate::topic::State;
use crate::{Error, Options, Result, TopicId};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};
use std::time::Instant;

/// What all parts share.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) options: Options,
    pub(crate) topics: RwLock<BTreeMap<TopicId, Arc<State>>>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) group: Group,
}

/// What only the leader of a group touches.
pub(crate) struct Writer {
    pub(crate) clock: Clock,
    /// Topics that were deleted: their next generation goes on from here.
    pub(crate) deleted: BTreeMap<TopicId, Record>,
    /// Numbers of topics that are gone, and whose tables have not been dropped.
    pub(crate) gone: Vec<Range<u32>>,
    /// The number of the next topic.
    pub(crate) next_number: u32,
    /// When the disk was last looked at, and what is left of the room found then.
    pub(crate) room: Option<(Instant, u64)>,
}

impl Core {
    pub(crate) fn topics(&self) -> RwLockReadGuard<'_, BTreeMap<TopicId, Arc<State>>> {
        self.topics.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A topic that is there.
    pub(crate) fn state(&self, topic: &TopicId) -> Result<Arc<State>> {
        self.topics().get(topic).cloned().ok_or_else(|| Error::TopicNotFound(topic.clone()))
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.options.time.now_ms()
    }

    pub(crate) fn submit(&self, steps: Vec<Step>) -> Result<Vec<Published>> {
        self.group.submit(steps, |tickets| self.commit(tickets))
    }
}
