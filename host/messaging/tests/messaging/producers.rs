//! Producers that number their messages and say them again: each is there once, in order.

use crate::folder::{Folder, payloads, topic};
use campanile_messaging::{Error, Fetch, MessageId, Messaging, Publish, Published, Transaction};
use proptest::prelude::*;

/// The messages with these numbers, which are their texts.
fn publish(tms: &Messaging, producer: &str, numbers: std::ops::Range<u64>) -> Published {
    let texts: Vec<_> = numbers.clone().map(|number| number.to_string()).collect();
    let messages: Vec<_> = texts.iter().map(String::as_bytes).collect();
    tms.publish(&topic("t"), Publish::new(&messages).from_producer(producer, numbers.start)).unwrap()
}

fn there(tms: &Messaging) -> Vec<u64> {
    payloads(tms, &topic("t"), Fetch::default()).iter().map(|text| text.parse().unwrap()).collect()
}

fn with_topic() -> (Folder, Messaging) {
    let folder = Folder::empty();
    let tms = folder.open();
    tms.create_topic(&topic("t"), None).unwrap();
    (folder, tms)
}

#[test]
fn an_overlap_in_any_position_is_left_out() {
    for begin in 0..8 {
        for end in begin + 1..14 {
            let (_folder, tms) = with_topic();
            let first = publish(&tms, "p", 3..8);
            assert_eq!((first.count, first.repeated), (5, false));
            let second = publish(&tms, "p", begin..end);
            let new: Vec<_> = (begin..end).filter(|number| *number >= 8).collect();
            assert_eq!((second.count, second.repeated), (new.len(), new.is_empty()), "{begin}..{end}");
            assert_eq!(there(&tms), [(3..8).collect(), new].concat(), "{begin}..{end}");
            let ids: Vec<_> = tms.fetch(&topic("t"), &Fetch::default()).unwrap().map(|read| read.unwrap().id).collect();
            let told = if second.repeated { (ids[0], ids[4]) } else { (ids[5], ids[ids.len() - 1]) };
            assert_eq!((second.first, second.last), told, "{begin}..{end}");
        }
    }
}

#[test]
fn an_overlap_is_left_out_also_within_one_write_and_after_a_restart() {
    let (folder, tms) = with_topic();
    tms.write(|write| {
        write.publish(&topic("t"), Publish::new(&[b"1", b"2"]).from_producer("p", 1))?;
        write.publish(&topic("t"), Publish::new(&[b"2", b"3"]).from_producer("p", 2))?;
        write.publish(&topic("t"), Publish::new(&[b"1"]).from_producer("p", 1))
    })
    .unwrap();
    let tms = folder.open_after(tms);
    assert_eq!(publish(&tms, "p", 2..6).count, 2);
    assert_eq!(there(&tms), [1, 2, 3, 4, 5]);
}

/// More than one stored entry holds, with the end of what is there in each of them, and at their borders.
#[test]
fn a_large_publication_overlaps_anywhere() {
    for known in [1, 16_383, 16_384, 16_385, 39_999] {
        let (_folder, tms) = with_topic();
        publish(&tms, "p", 0..known);
        let rest = publish(&tms, "p", 0..40_000);
        assert_eq!((rest.count as u64, rest.repeated), (40_000 - known, false));
        assert!(there(&tms).into_iter().eq(0..40_000), "{known}");
        assert!(publish(&tms, "p", 0..40_000).repeated);
    }
}

#[test]
fn sequences_end_with_the_largest_number() {
    let (_folder, tms) = with_topic();
    let end = u64::MAX;
    assert!(!publish(&tms, "p", end - 2..end).repeated);
    let refused = tms.publish(&topic("t"), Publish::new(&[b"x", b"y"]).from_producer("p", end)).unwrap_err();
    assert_eq!(refused, Error::InvalidSequence { sequence: end, messages: 2 });
    let last = [end.to_string()];
    let last = [last[0].as_bytes()];
    assert!(!tms.publish(&topic("t"), Publish::new(&last).from_producer("p", end)).unwrap().repeated);
    assert!(publish(&tms, "p", 0..5).repeated);
    assert_eq!(there(&tms), [end - 2, end - 1, end]);
}

#[test]
fn messages_of_a_transaction_are_left_out_too() {
    let (_folder, tms) = with_topic();
    let t = topic("t");
    tms.publish(&t, Publish::new(&[b"1", b"2"]).in_transaction(5).from_producer("p", 1)).unwrap();
    tms.publish(&t, Publish::new(&[b"2", b"3"]).in_transaction(6).from_producer("p", 2)).unwrap();
    let reader = Transaction { read_pointer: 9, invalid: vec![5], ..Transaction::default() };
    let seen = payloads(&tms, &t, Fetch { transaction: Some(reader.into()), ..Fetch::default() });
    assert_eq!(seen, ["3"], "the others were published by the first");
    tms.store(&t, 7, &[b"4a", b"4b"]).unwrap();
    let reference = Publish::new(&[]).in_transaction(7).from_producer("p", 4);
    assert!(!tms.publish(&t, reference).unwrap().repeated);
    assert!(tms.publish(&t, reference).unwrap().repeated, "it counts as one message");
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["1", "2", "3", "4a", "4b"]);
}

/// The first number of the second producer.
const SECOND: u64 = 1_000;

/// A piece of a numbered stream: how far back it begins, how long it is, and whether the folder is opened again before it.
type Piece = (u64, u64, bool);

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    proptest::collection::vec((0_u64..12, 1_u64..9, prop::bool::weighted(0.1)), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// A stream of numbers with gaps in it, sent in pieces that begin anywhere in what was sent before, or right behind it.
    #[test]
    fn a_numbered_stream_is_there_once_and_in_order_however_it_is_sent_again(
        pieces in pieces(),
        others in pieces(),
        gaps in proptest::collection::btree_set(0_u64..200, 0..20),
    ) {
        let (folder, mut tms) = with_topic();
        // Up to which number each producer has sent; the second one begins with a greater one.
        let begin = [0, SECOND];
        let mut sent = begin;
        let mut last = MessageId::default();
        for (one, other) in pieces.into_iter().zip(others) {
            for (who, (back, length, reopen)) in [one, other].into_iter().enumerate() {
                if reopen {
                    tms = folder.open_after(tms);
                }
                let from = begin[who].max(sent[who].saturating_sub(back));
                let numbers: Vec<u64> = (from..from + length).filter(|number| !gaps.contains(&(number % SECOND))).collect();
                // No piece goes over a gap: its messages would have other numbers.
                for piece in numbers.chunk_by(|one, next| one + 1 == *next) {
                    let (from, end) = (piece[0], piece[piece.len() - 1] + 1);
                    let published = publish(&tms, ["p", "q"][who], from..end);
                    let new = end.saturating_sub(from.max(sent[who])) as usize;
                    prop_assert_eq!((published.count, published.repeated), (new, new == 0));
                    if new > 0 {
                        prop_assert!(published.first > last);
                        last = published.last;
                    }
                    sent[who] = sent[who].max(end);
                }
            }
        }
        let (first, second): (Vec<u64>, Vec<u64>) = there(&tms).into_iter().partition(|number| *number < SECOND);
        for (who, found) in [first, second].into_iter().enumerate() {
            let expected = (begin[who]..sent[who]).filter(|number| !gaps.contains(&(number % SECOND)));
            prop_assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}
