//! The pipeline file as written: nothing in it is derived, nothing is looked up.
//!
//! [`read`] turns a file into a [`PipelineSpec`] or into all of its mistakes at once; [`json_schema`] describes the
//! file to editors.

mod arguments;
mod cdap;
pub(crate) mod coerce;
pub(crate) mod conform;
mod document;
pub(crate) mod duration;
pub(crate) mod nearest;
pub(crate) mod place;
mod read;
mod secrets;

#[cfg(test)]
mod tests;

pub use arguments::Arguments;
pub use document::Format;
pub use duration::parse as parse_duration;
pub use nearest::did_you_mean;
pub use read::{PipelineFile, read, read_as_written, read_text};
pub(crate) use read::{Remains, read_and};
pub use secrets::Secrets;

use crate::alerts::AlertsSpec;
use campanile_sdk::Kind;
use schemars::{JsonSchema, SchemaGenerator, json_schema as schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// A pipeline: stages joined by connections.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Campanile pipeline")]
pub struct PipelineSpec {
    /// The pipeline's name, unique in its namespace.
    #[schemars(schema_with = "name_schema")]
    pub name: String,
    /// The namespace that the pipeline belongs to.
    #[serde(default = "default_namespace")]
    #[schemars(schema_with = "name_schema")]
    pub namespace: String,
    /// What the pipeline is for, in a sentence.
    pub description: Option<String>,
    /// The stages, in any order.
    #[schemars(length(min = 1))]
    pub stages: Vec<StageSpec>,
    /// What flows from stage to stage. The target decides what that is: alerts into an alert publisher, error records
    /// into an error transform, records into anything else.
    #[serde(default)]
    pub connections: Vec<ConnectionSpec>,
    /// How many threads a chain of stages may use whose plugins all declare that they can run in parallel.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1024))]
    pub parallelism: u32,
    /// Where error records go that no stage takes. Without it they are counted.
    pub dead_letters: Option<DeadLettersSpec>,
    /// How long a plugin may take for one call before the run fails, such as "60s". Without it five minutes.
    #[serde(default, deserialize_with = "duration::deserialize")]
    #[schemars(schema_with = "duration::schema")]
    pub call_timeout: Option<Duration>,
    /// How large a batch of records may become.
    pub batch: Option<BatchSpec>,
    /// What a run keeps that can go on after a crash: a live one, or one with a folder for its data.
    pub saves: Option<SavesSpec>,
    /// What stands before `stages` and `connections` in the file: `config.` in one that CDAP's studio wrote.
    #[serde(skip)]
    pub within: &'static str,
}

/// One stage of a pipeline: a plugin with properties.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageSpec {
    /// The stage's name: free text, unique in the pipeline.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The plugin that does the stage's work.
    pub plugin: PluginSpec,
    /// How the alerts of this stage are grouped and aggregated before they are published.
    pub alerts: Option<AlertsSpec>,
    /// Of an alert publisher: what becomes of the run when alerts are rejected.
    pub on_failure: Option<OnFailure>,
    /// Of an alert publisher: how many alerts it is handed in a second, at most.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_alerts_per_second: Option<f64>,
    /// Of an alert publisher: how many alerts it is handed in one call, at most. Without it 512.
    #[schemars(range(min = 1, max = 65_536))]
    pub batch_size: Option<u32>,
    /// Of an alert publisher: how long it waits for more alerts where fewer than `batchSize` are there, such as "200ms".
    /// Without it not at all.
    #[serde(default, deserialize_with = "duration::deserialize")]
    #[schemars(schema_with = "duration::schema")]
    pub linger: Option<Duration>,
    /// A name for people to see, where it differs from the stage's.
    pub label: Option<String>,
}

/// Which plugin a stage uses, and how.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PluginSpec {
    /// The plugin's name, such as `File`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What the plugin does in the pipeline.
    #[serde(rename = "type")]
    #[schemars(schema_with = "kind_schema")]
    pub kind: Kind,
    /// The library that holds the plugin, relative to the pipeline file. Without it the plugin folders are searched.
    pub path: Option<PathBuf>,
    /// The SHA-256 that the library must have.
    #[serde(default)]
    #[schemars(schema_with = "sha256_schema")]
    pub sha256: Option<String>,
    /// Which library to take where several hold a plugin of this name.
    pub artifact: Option<ArtifactSpec>,
    /// What the plugin is told; `campanile plugins doc` lists what each plugin understands.
    #[serde(default)]
    pub properties: Map<String, Value>,
}

// Properties may hold secrets, so only their names are printed.
impl std::fmt::Debug for PluginSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginSpec")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("path", &self.path)
            .field("sha256", &self.sha256)
            .field("artifact", &self.artifact)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Which library to take; what is left out fits any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactSpec {
    /// The library's name.
    pub name: Option<String>,
    /// The library's version.
    pub version: Option<String>,
    /// Read for CDAP's sake, and without meaning here.
    pub scope: Option<String>,
}

/// What flows from one stage to another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionSpec {
    /// The name of the stage that hands on.
    pub from: String,
    /// The name of the stage that takes.
    pub to: String,
    /// The port of a splitter that the records leave by.
    #[schemars(length(min = 1))]
    pub port: Option<String>,
}

