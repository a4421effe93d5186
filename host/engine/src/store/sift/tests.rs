#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use crate::store::InMemoryStore;

/// Takes out numbers that are no multiples of three.
#[derive(Default)]
struct Thirds {
    gone: Vec<Vec<u8>>,
}

impl Sieve for Thirds {
    fn takes(&mut self, message: &Stored) -> Result<bool, StoreError> {
        let number: u32 = String::from_utf8_lossy(&message.bytes).parse().unwrap();
        let goes = !number.is_multiple_of(3);
        if goes {
            self.gone.push(message.bytes.clone());
        }
        Ok(goes)
    }

    fn step(&mut self, write: &mut Write) {
        write.publish.push((Topic::Alerts, std::mem::take(&mut self.gone)));
    }
}

fn numbered(count: u32) -> InMemoryStore {
    let store = InMemoryStore::new();
    let messages = (0..count).map(|n| format!("{n:04}").into_bytes()).collect();
    store.write(&Write { publish: vec![(Topic::Aside, messages)], ..Write::default() }).unwrap();
    store
}

fn numbers(store: &InMemoryStore, topic: Topic) -> Vec<u32> {
    let all = store.read(topic, None, usize::MAX).unwrap();
    all.iter().map(|stored| String::from_utf8_lossy(&stored.bytes).parse().unwrap()).collect()
}

#[test]
fn a_log_is_sifted_in_one_step_or_in_many_and_keeps_its_order() {
    let (stay, go): (Vec<u32>, Vec<u32>) = (0..3_000).partition(|n| n % 3 == 0);
    for (step_bytes, steps) in [(usize::MAX, 1), (4_000, 3), (2_000, 6), (1, 3_000)] {
        let store = numbered(3_000);
        sift(&store, Topic::Aside, step_bytes, &mut Thirds::default()).unwrap();
        assert_eq!(store.writes() - 1, steps, "{step_bytes}");
        assert_eq!(numbers(&store, Topic::Aside), stay, "{step_bytes}");
        assert_eq!(numbers(&store, Topic::Alerts), go, "{step_bytes}");
    }
}

#[test]
fn each_message_is_there_once_wherever_it_is_interrupted() {
    for writes in 0..6 {
        let store = numbered(3_000);
        store.fail_after(writes);
        assert!(sift(&store, Topic::Aside, 2_000, &mut Thirds::default()).is_err());
        let left = store.snapshot();
        let mut all = [numbers(&left, Topic::Aside), numbers(&left, Topic::Alerts)].concat();
        all.sort_unstable();
        assert_eq!(all, (0..3_000).collect::<Vec<_>>(), "after {writes}");
        sift(&left, Topic::Aside, 2_000, &mut Thirds::default()).unwrap();
        let mut gone = numbers(&left, Topic::Alerts);
        gone.sort_unstable();
        assert!(gone.iter().all(|n| n % 3 != 0) && gone.len() == 2_000, "after {writes}");
    }
}

#[test]
fn an_empty_log_stays_untouched() {
    let store = InMemoryStore::new();
    sift(&store, Topic::Aside, 1, &mut Thirds::default()).unwrap();
    assert_eq!(store.writes(), 0);
}
