//! Publishing and reading: order, ids, transactions, stored payloads, producers, cursors.

use crate::folder::{Folder, id, ids, payloads, topic};
use campanile_messaging::{Error, Fetch, Messaging, Options, Publish, RollbackRange, Start, TopicId, Transaction};
use std::sync::Arc;
use std::time::Duration;

fn publish(tms: &Messaging, t: &TopicId, messages: &[&str]) -> campanile_messaging::Published {
    let messages: Vec<_> = messages.iter().map(|message| message.as_bytes()).collect();
    tms.publish(t, Publish::new(&messages)).unwrap()
}

fn publish_in(tms: &Messaging, t: &TopicId, transaction: i64, messages: &[&str]) -> campanile_messaging::Published {
    let messages: Vec<_> = messages.iter().map(|message| message.as_bytes()).collect();
    tms.publish(t, Publish::new(&messages).in_transaction(transaction)).unwrap()
}

/// A reader that sees transactions up to `read`.
fn reader(read: i64, in_progress: &[i64], invalid: &[i64]) -> Option<Arc<Transaction>> {
    let (in_progress, invalid) = (in_progress.to_vec(), invalid.to_vec());
    Some(Arc::new(Transaction {
        read_pointer: read,
        write_pointer: read,
        in_progress,
        invalid,
        ..Transaction::default()
    }))
}

#[test]
fn transactions_are_seen_when_they_are_committed_and_never_when_rolled_back() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    publish(&tms, &t, &["m0", "m1"]);
    let m2 = publish_in(&tms, &t, 1, &["m2"]);
    tms.rollback(&t, &RollbackRange { transaction: 1, start: m2.first, end: m2.last }).unwrap();
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["m0", "m1", "m2"], "a plain reader sees all");
    let see = |start, transaction| payloads(&tms, &t, Fetch { start, limit: usize::MAX, transaction });
    assert_eq!(see(Start::Time(0), reader(3, &[2], &[])), ["m0", "m1"]);
    let m1 = ids(&tms, &t, Fetch::default())[1];
    assert_eq!(see(Start::After(m1), None), ["m2"]);
    assert_eq!(see(Start::After(m2.last), None), [""; 0]);
    assert_eq!(
        payloads(&tms, &t, Fetch { start: Start::Time(m1.timestamp_ms), limit: 2, transaction: None }),
        ["m0", "m1"]
    );
    publish_in(&tms, &t, 2, &["m3"]);
    publish(&tms, &t, &["m4"]);
    assert_eq!(see(Start::After(m1), None), ["m2", "m3", "m4"]);
    assert_eq!(see(Start::After(m1), reader(3, &[2], &[])), [""; 0], "what follows an open transaction waits");
    assert_eq!(see(Start::After(m1), reader(3, &[], &[2])), ["m4"]);
    assert_eq!(see(Start::After(m1), reader(3, &[], &[])), ["m3", "m4"]);
    let own = Transaction { write_pointer: 2, ..(*reader(1, &[2], &[]).unwrap()).clone() };
    assert_eq!(see(Start::After(m1), Some(Arc::new(own))), ["m3", "m4"], "a reader sees its own");
}

#[test]
fn a_rollback_touches_only_its_own_transaction() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    let mine = publish_in(&tms, &t, 1, &["mine"]);
    publish_in(&tms, &t, 2, &["theirs"]);
    let end = id(u64::MAX, u16::MAX);
    tms.rollback(&t, &RollbackRange { transaction: 1, start: id(0, 0), end }).unwrap();
    let later = publish_in(&tms, &t, 1, &["later"]);
    assert!(later.first > mine.last);
    let fetch = Fetch { transaction: reader(9, &[], &[]), ..Fetch::default() };
    assert_eq!(payloads(&tms, &t, fetch), ["theirs", "later"], "what is published later is not rolled back");
}

