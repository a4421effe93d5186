//! The windows that a section asks for.
use std::time::Duration;

use campanile_sdk::{DataType, Finding, Schema};

use super::{AlertsSpec, Emit};
use crate::spec::did_you_mean;

/// How far ahead of the clock a record's time may be when the section does not say.
pub const DEFAULT_MAX_AHEAD: Duration = Duration::from_secs(60 * 60);

/// How long windows wait for a split that brings nothing when the section does not say.
pub const DEFAULT_IDLE_AFTER: Duration = Duration::from_secs(10);

impl AlertsSpec {
    /// How long a window is, in milliseconds.
    pub fn window_ms(&self) -> Option<i64> {
        self.window.map(|window| millis(window).max(1))
    }

    /// When the window begins that holds a time, both in milliseconds since 1970. None when there are no windows.
    pub fn window_start(&self, time_ms: i64) -> Option<i64> {
        let length = self.window_ms()?;
        Some(time_ms.saturating_sub(time_ms.rem_euclid(length)))
    }

    /// How long a window waits for late records, in milliseconds.
    pub fn allowed_lateness_ms(&self) -> i64 {
        millis(self.allowed_lateness.unwrap_or_default())
    }

    /// How far ahead of the clock a record's time may be, in milliseconds.
    pub fn max_ahead_ms(&self) -> i64 {
        millis(self.max_ahead.unwrap_or(DEFAULT_MAX_AHEAD))
    }

    /// How long windows wait for a split that brings nothing.
    pub fn idle_after(&self) -> Duration {
        self.idle_after.unwrap_or(DEFAULT_IDLE_AFTER)
    }

    /// Whether groups that were open under the other section can be gone on with under this one.
    pub fn groups_alike(&self, other: &AlertsSpec) -> bool {
        self.group_by == other.group_by
            && self.aggregates == other.aggregates
            && self.window == other.window
            && self.time_field == other.time_field
    }

    pub(super) fn check_window(&self, path: &str, findings: &mut Vec<Finding>) {
        if self.time_field.as_deref().is_some_and(super::is_blank) {
            findings.push(
                Finding::error(format!("{path}.timeField"), "the field is empty")
                    .hint("name a field of the stage's input, or leave it out to go by the clock"),
            );
        }
        let of_windows = [("timeField", self.time_field.is_some()), ("emit", self.emit == Emit::First)];
        let of_event_time = [
            ("allowedLateness", self.allowed_lateness.is_some()),
            ("maxAhead", self.max_ahead.is_some()),
            ("idleAfter", self.idle_after.is_some()),
        ];
        for (name, given) in of_windows.into_iter().chain(of_event_time) {
            if given && self.window.is_none() {
                let message = format!("{name} has no meaning without a window");
                findings.push(
                    Finding::error(format!("{path}.{name}"), message)
                        .hint("add a window such as \"10s\", or leave it out"),
                );
            }
        }
        for (name, given) in of_event_time {
            if given && self.window.is_some() && self.time_field.is_none() {
                let message = format!("{name} does nothing for windows that go by the clock");
                findings.push(
                    Finding::warning(format!("{path}.{name}"), message)
                        .hint("name the field that tells when a record happened (timeField), or leave it out"),
                );
            }
        }
    }
}

/// Where the field that tells the time is among those of a schema; else what is wrong with it, and a hint.
pub(crate) fn time_field(schema: &Schema, name: &str) -> Result<usize, (String, Option<String>)> {
    let Some(index) = schema.fields.iter().position(|field| field.name == name) else {
        let names = schema.fields.iter().map(|field| field.name.as_str());
        return Err((format!("there is no field `{name}`"), did_you_mean(name, names, "fields")));
    };
    match &schema.fields[index].data_type {
        DataType::Timestamp | DataType::Date | DataType::Long | DataType::String => Ok(index),
        other => Err((
            format!("`{name}` is of type {other}, which tells no time"),
            Some("it can be a timestamp, a date, a long or a string".to_owned()),
        )),
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
