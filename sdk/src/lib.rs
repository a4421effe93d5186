//! Write stages for Campanile.
mod finding;
mod kind;
mod schema;
mod schema_json;

pub use finding::{Finding, Severity};
pub use kind::Kind;
pub use schema::{DataType, SchemaField, Schema};
