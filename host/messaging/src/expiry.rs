//! What compactions leave out: what has expired, and what belonged to topics that are gone. So nothing is ever searched for
//! garbage, and nothing that lives is read for it.

use crate::MessageId;
use crate::key;
use fjall::compaction::filter::{CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// A transaction may publish what it stored up to this time before: payloads are kept that much longer than messages.
const PAYLOADS_OUTLIVE_MESSAGES_MS: u64 = 7 * 24 * 3_600_000;

type Live = HashMap<u32, MessageId>;

/// The topics that live, by number, and the last message of each that is gone. None: not known yet, everything stays.
#[derive(Debug, Default)]
pub(crate) struct Expiry(RwLock<Option<Arc<Live>>>);

impl Expiry {
    pub(crate) fn begin(&self, live: impl Iterator<Item = (u32, MessageId)>) {
        *self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Arc::new(live.collect()));
    }

    /// A topic was created, or more of it is gone.
    pub(crate) fn set(&self, topic: u32, removed_through: MessageId) {
        self.change(|live| live.insert(topic, removed_through));
    }

    /// A topic was deleted.
    pub(crate) fn forget(&self, topic: u32) {
        self.change(|live| live.remove(&topic));
    }

    fn change<R>(&self, change: impl FnOnce(&mut Live) -> R) {
        let mut held = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(live) = held.as_mut() {
            change(Arc::make_mut(live));
        }
    }
}

struct Filter(Option<Arc<Live>>);

impl Factory for Expiry {
    fn name(&self) -> &str {
        "expiry"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Filter(self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()))
    }
}

impl CompactionFilter for Filter {
    /// Every key is written once, so what is left out cannot uncover an older value.
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let Some(live) = &self.0 else { return Ok(Verdict::Keep) };
        let name = item.key();
        let Some(removed_through) = key::number(name).and_then(|topic| live.get(&topic)) else {
            return Ok(Verdict::Destroy);
        };
        let gone = match name.len() {
            14 => key::message_position(name).is_some_and(|id| id <= *removed_through),
            _ => key::payload_position(name).is_some_and(|id| {
                id.timestamp_ms.saturating_add(PAYLOADS_OUTLIVE_MESSAGES_MS) <= removed_through.timestamp_ms
            }),
        };
        Ok(if gone { Verdict::Destroy } else { Verdict::Keep })
    }
}
