//! Topics: names, generations, how long their messages are kept.

use crate::folder::{Folder, id, payloads, topic};
use campanile_messaging::{Error, Fetch, Properties, Publish, Start, TopicId};

#[test]
fn a_topic_is_made_described_changed_and_deleted() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    assert_eq!(tms.topic(&t), Err(Error::TopicNotFound(t.clone())));
    tms.create_topic(&t, Some(100)).unwrap();
    assert_eq!(tms.create_topic(&t, None), Err(Error::TopicExists(t.clone())));
    assert_eq!(tms.topic(&t).unwrap().ttl_secs, Some(100));
    tms.update_topic(&t, Some(5)).unwrap();
    assert_eq!(tms.topic(&t).unwrap().ttl_secs, Some(5));
    assert_eq!(tms.update_topic(&t, Some(0)), Err(Error::InvalidTtl(t.clone())));
    let note = |value: &str| [("note".to_owned(), value.to_owned())].into();
    let properties = Properties { ttl_secs: None, notes: note("kept") };
    tms.update_topic(&t, properties).unwrap();
    assert_eq!((tms.topic(&t).unwrap().ttl_secs, tms.topic(&t).unwrap().notes), (None, note("kept")));
    let large = Properties { ttl_secs: None, notes: note(&"x".repeat(70_000)) };
    assert!(matches!(tms.update_topic(&t, large), Err(Error::TooLarge { .. })));
    tms.delete_topic(&t).unwrap();
    assert_eq!(tms.delete_topic(&t), Err(Error::TopicNotFound(t.clone())));
    assert_eq!(tms.update_topic(&t, None), Err(Error::TopicNotFound(t)));
}

#[test]
fn generations_count_and_never_show_old_messages() {
    let folder = Folder::empty();
    let mut tms = folder.open();
    let t = topic("t");
    for generation in 1..=5 {
        tms.create_topic(&t, Some(100)).unwrap();
        assert_eq!(tms.topic(&t).unwrap().generation, generation);
        assert_eq!(payloads(&tms, &t, Fetch::default()), [""; 0]);
        tms.publish(&t, Publish::new(&[b"a", b"b"])).unwrap();
        assert_eq!(payloads(&tms, &t, Fetch::default()), ["a", "b"]);
        tms.delete_topic(&t).unwrap();
        tms.clean().unwrap();
        drop(tms);
        tms = folder.open();
    }
}

#[test]
fn topics_are_listed_by_their_names_with_a_colon() {
    let folder = Folder::empty();
    let tms = folder.open();
    for name in ["z", "a", "aa", "a_", "a-", "a1", "A", "B9", "B10", "-", "_", "1", "b"] {
        tms.create_topic(&topic(name), None).unwrap();
    }
    tms.create_topic(&TopicId::new("other", "t").unwrap(), None).unwrap();
    let names: Vec<_> = tms.topics("default").unwrap().iter().map(|topic| topic.id.name().to_owned()).collect();
    assert_eq!(names, ["-", "1", "A", "B10", "B9", "_", "a-", "a1", "a", "a_", "aa", "b", "z"]);
    assert_eq!(tms.namespaces(), ["default", "other"]);
    assert_eq!(tms.topics("a-b"), Err(Error::InvalidNamespace("a-b".to_owned())));
}

#[test]
fn names_with_other_characters_are_refused() {
    for wrong in ["", "a/b", "..", "a b", "ä", "a:b", "a\0", &"x".repeat(256)] {
        assert_eq!(TopicId::new("default", wrong), Err(Error::InvalidTopic(wrong.to_owned())), "{wrong:?}");
    }
}

#[test]
fn what_has_expired_is_neither_seen_nor_kept() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, Some(10)).unwrap();
    let old = tms.publish(&t, Publish::new(&[b"old"])).unwrap().last;
    folder.pass(6_000);
    let new = tms.publish(&t, Publish::new(&[b"new"])).unwrap().last;
    folder.pass(6_000);
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["new"]);
    // A longer time brings back what was not removed yet, and nothing else.
    tms.update_topic(&t, Some(100)).unwrap();
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["old", "new"]);
    tms.update_topic(&t, Some(10)).unwrap();
    tms.clean().unwrap();
    tms.update_topic(&t, Some(100)).unwrap();
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["new"]);
    drop(tms);
    let tms = folder.open();
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["new"]);
    assert!(tms.fetch(&t, &Fetch { start: Start::At(old), ..Fetch::default() }).unwrap().gap());
    assert!(!tms.fetch(&t, &Fetch::after(new)).unwrap().gap());
}

#[test]
fn a_position_before_what_is_kept_is_a_gap_only_if_something_was_missed() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, Some(10)).unwrap();
    let first = tms.publish(&t, Publish::new(&[b"1"])).unwrap().last;
    folder.pass(1);
    let second = tms.publish(&t, Publish::new(&[b"2"])).unwrap().last;
    folder.pass(20_000);
    let third = tms.publish(&t, Publish::new(&[b"3"])).unwrap().last;
    let gap = |start| tms.fetch(&t, &Fetch { start, ..Fetch::default() }).unwrap().gap();
    for cleaned in [false, true] {
        if cleaned {
            tms.clean().unwrap();
        }
        assert!(gap(Start::After(first)), "the second was missed");
        assert!(!gap(Start::After(second)), "all was read before it expired");
        assert!(gap(Start::At(second)));
        assert!(!gap(Start::After(third)) && !gap(Start::Oldest) && !gap(Start::Time(0)));
        assert_eq!(payloads(&tms, &t, Fetch::after(first)), ["3"]);
    }
}

#[test]
fn ids_of_an_older_generation_work_as_positions() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    let old = tms.publish(&t, Publish::new(&[b"old"])).unwrap().last;
    tms.delete_topic(&t).unwrap();
    tms.create_topic(&t, None).unwrap();
    tms.publish(&t, Publish::new(&[b"new"])).unwrap();
    assert_eq!(payloads(&tms, &t, Fetch::after(old)), ["new"]);
    assert!(!tms.fetch(&t, &Fetch::after(id(0, 0))).unwrap().gap());
}

#[test]
fn the_room_of_topics_that_are_gone_is_given_back_also_when_they_are_made_again() {
    let folder = Folder::empty();
    let (t, kept) = (topic("t"), topic("kept"));
    let large = vec![7; 1 << 20];
    for again in [false, true] {
        let mut tms = folder.open();
        let _ = tms.create_topic(&kept, None);
        tms.create_topic(&t, None).unwrap();
        for _ in 0..40 {
            tms.publish(&t, Publish::new(&[&large])).unwrap();
        }
        assert!(folder.table_bytes() > 8 << 20, "tables were written");
        tms.delete_topic(&t).unwrap();
        tms.create_topic(&t, None).unwrap();
        tms.publish(&kept, Publish::new(&[b"k"]).from_producer("p", u64::from(again) + 1)).unwrap();
        if again {
            drop(tms);
            tms = folder.open();
        }
        tms.clean().unwrap();
        tms.delete_topic(&t).unwrap();
        assert!(folder.table_bytes() < 20 << 20, "{} bytes are left", folder.table_bytes());
        assert!(tms.publish(&kept, Publish::new(&[b"k"]).from_producer("p", 1)).unwrap().repeated, "it is remembered");
    }
}
