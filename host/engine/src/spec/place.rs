//! Places in a pipeline file: `stages[2].plugin.properties.field`.

use campanile_sdk::Finding;
use serde_json::Value;
use std::collections::HashMap;

/// The place of a whole file, which has no path of its own.
pub(crate) const WHOLE: &str = "pipeline";

/// The place of a member.
pub(crate) fn member(place: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (plain, place.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{place}.{key}"),
        (false, _) => format!("{place}[{}]", Value::from(key)),
    }
}

/// The place of an item of a list.
pub(crate) fn item(place: &str, index: usize) -> String {
    format!("{place}[{index}]")
}

/// The place itself, or the word for the whole file.
pub(crate) fn or_whole(place: String) -> String {
    if place.is_empty() { WHOLE.to_owned() } else { place }
}

/// Sorts findings by where they stand in the file: people read from top to bottom.
pub(crate) fn sort(document: &Value, findings: &mut [Finding]) {
    let mut positions = HashMap::new();
    number(document, "", &mut positions);
    findings.sort_by_cached_key(|finding| {
        let mut place = finding.path.as_str();
        loop {
            if let Some(position) = positions.get(place) {
                break *position;
            }
            // What is missing has no place of its own: it stands where its parent does.
            match place.rfind(['.', '[']) {
                Some(end) => place = &place[..end],
                None => break 0,
            }
        }
    });
}

fn number(value: &Value, place: &str, positions: &mut HashMap<String, usize>) {
    positions.insert(place.to_owned(), positions.len());
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                number(value, &member(place, key), positions);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                number(value, &item(place, index), positions);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_read_like_code() {
        assert_eq!(member("", "name"), "name");
        assert_eq!(member(&item("stages", 2), "plugin"), "stages[2].plugin");
        assert_eq!(member("properties", "a.b \"c\""), r#"properties["a.b \"c\""]"#);
    }

    #[test]
    fn findings_follow_the_file() {
        let document = json!({"stages": [{"name": "a"}, {"name": "b"}], "connections": []});
        let mut findings: Vec<Finding> = ["connections", "stages[1].name", "stages[0].plugin", "name"]
            .into_iter()
            .map(|path| Finding::error(path, "wrong"))
            .collect();
        sort(&document, &mut findings);
        let paths: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["name", "stages[0].plugin", "stages[1].name", "connections"]);
    }
}
