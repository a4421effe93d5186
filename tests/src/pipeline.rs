//! A pipeline in the making.

use serde_json::{Map, Value, json};

/// A pipeline in the making: stages in their order, connections, and whatever else its file may say.
#[derive(Clone, Debug)]
pub struct Pipeline {
    members: Map<String, Value>,
    stages: Vec<Value>,
    connections: Vec<Value>,
}

impl Default for Pipeline {
    fn default() -> Pipeline {
        Pipeline::new("test")
    }
}

impl Pipeline {
    /// A pipeline of this name without stages.
    pub fn new(name: &str) -> Pipeline {
        let mut members = Map::new();
        members.insert("name".to_owned(), name.into());
        Pipeline { members, stages: Vec::new(), connections: Vec::new() }
    }

    /// Adds a stage: its name, then kind and plugin as `"transform Threshold"`, and the plugin's properties.
    #[must_use]
    pub fn stage(mut self, name: &str, plugin: &str, properties: Value) -> Pipeline {
        let (kind, plugin) = plugin.split_once(' ').expect("a kind and a plugin");
        let plugin = json!({ "name": plugin, "type": kind, "properties": properties });
        self.stages.push(json!({ "name": name, "plugin": plugin }));
        self
    }

    /// Says something more of the last stage, beside its plugin: `alerts`, `onFailure`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Pipeline {
        self.stages.last_mut().expect("a stage")[key] = value.into();
        self
    }

    /// Says something more of the last stage's plugin: `path`, `sha256`.
    #[must_use]
    pub fn with_plugin(mut self, key: &str, value: impl Into<Value>) -> Pipeline {
        self.stages.last_mut().expect("a stage")["plugin"][key] = value.into();
        self
    }

    /// Says something of the pipeline itself: `parallelism`, `deadLetters`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Pipeline {
        self.members.insert(key.to_owned(), value.into());
        self
    }

    /// Joins stages: `"a > b > c"`.
    #[must_use]
    pub fn join(mut self, stages: &str) -> Pipeline {
        let names: Vec<&str> = stages.split('>').map(str::trim).collect();
        self.connections.extend(names.windows(2).map(|pair| json!({ "from": pair[0], "to": pair[1] })));
        self
    }

    /// Joins a port of a splitter with a stage.
    #[must_use]
    pub fn join_port(mut self, from: &str, port: &str, to: &str) -> Pipeline {
        self.connections.push(json!({ "from": from, "port": port, "to": to }));
        self
    }

    /// The pipeline's file.
    pub fn json(&self) -> String {
        let mut pipeline = self.members.clone();
        pipeline.insert("stages".to_owned(), self.stages.clone().into());
        pipeline.insert("connections".to_owned(), self.connections.clone().into());
        serde_json::to_string_pretty(&pipeline).expect("text keys")
    }
}
