//! Runs a plugin in a unit test, without a host: given records, get records, errors and alerts.
//!
//! The plugin is called through the same tables as by a host, so panics, positions and schemas behave as they will.
//!
//! ```
//! use campanile_sdk::{testing, *};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct TooFast { limit: f64, #[serde(skip)] heartbeat: Field<f64> }
//!
//! impl Transform for TooFast {
//!     fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
//!         self.heartbeat = stage.input()?.f64("heartbeat")?;
//!         Ok(())
//!     }
//!     fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
//!         if let Some(bpm) = record.f64(self.heartbeat) && bpm > self.limit {
//!             emitter.emit_alert([("heartbeat", bpm)])?;
//!         }
//!         emitter.emit(record)
//!     }
//! }
//!
//! let got = testing::transform::<TooFast>(json!({ "limit": 150 }))
//!     .run([json!({ "heartbeat": 182 }), json!({ "heartbeat": 80 })])
//!     .unwrap();
//! assert_eq!(got.records.len(), 2);
//! assert_eq!(got.alerts, [vec![("heartbeat".to_owned(), "182".to_owned())]]);
//! ```

mod capture;
mod contract;
mod crossings;
mod harness;
mod reading;
mod restoring;
mod rows;
mod saving;
mod schema_file;
mod test_log;
mod test_services;

pub use crate::proxy::InMemoryMessaging;
pub use capture::{Collected, TestError};
pub use contract::check_contract;
pub use crossings::{Counted, Crossings};
pub use harness::{Harness, TestAlert};
pub use reading::Reading;
pub use restoring::{check_restored, check_restored_sink};
pub use saving::Saved;
pub use schema_file::check_schema_file;
pub use test_log::TestLog;

use crate::shim::kinds::{
    AlertPublisherStage, ErrorTransformStage, SinkStage, SourceStage, SplitterStage, TransformStage,
};
use crate::{AlertPublisher, ErrorTransform, Sink, Source, Splitter, Transform};
use serde_json::Value;
use std::sync::Arc;

/// A transform with these properties.
pub fn transform<P: Transform>(properties: Value) -> Harness {
    Harness::of::<TransformStage<P>>(properties)
}

/// A splitter with these properties.
pub fn splitter<P: Splitter>(properties: Value) -> Harness {
    Harness::of::<SplitterStage<P>>(properties)
}

/// An error transform with these properties.
pub fn error_transform<P: ErrorTransform>(properties: Value) -> Harness {
    Harness::of::<ErrorTransformStage<P>>(properties)
}

/// A source with these properties.
pub fn source<P: Source>(properties: Value) -> Harness {
    Harness::of::<SourceStage<P>>(properties)
}

/// A sink with these properties.
pub fn sink<P: Sink>(properties: Value) -> Harness {
    Harness::of::<SinkStage<P>>(properties)
}

/// An alert publisher with these properties.
pub fn alert_publisher<P: AlertPublisher>(properties: Value) -> Harness {
    Harness::of::<AlertPublisherStage<P>>(properties)
}

/// Messaging with these topics in the namespace `default`, which is that of pipelines in tests; for
/// [`Harness::messaging`].
pub fn messaging(topics: &[&str]) -> Arc<InMemoryMessaging> {
    let messaging = Arc::new(InMemoryMessaging::default());
    topics.iter().for_each(|topic| messaging.add_topic("default", topic));
    messaging
}
