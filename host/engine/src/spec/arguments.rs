//! What the caller gives to a pipeline: `${key}`, `${env(NAME)}` and `${secret(NAME)}` in its texts.

use super::nearest::did_you_mean;
use super::place;
use super::secrets::Secrets;
use campanile_sdk::Finding;
use serde_json::Value;
use std::collections::BTreeMap;

type Environment<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;
type Vault<'a> = Box<dyn Fn(&str) -> Result<Option<String>, String> + 'a>;

/// The values for the placeholders in a pipeline file.
///
/// `${key}` is an argument, `${env(NAME)}` a variable of the environment, `${secret(NAME)}` a secret. `:-` gives a
/// default for what is not there: `${key:-150}`. `$${` is a plain `${`. What is put in is never expanded again.
#[derive(Default)]
pub struct Arguments<'a> {
    values: BTreeMap<String, String>,
    environment: Option<Environment<'a>>,
    secrets: Option<Vault<'a>>,
}

impl<'a> Arguments<'a> {
    /// No arguments, no environment, no secrets.
    pub fn new() -> Arguments<'a> {
        Arguments::default()
    }

    /// Sets an argument; the last one set wins.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Arguments<'a> {
        self.values.insert(key.into(), value.into());
        self
    }

    /// Where `${env(NAME)}` looks. Without it the environment is out of the pipeline's reach.
    #[must_use]
    pub fn with_environment(mut self, lookup: impl Fn(&str) -> Option<String> + 'a) -> Arguments<'a> {
        self.environment = Some(Box::new(lookup));
        self
    }

    /// Where `${secret(NAME)}` looks: the value, none, or why it cannot be read.
    #[must_use]
    pub fn with_secrets(mut self, lookup: impl Fn(&str) -> Result<Option<String>, String> + 'a) -> Arguments<'a> {
        self.secrets = Some(Box::new(lookup));
        self
    }

    /// Replaces every placeholder in the texts of a pipeline, and tells those that stand for nothing.
    /// The secrets put in are added to `used`.
    pub(crate) fn expand(&self, pipeline: &mut Value, used: &mut Secrets) -> Vec<Finding> {
        let mut expansion = Expansion { arguments: self, used, findings: Vec::new() };
        expansion.value(pipeline, "", false);
        expansion.findings
    }
}

struct Expansion<'a, 'b> {
    arguments: &'a Arguments<'b>,
    used: &'a mut Secrets,
    findings: Vec<Finding>,
}

impl Expansion<'_, '_> {
    fn value(&mut self, value: &mut Value, place: &str, in_properties: bool) {
        match value {
            Value::String(text) if text.contains("${") => {
                if let Some(expanded) = self.text(text, place, in_properties) {
                    *text = expanded;
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter_mut().enumerate() {
                    self.value(value, &place::item(place, index), in_properties);
                }
            }
            Value::Object(members) => {
                let plugin = is_plugin(place);
                for (key, value) in members {
                    let in_properties = in_properties || (plugin && key == "properties");
                    self.value(value, &place::member(place, key), in_properties);
                }
            }
            _ => {}
        }
    }

    /// The text with its placeholders replaced, or nothing where one of them is wrong.
    fn text(&mut self, text: &str, place: &str, in_properties: bool) -> Option<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        let mut whole = true;
        while let Some(at) = rest.find('$') {
            expanded.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("$${") {
                expanded.push_str("${");
                rest = after;
            } else if let Some(after) = rest.strip_prefix("${") {
                let Some((placeholder, after)) = after.split_once('}') else {
                    self.findings.push(
                        Finding::error(place, "`${` is not closed")
                            .hint("close it with `}`, or write `$${` for a plain `${`"),
                    );
                    return None;
                };
                rest = after;
                match self.placeholder(placeholder, in_properties) {
                    Ok(value) => expanded.push_str(&value),
                    Err((message, hint)) => {
                        let finding = Finding::error(place, message);
                        self.findings.push(match hint {
                            Some(hint) => finding.hint(hint),
                            None => finding,
                        });
                        whole = false;
                    }
                }
            } else {
                expanded.push('$');
                rest = &rest[1..];
            }
        }
        expanded.push_str(rest);
        whole.then_some(expanded)
    }

    /// The value of what stands between `${` and `}`, or what is wrong with it and what would be right.
    fn placeholder(&mut self, placeholder: &str, in_properties: bool) -> Result<String, (String, Option<String>)> {
        let (name, default) = match placeholder.split_once(":-") {
            Some((name, default)) => (name.trim(), Some(default)),
            None => (placeholder.trim(), None),
        };
        if name.contains("${") {
            return Err(("a `${` stands inside another".into(), Some("placeholders do not nest".into())));
        }
        let (found, missing) = match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
            Some(("env", name)) => self.environment(name.trim()),
            Some(("secret", name)) => self.secret(name.trim(), in_properties)?,
            Some((function, name)) => return Err(unknown_function(function, name)),
            None => self.argument(name)?,
        };
        match (found, default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(missing),
        }
    }

    fn argument(&self, key: &str) -> Result<Looked, Wrong> {
        if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            let message = format!("`{key}` is no name of an argument");
            return Err((message, Some("letters, digits, `_`, `-` and `.`; write `$${` for a plain `${`".into())));
        }
        let values = &self.arguments.values;
        let hint = super::nearest::nearest(key, values.keys().map(String::as_str)).map_or_else(
            || format!("give it with --arg {key}=…, or a default with `${{{key}:-…}}`"),
            |meant| format!("did you mean `{meant}`?"),
        );
        Ok((values.get(key).cloned(), (format!("argument `{key}` is not given"), Some(hint))))
    }

    fn environment(&self, name: &str) -> Looked {
        match &self.arguments.environment {
            Some(lookup) => {
                let hint = format!("set it, or give a default with `${{env({name}):-…}}`");
                (lookup(name), (format!("the environment has no variable `{name}`"), Some(hint)))
            }
            None => (None, ("the environment is out of this pipeline's reach".into(), None)),
        }
    }

    fn secret(&mut self, name: &str, in_properties: bool) -> Result<Looked, Wrong> {
        if !in_properties {
            // Names and paths are printed everywhere; a secret among them could not be kept.
            let hint = "a secret may stand in the properties of a plugin only";
            return Err(("a secret cannot stand here".into(), Some(hint.into())));
        }
        let found = match &self.arguments.secrets {
            Some(lookup) => {
                lookup(name).map_err(|reason| (format!("secret `{name}` cannot be read: {reason}"), None))?
            }
            None => None,
        };
        if let Some(value) = &found {
            self.used.add(value);
        }
        let hint = "put it in the folder of secrets, or in the environment";
        Ok((found, (format!("there is no secret `{name}`"), Some(hint.into()))))
    }
}

