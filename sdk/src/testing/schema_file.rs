//! The schema of a plugin's properties, held against its type.

use schemars::JsonSchema;
use std::path::Path;

/// Holds `schema.json` in this folder against the properties of `T`; with `CAMPANILE_WRITE=1` in the environment it
/// writes the file instead.
///
/// # Panics
/// If they differ.
pub fn check_schema_file<T: JsonSchema>(folder: &str) {
    let schema = serde_json::to_value(schemars::schema_for!(T)).expect("a schema is JSON");
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    let path = Path::new(folder).join("schema.json");
    if std::env::var_os("CAMPANILE_WRITE").is_some() {
        std::fs::write(&path, text).expect("schema.json can be written");
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        serde_json::from_str::<serde_json::Value>(&there).ok() == Some(schema),
        "{} is not the schema of the plugin's properties: run the tests once with CAMPANILE_WRITE=1\n{text}",
        path.display(),
    );
}
