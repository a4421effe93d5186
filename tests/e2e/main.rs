//! End-to-end tests: the built binary, the built libraries, and what they leave behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alerts;
mod alerts_verb;
mod bad_disk;
mod bad_library;
mod bad_lines;
mod bad_pipeline;
mod bad_plugin;
mod cli;
mod durable;
mod embedded_messaging;
mod errors;
mod errors_verb;
mod examples;
mod examples_live;
mod kafka;
mod kafka_source_sink;
mod live;
mod messaging;
mod metrics;
mod publishing;
mod stopping;

use campanile_tests::Scene;

/// A folder of a test's own, with the binary and the bundled plugins.
fn scene() -> Scene {
    Scene::new(env!("CARGO_BIN_EXE_campanile"))
}
