//! The headers of a message: what a consumer wants to know without reading the value.

use campanile_sdk::{Alert, AlertFormat};
use rdkafka::message::{Header, OwnedHeaders};

/// How many there are.
const HEADERS: usize = 6;

/// The headers of an alert's message.
pub(crate) fn of(alert: &Alert<'_>, format: AlertFormat) -> OwnedHeaders {
    let content_type = match format {
        AlertFormat::Envelope | AlertFormat::Cdap => "application/json",
        AlertFormat::CloudEvents => "application/cloudevents+json; charset=UTF-8",
    };
    let headers = [
        ("content-type", content_type),
        ("id", alert.id()),
        ("namespace", alert.namespace()),
        ("pipelineName", alert.pipeline_name()),
        ("stageName", alert.stage_name()),
        ("runId", alert.run_id()),
    ];
    let empty = OwnedHeaders::new_with_capacity(HEADERS);
    headers.into_iter().fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}
