use serde::{Deserialize, Serialize};

/// What a plugin does in a pipeline. The text form is what pipeline files and manifests say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Reads records from outside; has no inputs.
    Source,
    /// Turns records into records.
    Transform,
    /// Sends each record to one of several named ports.
    Splitter,
    /// Turns error records into records.
    ErrorTransform,
    /// Writes records to the outside; has no outputs.
    Sink,
    /// Hands alerts to the outside; has no outputs.
    AlertPublisher,
}

impl Kind {
    /// Every kind, in the order in which a pipeline reads.
    pub const ALL: [Kind; 6] =
        [Kind::Source, Kind::Transform, Kind::Splitter, Kind::ErrorTransform, Kind::Sink, Kind::AlertPublisher];

    /// The word for this kind in pipeline files: `source`, `transform`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Source => "source",
            Kind::Transform => "transform",
            Kind::Splitter => "splitter",
            Kind::ErrorTransform => "errortransform",
            Kind::Sink => "sink",
            Kind::AlertPublisher => "alertpublisher",
        }
    }

    /// The kind with this word, if there is one.
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether stages of this kind end a pipeline: they take records or alerts and hand nothing on.
    pub const fn is_end(self) -> bool {
        matches!(self, Kind::Sink | Kind::AlertPublisher)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
