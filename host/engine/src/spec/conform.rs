//! A value held against a JSON Schema, with every mistake in words that people use.

use super::coerce::resolve;
use super::nearest::{did_you_mean, nearest};
use super::place;
use campanile_sdk::Finding;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::LocationSegment;
use serde_json::Value;
use std::collections::HashSet;

/// A longer value is shortened in a message.
const SHOWN_CHARS: usize = 60;

/// Everything in a value that its schema refuses, one finding a place, at most. `base` is where the value stands in the
/// file. Messages quote what they refuse: whoever prints them takes the secrets out.
///
/// The schema's own keyword `x-expects` says in words what a pattern wants.
pub(crate) fn conform(schema: &Value, value: &Value, base: &str) -> Vec<Finding> {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("cannot be checked, for its schema is broken: {error}");
            return vec![Finding::error(place::or_whole(base.to_owned()), message)];
        }
    };
    let mut report =
        Report { schema, value, base, findings: Vec::new(), places: HashSet::new(), misspelt: HashSet::new() };
    let errors: Vec<ValidationError<'_>> = validator.iter_errors(value).collect();
    report.take_all(&errors);
    report.findings
}

struct Report<'a> {
    schema: &'a Value,
    value: &'a Value,
    base: &'a str,
    findings: Vec<Finding>,
    places: HashSet<String>,
    /// Places of required members that stand there under a misspelt key: one mistake, one finding.
    misspelt: HashSet<String>,
}

impl<'a> Report<'a> {
    fn take_all(&mut self, errors: &[ValidationError<'_>]) {
        // Unknown keys first: they explain what is missing. Then types, which explain the rest.
        let rank = |error: &ValidationError<'_>| match error.kind() {
            ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::UnevaluatedProperties { .. } => 0,
            ValidationErrorKind::Type { .. } => 1,
            _ => 2,
        };
        let mut errors: Vec<_> = errors.iter().collect();
        errors.sort_by_key(|error| rank(error));
        errors.into_iter().for_each(|error| self.take(error));
    }