#[test]
fn stored_payloads_are_seen_at_once_when_their_transaction_publishes() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    assert_eq!(tms.store(&t, 1, &[]), Err(Error::EmptyStore(t.clone())));
    for i in 0..10 {
        let (a, b) = (format!("{}", 2 * i), format!("{}", 2 * i + 1));
        tms.store(&t, 1, &[a.as_bytes(), b.as_bytes()]).unwrap();
        folder.pass(i % 2);
    }
    assert_eq!(payloads(&tms, &t, Fetch::default()), [""; 0]);
    let before = publish(&tms, &t, &["before"]).last;
    let reference = publish_in(&tms, &t, 1, &[]);
    let all: Vec<_> = (0..20).map(|i| i.to_string()).collect();
    let after = |start| Fetch { start, ..Fetch::default() };
    assert_eq!(payloads(&tms, &t, after(Start::After(before))), all);
    let at = ids(&tms, &t, after(Start::After(before)));
    assert!(
        at.is_sorted()
            && at.iter().all(|id| id.payload_timestamp_ms > 0 && id.timestamp_ms == reference.first.timestamp_ms)
    );
    assert_eq!(payloads(&tms, &t, after(Start::At(at[10]))), all[10..]);
    assert_eq!(payloads(&tms, &t, after(Start::After(at[11]))), all[12..]);
    assert_eq!(payloads(&tms, &t, after(Start::After(at[19]))), [""; 0]);
    assert_eq!(payloads(&tms, &t, Fetch { start: Start::After(before), limit: 6, transaction: None }), all[..6]);
    assert_eq!(payloads(&tms, &t, after(Start::After(reference.first))), all, "right before the first of them");
    tms.store(&t, 2, &[b"x", b"y"]).unwrap();
    publish_in(&tms, &t, 2, &[]);
    assert_eq!(payloads(&tms, &t, after(Start::After(at[19]))), ["x", "y"]);
    // A later store joins what is published, and publishing again delivers again.
    tms.store(&t, 2, &[b"z"]).unwrap();
    publish_in(&tms, &t, 2, &[]);
    assert_eq!(payloads(&tms, &t, after(Start::After(at[19]))), ["x", "y", "z", "x", "y", "z"]);
    publish_in(&tms, &t, 3, &[]);
    assert_eq!(payloads(&tms, &t, after(Start::After(at[19]))).len(), 6, "nothing was stored in it");
}

#[test]
fn old_transactions_may_not_publish() {
    let folder = Folder::empty();
    let options = Options { tx_max_lifetime: Some(Duration::from_secs(90_000)), ..folder.options() };
    let tms = Messaging::open(folder.path(), options).unwrap();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    for pointer in [1, -i64::MAX, i64::MIN] {
        let refused = tms.publish(&t, Publish::new(&[b"m"]).in_transaction(pointer)).unwrap_err();
        assert_eq!(refused.to_string(), format!("Transaction {pointer} has exceeded max lifetime 90000000 ms"));
        tms.store(&t, pointer, &[b"m"]).unwrap();
    }
    let young = (folder.now_ms() as i64 - 1_000) * 1_000_000;
    publish_in(&tms, &t, young, &["m"]);
}

#[test]
fn ids_go_on_when_the_clock_steps_back_or_the_folder_is_opened_again() {
    let folder = Folder::empty();
    let mut last = id(0, 0);
    let t = topic("t");
    folder.open().create_topic(&t, Some(5)).unwrap();
    for round in 0..40 {
        let tms = folder.open();
        let published = publish(&tms, &t, &["a", "b"]);
        assert!(published.first > last, "round {round}: {} after {last}", published.first);
        last = published.last;
        match round % 4 {
            0 => folder.step_back(3_600_000),
            1 => tms.store(&t, 1, &[b"payload"]).unwrap(),
            2 => {
                folder.pass(3_700_000);
                tms.clean().unwrap();
            }
            _ => {
                tms.delete_topic(&t).unwrap();
                tms.create_topic(&t, Some(5)).unwrap();
            }
        }
    }
}

#[test]
fn more_messages_than_a_millisecond_has_ids_keep_their_order() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    let texts: Vec<_> = (0..150_000_u32).map(u32::to_be_bytes).collect();
    let messages: Vec<&[u8]> = texts.iter().map(|text| &text[..]).collect();
    let published = tms.publish(&t, Publish::new(&messages)).unwrap();
    assert_eq!(published.count, 150_000);
    let read: Vec<_> = tms.fetch(&t, &Fetch::default()).unwrap().map(Result::unwrap).collect();
    assert!(read.iter().map(|message| &message.payload[..]).eq(messages.iter().copied()));
    assert!(read.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!((read[0].id, read[149_999].id), (published.first, published.last));
    assert_eq!(ids(&tms, &t, Fetch::after(read[100_000].id).limit(2)), [read[100_001].id, read[100_002].id]);
}

