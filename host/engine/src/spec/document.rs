//! A pipeline file's text as a JSON value: JSON or YAML, with every key that stands twice.

use super::place;
use campanile_sdk::Finding;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;
use std::path::Path;

/// Deeper files are refused: JSON's own reader draws the line at the same depth.
const MAX_DEPTH: usize = 128;

/// How a pipeline file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// YAML 1.2 of the same shape.
    Yaml,
}

impl Format {
    /// The format that a file's ending tells: `.yaml` and `.yml` are YAML, all else is JSON.
    pub fn of(path: &Path) -> Format {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("yaml" | "yml") => Format::Yaml,
            _ => Format::Json,
        }
    }
}

/// Reads a text. A syntax error is one finding with file, line and column; keys that stand twice are one each.
pub(crate) fn parse(text: &str, format: Format, file: &str) -> Result<(Value, Vec<Finding>), Finding> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let twice = RefCell::new(Vec::new());
    let seed = Node { place: String::new(), twice: &twice };
    let value = match format {
        Format::Json => json(text, file, seed)?,
        Format::Yaml => yaml(text, file, seed)?,
    };
    Ok((value, twice.into_inner()))
}

fn json(text: &str, file: &str, seed: Node<'_>) -> Result<Value, Finding> {
    let mut reader = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value)).map_err(|error| {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Finding::error(format!("{file}:{}:{}", error.line(), error.column()), format!("is no JSON: {message}"))
    })
}

fn yaml(text: &str, file: &str, seed: Node<'_>) -> Result<Value, Finding> {
    let options = serde_saphyr::options! {
        // Keys that stand twice come to our own visitor, which finds all of them.
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        // `no` is a country and `007` a name, as in YAML 1.2 and in what people mean.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |reader| seed.deserialize(reader)).map_err(
        |error| {
            let place = error.location().map_or_else(
                || file.to_owned(),
                |location| format!("{file}:{}:{}", location.line(), location.column()),
            );
            let message = error.to_string();
            let message = message.lines().next().unwrap_or_default();
            let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
            Finding::error(place, format!("is no YAML: {}", message.trim_end_matches(['.', ':'])))
        },
    )
}

/// A value and where it stands, so that a key given twice can be told with its place.
struct Node<'a> {
    place: String,
    twice: &'a RefCell<Vec<Finding>>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false, null, a list or an object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.deserialize(reader)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(value) =
            access.next_element_seed(Node { place: place::item(&self.place, items.len()), twice: self.twice })?
        {
            items.push(value);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let place = place::member(&self.place, &key);
            if members.contains_key(&key) {
                let finding = Finding::error(place.clone(), format!("key `{key}` stands twice"));
                self.twice.borrow_mut().push(finding.hint("keep one of the two"));
            }
            let value = access.next_value_seed(Node { place, twice: self.twice })?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_syntax_error_names_line_and_column() {
        let finding = parse("{\n  \"name\": \"a\",\n  oops\n}", Format::Json, "p.json").unwrap_err();
        assert_eq!(finding.path, "p.json:3:3");
        assert_eq!(finding.message, "is no JSON: key must be a string");
        let finding = parse("name: a\nstages: [\n", Format::Yaml, "p.yaml").unwrap_err();
        assert!(finding.path.starts_with("p.yaml:"), "{finding}");
        assert!(finding.message.starts_with("is no YAML: "), "{finding}");
        assert!(parse("{} {}", Format::Json, "p.json").is_err());
        assert!(parse("a: 1\n---\nb: 2\n", Format::Yaml, "p.yaml").is_err());
        assert!(parse("", Format::Json, "p.json").is_err());
    }

    #[test]
    fn every_key_that_stands_twice_is_found() {
        let text = r#"{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 1}]}"#;
        for format in [Format::Json, Format::Yaml] {
            let (_, findings) = parse(text, format, "p").unwrap();
            let paths: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
            assert_eq!(paths, ["a.b", "c[0].d"], "{format:?}");
        }
    }

    #[test]
    fn yaml_means_what_it_says() {
        let text = "country: no\nid: 007\nlimit: 150\nhalf: 0.5\non: true\nnothing:\ntext: '5'\n1: one\n";
        let (value, _) = parse(text, Format::Yaml, "p").unwrap();
        let expected = json!({"country": "no", "id": "007", "limit": 150, "half": 0.5, "on": true,
            "nothing": null, "text": "5", "1": "one"});
        assert_eq!(value, expected);
        assert!(parse("a: .nan", Format::Yaml, "p").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(&deep, Format::Json, "p").is_err());
        assert!(parse(&deep, Format::Yaml, "p").is_err());
    }

    #[test]
    fn aliases_do_not_explode() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(parse(&text, Format::Yaml, "p").is_err());
        let (value, _) = parse("a: &a {x: 1}\nb: {<<: *a, y: 2}\n", Format::Yaml, "p").unwrap();
        assert_eq!(value["b"], json!({"x": 1, "y": 2}));
    }

    #[test]
    fn the_ending_tells_the_format() {
        assert_eq!(Format::of(Path::new("a.YAML")), Format::Yaml);
        assert_eq!(Format::of(Path::new("a.yml")), Format::Yaml);
        assert_eq!(Format::of(Path::new("a.json")), Format::Json);
        assert_eq!(Format::of(Path::new("a")), Format::Json);
    }
}
