use super::*;
use proptest::prelude::*;
use schemars::JsonSchema;
use serde_json::json;

/// What a plugin might be told.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Properties {
    /// Where to read from. A folder is read whole.
    path: String,
    #[schemars(range(min = 1, max = 10))]
    max_files: Option<u8>,
    format: Format,
    /// How a field is compared.
    rule: Option<Rule>,
    amount: Option<Amount>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Format {
    /// One object a line.
    Jsonl,
    /// Comma separated.
    Csv,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Rule {
    /// The field to look at.
    field: String,
    above: f64,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Amount {
    Number(f64),
    Words(String),
}

fn lines(value: &Value) -> Vec<String> {
    let schema = schemars::schema_for!(Properties).to_value();
    let mut lines: Vec<String> = conform(&schema, value, "properties").iter().map(Finding::to_string).collect();
    lines.sort();
    lines
}

#[test]
fn what_conforms_has_no_findings() {
    let value = json!({"path": "x", "maxFiles": 3, "format": "csv", "rule": {"field": "a", "above": 1}, "amount": "1"});
    assert_eq!(lines(&value), Vec::<String>::new());
    assert_eq!(lines(&json!({"path": "x", "maxFiles": null, "format": "csv", "rule": null})), Vec::<String>::new());
}

#[test]
fn every_mistake_is_told_in_words() {
    for (value, expected) in [
        (json!({"format": "csv"}), "properties.path: `path` is missing (where to read from)"),
        (
            json!({"path": true, "format": "csv"}),
            "properties.path: expected text, found true (put it in quotes: \"true\")",
        ),
        (json!({"path": [], "format": "csv"}), "properties.path: expected text, found a list (where to read from)"),
        (
            json!({"path": "x", "format": "cvs"}),
            "properties.format: `cvs` is not known here (did you mean `csv`? known: `jsonl`, `csv`)",
        ),
        (json!({"path": "x", "format": 1}), "properties.format: 1 is not known here (one of `jsonl`, `csv`)"),
        (json!({"path": "x", "format": "csv", "maxFiles": 0}), "properties.maxFiles: 0 is too small (at least 1)"),
        (json!({"path": "x", "format": "csv", "maxFiles": 11}), "properties.maxFiles: 11 is too large (at most 10)"),
        (
            json!({"path": "x", "format": "csv", "maxFiles": 1.5}),
            "properties.maxFiles: expected a whole number, found 1.5",
        ),
        (
            json!({"path": "x", "format": "csv", "max_files": 1}),
            "properties.max_files: unknown key `max_files` (did you mean `maxFiles`?)",
        ),
        (
            json!({"path": "x", "format": "csv", "rule": {"above": 1}}),
            "properties.rule.field: `field` is missing (the field to look at)",
        ),
        (
            json!({"path": "x", "format": "csv", "rule": 7}),
            "properties.rule: expected an object, found 7 (how a field is compared)",
        ),
        (
            json!({"path": "x", "format": "csv", "amount": []}),
            "properties.amount: expected a number or text, found a list",
        ),
        (json!([]), "properties: expected an object, found a list (what a plugin might be told)"),
    ] {
        assert_eq!(lines(&value), [expected]);
    }
}

#[test]
fn a_misspelt_key_is_not_missing_too() {
    let value = json!({"paht": "x", "format": "csv"});
    assert_eq!(lines(&value), ["properties.paht: unknown key `paht` (did you mean `path`?)"]);
}

#[test]
fn keys_far_from_all_others_get_the_list() {
    let value = json!({"path": "x", "format": "csv", "compression": "gzip"});
    assert_eq!(
        lines(&value),
        ["properties.compression: unknown key `compression` (known keys: path, maxFiles, format, rule, amount)"]
    );
}

#[test]
fn long_values_are_shortened() {
    let findings = lines(&json!({"path": "x", "format": "é".repeat(1_000)}));
    assert!(findings[0].contains(&format!("`{}…`", "é".repeat(60))), "{findings:?}");
}

#[test]
fn a_broken_schema_is_told() {
    let findings = conform(&json!({"type": "no such type"}), &json!(1), "");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].path, "pipeline");
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map("path|maxFiles|format|rule|amount|field|.{0,3}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn findings_come_exactly_where_the_schema_refuses(value in anything()) {
        let schema = schemars::schema_for!(Properties).to_value();
        let valid = jsonschema::is_valid(&schema, &value);
        prop_assert_eq!(conform(&schema, &value, "").is_empty(), valid);
    }
}
