#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use campanile_sdk::testing;
use campanile_sdk::{DataType, SchemaField};
use serde_json::json;

/// Prints records into a topic.
fn printed(schema: Vec<(&str, DataType)>, records: Vec<serde_json::Value>) -> Vec<String> {
    let messaging = testing::messaging(&["t"]);
    let fields = schema.into_iter().map(|(name, data_type)| SchemaField::new(name, data_type));
    let harness = testing::sink::<crate::sink::TmsSink>(json!({ "topic": "t" }));
    harness.input(Schema::new(fields.collect())).messaging(&messaging).run(records).unwrap();
    messaging.texts("default", "t")
}

#[test]
fn a_record_is_one_object_without_its_nulls() {
    let schema = vec![("a\"b", DataType::String), ("n", DataType::Double), ("l", DataType::Long)];
    let records = vec![
        json!({ "a\"b": "tab\tquote\" é", "n": 182.0, "l": i64::MAX }),
        json!({ "n": 0.1 }),
        json!({ "l": -1 }),
        json!({}),
    ];
    let expected =
        [r#"{"a\"b":"tab\tquote\" é","n":182,"l":9223372036854775807}"#, r#"{"n":0.1}"#, r#"{"l":-1}"#, "{}"];
    assert_eq!(printed(schema, records), expected);
}
