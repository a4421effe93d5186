//! Loads plugins, plans and runs pipelines, aggregates alerts.
pub mod alerts;
mod batch;
mod columns;
pub mod library;
mod plan;
pub mod graph;
pub mod spec;
mod types;

pub use plan::Plan;
