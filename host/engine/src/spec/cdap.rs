//! Pipelines as CDAP writes them: its words for the kinds, and the files that its studio exports.

use super::place;
use campanile_sdk::{Finding, Kind};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What stands before `stages` and `connections` in a file that the studio exported.
pub(crate) const WITHIN: &str = "config.";

/// CDAP's words for the kinds that exist here.
const KINDS: [(&str, Kind); 4] = [
    ("batchsource", Kind::Source),
    ("streamingsource", Kind::Source),
    ("batchsink", Kind::Sink),
    ("splittertransform", Kind::Splitter),
];

/// Kinds that CDAP has, or that a later version may have, and this one does not.
const MISSING_KINDS: [&str; 12] = [
    "aggregator",
    "batchaggregator",
    "joiner",
    "batchjoiner",
    "sparkcompute",
    "sparksink",
    "sparkprogram",
    "windower",
    "action",
    "condition",
    "postaction",
    "filter",
];

/// What has a meaning here, of everything that an exported file says.
const FILE_KEYS: [&str; 4] = ["name", "namespace", "description", "config"];
const CONFIG_KEYS: [&str; 3] = ["stages", "connections", "description"];
const STAGE_KEYS: [&str; 8] =
    ["name", "plugin", "alerts", "onFailure", "maxAlertsPerSecond", "batchSize", "linger", "label"];
const PLUGIN_KEYS: [&str; 4] = ["name", "type", "properties", "label"];
const CONNECTION_KEYS: [&str; 3] = ["from", "to", "port"];

/// Turns a file that CDAP's studio exported into a pipeline of ours, with a warning for all that has no meaning here.
/// Nothing is returned, and nothing changed, where the file is not such an export.
pub(crate) fn take_over(file: &mut Value) -> Option<Vec<Finding>> {
    let members = file.as_object_mut()?;
    if members.contains_key("stages") || members.get("config").is_none_or(|config| config.get("stages").is_none()) {
        return None;
    }
    let mut left_out = LeftOut::default();
    left_out.all_but(members, "", &FILE_KEYS);
    if let Some(Value::Object(mut config)) = members.shift_remove("config") {
        left_out.all_but(&mut config, "config", &CONFIG_KEYS);
        for (key, value) in config {
            // The file's own description stands above that of its configuration.
            let slot = members.entry(key).or_insert(Value::Null);
            if slot.is_null() {
                *slot = value;
            }
        }
    }
    for (index, stage) in items(members, "stages").enumerate() {
        let at = place::item("config.stages", index);
        let Some(stage) = stage.as_object_mut() else { continue };
        left_out.all_but(stage, &at, &STAGE_KEYS);
        let Some(plugin) = stage.get_mut("plugin").and_then(Value::as_object_mut) else { continue };
        left_out.all_but(plugin, &place::member(&at, "plugin"), &PLUGIN_KEYS);
        if let Some(label) = plugin.shift_remove("label") {
            stage.entry("label").or_insert(label);
        }
    }
    for (index, connection) in items(members, "connections").enumerate() {
        if let Some(connection) = connection.as_object_mut() {
            left_out.all_but(connection, &place::item("config.connections", index), &CONNECTION_KEYS);
        }
    }
    Some(left_out.warnings())
}

/// Turns CDAP's words for kinds into ours, and tells the kinds that do not exist here.
pub(crate) fn rename_kinds(pipeline: &mut Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(members) = pipeline.as_object_mut() else { return findings };
    for (index, stage) in items(members, "stages").enumerate() {
        let Some(Value::String(word)) = stage.get_mut("plugin").and_then(|plugin| plugin.get_mut("type")) else {
            continue;
        };
        if let Some((_, kind)) = KINDS.iter().find(|(theirs, _)| theirs == word) {
            *word = kind.as_str().to_owned();
        } else if MISSING_KINDS.contains(&word.as_str()) {
            let known = Kind::ALL.map(Kind::as_str).join(", ");
            let at = format!("stages[{index}].plugin.type");
            let finding = Finding::error(at, format!("this version has no plugins of the kind `{word}`"));
            findings.push(finding.hint(format!("it has {known}")));
        }
    }
    findings
}

fn items<'a>(members: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    members.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// What was left out: each key once, with its first place and how often it stood elsewhere.
#[derive(Default)]
struct LeftOut {
    order: Vec<(String, String)>,
    places: BTreeMap<String, usize>,
}

