//! Our schemas as Arrow's, and the schemas of error records.

use arrow_schema::SchemaRef;
use campanile_sdk::{Schema, SchemaField};
use std::sync::Arc;

/// The Arrow schema of the columns that a stage of this schema takes or makes.
pub(crate) fn arrow_schema(schema: &Schema) -> SchemaRef {
    Arc::new(campanile_sdk::arrow::schema(schema))
}

/// The schema of the error records of a stage: the same fields, each of which may be null.
pub(crate) fn error_schema(schema: &Schema) -> Schema {
    let fields = schema.fields.iter().cloned().map(|field| SchemaField { nullable: true, ..field });
    Schema::new(fields.collect())
}
