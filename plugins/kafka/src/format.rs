//! What stands in the messages of a topic.

use campanile_sdk::{Finding, Schema};
use schemars::JsonSchema;
use serde::Deserialize;

/// The field that holds a message of text.
pub(crate) const MESSAGE_FIELD: &str = "message";

/// What stands in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// One JSON object a message.
    #[default]
    Jsonl,
    /// UTF-8 text.
    Text,
    /// Avro's binary encoding of one record, by the schema in `schemaFile`, without a header.
    Avro,
}

/// What of the schema messages cannot carry.
pub(crate) fn check_scalar(schema: &Schema, property: &str) -> Vec<Finding> {
    let nested = schema.fields.iter().filter(|field| !field.data_type.is_scalar());
    let finding = |field: &campanile_sdk::SchemaField| {
        let message = format!("field `{}` is of type {}, which messages do not carry yet", field.name, field.data_type);
        Finding::error(property, message).hint("declare it as string, or leave it out")
    };
    nested.map(finding).collect()
}
