//! How a run went: the same object for people, machines and pages.

use serde::Serialize;
use serde_json::{Map, Value};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// All was done.
    Completed,
    /// Something kept it from being done; the first problem says what.
    Failed,
    /// It was told to stop.
    Killed,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Completed => "COMPLETED",
            Status::Failed => "FAILED",
            Status::Killed => "KILLED",
        })
    }
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The stage; empty for the run as a whole.
    pub stage: String,
    /// What it is: lower case, no full stop.
    pub message: String,
}

/// How a stage did.
#[derive(Clone, Debug, Serialize)]
pub struct StageReport {
    /// The kind of its plugin.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of its plugin.
    pub plugin: String,
    /// Its counters by name; whole numbers wherever they are.
    pub metrics: Map<String, Value>,
}

/// How a run went.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The run.
    pub run_id: String,
    /// The namespace of the pipeline.
    pub namespace: String,
    /// The name of the pipeline.
    pub pipeline_name: String,
    /// How it ended.
    pub status: Status,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// The stages by name, in the order of the file.
    #[serde(serialize_with = "in_order")]
    pub stages: Vec<(String, StageReport)>,
    /// What a person should know; of a failed run the reason first.
    pub problems: Vec<Problem>,
}

fn in_order<S: serde::Serializer>(stages: &[(String, StageReport)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(stages.iter().map(|(name, stage)| (name, stage)))
}

impl Report {
    /// A counter of a stage; 0 where there is none.
    pub fn metric(&self, stage: &str, name: &str) -> u64 {
        let stage = self.stages.iter().find(|(other, _)| other == stage);
        stage.and_then(|(_, stage)| stage.metrics.get(name)).and_then(Value::as_u64).unwrap_or_default()
    }
}
