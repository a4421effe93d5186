//! The harness of the end-to-end tests: a folder for each test, pipelines, the built binary with a deadline, and libraries
//! that are changed byte by byte.
//!
//! Nothing here sleeps: what is waited for is looked at again and again until a deadline that only a fault reaches.

mod ended;
mod library;
mod pipeline;
mod report;
mod running;
mod scene;

pub use ended::Ended;
pub use library::Image;
pub use pipeline::Pipeline;
pub use report::Report;
pub use running::{DEADLINE, Running, until};
pub use scene::Scene;