impl LeftOut {
    fn all_but(&mut self, members: &mut Map<String, Value>, at: &str, keys: &[&str]) {
        // The same key says the same on every stage, so its level and its name are what it is.
        let level = at.trim_end_matches(|c: char| c == ']' || c.is_ascii_digit());
        let level = if at.ends_with(".plugin") { "plugin" } else { level };
        members.retain(|key, value| {
            if keys.contains(&key.as_str()) {
                return true;
            }
            if !is_empty(value) {
                let count = self.places.entry(format!("{level} {key}")).or_insert(0);
                *count += 1;
                if *count == 1 {
                    self.order.push((format!("{level} {key}"), place::member(at, key)));
                }
            }
            false
        });
    }

    fn warnings(self) -> Vec<Finding> {
        let warning = |(id, at): &(String, String)| {
            let key = id.rsplit(' ').next().unwrap_or_default();
            let message = match self.places.get(id) {
                Some(&count) if count > 1 => format!("`{key}` has no meaning here and is left out, {count} times"),
                _ => format!("`{key}` has no meaning here and is left out"),
            };
            Finding::warning(at.clone(), message)
        };
        self.order.iter().map(warning).collect()
    }
}

/// The studio writes every section, also those that nobody filled in.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_renamed() {
        for (theirs, ours) in [
            ("batchsource", "source"),
            ("streamingsource", "source"),
            ("batchsink", "sink"),
            ("splittertransform", "splitter"),
            ("errortransform", "errortransform"),
            ("alertpublisher", "alertpublisher"),
        ] {
            let mut pipeline = json!({"stages": [{"plugin": {"type": theirs}}]});
            assert_eq!(rename_kinds(&mut pipeline), []);
            assert_eq!(pipeline["stages"][0]["plugin"]["type"], ours);
        }
    }

    #[test]
    fn kinds_that_do_not_exist_here_are_told() {
        for word in ["batchaggregator", "batchjoiner", "condition"] {
            let mut pipeline = json!({"stages": [{}, {"plugin": {"type": word}}]});
            let findings = rename_kinds(&mut pipeline);
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].path, "stages[1].plugin.type");
            assert_eq!(findings[0].message, format!("this version has no plugins of the kind `{word}`"));
        }
    }

    #[test]
    fn what_is_left_out_is_told_once() {
        let mut file = json!({
            "name": "p", "artifact": {"name": "cdap-data-pipeline"}, "description": "",  "__ui__": {"x": 1},
            "config": {
                "description": "from the configuration", "engine": "spark", "schedule": "0 * * * *", "postActions": [],
                "resources": {"memoryMB": 1024}, "stageLoggingEnabled": true,
                "stages": [
                    {"name": "a", "outputSchema": "{}", "plugin": {"name": "File", "type": "batchsource", "label": "A",
                        "artifact": {"name": "core-plugins", "version": "2.3.0", "scope": "SYSTEM"}, "properties": {}}},
                    {"name": "b", "outputSchema": "{}", "plugin": {"name": "File", "type": "batchsink",
                        "artifact": {"name": "core-plugins"}, "properties": {"path": "x"}}}],
                "connections": [{"from": "a", "to": "b", "condition": true}]
            }
        });
        let warnings = take_over(&mut file).unwrap();
        let lines: Vec<String> = warnings.iter().map(Finding::to_string).collect();
        assert_eq!(
            lines,
            [
                "artifact: `artifact` has no meaning here and is left out",
                "__ui__: `__ui__` has no meaning here and is left out",
                "config.engine: `engine` has no meaning here and is left out",
                "config.schedule: `schedule` has no meaning here and is left out",
                "config.resources: `resources` has no meaning here and is left out",
                "config.stageLoggingEnabled: `stageLoggingEnabled` has no meaning here and is left out",
                "config.stages[0].outputSchema: `outputSchema` has no meaning here and is left out, 2 times",
                "config.stages[0].plugin.artifact: `artifact` has no meaning here and is left out, 2 times",
                "config.connections[0].condition: `condition` has no meaning here and is left out",
            ]
        );
        assert!(warnings.iter().all(|warning| !warning.is_error()));
        assert_eq!(file["stages"][0]["label"], "A");
        assert_eq!(file["connections"][0], json!({"from": "a", "to": "b"}));
    }

    #[test]
    fn our_own_files_stay_as_they_are() {
        for file in
            [json!({"name": "p", "stages": []}), json!({"config": {}}), json!([]), json!(null), json!({"config": 1})]
        {
            let mut same = file.clone();
            assert_eq!(take_over(&mut same), None);
            assert_eq!(same, file);
        }
    }
}
