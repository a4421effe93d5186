//! Where things come from: plugin libraries, arguments, secrets, messages. The one place that looks at folders and the
//! environment.

mod data_folder;
pub(crate) mod messaging;
pub(crate) mod run_store;

pub(crate) use data_folder::data_folder;

use crate::cli::{PipelineArgs, PluginFolders};
use anyhow::{Context, bail};
use campanile_engine::Plan;
use campanile_engine::library::{CacheFolder, Registry, default_cache_folder};
use campanile_engine::spec::{self, Arguments, PipelineFile};
use campanile_sdk::Finding;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The registry of all libraries in the plugin folders.
pub(crate) fn registry(given: &PluginFolders) -> anyhow::Result<Registry> {
    let cache = std::env::var_os("CAMPANILE_CACHE").map_or_else(default_cache_folder, PathBuf::from);
    let mut registry = Registry::new(CacheFolder::new(cache));
    for folder in plugin_folders(given)? {
        registry.scan(&folder);
    }
    Ok(registry)
}

/// The plugin folders that exist, each once, in the order in which they are searched.
fn plugin_folders(given: &PluginFolders) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(missing) = given.folders.iter().find(|folder| !folder.is_dir()) {
        bail!("--plugins {}: there is no such folder", missing.display());
    }
    let mut folders = given.folders.clone();
    folders.extend(std::env::var_os("CAMPANILE_PLUGINS").iter().flat_map(std::env::split_paths));
    // The program may be called by a link: the libraries lie beside the file itself.
    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    if let Some(beside) = program.ok().as_deref().and_then(Path::parent) {
        folders.push(beside.to_owned());
        folders.push(beside.join("../lib/campanile"));
    }
    let mut known = Vec::new();
    for folder in folders.iter().filter(|folder| !folder.as_os_str().is_empty()) {
        let Ok(folder) = folder.canonicalize() else { continue };
        if !known.contains(&folder) {
            known.push(folder);
        }
    }
    Ok(known)
}

/// What a pipeline is given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// Arguments by their key.
    pub(crate) arguments: BTreeMap<String, String>,
    /// The secrets.
    pub(crate) vault: Arc<Vault>,
}

impl Given {
    /// What the command line gives.
    pub(crate) fn new(args: &PipelineArgs) -> anyhow::Result<Given> {
        let mut arguments = match &args.args_file {
            None => BTreeMap::new(),
            Some(path) => {
                let shown = path.display();
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("--args-file {shown}: cannot be read"))?;
                arguments_of(&text).with_context(|| format!("--args-file {shown}"))?
            }
        };
        arguments.extend(args.arguments.iter().cloned());
        let folder = args.secrets.clone().or_else(|| std::env::var_os("CAMPANILE_SECRETS").map(PathBuf::from));
        if let Some(missing) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            bail!("secrets: there is no folder {}", missing.display());
        }
        Ok(Given { arguments, vault: Arc::new(Vault { folder }) })
    }

    /// Reads a pipeline file and fills its placeholders; plugins are not looked for.
    pub(crate) fn read(&self, path: &Path) -> Result<PipelineFile, Vec<Finding>> {
        spec::read(path, &self.filling())
    }

    /// Reads a pipeline file and fills its placeholders; of one that is refused, what is wrong with its plugins is told
    /// with the rest.
    pub(crate) fn read_with(&self, path: &Path, registry: &mut Registry) -> Result<PipelineFile, Vec<Finding>> {
        Plan::read(path, &self.filling(), registry)
    }

    fn filling(&self) -> Arguments<'_> {
        let arguments = Arguments::new()
            .with_environment(|name| std::env::var(name).ok())
            .with_secrets(|name| self.vault.text(name));
        self.arguments.iter().fold(arguments, |arguments, (key, value)| arguments.with(key, value))
    }
}

/// The arguments in a JSON object of scalars.
fn arguments_of(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let value: Value = serde_json::from_str(text).context("is no JSON")?;
    let Value::Object(members) = value else { bail!("is no JSON object, such as {{\"limit\": 150}}") };
    let argument = |(key, value)| match value {
        Value::String(text) => Ok((key, text)),
        Value::Number(number) => Ok((key, number.to_string())),
        Value::Bool(truth) => Ok((key, truth.to_string())),
        _ => bail!("`{key}` is neither text nor a number nor true or false"),
    };
    members.into_iter().map(argument).collect()
}

/// Secrets by their name: files in a folder, or variables of the environment.
#[derive(Debug)]
pub(crate) struct Vault {
    folder: Option<PathBuf>,
}

impl Vault {
    /// A secret's bytes; none where there is no such secret.
    pub(crate) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0', '=']) {
            return Err("a secret's name is the name of a file, without a path".to_owned());
        }
        if let Some(folder) = &self.folder {
            match std::fs::read(folder.join(name)) {
                Ok(mut bytes) => {
                    // An editor ends the line; the secret does not have that end.
                    if bytes.pop_if(|&mut last| last == b'\n').is_some() {
                        bytes.pop_if(|&mut last| last == b'\r');
                    }
                    return Ok(Some(bytes));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(variables(name).find_map(std::env::var_os).map(OsString::into_encoded_bytes))
    }

    /// A secret's text.
    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let bytes = self.bytes(name)?;
        bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())).transpose()
    }
}

/// The variables that may hold a secret: by its name as it is, or as variables are usually written.
fn variables(name: &str) -> impl Iterator<Item = String> {
    let usual = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let usual: String = name.chars().map(usual).collect();
    [format!("CAMPANILE_SECRET_{name}"), format!("CAMPANILE_SECRET_{usual}")].into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_scalars() {
        let given = arguments_of(r#"{"a": "x", "b": 1.50, "c": true, "d": 12345678901234567890}"#).unwrap();
        let expected = [("a", "x"), ("b", "1.5"), ("c", "true"), ("d", "12345678901234567890")];
        assert_eq!(given, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        for wrong in ["[]", "{", r#"{"a": []}"#, r#"{"a": null}"#] {
            assert!(arguments_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_stay_in_their_folder() {
        let vault = Vault { folder: Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")) };
        for name in ["../Cargo.toml", "", ".", "..", "cli/run.rs"] {
            assert!(vault.bytes(name).is_err(), "{name}");
        }
        assert!(vault.bytes("main.rs").unwrap().unwrap().ends_with(b"}"));
        assert_eq!(vault.bytes("nothing-here"), Ok(None));
    }

    #[test]
    fn variables_are_those_of_the_name() {
        let names: Vec<String> = variables("kafka-password").collect();
        assert_eq!(names, ["CAMPANILE_SECRET_kafka-password", "CAMPANILE_SECRET_KAFKA_PASSWORD"]);
    }
}
