//! The services that a plugin finds in a test.

use super::test_log::TestLog;
use crate::mode::Mode;
use crate::proxy::{Delivery, HostServices, InMemoryMessaging, Messaging};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(super) struct TestServices {
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) messaging: Option<Arc<InMemoryMessaging>>,
    pub(super) log: TestLog,
    pub(super) mode: Mode,
    pub(super) delivery: Option<TestDelivery>,
}

/// Numbers the alerts of each call from the same number on: as if they were handed over again.
#[derive(Clone, Debug)]
pub(super) struct TestDelivery {
    pub(super) producer: String,
    pub(super) first: u64,
}

impl Delivery for TestDelivery {
    fn producer(&self) -> &str {
        &self.producer
    }

    fn sequence(&self, index: usize) -> Option<u64> {
        Some(self.first + index as u64)
    }
}

impl HostServices for TestServices {
    fn text(&self, what: u32) -> &str {
        match what {
            campanile_abi::text::NAMESPACE => "default",
            campanile_abi::text::PIPELINE => "test",
            campanile_abi::text::RUN => "run-1",
            campanile_abi::text::STAGE => "stage",
            campanile_abi::text::MODE => self.mode.name(),
            _ => "{}",
        }
    }

    fn log_enabled(&self, _: u32) -> bool {
        true
    }

    fn log(&self, level: u32, message: &str, fields: &str) {
        self.log.keep(level, message, fields);
    }

    fn count(&self, name: &str, delta: u64) {
        self.log.count(name, delta);
    }

    fn gauge(&self, _: &str, _: f64) {}

    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn secret(&self, name: &str) -> Option<Vec<u8>> {
        self.secrets.get(name).map(|secret| secret.clone().into_bytes())
    }

    fn messaging(&self) -> Option<Arc<dyn Messaging>> {
        self.messaging.clone().map(|messaging| messaging as Arc<dyn Messaging>)
    }

    fn delivery(&self) -> Option<&dyn Delivery> {
        self.delivery.as_ref().map(|delivery| delivery as &dyn Delivery)
    }
}
