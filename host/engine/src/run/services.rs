//! What the engine answers when a stage asks.

use super::shared::Shared;
use crate::messaging::Messaging;
use campanile_abi::text;
use campanile_sdk::Mode;
use campanile_sdk::proxy::{Delivery, HostServices};
use std::sync::{Arc, Mutex, PoisonError};

/// The services of one stage.
pub(super) struct StageServices {
    pub(super) shared: Arc<Shared>,
    pub(super) stage: usize,
    /// Of a publisher behind an outbox.
    pub(super) numbers: Option<Arc<Numbers>>,
}

/// The numbers of the alerts of one call of a publisher.
#[derive(Debug)]
pub(super) struct Numbers {
    producer: String,
    of_call: Mutex<Vec<u64>>,
}

impl Numbers {
    pub(super) fn new(producer: String) -> Numbers {
        Numbers { producer, of_call: Mutex::default() }
    }

    /// Set before each call.
    pub(super) fn set(&self, numbers: Vec<u64>) {
        *self.of_call.lock().unwrap_or_else(PoisonError::into_inner) = numbers;
    }
}

impl Delivery for Numbers {
    fn producer(&self) -> &str {
        &self.producer
    }

    fn sequence(&self, index: usize) -> Option<u64> {
        self.of_call.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }
}

impl HostServices for StageServices {
    fn text(&self, what: u32) -> &str {
        let identity = &self.shared.identity;
        match what {
            text::NAMESPACE => &identity.namespace,
            text::PIPELINE => &identity.pipeline_name,
            text::RUN => &identity.run_id,
            text::STAGE => self.shared.stages[self.stage].name,
            text::ARGUMENTS => &identity.arguments,
            text::MODE => match self.shared.mode {
                Mode::Plain => text::PLAIN,
                Mode::Durable => text::DURABLE,
                Mode::Live => text::LIVE,
            },
            _ => "",
        }
    }

    fn log_enabled(&self, level: u32) -> bool {
        self.shared.log.as_ref().is_some_and(|log| level <= log.level) || level <= Shared::PROBLEM_LEVEL
    }

    fn log(&self, level: u32, message: &str, fields: &str) {
        self.shared.log(self.stage, level, message, fields);
    }

    fn count(&self, name: &str, delta: u64) {
        self.shared.stages[self.stage].metrics.count(name, delta as f64);
    }

    fn gauge(&self, name: &str, value: f64) {
        self.shared.stages[self.stage].metrics.gauge(name, value);
    }

    fn now_ms(&self) -> i64 {
        self.shared.now_ms()
    }

    fn cancelled(&self) -> bool {
        self.shared.must_end()
    }

    fn secret(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.secret(name)
    }

    fn delivery(&self) -> Option<&dyn Delivery> {
        self.numbers.as_deref().map(|numbers| numbers as &dyn Delivery)
    }

    fn messaging(&self) -> Option<Arc<dyn Messaging>> {
        self.shared.messaging.clone()
    }
}
