//! The name of a new plugin, in the forms that Rust and cargo want.

use anyhow::bail;

/// Types that the templates use, so that the plugin's own cannot have the name.
const TAKEN_TYPES: &[&str] = &[
    "AlertFormat",
    "AlertPublisher",
    "Alerts",
    "Configure",
    "DataType",
    "Deserialize",
    "Emit",
    "Emitter",
    "Err",
    "Error",
    "ErrorRecord",
    "ErrorTransform",
    "Field",
    "File",
    "JsonSchema",
    "Limits",
    "None",
    "Ok",
    "OpenOptions",
    "Option",
    "OutputField",
    "PortId",
    "Read",
    "Record",
    "Result",
    "Row",
    "Schema",
    "SchemaField",
    "Self",
    "Sink",
    "Some",
    "Source",
    "Split",
    "Splitter",
    "StageContext",
    "String",
    "TestAlert",
    "Text",
    "Transform",
    "Vec",
    "Write",
];
/// Packages that the crate depends on, and names that cargo keeps for itself.
const TAKEN_PACKAGES: &[&str] = &[
    "alloc",
    "build",
    "campanile-sdk",
    "core",
    "deps",
    "examples",
    "incremental",
    "proc-macro",
    "schemars",
    "serde",
    "std",
    "test",
];
/// Words that Rust keeps for itself.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PluginName {
    /// `TooFast`: what pipelines say, and the type.
    pub(super) plugin: String,
    /// `too-fast`: the folder, and the package.
    pub(super) folder: String,
}

impl PluginName {
    /// Takes `TooFast`, `too-fast` and `too_fast` alike.
    pub(super) fn parse(text: &str) -> anyhow::Result<PluginName> {
        let words = words(text);
        if words.is_empty() || !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            bail!(
                "`{text}` is no name of a plugin: begin with a letter, then letters, digits and hyphens, such as TooFast"
            );
        }
        let folder = words.join("-").to_ascii_lowercase();
        let plugin = if text.contains(['-', '_']) || !text.starts_with(|c: char| c.is_ascii_uppercase()) {
            words.iter().map(|word| capitalized(word)).collect()
        } else {
            // Whoever writes capitals means them.
            text.to_owned()
        };
        if TAKEN_TYPES.contains(&plugin.as_str())
            || TAKEN_PACKAGES.contains(&folder.as_str())
            || KEYWORDS.contains(&folder.as_str())
        {
            bail!("the name `{text}` is taken by Rust or by the SDK: choose another, such as My{plugin}");
        }
        Ok(PluginName { plugin, folder })
    }

    /// `libtoo_fast.so`: the library that cargo builds.
    pub(super) fn library(&self) -> String {
        use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
        format!("{DLL_PREFIX}{}{DLL_SUFFIX}", self.folder.replace('-', "_"))
    }
}

/// The words of a name; none where a character fits in no name.
fn words(text: &str) -> Vec<String> {
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Vec::new();
    }
    let mut words: Vec<String> = Vec::new();
    for part in text.split(['-', '_']).filter(|part| !part.is_empty()) {
        let letters: Vec<char> = part.chars().collect();
        words.push(String::new());
        for (i, &letter) in letters.iter().enumerate() {
            // A word begins with a capital behind a small letter, and with the last one of several: `HTTPSource`.
            let after_small = i > 0 && !letters[i - 1].is_ascii_uppercase();
            let before_small = i > 0 && letters.get(i + 1).is_some_and(char::is_ascii_lowercase);
            if letter.is_ascii_uppercase() && (after_small || before_small) {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(letter);
            }
        }
    }
    words
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_make_both_forms() {
        for (text, plugin, folder) in [
            ("TooFast", "TooFast", "too-fast"),
            ("too-fast", "TooFast", "too-fast"),
            ("too_fast", "TooFast", "too-fast"),
            ("fast", "Fast", "fast"),
            ("tooFast", "TooFast", "too-fast"),
            ("HTTPSource", "HTTPSource", "http-source"),
            ("MQTT", "MQTT", "mqtt"),
            ("Utf8To16", "Utf8To16", "utf8-to16"),
            ("a-1", "A1", "a-1"),
        ] {
            let name = PluginName { plugin: plugin.to_owned(), folder: folder.to_owned() };
            assert_eq!(PluginName::parse(text).unwrap(), name, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for text in ["", "-", "1st", "_a", "a b", "a/b", "../a", "ü", "source", "Sink", "serde", "type", "test", "file"]
        {
            assert!(PluginName::parse(text).is_err(), "{text}");
        }
    }
}