    fn take(&mut self, error: &ValidationError<'_>) {
        let at = self.place_of(error);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => self.unknown_keys(error, &at, unexpected),
            ValidationErrorKind::Required { property: Value::String(key) } => {
                let at = place::member(&at, key);
                if !self.misspelt.contains(&at) {
                    let hint = self.owner(error).and_then(|schema| self.expects_of_member(schema, key));
                    self.add(at, format!("`{key}` is missing"), hint);
                }
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context }
            | ValidationErrorKind::OneOfMultipleValid { context } => self.alternatives(error, at, context),
            kind => {
                let (message, hint) = self.words(error, kind);
                self.add(at, message, hint);
            }
        }
    }

    fn add(&mut self, at: String, message: String, hint: Option<String>) {
        let at = place::or_whole(at);
        if self.places.insert(at.clone()) {
            self.findings.push(Finding { hint, ..Finding::error(at, message) });
        }
    }

    fn unknown_keys(&mut self, error: &ValidationError<'_>, at: &str, unexpected: &[String]) {
        let schema = self.owner(error);
        let known: Vec<&str> = schema
            .and_then(|schema| schema.get("properties")?.as_object())
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let object = error.instance().as_object();
        // A key that is there already was not meant a second time.
        let absent: Vec<&str> =
            known.iter().copied().filter(|key| object.is_none_or(|object| !object.contains_key(*key))).collect();
        for key in unexpected {
            let hint = match nearest(key, absent.iter().copied()) {
                Some(meant) => {
                    self.misspelt.insert(place::member(at, meant));
                    Some(format!("did you mean `{meant}`?"))
                }
                None => did_you_mean(key, known.iter().copied(), "keys"),
            };
            self.add(place::member(at, key), format!("unknown key `{}`", shorten(key)), hint);
        }
    }

    /// None of several shapes fits: the mistakes of the one that was meant, where that can be told.
    fn alternatives(&mut self, error: &ValidationError<'_>, at: String, context: &[Vec<ValidationError<'static>>]) {
        let here = error.instance_path();
        let meant: Vec<_> = context
            .iter()
            .filter(|errors| {
                !errors.is_empty() && !errors.iter().any(|inner| inner.instance_path() == here && is_other(inner))
            })
            .collect();
        if let [errors] = meant.as_slice() {
            return self.take_all(errors);
        }
        let constants: Vec<&Value> = context
            .iter()
            .flatten()
            .filter(|inner| inner.instance_path() == here)
            .flat_map(|inner| match inner.kind() {
                ValidationErrorKind::Constant { expected_value } => vec![&**expected_value],
                ValidationErrorKind::Enum { options } => options.as_array().into_iter().flatten().collect(),
                _ => Vec::new(),
            })
            .collect();
        let (message, hint) = if !constants.is_empty() {
            one_of(error.instance(), &constants)
        } else if let Some(expected) = expected_types(context, here) {
            self.mistyped(error, &expected)
        } else {
            (format!("{} fits none of the forms allowed here", shown(error.instance())), self.expects(error))
        };
        self.add(at, message, hint);
    }

    fn words(&self, error: &ValidationError<'_>, kind: &ValidationErrorKind) -> (String, Option<String>) {
        use ValidationErrorKind as Kind;
        let value = shown(error.instance());
        match kind {
            Kind::Type { kind } => self.mistyped(error, &type_words(kind).join(" or ")),
            Kind::Enum { options } => {
                one_of(error.instance(), &options.as_array().into_iter().flatten().collect::<Vec<_>>())
            }
            Kind::Constant { expected_value } => one_of(error.instance(), &[&**expected_value]),
            Kind::Minimum { limit } => (format!("{value} is too small"), Some(format!("at least {limit}"))),
            Kind::ExclusiveMinimum { limit } => (format!("{value} is too small"), Some(format!("more than {limit}"))),
            Kind::Maximum { limit } => (format!("{value} is too large"), Some(format!("at most {limit}"))),
            Kind::ExclusiveMaximum { limit } => (format!("{value} is too large"), Some(format!("less than {limit}"))),
            Kind::MinLength { limit: 1 } => ("the text is empty".into(), self.expects(error)),
            Kind::MinLength { limit } => {
                (format!("{value} is too short"), Some(format!("at least {limit} characters")))
            }
            Kind::MaxLength { limit } => (format!("{value} is too long"), Some(format!("at most {limit} characters"))),
            Kind::MinItems { limit: 1 } => ("the list is empty".into(), self.expects(error)),
            Kind::MinItems { limit } => ("the list is too short".into(), Some(format!("at least {limit} items"))),
            Kind::MaxItems { limit } => ("the list is too long".into(), Some(format!("at most {limit} items"))),
            Kind::MinProperties { limit: 1 } => ("the object is empty".into(), self.expects(error)),
            Kind::UniqueItems => ("the list holds a value twice".into(), None),
            Kind::Pattern { pattern } => {
                let hint = self.owner(error).and_then(|schema| schema.get("x-expects")?.as_str()).map(str::to_owned);
                (
                    format!("{value} is not allowed here"),
                    Some(hint.unwrap_or_else(|| format!("must match `{pattern}`"))),
                )
            }
            Kind::Format { format } => (format!("{value} is no {format}"), self.expects(error)),
            _ => (error.to_string().trim_end_matches('.').to_owned(), self.expects(error)),
        }
    }

    fn mistyped(&self, error: &ValidationError<'_>, expected: &str) -> (String, Option<String>) {
        let value = error.instance();
        let expected = if expected.is_empty() { "null" } else { expected };
        // The number itself tells why a whole one was expected.
        let found = if value.is_number() { value.to_string() } else { type_word(value).to_owned() };
        let message = format!("expected {expected}, found {found}");
        let scalar = value.is_number() || value.is_boolean();
        // In YAML a bare 2024 is a number, also where a name was meant.
        let hint = if scalar && expected == "text" {
            Some(format!("put it in quotes: \"{value}\""))
        } else {
            self.expects(error)
        };
        (message, hint)
    }

    fn place_of(&self, error: &ValidationError<'_>) -> String {
        let mut at = self.base.to_owned();
        for segment in error.instance_path() {
            at = match segment {
                LocationSegment::Property(key) => place::member(&at, &key),
                LocationSegment::Index(index) => place::item(&at, index),
            };
        }
        at
    }

    /// The schema whose keyword refused the value.
    fn owner(&self, error: &ValidationError<'_>) -> Option<&'a Value> {
        let pointer = error.schema_path().as_str();
        self.schema.pointer(pointer.rsplit_once('/')?.0)
    }

    /// What the schema says about the refused value, for a hint.
    fn expects(&self, error: &ValidationError<'_>) -> Option<String> {
        let described = self.owner(error).and_then(expects);
        described.or_else(|| {
            // The description may stand at the member that refers to the schema.
            let pointer = error.instance_path().as_str();
            let (parent, key) = pointer.rsplit_once('/')?;
            let schema = schema_at(self.schema, self.value, parent)?;
            self.expects_of_member(schema, key)
        })
    }

    fn expects_of_member(&self, schema: &Value, key: &str) -> Option<String> {
        let member = schema.get("properties")?.get(key)?;
        sentence(member).or_else(|| expects(resolve(self.schema, member)))
    }
}

