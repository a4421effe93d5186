//! Plugins that are linked into the host: whoever embeds the engine needs no library for them.

use campanile_sdk::__private::{
    AlertPublisherStage, ErrorTransformStage, Exported, SinkStage, SourceStage, SplitterStage, TransformStage,
};
use campanile_sdk::proxy::Plugin;
use campanile_sdk::{AlertPublisher, ErrorTransform, PluginManifest, Sink, Source, Splitter, Transform};
use serde_json::Value;

/// A plugin that is linked into the host, and the name that pipelines use. What a library's manifest would say of it is said
/// here; without a schema any property is let through to the plugin.
#[derive(Clone, Debug)]
pub struct LinkedPlugin {
    pub(super) manifest: PluginManifest,
    pub(super) plugin: Option<Plugin>,
}

impl LinkedPlugin {
    fn new<E: Exported>(name: &str) -> LinkedPlugin {
        let manifest = PluginManifest {
            kind: E::KIND,
            name: name.to_owned(),
            widget: Value::Null,
            schema: Value::Null,
            readme: String::new(),
        };
        LinkedPlugin { manifest, plugin: Plugin::linked::<E>() }
    }

    /// A source.
    pub fn source<P: Source>(name: &str) -> LinkedPlugin {
        LinkedPlugin::new::<SourceStage<P>>(name)
    }

    /// A transform.
    pub fn transform<P: Transform>(name: &str) -> LinkedPlugin {
        LinkedPlugin::new::<TransformStage<P>>(name)
    }

    /// A splitter.
    pub fn splitter<P: Splitter>(name: &str) -> LinkedPlugin {
        LinkedPlugin::new::<SplitterStage<P>>(name)
    }

    /// An error transform.
    pub fn error_transform<P: ErrorTransform>(name: &str) -> LinkedPlugin {
        LinkedPlugin::new::<ErrorTransformStage<P>>(name)
    }

    /// A sink.
    pub fn sink<P: Sink>(name: &str) -> LinkedPlugin {
        LinkedPlugin::new::<SinkStage<P>>(name)
    }

    /// An alert publisher.
    pub fn alert_publisher<P: AlertPublisher>(name: &str) -> LinkedPlugin {
        LinkedPlugin::new::<AlertPublisherStage<P>>(name)
    }

    /// With the JSON Schema of its properties: a pipeline's are held against it.
    #[must_use]
    pub fn with_schema(mut self, schema: Value) -> LinkedPlugin {
        self.manifest.schema = schema;
        self
    }

    /// With its widget, which says how it is shown and what it can emit.
    #[must_use]
    pub fn with_widget(mut self, widget: Value) -> LinkedPlugin {
        self.manifest.widget = widget;
        self
    }
}
