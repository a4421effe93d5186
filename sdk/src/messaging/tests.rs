#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use crate::ErrorKind;
use crate::proxy::Messaging as _;
use crate::sink::Sink;
use crate::testing::{self, InMemoryMessaging};
use crate::{Record, StageContext};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Instant;

type Try = fn(&super::Messaging) -> Result<()>;

/// What the next [`Caller`] of this thread does with its messaging.
static TURN: Mutex<()> = Mutex::new(());
static CALL: Mutex<Option<Try>> = Mutex::new(None);

/// A plugin that calls what a test asks for when it opens.
#[derive(serde::Deserialize)]
struct Caller {}

impl Sink for Caller {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let call = CALL.lock().unwrap().take().unwrap();
        call(&stage.services().messaging()?)
    }

    fn write(&mut self, _: &Record<'_>) -> Result<()> {
        Ok(())
    }
}

/// Calls through the boundary, as a plugin does.
fn call(messaging: Option<&Arc<InMemoryMessaging>>, code: Try) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *CALL.lock().unwrap() = Some(code);
    let harness = testing::sink::<Caller>(json!({}));
    let harness = match messaging {
        Some(messaging) => harness.messaging(messaging),
        None => harness,
    };
    harness.run([]).map(|_| ())
}

fn host() -> Arc<InMemoryMessaging> {
    let host = Arc::new(InMemoryMessaging::default());
    host.create_topic("default", "t", None).unwrap();
    host
}

#[test]
fn a_host_without_messaging_says_so() {
    let error = call(None, |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.message(),
        "this host has no messaging: run the pipeline with a newer `campanile`, or give the run one"
    );
}

#[test]
fn messages_come_back_in_order_with_their_ids() {
    let host = host();
    call(Some(&host), |messaging| {
        let published = messaging.publish("t", &["a", "", "c"])?;
        let fetched = messaging.fetch("t", &Fetch::from(Start::Oldest))?;
        let got: Vec<(MessageId, &[u8])> = fetched.messages().map(|message| (message.id, message.payload)).collect();
        assert_eq!(got.iter().map(|(_, payload)| *payload).collect::<Vec<_>>(), [&b"a"[..], b"", b"c"]);
        assert_eq!(published.ids, Some((got[0].0, got[2].0)));
        assert!(got.is_sorted() && !published.repeated);
        assert_eq!((fetched.len(), fetched.payload_bytes(), fetched.gap()), (3, 2, false));
        assert_eq!(fetched.position(), Some(got[2].0));

        let texts = |fetch: &Fetch| -> Result<Vec<String>> {
            let fetched = messaging.fetch(TopicName::of("default", "t"), fetch)?;
            Ok(fetched.messages().map(|message| String::from_utf8_lossy(message.payload).into_owned()).collect())
        };
        assert_eq!(texts(&Fetch::from(Start::After(got[0].0)))?, ["", "c"]);
        assert_eq!(texts(&Fetch::from(Start::At(got[1].0)))?, ["", "c"]);
        assert_eq!(texts(&Fetch::from(Start::Time(got[0].0.timestamp_ms())))?, ["a", "", "c"]);
        assert_eq!(texts(&Fetch::from(Start::Time(got[2].0.timestamp_ms() + 1)))?, [""; 0]);
        assert_eq!(texts(&Fetch::from(Start::Oldest).limit(1))?, ["a"]);
        assert_eq!(texts(&Fetch::from(Start::Oldest).max_bytes(1))?, ["a"]);
        assert_eq!(texts(&Fetch::from(Start::End))?, [""; 0]);
        Ok(())
    })
    .unwrap();
}

