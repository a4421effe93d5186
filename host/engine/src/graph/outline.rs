//! As much of a pipeline as its shape depends on, of which a broken file may lack parts.

use crate::spec::PipelineSpec;
use campanile_sdk::Kind;
use serde_json::Value;

/// The stages and connections at their positions in the file.
pub(super) struct Outline<'a> {
    pub(super) within: &'static str,
    pub(super) stages: Vec<Stage<'a>>,
    pub(super) connections: Vec<Ends<'a>>,
    /// Whether `stages` is a list at all; else nothing can be said about what it holds.
    pub(super) listed: bool,
}

/// A stage; what is unknown is wrong in a way that has been told.
pub(super) struct Stage<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) kind: Option<Kind>,
    pub(super) has_alerts: bool,
    /// The members it has that are for alert publishers only.
    pub(super) of_publisher: Vec<&'static str>,
}

/// What only an alert publisher understands.
const OF_PUBLISHER: [&str; 4] = ["onFailure", "maxAlertsPerSecond", "batchSize", "linger"];

/// A connection as written.
pub(super) struct Ends<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) port: Option<&'a str>,
}

impl<'a> Outline<'a> {
    pub(super) fn of_spec(spec: &'a PipelineSpec) -> Outline<'a> {
        let stages = spec.stages.iter().map(|stage| Stage {
            name: Some(&stage.name),
            kind: Some(stage.plugin.kind),
            has_alerts: stage.alerts.is_some(),
            of_publisher: OF_PUBLISHER
                .into_iter()
                .zip([
                    stage.on_failure.is_some(),
                    stage.max_alerts_per_second.is_some(),
                    stage.batch_size.is_some(),
                    stage.linger.is_some(),
                ])
                .filter_map(|(member, there)| there.then_some(member))
                .collect(),
        });
        let connections = spec.connections.iter().map(|connection| Ends {
            from: Some(&connection.from),
            to: Some(&connection.to),
            port: connection.port.as_deref(),
        });
        Outline { within: spec.within, stages: stages.collect(), connections: connections.collect(), listed: true }
    }

    /// The outline of a file that is no pipeline yet.
    pub(super) fn of_value(pipeline: &'a Value) -> Outline<'a> {
        let list = |key: &str| pipeline.get(key).and_then(Value::as_array);
        let has = |value: &Value, key: &str| value.get(key).is_some_and(|value| !value.is_null());
        let stages = list("stages").into_iter().flatten().map(|stage| Stage {
            name: text(stage, "name"),
            kind: stage.get("plugin").and_then(|plugin| text(plugin, "type")).and_then(Kind::parse),
            has_alerts: has(stage, "alerts"),
            of_publisher: OF_PUBLISHER.into_iter().filter(|member| has(stage, member)).collect(),
        });
        let connections = list("connections").into_iter().flatten().map(|connection| Ends {
            from: text(connection, "from"),
            to: text(connection, "to"),
            port: text(connection, "port"),
        });
        Outline {
            // Whoever reads the file puts what stands before it.
            within: "",
            stages: stages.collect(),
            connections: connections.collect(),
            // Where `connections` is missing or no list, every stage would seem to hang in the air.
            listed: list("stages").is_some() && list("connections").is_some(),
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}
