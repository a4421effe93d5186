//! The report of a run.

use serde_json::Value;

/// The report of a run, as it was written.
#[derive(Clone, Debug)]
pub struct Report(Value);

impl Report {
    pub(crate) fn new(report: Value) -> Report {
        Report(report)
    }

    /// The whole of it.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// How the run ended.
    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    /// A counter of a stage.
    pub fn metric(&self, stage: &str, name: &str) -> u64 {
        let stages = &self.0["stages"];
        let value = &stages[stage]["metrics"][name];
        value.as_u64().unwrap_or_else(|| panic!("no metric {name} of {stage} in {stages:#}"))
    }

    /// Stages and messages of all problems, in order.
    pub fn problems(&self) -> Vec<(&str, &str)> {
        let problems = self.0["problems"].as_array().expect("a report has problems");
        problems.iter().map(|p| (p["stage"].as_str().unwrap_or("?"), p["message"].as_str().unwrap_or("?"))).collect()
    }

    /// Why the run failed: the stage and the message.
    pub fn reason(&self) -> (&str, &str) {
        *self.problems().first().expect("a failed run has a reason")
    }

    /// The messages about a stage.
    pub fn problems_of(&self, stage: &str) -> Vec<&str> {
        self.problems().into_iter().filter(|(of, _)| *of == stage).map(|(_, message)| message).collect()
    }
}
