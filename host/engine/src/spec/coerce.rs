//! Texts that stand for numbers: what placeholders leave behind, and what CDAP writes everywhere.

use serde_json::{Number, Value};

/// Anything nested deeper in `$ref` or `anyOf` is no schema that a person wrote.
const MAX_HOPS: usize = 8;

/// Turns text into the number or boolean that the schema asks for, a whole number written with a fraction (`12.0`) into
/// an integer, and leaves out null members that may be left out. What cannot be turned stays, for the schema to refuse.
pub(crate) fn coerce(schema: &Value, value: &mut Value) {
    walk(schema, schema, value, 0);
}

/// The schema that a local `$ref` leads to, or the schema itself.
pub(super) fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..MAX_HOPS {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn walk(root: &Value, schema: &Value, value: &mut Value, hops: usize) {
    let schema = resolve(root, schema);
    match value {
        Value::String(_) | Value::Number(_) => scalar(root, schema, value),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|value| walk(root, schema, value, 0));
            }
        }
        Value::Object(members) => {
            let required = |key: &str| {
                let keys = schema.get("required").and_then(Value::as_array);
                keys.is_some_and(|keys| keys.iter().any(|other| other == key))
            };
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                members.retain(|key, value| !(value.is_null() && properties.contains_key(key) && !required(key)));
                for (key, value) in members.iter_mut() {
                    if let Some(schema) = properties.get(key) {
                        walk(root, schema, value, 0);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) => return,
    }
    if hops < MAX_HOPS / 2 && (value.is_array() || value.is_object()) {
        for branch in branches(schema) {
            walk(root, branch, value, hops + 1);
        }
    }
}

fn scalar(root: &Value, schema: &Value, value: &mut Value) {
    let wants = |word| accepts(root, schema, word, 0);
    let turned = match &*value {
        Value::String(text) if !wants("string") => {
            let text = text.trim();
            match serde_json::from_str::<Number>(text) {
                Ok(number) if wants("integer") || wants("number") => Some(Value::Number(number)),
                _ => match text {
                    "true" | "false" if wants("boolean") => Some(Value::Bool(text == "true")),
                    _ => None,
                },
            }
        }
        _ => None,
    };
    if let Some(turned) = turned {
        *value = turned;
    }
    // Beyond 2^53 a double no longer tells which integer was meant.
    let whole =
        value.as_f64().filter(|number| !value.is_i64() && !value.is_u64() && number.abs() <= 9_007_199_254_740_992.0);
    if let Some(number) = whole.filter(|number| number.fract() == 0.0)
        && wants("integer")
        && !wants("number")
    {
        *value = Value::from(number as i64);
    }
}

/// Whether a schema takes values of a type, by what it says about types alone.
fn accepts(root: &Value, schema: &Value, word: &str, hops: usize) -> bool {
    let schema = resolve(root, schema);
    let is = |value: &Value| match value {
        Value::String(_) => word == "string",
        Value::Bool(_) => word == "boolean",
        Value::Number(_) => word == "number",
        _ => false,
    };
    if let Some(value) = schema.get("const") {
        return is(value);
    }
    if let Some(Value::Array(options)) = schema.get("enum") {
        return options.iter().any(is);
    }
    match schema.get("type") {
        Some(Value::String(declared)) => declared == word,
        Some(Value::Array(declared)) => declared.iter().any(|declared| declared == word),
        _ => {
            let mut branches = branches(schema).peekable();
            let free = branches.peek().is_none();
            free || (hops < MAX_HOPS && branches.any(|branch| accepts(root, branch, word, hops + 1)))
        }
    }
}

fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_become_what_the_schema_asks_for() {
        let schema = json!({
            "$defs": {"limit": {"type": "number"}, "again": {"anyOf": [{"$ref": "#/$defs/again"}, {"$ref": "#"}]}},
            "required": ["kept"],
            "properties": {
                "whole": {"type": ["integer", "null"]},
                "limit": {"$ref": "#/$defs/limit"},
                "maybe": {"anyOf": [{"$ref": "#/$defs/limit"}, {"type": "null"}]},
                "flag": {"type": "boolean"},
                "text": {"type": "string"},
                "either": {"type": ["string", "integer"]},
                "list": {"type": "array", "items": {"type": "integer"}},
                "inner": {"anyOf": [{"type": "object", "properties": {"n": {"type": "integer"}}}, {"type": "null"}]},
                "loop": {"$ref": "#/$defs/again"},
                "gone": {"type": "string"}, "kept": {"type": "string"}, "free": true
            }
        });
        let mut value = json!({
            "whole": " 12.0 ", "limit": "1e3", "maybe": "-0.5", "flag": "true", "text": "7", "either": "7",
            "list": ["1", 2.0, "x", "1.5", 1e300], "inner": {"n": "4"}, "loop": {"list": ["1"]},
            "gone": null, "kept": null, "free": "1"
        });
        coerce(&schema, &mut value);
        let expected = json!({
            "whole": 12, "limit": 1000.0, "maybe": -0.5, "flag": true, "text": "7", "either": "7",
            "list": [1, 2, "x", 1.5, 1e300], "inner": {"n": 4}, "loop": {"list": [1]},
            "kept": null, "free": "1"
        });
        assert_eq!(value, expected);
    }
}