/// What is wrong, and what would be right.
type Wrong = (String, Option<String>);
/// A value, and what to say where there is none and no default.
type Looked = (Option<String>, Wrong);

fn unknown_function(function: &str, name: &str) -> Wrong {
    let function = function.trim();
    let hint = match function {
        // What CDAP calls it.
        "secure" => Some(format!("did you mean `${{secret({name})}}`?")),
        _ => did_you_mean(function, ["env", "secret"], "functions"),
    };
    (format!("unknown function `{function}`"), hint)
}

/// Whether this is the place of a stage's plugin, `stages[…].plugin`.
fn is_plugin(place: &str) -> bool {
    let index = place.strip_prefix("stages[").and_then(|rest| rest.strip_suffix("].plugin"));
    index.is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments() -> Arguments<'static> {
        Arguments::new()
            .with("limit", "150")
            .with("nested", "${limit}")
            .with_environment(|name| (name == "HOME").then(|| "/home".to_owned()))
            .with_secrets(|name| match name {
                "token" => Ok(Some("hunter2".to_owned())),
                "locked" => Err("permission denied".to_owned()),
                _ => Ok(None),
            })
    }

    fn property(text: &str) -> (Value, Vec<Finding>, Secrets) {
        let mut used = Secrets::default();
        let mut pipeline = json!({"stages": [{"plugin": {"properties": {"p": [text]}}}]});
        let findings = arguments().expand(&mut pipeline, &mut used);
        (pipeline["stages"][0]["plugin"]["properties"]["p"][0].take(), findings, used)
    }

    #[test]
    fn placeholders_are_replaced() {
        for (text, expected) in [
            ("${limit}", "150"),
            ("<${ limit }|${limit}>", "<150|150>"),
            ("${env(HOME)}/x", "/home/x"),
            ("${secret(token)}", "hunter2"),
            ("${none:-7}", "7"),
            ("${limit:-7}", "150"),
            ("${env(NONE):-}", ""),
            ("${secret(none):-a:-b}", "a:-b"),
            ("$${limit} $$ $x $", "${limit} $$ $x $"),
            ("$$${limit}", "$${limit}"),
            ("plain } text", "plain } text"),
        ] {
            let (value, findings, _) = property(text);
            assert_eq!((value, findings), (json!(expected), vec![]), "{text}");
        }
    }

    #[test]
    fn values_are_not_expanded_again() {
        assert_eq!(property("${nested}").0, json!("${limit}"));
    }

    #[test]
    fn what_stands_for_nothing_is_a_finding_at_its_place() {
        for (text, message, hint) in [
            ("${limt}", "argument `limt` is not given", Some("did you mean `limit`?")),
            (
                "${zone}",
                "argument `zone` is not given",
                Some("give it with --arg zone=…, or a default with `${zone:-…}`"),
            ),
            (
                "${a b}",
                "`a b` is no name of an argument",
                Some("letters, digits, `_`, `-` and `.`; write `$${` for a plain `${`"),
            ),
            (
                "${}",
                "`` is no name of an argument",
                Some("letters, digits, `_`, `-` and `.`; write `$${` for a plain `${`"),
            ),
            (
                "${env(NONE)}",
                "the environment has no variable `NONE`",
                Some("set it, or give a default with `${env(NONE):-…}`"),
            ),
            (
                "${secret(none)}",
                "there is no secret `none`",
                Some("put it in the folder of secrets, or in the environment"),
            ),
            ("${secret(locked)}", "secret `locked` cannot be read: permission denied", None),
            ("${secure(x)}", "unknown function `secure`", Some("did you mean `${secret(x)}`?")),
            ("${evn(x)}", "unknown function `evn`", Some("did you mean `env`?")),
            ("${limit", "`${` is not closed", Some("close it with `}`, or write `$${` for a plain `${`")),
            ("${${limit}}", "a `${` stands inside another", Some("placeholders do not nest")),
        ] {
            let (value, findings, _) = property(text);
            let mut expected = Finding::error("stages[0].plugin.properties.p[0]", message);
            expected.hint = hint.map(str::to_owned);
            assert_eq!(findings, [expected], "{text}");
            assert_eq!(value, json!(text), "a text with a mistake stays as it is");
        }
    }

    #[test]
    fn several_mistakes_in_one_text_are_several_findings() {
        assert_eq!(property("${a1} ${limit} ${b2}").1.len(), 2);
    }

    #[test]
    fn secrets_are_remembered() {
        let (_, _, used) = property("Bearer ${secret(token)}");
        assert_eq!(used.redact("sent Bearer hunter2"), "sent Bearer ***");
    }

    #[test]
    fn a_secret_stands_in_properties_only() {
        let mut used = Secrets::default();
        let mut pipeline = json!({"name": "${secret(token)}", "description": "${limit}"});
        let findings = arguments().expand(&mut pipeline, &mut used);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "name");
        assert_eq!(pipeline["description"], "150");
        assert!(used.is_empty());
    }

    #[test]
    fn without_an_environment_there_is_none() {
        let mut pipeline = json!({"name": "${env(HOME)}"});
        let findings = Arguments::new().expand(&mut pipeline, &mut Secrets::default());
        assert_eq!(findings[0].message, "the environment is out of this pipeline's reach");
    }
}
