#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::super::services::ServicesHandle;
use super::*;
use crate::context::Services;
use crate::shim::context::HostContext;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Answers fetches from a list, and notes where each began; the last answer stops the run.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<Result<Fetched, MessagingError>>>,
    starts: Mutex<Vec<Start>>,
    stopped: Arc<AtomicBool>,
}

impl Messaging for Script {
    fn publish(&self, _: &str, _: &str, _: &[&[u8]], _: Option<(&str, u64)>) -> Result<Published, MessagingError> {
        panic!("out of ideas")
    }

    fn fetch(&self, _: &str, _: &str, fetch: &Fetch) -> Result<Fetched, MessagingError> {
        assert!(fetch.wait <= WAIT_SLICE);
        self.starts.lock().unwrap().push(fetch.start);
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.remove(0);
        self.stopped.store(answers.is_empty(), Ordering::SeqCst);
        answer
    }

    fn create_topic(&self, _: &str, _: &str, _: Option<u32>) -> Result<(), MessagingError> {
        Err(MessagingError::Failed("the disk is full".to_owned()))
    }

    fn update_topic(&self, _: &str, _: &str, _: Option<u32>) -> Result<(), MessagingError> {
        Err(MessagingError::BadMessage("no".to_owned()))
    }

    fn delete_topic(&self, _: &str, _: &str) -> Result<(), MessagingError> {
        Ok(())
    }

    fn topic(&self, namespace: &str, _: &str) -> Result<TopicInfo, MessagingError> {
        Ok(TopicInfo { name: namespace.to_owned(), ttl_secs: None, generation: 7 })
    }

    fn topics(&self, _: &str) -> Result<Vec<TopicInfo>, MessagingError> {
        Ok(Vec::new())
    }
}

struct Host {
    script: Arc<Script>,
}

impl HostServices for Host {
    fn text(&self, what: u32) -> &str {
        if what == text::NAMESPACE { "mine" } else { "" }
    }

    fn log_enabled(&self, _: u32) -> bool {
        false
    }

    fn log(&self, _: u32, _: &str, _: &str) {}

    fn count(&self, _: &str, _: u64) {}

    fn gauge(&self, _: &str, _: f64) {}

    fn now_ms(&self) -> i64 {
        0
    }

    fn cancelled(&self) -> bool {
        self.script.stopped.load(Ordering::SeqCst)
    }

    fn secret(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn messaging(&self) -> Option<Arc<dyn Messaging>> {
        Some(Arc::clone(&self.script) as Arc<dyn Messaging>)
    }
}

fn scripted(answers: Vec<Result<Fetched, MessagingError>>) -> (Arc<Script>, crate::Messaging) {
    let script = Arc::new(Script { answers: Mutex::new(answers), ..Script::default() });
    let context = ServicesHandle::new(Arc::new(Host { script: Arc::clone(&script) })).context();
    // SAFETY: services that were handed out stay for as long as the process.
    let host = unsafe { HostContext::new(&context) };
    (script, Services { host: Some(host) }.messaging().unwrap())
}

fn nothing(position: Option<MessageId>) -> Result<Fetched, MessagingError> {
    Ok(Fetched { position, ..Fetched::default() })
}

fn long(start: Start) -> Fetch {
    Fetch::from(start).wait(Duration::from_secs(3_600))
}

#[test]
fn a_wait_goes_on_behind_the_end_that_it_began_at() {
    let (end, id) = (MessageId::new(7, 0), MessageId::new(8, 0));
    let mut message = Fetched::default();
    message.push(id, b"late");
    let (script, messaging) = scripted(vec![nothing(Some(end)), nothing(Some(end)), Ok(message), nothing(None)]);
    let fetched = messaging.fetch("t", &long(Start::End)).unwrap();
    assert_eq!((fetched.len(), fetched.position()), (1, Some(id)));
    assert_eq!(*script.starts.lock().unwrap(), [Start::End, Start::After(end), Start::After(end)]);
}

#[test]
fn a_wait_ends_when_the_run_is_told_to_stop() {
    let (script, messaging) = scripted(vec![nothing(None), nothing(None)]);
    assert!(messaging.fetch("t", &long(Start::Oldest)).unwrap().is_empty());
    assert_eq!(script.starts.lock().unwrap().len(), 2);
}

#[test]
fn a_wait_ends_with_an_error_or_a_gap() {
    let (_, messaging) = scripted(vec![nothing(None), Err(MessagingError::NoTopic), nothing(None)]);
    assert_eq!(messaging.fetch("t", &long(Start::Oldest)).unwrap_err().kind(), ErrorKind::Config);
    let mut gap = Fetched::default();
    gap.set_gap(true);
    let (_, messaging) = scripted(vec![Ok(gap), nothing(None)]);
    assert!(messaging.fetch("t", &long(Start::At(MessageId::default()))).unwrap().gap());
}

#[test]
fn who_wants_no_message_does_not_wait() {
    let (_, messaging) = scripted(vec![nothing(Some(MessageId::default())), nothing(None)]);
    assert!(messaging.fetch("t", &long(Start::End).limit(0)).unwrap().position().is_some());
}

#[test]
fn failures_of_the_service_and_panics_of_the_host_are_told() {
    let (_, messaging) = scripted(Vec::new());
    let error = messaging.create_topic("t", None).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Fatal, "the disk is full"));
    assert_eq!(messaging.update_topic("t", None).unwrap_err().kind(), ErrorKind::Record);
    let error = messaging.publish("t", &["x"]).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Fatal, "messaging failed; this is a fault of campanile"));
    assert!(error.to_string().contains("out of ideas"), "{error}");
}

#[test]
fn an_empty_namespace_is_the_pipelines() {
    let (_, messaging) = scripted(Vec::new());
    let of = |topic: crate::TopicName<'_>| messaging.topic(topic).unwrap().unwrap();
    assert_eq!(of("t".into()), TopicInfo { name: "mine".to_owned(), ttl_secs: None, generation: 7 });
    assert_eq!(of(crate::TopicName::of("other", "t")).name, "other");
}
