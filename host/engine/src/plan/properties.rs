//! The properties of a stage against the schema that its plugin carries.

use crate::spec::PluginSpec;
use crate::spec::coerce::coerce;
use crate::spec::conform::conform;
use campanile_sdk::{Finding, PluginManifest};
use serde_json::Value;
use std::path::Path;

/// In a property's schema: its value is a path, to be taken from the folder of the pipeline's file.
const PATH_KEYWORD: &str = "x-path";
/// In a property's schema, of an alert publisher: its value, or its default, is how many alerts a second the publisher is
/// handed at most. The host keeps the rate, the plugin need not.
const RATE_KEYWORD: &str = "x-max-alerts-per-second";

/// In a property's schema, of a source: where its value is true the source never ends by itself. Beside the properties: it
/// never does.
const LIVE_KEYWORD: &str = "x-live";

/// The properties as the plugin takes them: texts turned into what the schema wants, paths taken from the pipeline's
/// folder. Nothing where there are errors.
pub(super) fn check(
    folder: &Path,
    plugin: &PluginSpec,
    manifest: &PluginManifest,
    at: &str,
    findings: &mut Vec<Finding>,
) -> Option<Value> {
    let mut properties = Value::Object(plugin.properties.clone());
    if manifest.schema.is_null() {
        return Some(properties);
    }
    let schema = closed(&manifest.schema);
    coerce(&schema, &mut properties);
    let wrong = conform(&schema, &properties, &format!("{at}.plugin.properties"));
    let failed = wrong.iter().any(Finding::is_error);
    findings.extend(wrong);
    if failed {
        return None;
    }
    for (name, value) in properties.as_object_mut().into_iter().flatten() {
        let is_path = schema["properties"][name][PATH_KEYWORD] == Value::Bool(true);
        if let (true, Value::String(path)) = (is_path, value)
            && path != "-"
        {
            *path = super::from_folder(folder, path).to_string_lossy().into_owned();
        }
    }
    Some(properties)
}

/// How many alerts a second these properties allow; nothing where the plugin has no such property.
pub(super) fn max_alerts_per_second(manifest: &PluginManifest, properties: &Value) -> Option<f64> {
    let declared = manifest.schema["properties"].as_object()?;
    let (name, schema) = declared.iter().find(|(_, schema)| schema[RATE_KEYWORD] == Value::Bool(true))?;
    let rate = properties.get(name).filter(|value| !value.is_null()).unwrap_or(&schema["default"]);
    rate.as_f64().filter(|rate| *rate > 0.0)
}

/// Whether a source with these properties never ends by itself.
pub(super) fn is_live(manifest: &PluginManifest, properties: &Value) -> bool {
    if manifest.schema[LIVE_KEYWORD] == Value::Bool(true) {
        return true;
    }
    let declared = manifest.schema["properties"].as_object();
    declared.into_iter().flatten().any(|(name, schema)| {
        schema[LIVE_KEYWORD] == Value::Bool(true)
            && properties.get(name).filter(|value| !value.is_null()).unwrap_or(&schema["default"]) == &Value::Bool(true)
    })
}

/// In a property's schema, of a source: its value names the group of processes that share what there is to read.
const GROUP_KEYWORD: &str = "x-group";

/// The group of processes that a source shares its records with.
pub(super) fn group(manifest: &PluginManifest, properties: &Value) -> Option<String> {
    let declared = manifest.schema["properties"].as_object()?;
    let (name, _) = declared.iter().find(|(_, schema)| schema[GROUP_KEYWORD] == Value::Bool(true))?;
    properties.get(name)?.as_str().filter(|group| !group.is_empty()).map(str::to_owned)
}

/// The schema, with unknown properties refused: a misspelt property is a mistake, whatever its author said.
fn closed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(schema) = schema.as_object_mut() {
        schema.entry("properties").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if !schema.contains_key("unevaluatedProperties") {
            schema.entry("additionalProperties").or_insert(Value::Bool(false));
        }
    }
    schema
}

#[cfg(test)]
mod tests;
