//! Messages at the front of a topic that their owner removes, held against a model.

use crate::folder::{Folder, id, ids, payloads, topic};
use campanile_messaging::{Error, Fetch, MessageId, Messaging, Publish, Start, TopicId};
use proptest::prelude::*;

fn trim(tms: &Messaging, topic: &TopicId, through: MessageId) {
    tms.write(|write| write.trim(topic, through)).unwrap();
}

fn publish(tms: &Messaging, topic: &TopicId, texts: &[&str]) -> (MessageId, MessageId) {
    let messages: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
    let published = tms.publish(topic, Publish::new(&messages)).unwrap();
    (published.first, published.last)
}

#[test]
fn what_was_trimmed_is_gone_for_every_reader() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    let (_, first) = publish(&tms, &t, &["1"]);
    let (two, three) = publish(&tms, &t, &["2", "3"]);
    let (_, four) = publish(&tms, &t, &["4"]);
    let gap = |start| tms.fetch(&t, &Fetch { start, ..Fetch::default() }).unwrap().gap();
    trim(&tms, &t, first);
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["2", "3", "4"]);
    assert!(!gap(Start::After(first)) && gap(Start::At(first)) && !gap(Start::Oldest));
    trim(&tms, &t, two);
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["2", "3", "4"], "it holds a later message as well");
    assert!(!gap(Start::After(first)));
    trim(&tms, &t, three);
    assert!(gap(Start::After(first)) && gap(Start::After(two)) && !gap(Start::After(three)));
    assert_eq!(payloads(&tms, &t, Fetch::after(first)), ["4"]);
    trim(&tms, &t, first);
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["4"], "it never goes back");
    drop(tms);
    let tms = folder.open();
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["4"], "also after a restart");
    trim(&tms, &t, MessageId::MAX);
    assert_eq!(payloads(&tms, &t, Fetch::default()), [""; 0]);
    let (five, _) = publish(&tms, &t, &["5"]);
    assert!(five > four);
    assert_eq!(payloads(&tms, &t, Fetch::after(four)), ["5"]);
    let missing = topic("missing");
    assert_eq!(tms.write(|write| write.trim(&missing, four)), Err(Error::TopicNotFound(missing)));
}

#[test]
fn a_write_does_not_trim_what_it_publishes() {
    let folder = Folder::empty();
    let mut tms = folder.open();
    let (t, other) = (topic("t"), topic("other"));
    tms.create_topic(&t, None).unwrap();
    tms.create_topic(&other, None).unwrap();
    publish(&tms, &t, &["old"]);
    tms.write(|write| {
        write.publish(&t, Publish::new(&[b"new"]))?;
        write.trim(&t, MessageId::MAX)?;
        write.trim(&t, id(0, 1))?;
        write.publish(&other, Publish::new(&[b"old"]))?;
        write.cursor("done", b"1")
    })
    .unwrap();
    for _ in 0..2 {
        tms = folder.open_after(tms);
        assert_eq!(payloads(&tms, &t, Fetch::default()), ["new"]);
        assert_eq!(payloads(&tms, &other, Fetch::default()), ["old"]);
    }
}

#[test]
fn what_a_reference_stands_for_goes_as_a_whole() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    tms.store(&t, 1, &[b"1", b"2"]).unwrap();
    tms.store(&t, 1, &[b"3"]).unwrap();
    let reference = tms.publish(&t, Publish::new(&[]).in_transaction(1)).unwrap().first;
    publish(&tms, &t, &["4"]);
    let all = ids(&tms, &t, Fetch::default());
    for through in [reference, all[0], all[1]] {
        trim(&tms, &t, through);
        assert_eq!(payloads(&tms, &t, Fetch::default()), ["1", "2", "3", "4"]);
    }
    trim(&tms, &t, all[2]);
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["4"]);
    assert_eq!(payloads(&tms, &t, Fetch::after(all[0])), ["4"], "also for one who stood in its midst");
    assert!(!tms.fetch(&t, &Fetch::after(all[2])).unwrap().gap());
}

#[test]
fn the_room_of_what_was_trimmed_is_given_back() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    let large = vec![7; 1 << 20];
    let mut last = MessageId::default();
    for _ in 0..40 {
        last = tms.publish(&t, Publish::new(&[&large])).unwrap().last;
    }
    assert!(folder.table_bytes() > 8 << 20, "tables were written");
    // A table that is still being written goes with a later turn.
    let given_back = (0..1_000).any(|_| {
        trim(&tms, &t, last);
        last = tms.publish(&t, Publish::new(&[b"kept"])).unwrap().last;
        tms.clean().unwrap();
        folder.table_bytes() < 1 << 20
    });
    assert!(given_back, "{} bytes are left", folder.table_bytes());
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["kept"]);
}

#[derive(Clone, Debug)]
enum Step {
    Publish {
        count: usize,
        pass: bool,
    },
    /// Through the message of this number, of all that were ever published, or through the end.
    Trim {
        at: prop::sample::Index,
        end: bool,
    },
    Clean,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_usize..6, any::<bool>()).prop_map(|(count, pass)| Step::Publish { count, pass }),
        5 => (any::<prop::sample::Index>(), prop::bool::weighted(0.1)).prop_map(|(at, end)| Step::Trim { at, end }),
        1 => Just(Step::Clean),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Two topics that take turns, against a list of requests.
    #[test]
    fn trimming_against_a_model(steps in steps()) {
        let folder = Folder::empty();
        let mut tms = folder.open();
        let topics = [topic("a"), topic("b")];
        topics.iter().for_each(|topic| tms.create_topic(topic, None).unwrap());
        let mut all: [Vec<MessageId>; 2] = Default::default();
        let mut kept: [Vec<Vec<MessageId>>; 2] = Default::default();
        for (n, step) in steps.into_iter().enumerate() {
            let which = n % 2;
            match step {
                Step::Publish { count, pass } => {
                    folder.pass(u64::from(pass));
                    let published = tms.publish(&topics[which], Publish::new(&vec![&b"m"[..]; count])).unwrap();
                    let request: Vec<_> = (0..count as u16)
                        .map(|index| id(published.first.timestamp_ms, published.first.sequence + index)).collect();
                    all[which].extend(&request);
                    kept[which].push(request);
                }
                Step::Trim { at, end } => {
                    let through = match &all[which][..] {
                        _ if end => MessageId::MAX,
                        [] => id(1, 1),
                        known => known[at.index(known.len())],
                    };
                    trim(&tms, &topics[which], through);
                    kept[which].retain(|request| request.last().is_some_and(|last| *last > through));
                }
                Step::Clean => tms.clean().unwrap(),
                Step::Reopen => tms = folder.open_after(tms),
            }
            for (topic, (all, kept)) in topics.iter().zip(all.iter().zip(&kept)) {
                let expected: Vec<_> = kept.iter().flatten().copied().collect();
                prop_assert_eq!(ids(&tms, topic, Fetch::default()), &expected[..]);
                if let Some(middle) = all.get(all.len() / 2) {
                    let fetched = tms.fetch(topic, &Fetch::after(*middle)).unwrap();
                    let missed = all.iter().any(|id| id > middle && !expected.contains(id));
                    prop_assert_eq!(fetched.gap(), missed);
                    let read: Vec<_> = fetched.map(|message| message.unwrap().id).collect();
                    let later: Vec<_> = expected.iter().copied().filter(|id| id > middle).collect();
                    prop_assert_eq!(read, later);
                }
            }
        }
    }
}
