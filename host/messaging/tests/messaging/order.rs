//! Any number of publishers and readers: everybody sees the same order, held against a model.

use crate::folder::{Folder, topic};
use campanile_messaging::{Fetch, Message, Messaging, Publish, Start, Transaction};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Barrier;

/// One message: who sent it, in which of its requests, and which of it.
fn text(publisher: usize, request: usize, index: usize) -> String {
    format!("{publisher}/{request}/{index}")
}

fn all(tms: &Messaging) -> Vec<Message> {
    tms.fetch(&topic("t"), &Fetch::default()).unwrap().map(Result::unwrap).collect()
}

/// Reads pieces of `limit` messages until `until` messages were read.
fn follow(tms: &Messaging, limit: usize, until: usize) -> Vec<Message> {
    use campanile_messaging::Listener;
    let mut read: Vec<Message> = Vec::new();
    while read.len() < until {
        let listener = tms.listen(&topic("t")).unwrap();
        let start = read.last().map_or(Start::Oldest, |last| Start::After(last.id));
        let piece = tms.fetch(&topic("t"), &Fetch { start, limit, transaction: None }).unwrap();
        let before = read.len();
        read.extend(piece.map(Result::unwrap));
        if read.len() == before {
            listener.wait_timeout(std::time::Duration::from_secs(60)).unwrap();
        }
    }
    read
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn all_readers_see_one_order(
        publishers in proptest::collection::vec(proptest::collection::vec(1_usize..40, 1..12), 1..6),
        limits in proptest::collection::vec(1_usize..200, 1..4),
    ) {
        let folder = Folder::empty();
        let tms = folder.open();
        tms.create_topic(&topic("t"), None).unwrap();
        let total: usize = publishers.iter().flatten().sum();
        let barrier = Barrier::new(publishers.len() + limits.len());
        let (tms_ref, barrier) = (&tms, &barrier);
        let followed: Vec<Vec<Message>> = std::thread::scope(|scope| {
            let readers: Vec<_> = limits.iter().map(|limit| scope.spawn(move || {
                barrier.wait();
                follow(tms_ref, *limit, total)
            })).collect();
            for (publisher, requests) in publishers.iter().enumerate() {
                scope.spawn(move || {
                    barrier.wait();
                    for (request, count) in requests.iter().enumerate() {
                        let texts: Vec<_> = (0..*count).map(|index| text(publisher, request, index)).collect();
                        let messages: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
                        tms_ref.publish(&topic("t"), Publish::new(&messages)).unwrap();
                    }
                });
            }
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        let order = all(&tms);
        prop_assert_eq!(order.len(), total);
        prop_assert!(order.is_sorted_by(|a, b| a.id < b.id));
        for read in &followed {
            prop_assert_eq!(read, &order);
        }
        // Requests are whole and next to each other, and each publisher's are in its order.
        let mut next = vec![(0, 0); publishers.len()];
        let mut open: Option<usize> = None;
        for message in &order {
            let name = String::from_utf8(message.payload.to_vec()).unwrap();
            let publisher: usize = name.split('/').next().unwrap().parse().unwrap();
            prop_assert!(open.is_none_or(|open| open == publisher), "{} within a request of {:?}", name, open);
            let (request, index) = next[publisher];
            prop_assert_eq!(&name, &text(publisher, request, index));
            let last = index + 1 == publishers[publisher][request];
            next[publisher] = if last { (request + 1, 0) } else { (request, index + 1) };
            open = (!last).then_some(publisher);
        }
        drop(tms);
        prop_assert_eq!(all(&folder.open()), order, "also when the folder is opened again");
    }

    /// Publications, stores, rollbacks and readers within transactions against a model of a list.
    #[test]
    fn transactions_against_a_model(steps in proptest::collection::vec((0_u8..5, 1_i64..6, 1_usize..4), 1..60)) {
        let folder = Folder::empty();
        let tms = folder.open();
        let t = topic("t");
        tms.create_topic(&t, None).unwrap();
        // Each request: its transaction, whether it was rolled back, and its texts; references name what was stored.
        let mut model: Vec<(Option<i64>, bool, Option<Vec<String>>)> = Vec::new();
        let mut ranges = Vec::new();
        let mut stored: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (n, (kind, transaction, count)) in steps.into_iter().enumerate() {
            folder.pass(n as u64 % 2);
            let texts: Vec<_> = (0..count).map(|index| format!("{n}/{index}")).collect();
            let messages: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
            let publish = Publish::new(&messages);
            match kind {
                0 => {
                    ranges.push(tms.publish(&t, publish).unwrap());
                    model.push((None, false, Some(texts)));
                }
                1 => {
                    ranges.push(tms.publish(&t, publish.in_transaction(transaction)).unwrap());
                    model.push((Some(transaction), false, Some(texts)));
                }
                2 => {
                    tms.store(&t, transaction, &messages).unwrap();
                    stored.entry(transaction).or_default().extend(texts);
                }
                3 => {
                    ranges.push(tms.publish(&t, Publish::new(&[]).in_transaction(transaction)).unwrap());
                    model.push((Some(transaction), false, None));
                }
                _ => {
                    let Some(at) = model.len().checked_sub(count) else { continue };
                    let (start, end) = (ranges[at].first, ranges[model.len() - 1].last);
                    tms.rollback(&t, &campanile_messaging::RollbackRange { transaction, start, end }).unwrap();
                    for request in &mut model[at..] {
                        request.1 |= request.0 == Some(transaction);
                    }
                }
            }
        }
        let filters = [
            None,
            Some(Transaction { read_pointer: 3, in_progress: vec![2], ..Transaction::default() }),
            Some(Transaction { read_pointer: 9, invalid: vec![4, 1], ..Transaction::default() }),
        ];
        for transaction in filters {
            let mut expected = Vec::new();
            for (writer, rolled_back, texts) in &model {
                if let (Some(filter), Some(writer)) = (&transaction, writer) {
                    let invalid = filter.invalid.contains(writer);
                    if *rolled_back || invalid {
                        continue;
                    }
                    if *writer > filter.read_pointer || filter.in_progress.contains(writer) {
                        break;
                    }
                }
                let nothing = Vec::new();
                let reference = || writer.and_then(|writer| stored.get(&writer)).unwrap_or(&nothing);
                expected.extend(texts.as_ref().unwrap_or_else(|| reference()).iter().cloned());
            }
            let fetch = |start, limit| {
                let fetch = Fetch { start, limit, transaction: transaction.clone().map(Into::into) };
                let messages = tms.fetch(&t, &fetch).unwrap();
                messages.map(Result::unwrap).collect::<Vec<_>>()
            };
            let whole = fetch(Start::Oldest, usize::MAX);
            let texts: Vec<_> = whole.iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap()).collect();
            prop_assert_eq!(&texts, &expected);
            prop_assert!(whole.is_sorted_by(|a, b| a.id < b.id));
            // From every position, and in pieces, the same.
            for (at, message) in whole.iter().enumerate() {
                prop_assert_eq!(&fetch(Start::At(message.id), 3), &whole[at..whole.len().min(at + 3)]);
                prop_assert_eq!(&fetch(Start::After(message.id), 3), &whole[at + 1..whole.len().min(at + 4)]);
            }
        }
    }
}
