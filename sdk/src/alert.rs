//! Alerts on their way out, and how they are written.

use crate::text;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// How an alert is written as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertFormat {
    /// Namespace, pipeline, stage, payload, run, id, time.
    #[default]
    Envelope,
    /// `stageName` and `payload` alone, as CDAP writes them.
    Cdap,
    /// CloudEvents 1.0, structured JSON; <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>.
    CloudEvents,
}

/// What became of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was said: the result of `publish` decides.
    #[default]
    Unsaid,
    /// It is where it should be.
    Done,
    /// Not now; try again.
    Retry(String),
    /// Never.
    Rejected(String),
}

/// What all alerts of a run share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The namespace of the pipeline.
    pub namespace: String,
    /// The name of the pipeline.
    pub pipeline_name: String,
    /// The id of the run.
    pub run_id: String,
}

/// An alert as it is lent to a publisher.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) id: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) payload: &'a [(&'a str, &'a str)],
    pub(crate) time_ms: i64,
    pub(crate) group_by: &'a str,
    pub(crate) more: &'a str,
    pub(crate) sequence: Option<u64>,
}

/// Alerts to be published, in order.
#[derive(Debug)]
pub struct Alerts<'a> {
    pub(crate) parts: &'a [Parts<'a>],
    pub(crate) outcomes: &'a [RefCell<Outcome>],
    pub(crate) origin: &'a Origin,
    pub(crate) next: usize,
}

impl<'a> Alerts<'a> {
    pub(crate) fn take_next(&mut self) -> Option<Alert<'a>> {
        let parts = *self.parts.get(self.next)?;
        let outcome = &self.outcomes[self.next];
        self.next += 1;
        Some(Alert { parts, outcome, origin: self.origin })
    }

    pub(crate) fn remaining(&self) -> usize {
        self.parts.len() - self.next
    }
}

/// One alert.
#[derive(Clone, Copy, Debug)]
pub struct Alert<'a> {
    parts: Parts<'a>,
    outcome: &'a RefCell<Outcome>,
    origin: &'a Origin,
}

impl<'a> Alert<'a> {
    /// The id: the same again when the alert is published again.
    pub fn id(&self) -> &'a str {
        self.parts.id
    }

    /// The stage that emitted it.
    pub fn stage_name(&self) -> &'a str {
        self.parts.stage
    }

    /// The namespace of the pipeline.
    pub fn namespace(&self) -> &'a str {
        &self.origin.namespace
    }

    /// The name of the pipeline.
    pub fn pipeline_name(&self) -> &'a str {
        &self.origin.pipeline_name
    }

    /// The id of the run.
    pub fn run_id(&self) -> &'a str {
        &self.origin.run_id
    }

    /// The pairs of the payload, in order.
    pub fn payload(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> {
        self.parts.payload.iter().copied()
    }

    /// The value of a key of the payload.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.parts.payload.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// When it was emitted, or its group was closed: milliseconds since 1970.
    pub fn time_ms(&self) -> i64 {
        self.parts.time_ms
    }

    /// Its number among the alerts that the host hands to this publisher under the name of the
    /// [producer](crate::Services::producer): it grows from alert to alert, with gaps, and is the same when the alert is
    /// handed over again, also by a later run. None where the host does not number them.
    pub fn sequence(&self) -> Option<u64> {
        self.parts.sequence
    }

    /// The keys that alerts of its stage are grouped by.
    pub fn group_by(&self) -> Vec<String> {
        serde_json::from_str(self.parts.group_by).unwrap_or_default()
    }

    /// It is where it should be. Said by itself where `publish` returns `Ok`.
    pub fn done(&self) {
        *self.outcome.borrow_mut() = Outcome::Done;
    }

    /// It could not be published now: the host tries again.
    pub fn retry(&self, reason: impl Into<String>) {
        *self.outcome.borrow_mut() = Outcome::Retry(reason.into());
    }

    /// It can never be published: the host sets it aside.
    pub fn reject(&self, reason: impl Into<String>) {
        *self.outcome.borrow_mut() = Outcome::Rejected(reason.into());
    }

    /// The alert as JSON, on one line.
    pub fn to_json(&self, format: AlertFormat) -> String {
        let mut out = Vec::with_capacity(256);
        self.write_json(format, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Writes the alert as JSON, on one line, without a line feed.
    pub fn write_json(&self, format: AlertFormat, out: &mut Vec<u8>) {
        match format {
            AlertFormat::Envelope => {
                member(out, b"{", "namespace", self.namespace());
                member(out, b",", "pipelineName", self.pipeline_name());
                member(out, b",", "stageName", self.stage_name());
                self.write_payload(out, "payload");
                member(out, b",", "runId", self.run_id());
                member(out, b",", "id", self.id());
                out.extend_from_slice(b",\"time\":\"");
                text::write_timestamp(self.parts.time_ms.saturating_mul(1_000), out);
                out.push(b'"');
                self.write_more(out);
            }
            AlertFormat::Cdap => {
                member(out, b"{", "stageName", self.stage_name());
                self.write_payload(out, "payload");
            }
            AlertFormat::CloudEvents => {
                member(out, b"{", "specversion", "1.0");
                member(out, b",", "id", self.id());
                member(out, b",", "source", &format!("/{}/{}", self.namespace(), self.pipeline_name()));
                member(out, b",", "type", "io.campanile.alert");
                member(out, b",", "subject", self.stage_name());
                out.extend_from_slice(b",\"time\":\"");
                text::write_timestamp(self.parts.time_ms.saturating_mul(1_000), out);
                out.push(b'"');
                member(out, b",", "datacontenttype", "application/json");
                self.write_payload(out, "data");
            }
        }
        out.push(b'}');
    }

    fn write_payload(&self, out: &mut Vec<u8>, name: &str) {
        out.push(b',');
        string(out, name);
        out.extend_from_slice(b":{");
        for (index, (key, value)) in self.parts.payload.iter().enumerate() {
            member(out, if index == 0 { b"" } else { b"," }, key, value);
        }
        out.push(b'}');
    }

    /// Further members that the host gave, from an object of its own.
    fn write_more(&self, out: &mut Vec<u8>) {
        let more = self.parts.more.trim();
        if let Some(members) = more.strip_prefix('{').and_then(|more| more.strip_suffix('}'))
            && !members.trim().is_empty()
        {
            out.push(b',');
            out.extend_from_slice(members.as_bytes());
        }
    }
}

fn member(out: &mut Vec<u8>, before: &[u8], name: &str, value: &str) {
    out.extend_from_slice(before);
    string(out, name);
    out.push(b':');
    string(out, value);
}

fn string(out: &mut Vec<u8>, value: &str) {
    // Writing text to a vector cannot fail.
    let _ = serde_json::to_writer(out, value);
}
