/// The logs of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The outbox: alerts on their way to publishers.
    Alerts,
    /// Alerts that a publisher rejected, or that nobody publishes any more.
    Aside,
    /// Error records that no stage took.
    Errors,
}

impl Topic {
    /// All of them.
    pub const ALL: [Topic; 3] = [Topic::Alerts, Topic::Aside, Topic::Errors];

    /// The name of the topic that the messages are kept in.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Alerts => "alerts",
            Topic::Aside => "alerts-aside",
            Topic::Errors => "errors",
        }
    }
}