#[test]
fn a_producer_is_heard_once() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    let one = Publish::new(&[b"1"]).from_producer("outbox", 1);
    let first = tms.publish(&t, one).unwrap();
    assert!(!first.repeated);
    let again = tms.publish(&t, one).unwrap();
    assert_eq!((again.first, again.last, again.count, again.repeated), (first.first, first.last, 0, true));
    drop(tms);
    let tms = folder.open();
    assert!(tms.publish(&t, one).unwrap().repeated, "also after a restart");
    tms.publish(&t, Publish::new(&[b"2"]).from_producer("outbox", 5)).unwrap();
    assert!(tms.publish(&t, Publish::new(&[b"x"]).from_producer("outbox", 4)).unwrap().repeated);
    assert!(!tms.publish(&t, Publish::new(&[b"3"]).from_producer("other", 4)).unwrap().repeated);
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["1", "2", "3"]);
    assert!(matches!(tms.publish(&t, Publish::new(&[b"x"]).from_producer("", 1)), Err(Error::InvalidName(_))));
}

#[test]
fn a_write_is_all_or_nothing() {
    let folder = Folder::empty();
    let tms = folder.open();
    let (a, b) = (topic("a"), topic("b"));
    tms.create_topic(&a, None).unwrap();
    tms.create_topic(&b, None).unwrap();
    tms.write(|write| {
        write.publish(&a, Publish::new(&[b"1"]))?;
        write.publish(&b, Publish::new(&[b"2"]))?;
        write.cursor("position", b"7")
    })
    .unwrap();
    let given_up = tms.write(|write| {
        write.publish(&a, Publish::new(&[b"3"]))?;
        write.cursor("position", b"8")?;
        write.publish(&topic("missing"), Publish::new(&[b"4"]))
    });
    assert_eq!(given_up, Err(Error::TopicNotFound(topic("missing"))));
    // The topic goes between collecting and writing.
    let late = tms.write(|write| {
        write.publish(&a, Publish::new(&[b"5"]))?;
        write.publish(&b, Publish::new(&[b"6"]))?;
        tms.delete_topic(&b)
    });
    assert_eq!(late, Err(Error::TopicNotFound(b.clone())));
    drop(tms);
    let tms = folder.open();
    assert_eq!(payloads(&tms, &a, Fetch::default()), ["1"]);
    assert_eq!(tms.cursor("position").unwrap().as_deref(), Some(&b"7"[..]));
    tms.write(|write| write.remove_cursor("position")).unwrap();
    assert_eq!(tms.cursor("position").unwrap(), None);
    assert!(matches!(tms.cursor(""), Err(Error::InvalidName(_))));
}

#[test]
fn a_follower_is_woken_at_once() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    let follower = {
        use campanile_messaging::Listener;
        let (tms, t) = (tms.clone(), t.clone());
        std::thread::spawn(move || {
            let mut after = id(0, 0);
            let mut read = Vec::new();
            while read.len() < 100 {
                let listener = tms.listen(&t).unwrap();
                let fetched: Vec<_> = tms.fetch(&t, &Fetch::after(after)).unwrap().map(Result::unwrap).collect();
                if fetched.is_empty() {
                    assert!(listener.wait_timeout(Duration::from_secs(60)).is_some(), "woken, not timed out");
                }
                after = fetched.last().map_or(after, |message| message.id);
                read.extend(fetched.iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap()));
            }
            read
        })
    };
    let sent: Vec<_> = (0..100).map(|i| i.to_string()).collect();
    for text in &sent {
        publish(&tms, &t, &[text]);
    }
    assert_eq!(follower.join().unwrap(), sent);
    let listener = tms.listen(&t).unwrap();
    tms.delete_topic(&t).unwrap();
    let woken = campanile_messaging::Listener::wait_timeout(listener, Duration::from_secs(60));
    assert!(woken.is_some(), "who waits is told that the topic is gone");
}

#[test]
fn empty_and_large_messages() {
    let folder = Folder::empty();
    let tms = folder.open();
    let t = topic("t");
    tms.create_topic(&t, None).unwrap();
    assert_eq!(tms.publish(&t, Publish::new(&[])), Err(Error::EmptyPublish(t.clone())));
    let large = vec![7; 5 << 20];
    tms.publish(&t, Publish::new(&[b"", &large, b""])).unwrap();
    let read: Vec<_> =
        tms.fetch(&t, &Fetch::default()).unwrap().map(|message| message.unwrap().payload.len()).collect();
    assert_eq!(read, [0, 5 << 20, 0]);
}
