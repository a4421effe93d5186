//! Loads plugins, plans and runs pipelines, aggregates alerts.
pub mod alerts;
pub mod graph;
pub mod spec;
