#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

fn lazy(host: &Arc<InMemoryMessaging>, dry: bool) -> (LazyMessaging, Arc<AtomicU32>) {
    let (host, asked) = (Arc::clone(host), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&asked);
    let open: OpenMessaging = Arc::new(move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Err(MessagingError::Unreachable("not yet".to_owned())),
        _ => Ok(Arc::clone(&host) as Arc<dyn Messaging>),
    });
    (LazyMessaging::new(open, dry), asked)
}

#[test]
fn it_is_opened_by_the_first_call_and_again_after_a_failure() {
    let host = Arc::new(InMemoryMessaging::default());
    let (messaging, asked) = lazy(&host, false);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let failed = messaging.create_topic("default", "t", None);
    assert_eq!(failed, Err(MessagingError::Unreachable("not yet".to_owned())));
    messaging.create_topic("default", "t", None).unwrap();
    messaging.publish("default", "t", &[b"a"], None).unwrap();
    assert_eq!(host.texts("default", "t"), ["a"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_dry_run_reads_and_changes_nothing() {
    let host = Arc::new(InMemoryMessaging::default());
    host.create_topic("default", "t", None).unwrap();
    host.publish("default", "t", &[b"a"], None).unwrap();
    let (messaging, _) = lazy(&host, true);
    messaging.topics("default").unwrap_err();
    assert_eq!(messaging.publish("default", "t", &[b"b"], None), Ok(Published::default()));
    assert_eq!(messaging.publish("default", "none", &[b"b"], None), Err(MessagingError::NoTopic));
    messaging.create_topic("default", "new", None).unwrap();
    messaging.delete_topic("default", "t").unwrap();
    assert_eq!(messaging.topics("default").unwrap().len(), 1);
    assert_eq!(messaging.fetch("default", "t", &Fetch::from(Start::Oldest)).unwrap().len(), 1);
}
