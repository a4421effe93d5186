//! Loads plugins, plans and runs pipelines, aggregates alerts.
pub mod alerts;
mod batch;
mod columns;
pub mod graph;
pub mod letters;
pub mod library;
pub mod messaging;
pub mod outbox;
mod plan;
mod run;
pub mod spec;
pub mod store;
mod types;

pub use plan::Plan;
pub use run::{
    Clock, Log, LogRecord, MetricsSnapshot, Notice, Problem, Progress, ProgressCallback, Report, RunOptions,
    SecretLookup, StageProgress, StageReport, Status, Stop,
};
