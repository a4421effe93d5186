//! The topic that a stage reads from or publishes to.

use crate::page::Page;
use campanile_sdk::{Configure, Error, ErrorKind, Finding, Messaging, Result, StageContext, TopicName};
use std::ops::Range;

/// The longest name of a topic or a namespace, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// Bytes of messages that are published in one request: services take 10 MB and more.
const REQUEST_BYTES: usize = 8 << 20;
/// The namespace that programs do not publish to.
const SYSTEM_NAMESPACE: &str = "system";

/// What properties say of a topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) topic: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) auto_create: bool,
}

impl<'a> Named<'a> {
    /// An empty namespace is none: forms write it so.
    pub(crate) fn new(topic: &'a str, namespace: Option<&'a str>, auto_create: bool) -> Named<'a> {
        Named { topic, namespace: namespace.filter(|namespace| !namespace.is_empty()), auto_create }
    }

    /// Says what is wrong with the names.
    pub(crate) fn check(&self, stage: &mut Configure<'_>) {
        if self.topic.is_empty() {
            stage.find(Finding::error("topic", "it is empty").hint("name a topic, such as `alerts`"));
        } else if !is_name(self.topic, b"_-") {
            let finding = Finding::error("topic", format!("`{}` is no name of a topic", self.topic));
            stage.find(finding.hint("a name has letters, digits, `_` and `-`, 255 at most"));
        }
        if let Some(namespace) = self.namespace.filter(|namespace| !is_name(namespace, b"_")) {
            let finding = Finding::error("namespace", format!("`{namespace}` is no name of a namespace"));
            stage.find(finding.hint("a name has letters, digits and `_`, 255 at most"));
        }
    }

    /// Says what is wrong for a stage that publishes.
    pub(crate) fn check_to_publish(&self, stage: &mut Configure<'_>) {
        self.check(stage);
        if self.namespace == Some(SYSTEM_NAMESPACE) {
            let finding = Finding::error("namespace", "Publish to 'system' namespace is not allowed");
            stage.find(finding.hint("name another namespace, or leave it out for the pipeline's"));
        }
        if self.auto_create && self.namespace.is_some() {
            let finding = Finding::error("autoCreateTopic", "Cannot auto-create topic when namespace is set.");
            stage.find(finding.hint("create the topic there before, or leave `namespace` out"));
        }
    }

    /// The topic, which is there now; created where it may be.
    pub(crate) fn open(&self, stage: &StageContext<'_>) -> Result<Topic> {
        let messaging = stage.services().messaging()?;
        let namespace = self.namespace.map_or_else(|| stage.namespace(), str::to_owned);
        let topic = Topic { messaging, namespace, name: self.topic.to_owned() };
        let there = messaging.topic(topic.name()).map_err(|error| error.context(format!("cannot look for {topic}")))?;
        if there.is_some() {
            return Ok(topic);
        }
        if !self.auto_create {
            let hint = match self.namespace {
                None => {
                    "create it first, with `campanile topics create`, or set `autoCreateTopic` where the stage has it"
                }
                Some(_) => "create it there first, with `campanile topics create`",
            };
            return Err(Error::config(format!("there is no {topic}: {hint}")));
        }
        // That somebody else creates it at the same time is fine.
        messaging.create_topic(self.topic, None).map_err(|error| error.context(format!("cannot create {topic}")))?;
        Ok(topic)
    }
}

fn is_name(name: &str, marks: &[u8]) -> bool {
    name.len() <= MAX_NAME_BYTES
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

/// Who publishes, and the number of the first message among those of this producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbered<'a> {
    pub(crate) producer: &'a str,
    pub(crate) sequence: u64,
}

impl Numbered<'_> {
    /// So many messages later.
    fn behind(self, messages: usize) -> Self {
        Numbered { sequence: self.sequence.saturating_add(messages as u64), ..self }
    }
}

/// A topic that was found at the start.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) messaging: Messaging,
    namespace: String,
    name: String,
}

impl Topic {
    pub(crate) fn name(&self) -> TopicName<'_> {
        TopicName::of(&self.namespace, &self.name)
    }

    /// Publishes the messages of a page from the one at `first` on, in order, and tells of each, in order, that it is there
    /// or why it never can be. An error says why the others could not be published now.
    pub(crate) fn publish(&self, page: &Page, first: usize, told: &mut dyn FnMut(usize, Option<String>)) -> Result<()> {
        let messages: Vec<&[u8]> = page.messages(first).collect();
        self.publish_messages(&messages, first, None, told)
    }

    /// As [`Topic::publish`], each message once: these are the ones at `range`, and the first of them is the producer's
    /// message of that number, the next one of the next.
    pub(crate) fn publish_once(
        &self,
        page: &Page,
        range: Range<usize>,
        producer: Numbered<'_>,
        told: &mut dyn FnMut(usize, Option<String>),
    ) -> Result<()> {
        let messages: Vec<&[u8]> = page.messages(range.start).take(range.len()).collect();
        self.publish_messages(&messages, range.start, Some(producer), told)
    }

    fn publish_messages(
        &self,
        messages: &[&[u8]],
        first: usize,
        producer: Option<Numbered<'_>>,
        told: &mut dyn FnMut(usize, Option<String>),
    ) -> Result<()> {
        let mut begin = 0;
        while begin < messages.len() {
            let mut bytes = 0;
            let fits = messages[begin..].iter().take_while(|message| {
                bytes += message.len();
                bytes <= REQUEST_BYTES
            });
            let end = begin + fits.count().max(1);
            let producer = producer.map(|producer| producer.behind(begin));
            self.publish_request(&messages[begin..end], first + begin, producer, told)?;
            begin = end;
        }
        Ok(())
    }

    /// A request is refused as a whole: halves of it tell which message is to blame.
    fn publish_request(
        &self,
        messages: &[&[u8]],
        first: usize,
        producer: Option<Numbered<'_>>,
        told: &mut dyn FnMut(usize, Option<String>),
    ) -> Result<()> {
        let published = match producer {
            None => self.messaging.publish(self.name(), messages),
            Some(Numbered { producer, sequence }) => {
                self.messaging.publish_from(self.name(), producer, sequence, messages)
            }
        };
        match published {
            Ok(_) => (0..messages.len()).for_each(|number| told(first + number, None)),
            Err(error) if error.kind() != ErrorKind::Record => {
                return Err(error.context(format!("cannot publish to {self}")));
            }
            Err(error) if messages.len() == 1 => {
                told(first, Some(format!("{self} does not take it: {error}")));
                if producer.is_some() {
                    // Until the host has noted that this one is refused no later number may be there: after a crash it would
                    // be taken for one that was published before.
                    return Err(Error::retry("the alerts behind a refused one come next"));
                }
            }
            Err(_) => {
                let (before, behind) = messages.split_at(messages.len() / 2);
                self.publish_request(before, first, producer, told)?;
                let producer = producer.map(|producer| producer.behind(before.len()));
                self.publish_request(behind, first + before.len(), producer, told)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "topic `{}`", self.name())
    }
}
