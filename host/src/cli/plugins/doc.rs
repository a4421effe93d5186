//! What a plugin's author wrote, and the properties that its schema names.

use crate::cli::Exit;
use crate::cli::output::{print, table};
use crate::cli::schema::PluginArgs;
use crate::wiring;
use campanile_sdk::PluginManifest;
use comfy_table::ContentArrangement;
use serde_json::Value;

/// Descriptions are sentences: beyond this they wrap.
const WIDTH: u16 = 110;

pub(super) fn run(args: &PluginArgs) -> anyhow::Result<Exit> {
    let registry = wiring::registry(&args.folders)?;
    let pages: Vec<String> = args.find(&registry)?.into_iter().map(|found| page(registry.manifest(found))).collect();
    print(&pages.join("\n\n"))?;
    Ok(Exit::Done)
}

fn page(plugin: &PluginManifest) -> String {
    let mut page = match plugin.readme.trim() {
        "" => format!("# {} ({})", plugin.name, plugin.kind),
        readme => readme.to_owned(),
    };
    page.push_str(&match (plugin.schema.is_null(), properties(&plugin.schema)) {
        (true, _) => format!("\n\n{} {} says nothing of its properties", plugin.kind, plugin.name),
        (false, None) => format!("\n\n{} {} has no properties", plugin.kind, plugin.name),
        (false, Some(table)) => format!("\n\nproperties of {} {}:\n{table}", plugin.kind, plugin.name),
    });
    page
}

/// The properties in a schema as a table; none where there are none.
pub(super) fn properties(schema: &Value) -> Option<String> {
    let mut table = table(["property", "type", "default", "what it is"]);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object()? {
        let default = match &property["default"] {
            _ if required.contains(&name.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            default => default.to_string(),
        };
        let description = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        table.add_row([name.clone(), type_of(schema, property), default, description]);
    }
    (table.row_count() > 0).then(|| table.trim_fmt())
}

/// The type of a property, in few words.
fn type_of(schema: &Value, property: &Value) -> String {
    if let Some(target) = property["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/")) {
        return type_of(schema, &schema["$defs"][target]);
    }
    if let Some(words) = property["enum"].as_array() {
        return words.iter().filter(|word| !word.is_null()).map(plain).collect::<Vec<_>>().join(" | ");
    }
    if !property["const"].is_null() {
        return plain(&property["const"]);
    }
    let variants = ["anyOf", "oneOf"].into_iter().find_map(|keyword| property[keyword].as_array());
    let mut types: Vec<String> = match (&property["type"], variants) {
        (_, Some(variants)) => variants.iter().map(|variant| type_of(schema, variant)).collect(),
        (Value::String(one), _) => vec![one.clone()],
        (Value::Array(several), _) => several.iter().map(plain).collect(),
        _ => vec!["any".to_owned()],
    };
    // Whatever may be left out may be null too: that is no news.
    types.retain(|name| !matches!(name.as_str(), "null" | ""));
    types.dedup();
    for name in &mut types {
        let within = match name.as_str() {
            "array" => &property["items"],
            "object" => &property["additionalProperties"],
            _ => continue,
        };
        if within.is_object() {
            *name = format!("{name} of {}", type_of(schema, within));
        }
    }
    types.join(" | ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_told_in_few_words() {
        let schema = json!({ "$defs": { "Mode": { "oneOf": [{ "const": "fast" }, { "const": "slow" }] } } });
        for (property, expected) in [
            (json!({ "type": "string" }), "string"),
            (json!({ "type": ["number", "null"] }), "number"),
            (json!({ "type": ["array", "null"], "items": { "type": "number" } }), "array of number"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "object of string"),
            (json!({ "anyOf": [{ "$ref": "#/$defs/Mode" }, { "type": "null" }] }), "fast | slow"),
            (json!({ "enum": ["a", "b", null] }), "a | b"),
            (json!({}), "any"),
            (json!(true), "any"),
        ] {
            assert_eq!(type_of(&schema, &property), expected, "{property}");
        }
    }

    #[test]
    fn properties_are_a_table() {
        let schema = json!({ "type": "object", "required": ["field"], "properties": {
            "field": { "type": "string", "description": "The field." },
            "limit": { "type": "number", "default": 150, "description": "The limit,\nas a number." },
        }});
        let table = properties(&schema).unwrap();
        assert!(table.contains("field") && table.contains("required") && table.contains("The limit, as a number."));
        assert_eq!(properties(&json!({ "type": "object" })), None);
        assert_eq!(properties(&Value::Null), None);
    }
}
