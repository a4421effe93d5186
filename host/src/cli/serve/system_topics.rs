//! The topics that are there without anybody asking: those that clients made for CDAP expect.

use super::log::{log, warn};
use campanile_messaging::{Error, Messaging, TopicId};

/// Their namespace.
const NAMESPACE: &str = "system";
/// Topics of which there is one.
const SINGLE: [&str; 9] = [
    "audit",
    "metadata",
    "dataevent",
    "metricsadmin",
    "timeevent",
    "programstatusevent",
    "programstatusrecordevent",
    "preview",
    "previewlog0",
];
/// Topics of which there are several, by a number behind their name.
const NUMBERED: [(&str, usize); 2] = [("metrics", 10), ("logs", 10)];

/// Makes them, and tries again where that does not work.
#[derive(Debug, Default)]
pub(super) struct SystemTopics {
    done: bool,
    told: bool,
}

impl SystemTopics {
    /// Makes those that are not there.
    pub(super) fn create(&mut self, messaging: &Messaging) {
        if self.done {
            return;
        }
        match create(messaging) {
            Ok(made) => {
                self.done = true;
                if made > 0 {
                    log(format_args!("made {made} topics in namespace `{NAMESPACE}`"));
                }
            }
            Err(error) if !self.told => {
                self.told = true;
                warn(format_args!("topics in namespace `{NAMESPACE}` cannot be made, it is tried again: {error}"));
            }
            Err(_) => {}
        }
    }
}

fn create(messaging: &Messaging) -> Result<usize, Error> {
    let there = messaging.topics(NAMESPACE)?;
    let mut made = 0;
    for name in names() {
        if there.iter().any(|topic| topic.id.name() == name) {
            continue;
        }
        match messaging.create_topic(&TopicId::new(NAMESPACE, &name)?, Some(campanile_messaging::DEFAULT_TTL_SECS)) {
            Ok(()) => made += 1,
            // Somebody else did, through the socket.
            Err(Error::TopicExists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

fn names() -> impl Iterator<Item = String> {
    let numbered = NUMBERED.iter().flat_map(|(name, count)| (0..*count).map(move |number| format!("{name}{number}")));
    SINGLE.iter().map(|name| (*name).to_owned()).chain(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_29() {
        let names: std::collections::BTreeSet<String> = names().collect();
        assert_eq!(names.len(), 29);
        assert!(names.contains("metrics9") && names.contains("logs0") && names.contains("previewlog0"));
    }
}
