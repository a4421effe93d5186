//! The manifest of a library, read back from its bytes.

use crate::kind::Kind;
use campanile_abi::manifest::{FORMAT, MAGIC};
use serde::{Deserialize, Serialize};

/// What a library says of itself without being loaded.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// The library's name, that of its package.
    pub library: String,
    /// Its version.
    pub version: String,
    /// How it was built.
    pub build: Build,
    /// What is in it, in order.
    pub plugins: Vec<PluginManifest>,
}

/// How a library was built.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// The version of the SDK.
    pub sdk: String,
    /// The revision of the boundary.
    pub abi: u32,
    /// The compiler, as it names itself.
    pub rustc: String,
    /// The target, such as `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// The features of the processor that the code may use.
    pub features: Vec<String>,
    /// What a panic does: `unwind`.
    pub panic: String,
    /// `release` or `debug`.
    pub profile: String,
}

/// What a library says of one of its plugins.
#[derive(Clone, Debug, Serialize)]
pub struct PluginManifest {
    /// What it does.
    pub kind: Kind,
    /// The name that pipelines use.
    pub name: String,
    /// How it is shown, and what it can emit; null where nothing is said.
    pub widget: serde_json::Value,
    /// The JSON Schema of its properties; null where nothing is said.
    pub schema: serde_json::Value,
    /// What it is for, Markdown.
    #[serde(skip)]
    pub readme: String,
}

impl PluginManifest {
    /// Whether it can emit alerts, where its widget says so.
    pub fn emits_alerts(&self) -> Option<bool> {
        self.says("emitsAlerts", "emit-alerts")
    }

    /// Whether it can emit error records, where its widget says so.
    pub fn emits_errors(&self) -> Option<bool> {
        self.says("emitsErrors", "emit-errors")
    }

    /// Today's word in the metadata, or the older one beside it.
    fn says(&self, key: &str, older_key: &str) -> Option<bool> {
        let metadata = self.widget.get("metadata").and_then(|metadata| metadata.get(key));
        metadata.or_else(|| self.widget.get(older_key)).and_then(serde_json::Value::as_bool)
    }
}

impl Manifest {
    /// Reads a manifest. The error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Manifest, String> {
        let sections = sections(bytes)?;
        let [library, build, resources @ ..] = sections.as_slice() else {
            return Err(format!("it has {} sections where at least 2 are needed", sections.len()));
        };
        #[derive(Deserialize)]
        struct Library {
            library: String,
            version: String,
            plugins: Vec<Plugin>,
        }
        #[derive(Deserialize)]
        struct Plugin {
            kind: String,
            name: String,
        }
        let library: Library =
            serde_json::from_slice(library).map_err(|error| format!("its first section is no JSON: {error}"))?;
        let build: Build =
            serde_json::from_slice(build).map_err(|error| format!("its second section is no JSON: {error}"))?;
        if resources.len() != 3 * library.plugins.len() {
            return Err(format!("it has {} resources for {} plugins", resources.len(), library.plugins.len()));
        }
        let plugins = library.plugins.into_iter().zip(resources.chunks(3)).map(|(plugin, resources)| {
            let name = plugin.name;
            let kind = Kind::parse(&plugin.kind).ok_or_else(|| {
                format!("plugin `{name}` is of the kind `{}`, which this host does not know", plugin.kind)
            })?;
            let json = |what: &str, bytes: &[u8]| match bytes {
                [] => Ok(serde_json::Value::Null),
                bytes => serde_json::from_slice(bytes)
                    .map_err(|error| format!("the {what} of plugin `{name}` is no JSON: {error}")),
            };
            Ok(PluginManifest {
                kind,
                widget: json("widget", resources[0])?,
                schema: json("schema", resources[1])?,
                readme: String::from_utf8_lossy(resources[2]).into_owned(),
                name: name.clone(),
            })
        });
        let plugins = plugins.collect::<Result<Vec<_>, String>>()?;
        Ok(Manifest { library: library.library, version: library.version, build, plugins })
    }
}

fn sections(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or("it does not begin as a manifest does")?;
    let (format, rest) = number(rest)?;
    if format != FORMAT {
        return Err(format!("its format is {format}, this host reads {FORMAT}"));
    }
    let (count, mut rest) = number(rest)?;
    let mut sections = Vec::new();
    for _ in 0..count {
        let (len, tail) = number(rest)?;
        let (section, tail) = tail.split_at_checked(len as usize).ok_or("it is cut off")?;
        sections.push(section);
        rest = tail;
    }
    Ok(sections)
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    let (number, rest) = bytes.split_first_chunk::<4>().ok_or("it is cut off")?;
    Ok((u32::from_le_bytes(*number), rest))
}
