//! The rules of the repository that no compiler knows: arrows between crates, sizes and names of files, what lies beside a
//! plugin, where `unsafe` may stand.
#![allow(clippy::unwrap_used, reason = "a rule that cannot be checked is broken")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAX_LINES: usize = 900;
/// Names that say nothing of what is in a file.
const NAMES_THAT_SAY_NOTHING: [&str; 4] = ["mod.rs", "utils.rs", "common.rs", "helpers.rs"];
/// Only the boundary's own crate names these.
const NAMED_BY_ABI_ALONE: [&str; 3] = ["abi_stable", "libloading", "libc"];
/// Where the compiler's guarantees may be taken over by hand.
const UNSAFE_MAY_STAND_IN: [&str; 8] = [
    "sdk/abi/",
    "sdk/src/shim",
    "sdk/src/proxy",
    "sdk/src/testing",
    "sdk/src/batch.rs",
    "sdk/src/arrow/tests.rs",
    "host/engine/src/columns.rs",
    "tests/fixtures/",
];

/// What a crate is, by the folder it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Abi,
    Sdk,
    Engine,
    Messaging,
    Monitor,
    Server,
    Host,
    Plugin,
    Tests,
    Bench,
    Fixture,
}

impl Role {
    fn of(folder: &str) -> Option<Role> {
        Some(match folder {
            "sdk/abi" => Role::Abi,
            "sdk" => Role::Sdk,
            "host" => Role::Host,
            "host/engine" => Role::Engine,
            "host/messaging" => Role::Messaging,
            "host/monitor" => Role::Monitor,
            "host/server" => Role::Server,
            "tests" => Role::Tests,
            "tests/bench" => Role::Bench,
            _ if folder.starts_with("plugins/") => Role::Plugin,
            _ if folder.starts_with("tests/fixtures/plugins/") => Role::Fixture,
            _ => return None,
        })
    }

