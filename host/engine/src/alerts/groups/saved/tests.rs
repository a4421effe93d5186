#![allow(clippy::unwrap_used, reason = "tests")]
mod chains;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use crate::alerts::AlertsSpec;

/// What a store holds of one chain's groups.
type Store = BTreeMap<Slot, Vec<u8>>;

fn spec(more: Value) -> AlertsSpec {
    let mut spec = json!({
        "groupBy": ["k"],
        "aggregates": [
            {"name": "n", "function": "count"},
            {"name": "carried", "function": "count", "field": "x"},
            {"name": "avg", "function": "avg", "field": "x"},
            {"name": "sum", "function": "sum", "field": "x"},
            {"name": "min", "function": "min", "field": "x"},
            {"name": "max", "function": "max", "field": "x"},
        ],
        "window": "10s",
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn add(groups: &mut Groups, position: u64, window: i64, key: &str, value: &str) {
    let origin = Origin { split: 3, position, ordinal: 1 };
    groups.add(&[("k", key), ("x", value)][..], origin, Some(window));
}

/// Saves what changed; which slots that was.
fn save(groups: &mut Groups, store: &mut Store) -> Vec<String> {
    let mut changed = Vec::new();
    groups.changes(&mut |slot, bytes| {
        let named = match bytes {
            Some(bytes) => {
                store.insert(slot, bytes.to_vec());
                slot.to_string()
            }
            None => {
                assert!(store.remove(&slot).is_some(), "{slot} was never there");
                format!("no {slot}")
            }
        };
        changed.push(named);
    });
    let mut once = changed.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), changed.len(), "{changed:?}");
    changed
}

fn restored(spec: &AlertsSpec, store: &Store) -> Groups {
    let mut groups = Groups::new(spec);
    for (slot, bytes) in store.iter().rev() {
        groups.restore(*slot, bytes).unwrap();
    }
    groups.restored();
    groups
}

#[test]
fn only_what_changed_is_saved() {
    let mut groups = Groups::new(&spec(json!({})));
    let mut store = Store::new();
    assert_eq!(save(&mut groups, &mut store), [""; 0]);
    add(&mut groups, 0, 0, "a", "1");
    add(&mut groups, 1, 0, "b", "1");
    add(&mut groups, 2, 10_000, "a", "1");
    assert_eq!(save(&mut groups, &mut store), ["counters", "w0.0", "w0.1", "w10000.0"]);
    assert_eq!(save(&mut groups, &mut store), [""; 0]);
    add(&mut groups, 3, 0, "b", "1");
    assert_eq!(save(&mut groups, &mut store), ["counters", "w0.1"]);
    groups.close_until(0);
    assert_eq!(save(&mut groups, &mut store), ["no w0.0", "no w0.1"]);
    add(&mut groups, 4, 20_000, "a", "1");
    groups.close_until(20_000);
    assert_eq!(save(&mut groups, &mut store), ["counters", "no w10000.0"], "what came and went is not mentioned");
    assert_eq!(store.keys().map(Slot::to_string).collect::<Vec<_>>(), ["counters"]);
}

#[test]
fn a_slot_that_is_used_again_is_named_once() {
    let mut groups = Groups::new(&spec(json!({"maxGroups": 2})));
    let mut store = Store::new();
    for (position, key) in ["a", "b"].into_iter().enumerate() {
        add(&mut groups, position as u64, 0, key, "1");
    }
    save(&mut groups, &mut store);
    add(&mut groups, 2, 0, "c", "1");
    assert_eq!(save(&mut groups, &mut store), ["counters", "w0.2", "no w0.0"]);
    add(&mut groups, 3, 0, "d", "1");
    assert_eq!(save(&mut groups, &mut store), ["counters", "w0.0", "no w0.1"]);
    groups.close_until(0);
    add(&mut groups, 4, 0, "e", "1");
    let changed = save(&mut groups, &mut store);
    assert_eq!(changed, ["counters", "w0.0", "no w0.2"], "also when the whole window is new");
    assert_eq!(restored(&spec(json!({})), &store).finish(), groups.finish());
}

#[test]
fn holes_are_filled_and_slots_stay() {
    let spec = spec(json!({}));
    let mut groups = Groups::new(&spec);
    let mut store = Store::new();
    for (position, key) in ["a", "b", "c", "d"].into_iter().enumerate() {
        add(&mut groups, position as u64, 0, key, "1");
    }
    save(&mut groups, &mut store);
    let hole = Slot { window: Some(0), number: 1 };
    store.remove(&hole);
    let mut groups = restored(&spec, &store);
    assert_eq!((groups.len(), groups.alerts()), (3, 4));
    add(&mut groups, 4, 0, "d", "1");
    add(&mut groups, 5, 0, "e", "1");
    add(&mut groups, 6, 0, "f", "1");
    assert_eq!(save(&mut groups, &mut store), ["counters", "w0.3", "w0.1", "w0.4"]);
    let order: Vec<String> = groups.finish().into_iter().map(|alert| alert.payload[0].1.clone()).collect();
    assert_eq!(order, ["a", "c", "d", "e", "f"]);
}

#[test]
fn what_was_told_is_known_after_a_restart() {
    let spec = spec(json!({"emit": "first", "maxGroups": 3}));
    let mut groups = Groups::new(&spec);
    let mut store = Store::new();
    add(&mut groups, 0, 0, "a", "1");
    add(&mut groups, 1, 0, "b", "1");
    assert_eq!(groups.take_early().len(), 2);
    save(&mut groups, &mut store);
    let mut groups = restored(&spec, &store);
    add(&mut groups, 2, 0, "a", "2");
    assert!(!groups.has_early());
    for (position, key) in ["c", "d"].into_iter().enumerate() {
        add(&mut groups, 3 + position as u64, 0, key, "1");
    }
    // The oldest, with an alert that was not told, leaves for the newest.
    let early = groups.take_early();
    assert_eq!(
        early.iter().map(|alert| (alert.ordinal, alert.partial)).collect::<Vec<_>>(),
        [(0, false), (0, false), (1, true)]
    );
    save(&mut groups, &mut store);
    let mut groups = restored(&spec, &store);
    add(&mut groups, 9, 0, "a", "3");
    assert_eq!(groups.take_early(), [], "`b` was told, and `a` waits for its window");
    assert_eq!(groups.closed_early(), 2);
    let last = groups.finish();
    assert_eq!(last.iter().map(|alert| (&*alert.payload[0].1, alert.ordinal)).collect::<Vec<_>>(), [("a", 1)]);
}

#[test]
fn counters_go_on() {
    let spec = spec(json!({"minCount": 2, "maxGroups": 2}));
    let mut groups = Groups::new(&spec);
    let mut store = Store::new();
    for (position, (key, value)) in [("a", "word"), ("b", "1"), ("c", "other"), ("d", "1")].into_iter().enumerate() {
        add(&mut groups, position as u64, 0, key, value);
    }
    save(&mut groups, &mut store);
    let again = restored(&spec, &store);
    let told = |groups: &Groups| {
        (groups.alerts(), groups.closed_early(), groups.withheld(), groups.invalid(), groups.invalid_fields())
    };
    assert_eq!(told(&again), told(&groups));
    assert_eq!((again.alerts(), again.closed_early(), again.withheld(), again.invalid()), (4, 2, 2, 2));
    assert_eq!(again.unseen(), [""; 0]);
}

#[test]
fn lower_bounds_close_what_no_longer_fits() {
    let mut groups = Groups::new(&spec(json!({})));
    let mut store = Store::new();
    for position in 0..5 {
        add(&mut groups, position, 0, &position.to_string(), "1");
    }
    save(&mut groups, &mut store);
    let mut groups = restored(&spec(json!({"maxGroups": 2})), &store);
    assert_eq!(groups.take_early().len(), 3);
    assert_eq!((groups.len(), groups.closed_early()), (2, 3));
    save(&mut groups, &mut store);
    assert_eq!(store.len(), 3);
}

#[test]
fn another_section_is_told_from_this_one() {
    let mut groups = Groups::new(&spec(json!({})));
    let mut store = Store::new();
    add(&mut groups, 0, 0, "a", "1");
    save(&mut groups, &mut store);
    let wrong = |more: Value| {
        let mut groups = Groups::new(&spec(more));
        let errors = store.iter().filter_map(|(slot, bytes)| groups.restore(*slot, bytes).err());
        errors.collect::<Vec<String>>()
    };
    let changed = "groupBy, aggregates, window or timeField is not what it was when the groups were saved";
    for more in [json!({"groupBy": ["l"]}), json!({"window": "20s"}), json!({"timeField": "at"})] {
        assert_eq!(wrong(more), [changed]);
    }
    let other = json!({"aggregates": [{"name": "n", "function": "max", "field": "x"}]});
    assert_eq!(wrong(other), [changed, "a saved group is damaged, or of an alerts section that was changed"]);
    for same in [json!({"minCount": 3}), json!({"emit": "first", "allowedLateness": "1s"}), json!({"maxGroups": 7})] {
        assert_eq!(wrong(same), [""; 0]);
    }
}

#[test]
fn what_is_damaged_is_refused() {
    let spec = spec(json!({}));
    let mut groups = Groups::new(&spec);
    let mut store = Store::new();
    for (position, value) in ["1e300", "1e-300", "word", "-1e300"].into_iter().enumerate() {
        add(&mut groups, position as u64, 0, "a", value);
    }
    save(&mut groups, &mut store);
    for (slot, bytes) in &store {
        for length in 0..bytes.len() {
            assert!(Groups::new(&spec).restore(*slot, &bytes[..length]).is_err(), "{slot} {length}");
        }
        assert!(Groups::new(&spec).restore(*slot, &[bytes, &[0][..]].concat()).is_err());
        let newer = [&[9], &bytes[1..]].concat();
        assert!(Groups::new(&spec).restore(*slot, &newer).unwrap_err().contains("has version 9, this is version 1"));
    }
    let slot = Slot { window: Some(0), number: 0 };
    let mut groups = restored(&spec, &store);
    assert_eq!(groups.restore(slot, &store[&slot]).unwrap_err(), "a group is saved twice");
    let elsewhere = Slot { number: 5, ..slot };
    assert_eq!(groups.restore(elsewhere, &store[&slot]).unwrap_err(), "a group is saved twice");
    let far = Slot { number: u32::MAX - 1, ..slot };
    assert!(
        Groups::new(&spec)
            .restore(far, &store[&slot])
            .unwrap_err()
            .starts_with("a group is saved as number 4294967294")
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..80),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        sound in any::<bool>(),
    ) {
        let spec = spec(json!({}));
        let mut store = Store::new();
        let mut groups = Groups::new(&spec);
        for (position, value) in ["1e300", "1e-300", "-1e300"].into_iter().enumerate() {
            add(&mut groups, position as u64, 0, "a", value);
        }
        save(&mut groups, &mut store);
        let slot = Slot { window: Some(0), number: 0 };
        for slot in [slot, Slot::COUNTERS] {
            if sound {
                bytes.clone_from(&store[&slot]);
            } else if let Some(version) = bytes.first_mut() {
                *version = 1;
            }
            for (place, flip) in &flips {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    bytes[place] ^= flip;
                }
            }
            let mut groups = Groups::new(&spec);
            if groups.restore(slot, &bytes).is_ok() {
                groups.restored();
                add(&mut groups, 9, 0, "a", "1e-300");
                groups.finish();
            }
        }
    }
}
