//! Schemas as JSON: our own notation and the Avro-like one that CDAP writes.

use crate::schema::{DataType, Schema, SchemaField};
use serde_json::Value;

/// Reads a schema: an array of fields, a CDAP record, or either of them as text.
pub(crate) fn read(value: &Value) -> Result<Schema, String> {
    match value {
        Value::String(text) => {
            let value =
                serde_json::from_slice(text.as_bytes()).map_err(|error| format!("schema is no JSON: {error}"))?;
            read(&value)
        }
        Value::Array(fields) => fields_of(fields),
        Value::Object(record) => match record.get("fields") {
            Some(Value::Array(fields)) => fields_of(fields),
            _ => Err("a schema is an array of fields, or {\"type\": \"record\", \"fields\": […]}".into()),
        },
        _ => Err("a schema is an array of fields".into()),
    }
}

fn fields_of(fields: &[Value]) -> Result<Schema, String> {
    let fields = fields.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    for (index, field) in fields.iter().enumerate() {
        if fields[..index].iter().any(|other| other.name == field.name) {
            return Err(format!("field `{}` stands twice in the schema", field.name));
        }
    }
    Ok(Schema { fields })
}

fn field(value: &Value) -> Result<SchemaField, String> {
    let object = value.as_object().ok_or("a field is an object with `name` and `type`")?;
    let name = object.get("name").and_then(Value::as_str).ok_or("a field needs a `name`")?;
    let declared = object.get("type").ok_or_else(|| format!("field `{name}` needs a `type`"))?;
    let (data_type, nullable_union) = field_type(name, declared, object)?;
    let nullable = match object.get("nullable") {
        Some(Value::Bool(nullable)) => *nullable,
        Some(_) => return Err(format!("`nullable` of field `{name}` is true or false")),
        // CDAP says that a field may be null by a union; where it uses other notation, ours holds.
        None => nullable_union.unwrap_or(true),
    };
    Ok(SchemaField { name: name.to_owned(), data_type, nullable })
}

/// The type, and whether a union said that it may be null (or, by naming no null in CDAP's notation, that it may not).
fn field_type(
    name: &str,
    declared: &Value,
    object: &serde_json::Map<String, Value>,
) -> Result<(DataType, Option<bool>), String> {
    match declared {
        Value::String(word) => Ok((named_type(name, word, object)?, None)),
        Value::Array(union) => {
            let rest: Vec<&Value> = union.iter().filter(|member| member.as_str() != Some("null")).collect();
            match rest.as_slice() {
                [one] => Ok((field_type(name, one, object)?.0, Some(rest.len() < union.len()))),
                _ => Err(format!("field `{name}`: a union of several types is not supported")),
            }
        }
        Value::Object(inner) => match inner.get("logicalType").and_then(Value::as_str) {
            Some("date") => Ok((DataType::Date, None)),
            Some("timestamp-micros" | "timestamp-millis") => Ok((DataType::Timestamp, None)),
            Some("decimal") => Ok((decimal(name, inner)?, None)),
            Some(other) => Err(format!("field `{name}`: logical type `{other}` is not supported")),
            None => match inner.get("type") {
                Some(word) => field_type(name, word, inner),
                None => Err(format!("field `{name}`: its type needs a `type`")),
            },
        },
        _ => Err(format!("field `{name}`: a type is a word such as \"double\"")),
    }
}

fn named_type(name: &str, word: &str, object: &serde_json::Map<String, Value>) -> Result<DataType, String> {
    let inner = |key: &str, inner_name: &str| -> Result<Box<SchemaField>, String> {
        let value = object.get(key).ok_or_else(|| format!("field `{name}`: a {word} needs `{key}`"))?;
        let value = match value {
            Value::Object(map) if map.contains_key("name") => value.clone(),
            Value::Object(map) => {
                let mut map = map.clone();
                map.insert("name".into(), inner_name.into());
                Value::Object(map)
            }
            other => serde_json::json!({ "name": inner_name, "type": other }),
        };
        field(&value).map(Box::new)
    };
    if let Some(plain) = DataType::plain(word) {
        return Ok(plain);
    }
    Ok(match word {
        "decimal" => decimal(name, object)?,
        "list" | "array" => DataType::List { items: inner("items", "item")? },
        "struct" | "record" => match object.get("fields") {
            Some(Value::Array(fields)) => DataType::Struct { fields: fields_of(fields)?.fields },
            _ => return Err(format!("field `{name}`: a struct needs `fields`")),
        },
        "map" => DataType::Map { values: inner("values", "value")? },
        other => {
            return Err(format!(
                "field `{name}`: unknown type `{other}` (known: boolean, int, long, float, double, string, bytes, \
                 date, timestamp, decimal, list, struct, map)"
            ));
        }
    })
}

fn decimal(name: &str, object: &serde_json::Map<String, Value>) -> Result<DataType, String> {
    let precision = object.get("precision").and_then(Value::as_u64);
    let scale = object.get("scale").map_or(Some(0), Value::as_i64);
    match (precision, scale) {
        (Some(precision @ 1..=38), Some(scale)) if scale.unsigned_abs() <= precision => {
            Ok(DataType::Decimal { precision: precision as u8, scale: scale as i8 })
        }
        _ => Err(format!("field `{name}`: a decimal needs `precision` from 1 to 38 and a `scale` within it")),
    }
}