#[test]
fn the_end_is_where_later_messages_come() {
    let host = host();
    call(Some(&host), |messaging| {
        let mut start = Start::End;
        for text in ["a", "b"] {
            start = messaging.fetch("t", &Fetch::from(start))?.next(start);
            assert!(matches!(start, Start::After(_)));
            messaging.publish("t", &[text])?;
            let fetched = messaging.fetch("t", &Fetch::from(start))?;
            assert_eq!(fetched.messages().map(|message| message.payload).collect::<Vec<_>>(), [text.as_bytes()]);
            start = fetched.next(start);
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_producer_publishes_a_sequence_once() {
    let host = host();
    call(Some(&host), |messaging| {
        assert!(!messaging.publish_from("t", "outbox", 7, &["seven"])?.repeated);
        assert!(messaging.publish_from("t", "outbox", 7, &["seven"])?.repeated);
        assert!(messaging.publish_from("t", "outbox", 6, &["six"])?.repeated);
        assert!(!messaging.publish_from("t", "other", 7, &["other's"])?.repeated);
        assert!(!messaging.publish_from("t", "outbox", 8, &["eight"])?.repeated);
        assert_eq!(messaging.publish_from("t", "", 1, &["x"]).unwrap_err().kind(), ErrorKind::Fatal);
        Ok(())
    })
    .unwrap();
    assert_eq!(host.texts("default", "t"), ["seven", "other's", "eight"]);
}

#[test]
fn what_a_producer_has_published_is_left_out_of_what_it_says_again() {
    let text = |numbers: std::ops::Range<u64>| numbers.map(|number| number.to_string()).collect::<Vec<_>>();
    let publish = |host: &InMemoryMessaging, sequence: u64, texts: &[String]| {
        let messages: Vec<_> = texts.iter().map(String::as_bytes).collect();
        host.publish("default", "t", &messages, Some(("outbox", sequence)))
    };
    for begin in 0..8 {
        for end in begin + 1..14 {
            let host = host();
            assert!(!publish(&host, 3, &text(3..8)).unwrap().repeated);
            assert_eq!(publish(&host, begin, &text(begin..end)).unwrap().repeated, end <= 8, "{begin}..{end}");
            assert_eq!(host.texts("default", "t"), text(3..end.max(8)), "{begin}..{end}");
        }
    }
    let (host, end) = (host(), u64::MAX);
    assert!(publish(&host, end, &text(0..2)).is_err(), "there is no number for the second");
    assert!(!publish(&host, end, &text(0..1)).unwrap().repeated);
    assert!(publish(&host, 0, &text(0..1)).unwrap().repeated);
}

#[test]
fn topics_are_administered_in_the_pipelines_own_namespace() {
    let host = host();
    call(Some(&host), |messaging| {
        assert!(messaging.create_topic("alerts", Some(3_600))?);
        assert!(!messaging.create_topic("alerts", Some(1))?);
        let info = messaging.topic("alerts")?.unwrap();
        assert_eq!(info, TopicInfo { name: "alerts".to_owned(), ttl_secs: Some(3_600), generation: 1 });
        assert!(messaging.update_topic("alerts", None)?);
        assert_eq!(messaging.topics("")?.iter().map(|topic| topic.ttl_secs).collect::<Vec<_>>(), [Some(604_800); 2]);
        assert!(messaging.delete_topic("alerts")?);
        assert!(!messaging.delete_topic("alerts")?);
        assert!(!messaging.update_topic("alerts", None)?);
        assert_eq!(messaging.topic("alerts")?, None);
        assert!(messaging.create_topic("alerts", None)?);
        assert_eq!(messaging.topic("alerts")?.unwrap().generation, 2);
        assert_eq!(messaging.topics("elsewhere")?, []);
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_cannot_be_done_is_an_error_of_its_kind() {
    let host = host();
    host.create_topic("system", "audit", None).unwrap();
    call(Some(&host), |messaging| {
        let error = messaging.publish("none", &["x"]).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Config, "there is no topic `none`: create it first"));
        let error = messaging.fetch(TopicName::of("a", "none"), &Fetch::from(Start::Oldest)).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Config, "there is no topic `a:none`: create it first"));
        let error = messaging.publish(TopicName::of("system", "audit"), &["x"]).unwrap_err();
        let refused = "Publish to 'system' namespace is not allowed";
        assert_eq!((error.kind(), error.message()), (ErrorKind::Config, refused));
        assert!(messaging.fetch(TopicName::of("system", "audit"), &Fetch::from(Start::Oldest))?.is_empty());
        let nothing: [&str; 0] = [];
        assert_eq!(messaging.publish("t", &nothing).unwrap_err().kind(), ErrorKind::Config);
        assert_eq!(messaging.create_topic("a b", None).unwrap_err().kind(), ErrorKind::Config);
        assert_eq!(messaging.create_topic("x", Some(0)).unwrap_err().kind(), ErrorKind::Config);
        Ok(())
    })
    .unwrap();
    host.set_unreachable(true);
    let error = call(Some(&host), |messaging| messaging.publish("t", &["x"]).map(|_| ())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
}

#[test]
fn a_fetch_waits_for_a_message() {
    let host = host();
    let publisher = {
        let host = Arc::clone(&host);
        // It may come before or during the wait: it is not missed either way.
        std::thread::spawn(move || host.publish("default", "t", &[b"late"], None).unwrap())
    };
    call(Some(&host), |messaging| {
        let fetched = messaging.fetch("t", &Fetch::from(Start::Oldest).wait(Duration::from_secs(30)))?;
        assert_eq!(fetched.len(), 1);
        let begun = Instant::now();
        let fetch = Fetch::from(fetched.next(Start::Oldest)).wait(Duration::from_millis(20));
        assert!(messaging.fetch("t", &fetch)?.is_empty());
        assert!(begun.elapsed() >= Duration::from_millis(20));
        Ok(())
    })
    .unwrap();
    publisher.join().unwrap();
}

#[test]
fn a_gap_is_told_to_who_stood_before_it() {
    let host = host();
    host.publish("default", "t", &[b"a", b"b", b"c"], None).unwrap();
    host.forget("default", "t", 2);
    let ids = host.ids("default", "t");
    let gap = |start| host.fetch("default", "t", &Fetch::from(start)).unwrap().gap();
    assert!(gap(Start::After(MessageId::default())));
    assert!(gap(Start::At(MessageId::default())));
    assert!(!gap(Start::At(ids[0])) && !gap(Start::After(ids[0])) && !gap(Start::Oldest) && !gap(Start::End));
}

#[test]
fn ids_are_read_as_they_are_written() {
    let id = MessageId::new(0x0190_a1b2_c3d4, 0xfffe);
    let text = "00000190a1b2c3d4fffe00000000000000000000";
    assert_eq!((id.to_string().as_str(), id.timestamp_ms(), id.sequence()), (text, 0x0190_a1b2_c3d4, 0xfffe));
    assert_eq!(text.to_uppercase().parse(), Ok(id));
    for wrong in ["", "00", &text[1..], &format!("{text}0"), &text.replace('f', "g"), "äöü"] {
        let error = wrong.parse::<MessageId>().unwrap_err();
        assert!(error.to_string().contains("40 hexadecimal digits"), "{error}");
    }
}

#[test]
fn what_a_broken_host_sends_is_not_read_behind_its_end() {
    let mut fetched = Fetched::default();
    fetched.push(MessageId::new(1, 0), b"whole");
    fetched.push(MessageId::new(1, 1), b"cut");
    fetched.bytes.pop();
    assert_eq!(fetched.messages().map(|message| message.payload).collect::<Vec<_>>(), [b"whole"]);
}
