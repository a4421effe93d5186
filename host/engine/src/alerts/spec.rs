//! A stage's `alerts` section, as written.
mod having;
mod window;

#[cfg(test)]
mod tests;

pub use having::Having;
pub(crate) use window::time_field;
pub use window::{DEFAULT_IDLE_AFTER, DEFAULT_MAX_AHEAD};

use std::collections::HashSet;
use std::time::Duration;

use campanile_sdk::Finding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::duration;

/// How many groups are kept open when the section does not say.
pub const DEFAULT_MAX_GROUPS: u64 = 1_000_000;

/// How many bytes open groups may occupy when the section does not say: 256 MiB.
pub const DEFAULT_MAX_GROUP_BYTES: u64 = 256 * 1024 * 1024;

/// How a stage's alerts are grouped and aggregated before they are published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertsSpec {
    /// Payload keys: alerts that agree in all of them form a group. Without it all alerts are one group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_by: Vec<String>,
    /// What is computed from each group. Without it a group is published once, with its keys alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregates: Vec<AggregateSpec>,
    /// How many groups are kept open; past it the oldest is closed early.
    #[serde(default = "default_max_groups", skip_serializing_if = "is_default_max_groups")]
    pub max_groups: u64,
    /// How many bytes open groups may occupy; past it the oldest is closed early.
    #[serde(default = "default_max_group_bytes", skip_serializing_if = "is_default_max_group_bytes")]
    pub max_group_bytes: u64,
    /// How long a window is, such as "10s": windows follow each other without a gap from 1970-01-01T00:00:00Z on, and each has
    /// groups of its own, which are published when it closes. Without it the groups are published when the run ends.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "duration::schema")]
    pub window: Option<Duration>,
    /// The field of the stage's input, or of a source's output, that tells when a record happened: a timestamp, a date, a long
    /// (milliseconds since 1970), or text that holds RFC 3339 or such milliseconds. Without it windows go by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_field: Option<String>,
    /// How long a window waits for records that come late, such as "5s". Without it, not at all.
    #[serde(default, with = "duration::option_or_zero", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "duration::schema_or_zero")]
    pub allowed_lateness: Option<Duration>,
    /// When a group of a window is published.
    #[serde(default, skip_serializing_if = "is_default_emit")]
    pub emit: Emit,
    /// How many alerts a group must have to be published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u64>,
    /// What must hold of a group's aggregates for it to be published: one condition, or a list of which all must hold. An
    /// aggregate that has no number meets none.
    #[serde(default, deserialize_with = "having::one_or_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "having::OneOrList")]
    pub having: Vec<Having>,
    /// How far ahead of the clock a record's time may be, such as "10m"; one further ahead becomes an error record. Without it
    /// one hour.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "duration::schema")]
    pub max_ahead: Option<Duration>,
    /// How long a split of the source may bring nothing before windows no longer wait for it, such as "30s". Without it ten
    /// seconds.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "duration::schema")]
    pub idle_after: Option<Duration>,
}

/// When a group of a window is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Emit {
    /// When the window closes.
    #[default]
    Close,
    /// At once, when the group first satisfies `minCount` and `having`, and again when the window closes if more alerts came.
    First,
}

/// One value computed from the alerts of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AggregateSpec {
    /// The key it has in the published payload.
    pub name: String,
    /// How it is computed.
    pub function: Function,
    /// The payload key it is computed from; only `count` can do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// How an aggregate is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    /// The mean of the numbers.
    Avg,
    /// The same as `avg`.
    Mean,
    /// The exact sum of the numbers, rounded once.
    Sum,
    /// How many alerts there are; with a field, how many carry a value in it.
    Count,
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
}

impl Default for AlertsSpec {
    fn default() -> AlertsSpec {
        AlertsSpec {
            group_by: Vec::new(),
            aggregates: Vec::new(),
            max_groups: DEFAULT_MAX_GROUPS,
            max_group_bytes: DEFAULT_MAX_GROUP_BYTES,
            window: None,
            time_field: None,
            allowed_lateness: None,
            emit: Emit::Close,
            min_count: None,
            having: Vec::new(),
            max_ahead: None,
            idle_after: None,
        }
    }
}