/// Where error records go that no stage takes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLettersSpec {
    /// The file they are written to, one JSON object a line, relative to the pipeline file. Without it a run that is saved
    /// keeps them in its store, and any other counts them.
    pub path: Option<PathBuf>,
    /// How many bytes are kept. In a file, later ones are left out and counted; in a store the oldest go.
    #[serde(default = "default_letter_bytes")]
    #[schemars(range(min = 1))]
    pub max_bytes: u64,
    /// How long they are kept in a store, such as "7d".
    #[serde(default, deserialize_with = "duration::deserialize")]
    #[schemars(schema_with = "duration::schema")]
    pub max_age: Option<Duration>,
}

impl DeadLettersSpec {
    /// How long dead letters are kept where nothing is said: seven days.
    pub const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3_600);
}

impl Default for DeadLettersSpec {
    fn default() -> DeadLettersSpec {
        DeadLettersSpec { path: None, max_bytes: default_letter_bytes(), max_age: None }
    }
}

/// What a run keeps that can go on after a crash, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavesSpec {
    /// How often a save point is taken, such as "10s", where nothing wants one before.
    #[serde(default, deserialize_with = "duration::deserialize")]
    #[schemars(schema_with = "duration::schema")]
    pub interval: Option<Duration>,
    /// How many bytes of alerts may wait for publishers before sources wait. Without it 256 MiB.
    #[schemars(range(min = 1))]
    pub outbox_bytes: Option<u64>,
    /// How long a run that ends waits for its publishers, such as "30s"; what they have not taken then is published by
    /// the next run.
    #[serde(default, deserialize_with = "duration::deserialize")]
    #[schemars(schema_with = "duration::schema")]
    pub drain_timeout: Option<Duration>,
}

impl SavesSpec {
    /// How often a save point is taken where nothing is said.
    pub const INTERVAL: Duration = Duration::from_secs(10);
    /// How long a run that ends waits for its publishers where nothing is said.
    pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
}

/// How large a batch may become: whichever bound is met first ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchSpec {
    /// Records in a batch, at most.
    #[serde(default = "default_batch_rows")]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub rows: u32,
    /// Bytes in a batch, about, at most.
    #[serde(default = "default_batch_bytes")]
    #[schemars(range(min = 1, max = 1_073_741_824))]
    pub bytes: u32,
}

impl Default for BatchSpec {
    fn default() -> BatchSpec {
        BatchSpec { rows: default_batch_rows(), bytes: default_batch_bytes() }
    }
}

/// What becomes of the run when a publisher's alerts are rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The run fails; the rejected alerts are set aside and nothing is lost.
    #[default]
    Fail,
    /// The rejected alerts are set aside, and the run goes on.
    Keep,
    /// The rejected alerts are counted, and the run goes on.
    Drop,
}

impl PipelineSpec {
    /// The place of a stage in the file, such as `stages[2]`.
    pub fn stage_path(&self, index: usize) -> String {
        format!("{}stages[{index}]", self.within)
    }

    /// The place of a connection in the file, such as `connections[2]`.
    pub fn connection_path(&self, index: usize) -> String {
        format!("{}connections[{index}]", self.within)
    }
}

/// The JSON Schema of a pipeline file. Wherever a value is bound to a form, a text with a placeholder `${…}` does too.
pub fn json_schema() -> Value {
    let mut schema = written_schema();
    admit_placeholders(&mut schema);
    schema
}

/// The JSON Schema of a pipeline whose placeholders have been replaced.
pub(crate) fn written_schema() -> Value {
    SchemaGenerator::default().into_root_schema_for::<PipelineSpec>().to_value()
}

/// Lets every bound scalar be a text with a placeholder instead.
fn admit_placeholders(schema: &mut Value) {
    if let Some(members) = schema.as_object_mut() {
        for keyword in ["properties", "$defs"] {
            if let Some(Value::Object(subschemas)) = members.get_mut(keyword) {
                subschemas.values_mut().for_each(admit_placeholders);
            }
        }
        if let Some(items) = members.get_mut("items") {
            admit_placeholders(items);
        }
        let is_bound = |key: &&str| members.contains_key(*key);
        if ["enum", "oneOf", "pattern", "minimum", "exclusiveMinimum"].iter().any(is_bound) {
            let description = members.shift_remove("description");
            let mut either = Map::new();
            either.extend(description.map(|text| ("description".to_owned(), text)));
            let placeholder = serde_json::json!({"type": "string", "pattern": "\\$\\{.*\\}"});
            either.insert("anyOf".into(), Value::Array(vec![Value::Object(std::mem::take(members)), placeholder]));
            *members = either;
        }
    }
}

fn name_schema(_: &mut SchemaGenerator) -> schemars::Schema {
    schema!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "x-expects": "letters, digits, `_` and `-` only"})
}

fn sha256_schema(_: &mut SchemaGenerator) -> schemars::Schema {
    schema!({"type": ["string", "null"], "pattern": "^[0-9A-Fa-f]{64}$", "x-expects": "64 hexadecimal digits"})
}

fn kind_schema(_: &mut SchemaGenerator) -> schemars::Schema {
    schema!({"type": "string", "enum": Kind::ALL.map(Kind::as_str)})
}

fn default_namespace() -> String {
    "default".into()
}

fn one() -> u32 {
    1
}

fn default_letter_bytes() -> u64 {
    64 << 20
}

fn default_batch_rows() -> u32 {
    8_192
}

fn default_batch_bytes() -> u32 {
    1 << 20
}