    /// The crates of ours that it may name: arrows point down only.
    fn may_name(self, dev: bool) -> &'static [Role] {
        match self {
            Role::Abi | Role::Messaging => &[],
            Role::Sdk => &[Role::Abi],
            Role::Engine | Role::Tests | Role::Fixture => &[Role::Sdk, Role::Abi],
            Role::Bench => &[Role::Messaging, Role::Sdk, Role::Abi],
            Role::Monitor => &[Role::Messaging],
            Role::Server => &[Role::Engine, Role::Monitor, Role::Messaging],
            // Plugins and host meet at run time; as dev-dependencies they are built fresh for the end-to-end tests.
            Role::Host if dev => &[
                Role::Engine,
                Role::Server,
                Role::Monitor,
                Role::Messaging,
                Role::Sdk,
                Role::Abi,
                Role::Tests,
                Role::Plugin,
                Role::Fixture,
            ],
            Role::Host => &[Role::Engine, Role::Server, Role::Monitor, Role::Messaging, Role::Sdk, Role::Abi],
            Role::Plugin => &[Role::Sdk],
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

/// A path as it is named from the root.
fn named(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[track_caller]
fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn packages() -> Vec<Value> {
    let args = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn folder_of(package: &Value) -> String {
    named(Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap())
}

/// All files below the root but for what is built or kept by git.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() && !["target", ".git", "book"].iter().any(|skip| name == *skip) => {
                    folders.push(path)
                }
                kind if kind.is_file() => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

fn rust_files() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    rust.map(|path| (named(&path), fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn arrows_between_crates_point_down() {
    let packages = packages();
    let mut broken = Vec::new();
    for package in &packages {
        let folder = folder_of(package);
        let Some(role) = Role::of(&folder) else {
            broken.push(format!("{folder}: a crate in a folder that has no place in the house"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let dev = dependency["kind"] == "dev";
            if NAMED_BY_ABI_ALONE.contains(&name) && role != Role::Abi {
                broken.push(format!("{folder} names {name}, which sdk/abi alone does"));
            }
            let Some(path) = dependency["path"].as_str() else { continue };
            let to = named(Path::new(path));
            if !Role::of(&to).is_some_and(|to| role.may_name(dev).contains(&to)) {
                broken.push(format!("{folder} names {to}{}", if dev { " for its tests" } else { "" }));
            }
        }
    }
    assert!(packages.len() > 10, "the workspace was read");
    none(broken);
}

#[test]
fn plugins_are_shared_libraries_and_nothing_else() {
    let mut broken = Vec::new();
    for package in packages() {
        let folder = folder_of(&package);
        if !matches!(Role::of(&folder), Some(Role::Plugin | Role::Fixture)) {
            continue;
        }
        let targets = package["targets"].as_array().unwrap();
        let libraries: Vec<&Value> = targets.iter().filter(|target| target["kind"][0] != "test").collect();
        if libraries.len() != 1 || libraries[0]["crate_types"] != serde_json::json!(["cdylib"]) {
            broken.push(format!("{folder}: crate-type is [\"cdylib\"], and there is no other target"));
        }
    }
    none(broken);
}

#[test]
fn files_are_short_and_their_names_say_what_is_in_them() {
    let mut broken = Vec::new();
    for (path, text) in rust_files() {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            broken.push(format!("{path}: {lines} lines, at most {MAX_LINES}"));
        }
        let name = path.rsplit('/').next().unwrap();
        if NAMES_THAT_SAY_NOTHING.contains(&name) {
            broken.push(format!("{path}: name it by what is in it"));
        }
    }
    none(broken);
}

#[test]
fn unsafe_code_stands_where_the_boundary_is() {
    let marks = ["{", "fn", "impl", "extern", "trait"].map(|what| format!("{} {what}", concat!("un", "safe")));
    let mut broken = Vec::new();
    for (path, text) in rust_files() {
        if UNSAFE_MAY_STAND_IN.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if marks.iter().any(|mark| line.contains(mark)) {
                broken.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none(broken);
}

#[test]
fn nothing_is_left_undone_skipped_or_slept_through() {
    let anywhere =
        [concat!("#[ig", "nore"), concat!("to", "do!("), concat!("db", "g!("), concat!("unimple", "mented!(")];
    let in_tests = concat!("thread::", "sleep");
    let mut broken = Vec::new();
    for (path, text) in rust_files() {
        // The benchmark keeps time; its unit tests are held to this all the same.
        let is_bench = path.starts_with("tests/bench/");
        let is_test =
            path.starts_with("tests/") && !is_bench || path.ends_with("/tests.rs") || path.contains("/tests/");
        let mut testing = is_test;
        for (number, line) in text.lines().enumerate() {
            testing |= line.trim() == "#[cfg(test)]";
            let found = anywhere.iter().copied().chain(testing.then_some(in_tests)).find(|word| line.contains(word));
            if let Some(word) = found {
                broken.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    none(broken);
}

/// The folders of plugins: each has a widget.
fn plugin_folders() -> Vec<PathBuf> {
    let widgets = files().into_iter().filter(|path| path.ends_with("widget.json"));
    let folders = widgets.map(|path| path.parent().unwrap().to_owned());
    folders.filter(|folder| named(folder).starts_with("plugins/")).collect()
}

fn json(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", named(path)))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", named(path)))
}

#[test]
fn every_plugin_crate_has_its_plugins_folders() {
    let folders = plugin_folders();
    let crates = files().into_iter().filter(|path| path.ends_with("Cargo.toml") && named(path).starts_with("plugins/"));
    let bare = crates.filter(|manifest| !folders.iter().any(|folder| folder.parent() == manifest.parent()));
    none(bare.map(|manifest| format!("{}: no plugin's folder beside it", named(&manifest))).collect());
}

#[test]
fn every_plugin_has_readme_widget_schema_and_example() {
    let mut broken = Vec::new();
    for folder in plugin_folders() {
        for name in ["README.md", "widget.json", "schema.json", "example.json"] {
            if fs::metadata(folder.join(name)).map_or(0, |found| found.len()) == 0 {
                broken.push(format!("{}/{name} is missing or empty", named(&folder)));
            }
        }
    }
    none(broken);
}

#[test]
fn widgets_readmes_and_examples_name_the_properties_that_schemas_have() {
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let mut broken = Vec::new();
    for folder in plugin_folders() {
        let at = named(&folder);
        let read = |name: &str| json(&folder.join(name));
        let (widget, schema, example) = match (read("widget.json"), read("schema.json"), read("example.json")) {
            (Ok(widget), Ok(schema), Ok(example)) => (widget, schema, example),
            (widget, schema, example) => {
                broken.extend([widget, schema, example].into_iter().filter_map(Result::err));
                continue;
            }
        };
        let groups = widget["configuration-groups"].as_array().into_iter().flatten();
        let shown = groups.flat_map(|group| group["properties"].as_array().into_iter().flatten());
        let shown: Vec<String> = shown.map(|property| property["name"].as_str().unwrap_or("?").to_owned()).collect();
        let said = names(&schema["properties"]);
        let once: BTreeSet<String> = shown.iter().cloned().collect();
        if once.len() != shown.len() {
            broken.push(format!("{at}/widget.json shows a property twice"));
        }
        broken.extend(said.difference(&once).map(|name| format!("{at}/widget.json lacks `{name}`")));
        broken.extend(once.difference(&said).map(|name| format!("{at}/schema.json lacks `{name}` of the widget")));
        let used = names(&example["plugin"]["properties"]);
        broken.extend(used.difference(&said).map(|name| format!("{at}/example.json: there is no property `{name}`")));
        let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
        broken.extend(
            said.iter().filter(|name| !readme.contains(*name)).map(|name| format!("{at}/README.md lacks `{name}`")),
        );
        for member in ["emitsAlerts", "emitsErrors"] {
            if !widget["metadata"][member].is_boolean() {
                broken.push(format!("{at}/widget.json says nothing of {member}"));
            }
        }
    }
    none(broken);
}