impl AlertsSpec {
    /// All that is wrong with the section that stands at `path`.
    pub fn check(&self, path: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.group_by.is_empty() && self.aggregates.is_empty() {
            findings.push(Finding::error(path, "neither groupBy nor aggregates is given").hint(
                "name the payload keys to group by, or aggregates, or leave the section out to publish each alert",
            ));
        }
        let keys = self.check_keys(path, &mut findings);
        self.check_aggregates(path, &keys, &mut findings);
        for (name, bound, default) in [
            ("maxGroups", self.max_groups, DEFAULT_MAX_GROUPS),
            ("maxGroupBytes", self.max_group_bytes, DEFAULT_MAX_GROUP_BYTES),
        ] {
            if bound == 0 {
                findings.push(
                    Finding::error(format!("{path}.{name}"), "zero leaves no room for a group")
                        .hint(format!("use 1 or more, or leave it out for {default}")),
                );
            }
        }
        self.check_window(path, &mut findings);
        if self.min_count == Some(0) {
            findings.push(
                Finding::error(format!("{path}.minCount"), "a group has at least one alert")
                    .hint("use 1 or more, or leave it out"),
            );
        }
        self.check_having(path, &mut findings);
        findings
    }

    fn check_keys(&self, path: &str, findings: &mut Vec<Finding>) -> HashSet<&str> {
        let mut keys = HashSet::new();
        for (index, key) in self.group_by.iter().enumerate() {
            let path = format!("{path}.groupBy[{index}]");
            if is_blank(key) {
                findings.push(Finding::error(path, "the key is empty").hint("name a key of the alerts' payload"));
            } else if !keys.insert(key.as_str()) {
                findings
                    .push(Finding::error(path, format!("the key `{key}` is given twice")).hint("remove one of them"));
            }
        }
        keys
    }

    fn check_aggregates(&self, path: &str, keys: &HashSet<&str>, findings: &mut Vec<Finding>) {
        let mut names = HashSet::new();
        for (index, AggregateSpec { name, function, field }) in self.aggregates.iter().enumerate() {
            let path = format!("{path}.aggregates[{index}]");
            let name_path = format!("{path}.name");
            if is_blank(name) {
                findings.push(
                    Finding::error(name_path, "the name is empty")
                        .hint("name the key it gets in the published payload"),
                );
            } else if keys.contains(name.as_str()) {
                findings.push(
                    Finding::error(name_path, format!("the name `{name}` is a groupBy key"))
                        .hint("choose another name: both would stand under it in the published payload"),
                );
            } else if !names.insert(name.as_str()) {
                findings.push(
                    Finding::error(name_path, format!("the name `{name}` is given twice")).hint("choose another name"),
                );
            }
            let field_path = format!("{path}.field");
            match field {
                None if *function != Function::Count => findings.push(
                    Finding::error(field_path, "only count can do without a field")
                        .hint("name the key of the alerts' payload to compute it from"),
                ),
                Some(field) if is_blank(field) => findings
                    .push(Finding::error(field_path, "the field is empty").hint("name a key of the alerts' payload")),
                _ => {}
            }
        }
    }
}

fn is_blank(name: &str) -> bool {
    name.trim().is_empty()
}

fn is_default_emit(emit: &Emit) -> bool {
    *emit == Emit::default()
}

fn default_max_groups() -> u64 {
    DEFAULT_MAX_GROUPS
}

fn is_default_max_groups(bound: &u64) -> bool {
    *bound == DEFAULT_MAX_GROUPS
}

fn default_max_group_bytes() -> u64 {
    DEFAULT_MAX_GROUP_BYTES
}

fn is_default_max_group_bytes(bound: &u64) -> bool {
    *bound == DEFAULT_MAX_GROUP_BYTES
}