/// The schema that holds for a place in the value, found along `properties`, `items` and `anyOf`.
fn schema_at<'a>(root: &'a Value, value: &Value, pointer: &str) -> Option<&'a Value> {
    let mut schema = resolve(root, root);
    let mut value = value;
    for key in pointer.split('/').skip(1) {
        let next = match value {
            Value::Array(items) => {
                value = items.get(key.parse::<usize>().ok()?)?;
                in_branches(root, schema, &|schema| schema.get("items"))?
            }
            _ => {
                value = value.get(key)?;
                in_branches(root, schema, &|schema| schema.get("properties")?.get(key))?
            }
        };
        schema = resolve(root, next);
    }
    Some(schema)
}

fn in_branches<'a>(
    root: &'a Value,
    schema: &'a Value,
    find: &dyn Fn(&'a Value) -> Option<&'a Value>,
) -> Option<&'a Value> {
    let mut branches = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    find(schema).or_else(|| branches.find_map(|branch| find(resolve(root, branch))))
}

/// What a schema says that it expects.
fn expects(schema: &Value) -> Option<String> {
    schema.get("x-expects").and_then(Value::as_str).map(str::to_owned).or_else(|| sentence(schema))
}

/// The first sentence of a schema's description, as a message is written: lower case, no full stop.
fn sentence(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let sentence = text.split(". ").next()?.split(".\n").next()?.trim().trim_end_matches('.').replace('\n', " ");
    let mut letters = sentence.chars();
    let first = letters.next()?;
    let rest = letters.as_str();
    // A word in capitals stays one: `SHA-256`.
    let capitals = rest.chars().next().is_some_and(char::is_uppercase);
    Some(if capitals { sentence } else { first.to_lowercase().chain(rest.chars()).collect() })
}

/// Whether an error says that something else altogether was meant: another type, another constant.
fn is_other(error: &ValidationError<'_>) -> bool {
    matches!(
        error.kind(),
        ValidationErrorKind::Type { .. } | ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. }
    )
}

fn expected_types(context: &[Vec<ValidationError<'static>>], here: &jsonschema::paths::Location) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for error in context.iter().flatten().filter(|error| error.instance_path() == here) {
        if let ValidationErrorKind::Type { kind } = error.kind() {
            for word in type_words(kind) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
    }
    (!words.is_empty()).then(|| words.join(" or "))
}

fn one_of(value: &Value, options: &[&Value]) -> (String, Option<String>) {
    let words: Vec<&str> = options.iter().filter_map(|option| option.as_str()).collect();
    let list = options.iter().map(|option| shown(option)).collect::<Vec<_>>().join(", ");
    let meant = value.as_str().and_then(|word| nearest(word, words));
    let hint = meant.map_or_else(|| format!("one of {list}"), |meant| format!("did you mean `{meant}`? known: {list}"));
    let hint = if options.len() == 1 { format!("must be {list}") } else { hint };
    (format!("{} is not known here", shown(value)), Some(hint))
}

/// The types that were expected, null left out: it only says that the member may be missing.
fn type_words(kind: &TypeKind) -> Vec<&'static str> {
    let types: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect(),
    };
    types.iter().filter_map(|word| phrase(word)).collect()
}

fn phrase(word: &str) -> Option<&'static str> {
    Some(match word {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => return None,
    })
}

fn type_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", shorten(text)),
        Value::Array(_) | Value::Object(_) => type_word(value).to_owned(),
        other => other.to_string(),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
