//! Durable runs from the outside: pipelines of plugins that are linked in, stores that fail at every write, and what is then
//! written, raised and counted in the end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aggregates;
mod crashes;
mod delivery;
mod ends;
mod event_time;
mod pipeline;
mod plugins;
mod shapes;
mod world;
