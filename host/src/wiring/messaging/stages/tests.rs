#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use std::time::Duration;

fn messaging() -> (tempfile::TempDir, StageMessaging) {
    let folder = tempfile::tempdir().unwrap();
    let messaging = StageMessaging::new(Backing::Folder(folder.path().join("messaging")));
    (folder, messaging)
}

fn texts(fetched: &Fetched) -> Vec<String> {
    fetched.messages().map(|message| String::from_utf8_lossy(message.payload).into_owned()).collect()
}

#[test]
fn nothing_is_opened_before_a_stage_uses_it() {
    let (folder, messaging) = messaging();
    let opener = messaging.opener();
    assert!(!folder.path().join("messaging").exists());
    opener().unwrap().create_topic("default", "alerts", None).unwrap();
    assert!(folder.path().join("messaging").exists());
}

#[test]
fn what_is_published_is_fetched_in_order_and_in_pieces() {
    let (_folder, messaging) = messaging();
    messaging.create_topic("default", "alerts", Some(60)).unwrap();
    assert_eq!(messaging.create_topic("default", "alerts", None), Err(MessagingError::TopicExists));
    let published = messaging.publish("default", "alerts", &[b"a", b"bb", b"ccc"], None).unwrap();
    let all = messaging.fetch("default", "alerts", &Fetch::from(Start::Oldest)).unwrap();
    assert_eq!(texts(&all), ["a", "bb", "ccc"]);
    assert_eq!((all.position(), all.gap()), (published.ids.map(|ids| ids.1), false));
    let piece = messaging.fetch("default", "alerts", &Fetch::from(Start::Oldest).max_bytes(3)).unwrap();
    assert_eq!(texts(&piece), ["a", "bb"]);
    let rest = messaging.fetch("default", "alerts", &Fetch::from(piece.next(Start::Oldest))).unwrap();
    assert_eq!(texts(&rest), ["ccc"]);
    let topic = messaging.topic("default", "alerts").unwrap();
    assert_eq!((topic.ttl_secs, topic.generation), (Some(60), 1));
    assert_eq!(messaging.topics("default").unwrap(), [topic]);
}

#[test]
fn the_end_is_behind_all_that_is_there() {
    let (folder, first) = messaging();
    // One owns the folder, the other asks it.
    let second = StageMessaging::new(Backing::Folder(folder.path().join("messaging")));
    let end = |messaging: &StageMessaging| messaging.fetch("default", "alerts", &Fetch::from(Start::End).limit(0));
    assert_eq!((end(&first), end(&second)), (Err(MessagingError::NoTopic), Err(MessagingError::NoTopic)));
    first.create_topic("default", "alerts", None).unwrap();
    for number in 0..20 {
        for messaging in [&first, &second] {
            let before = end(messaging).unwrap().position().unwrap();
            let published = first.publish("default", "alerts", &[format!("{number}").as_bytes(); 7], None).unwrap();
            let behind = messaging.fetch("default", "alerts", &Fetch::from(Start::After(before))).unwrap();
            assert_eq!((behind.len(), behind.position()), (7, published.ids.map(|ids| ids.1)));
            let now = end(messaging).unwrap();
            assert!(now.is_empty() && now.position() >= behind.position());
        }
    }
    let nothing = second.fetch("default", "alerts", &Fetch::from(Start::End).wait(Duration::from_millis(1))).unwrap();
    assert!(nothing.is_empty() && !nothing.gap() && nothing.position().is_some());
}

#[test]
fn a_producer_publishes_once() {
    let (_folder, messaging) = messaging();
    messaging.create_topic("default", "alerts", None).unwrap();
    let publish = || messaging.publish("default", "alerts", &[b"once"], Some(("run-1", 7))).unwrap().repeated;
    assert_eq!((publish(), publish()), (false, true));
    let name = "x".repeat(MAX_CURSOR_NAME_BYTES + 1);
    let refused = messaging.publish("default", "alerts", &[b"x"], Some((&name, 1)));
    assert!(matches!(refused, Err(MessagingError::Refused(_))), "{refused:?}");
}

#[test]
fn names_and_empty_requests_are_refused() {
    let (_folder, messaging) = messaging();
    for (namespace, topic) in [("default", "a/b"), ("a-b", "alerts"), ("default", "")] {
        let refused = messaging.publish(namespace, topic, &[b"x"], None);
        assert!(matches!(refused, Err(MessagingError::Refused(_))), "{refused:?}");
    }
    assert!(matches!(messaging.publish("default", "alerts", &[], None), Err(MessagingError::Refused(_))));
    assert_eq!(messaging.publish("default", "alerts", &[b"x"], None), Err(MessagingError::NoTopic));
}

#[test]
fn a_run_that_has_ended_gives_its_folder_up() {
    let (folder, first) = messaging();
    let second = StageMessaging::new(Backing::Folder(folder.path().join("messaging")));
    first.create_topic("default", "alerts", None).unwrap();
    // Through the first one's socket.
    second.publish("default", "alerts", &[b"asked"], None).unwrap();
    assert!(!second.opened().unwrap().owns_folder());
    first.close();
    assert_eq!(first.topic("default", "alerts"), Err(MessagingError::Failed("the run has ended".to_owned())));
    // By itself.
    second.publish("default", "alerts", &[b"owned"], None).unwrap();
    assert!(second.opened().unwrap().owns_folder());
    let all = second.fetch("default", "alerts", &Fetch::from(Start::Oldest)).unwrap();
    assert_eq!(texts(&all), ["asked", "owned"]);
}
