//! What stands in messages.

use campanile_sdk::{Finding, Schema};
use schemars::JsonSchema;
use serde::Deserialize;

/// The field that holds a message of text or bytes.
pub(crate) const MESSAGE_FIELD: &str = "message";

/// What stands in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// UTF-8 text.
    Text,
    /// Bytes as they are.
    Bytes,
    /// One JSON object a message.
    Jsonl,
}

/// What of the schema JSON cannot carry.
pub(crate) fn check_json(schema: &Schema, property: &str) -> Vec<Finding> {
    let nested = schema.fields.iter().filter(|field| !field.data_type.is_scalar());
    let finding = |field: &campanile_sdk::SchemaField| {
        let message =
            format!("field `{}` is of type {}, which format jsonl does not carry yet", field.name, field.data_type);
        Finding::error(property, message).hint("declare it as string, or leave it out")
    };
    nested.map(finding).collect()
}
