//! Groups of several chains, saved, restored, closed and merged in any interleaving, against a plain count.
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::super::*;
use super::{Store, restored, save, spec};
use crate::alerts::{AlertsSpec, Emit, Having, Sum};

/// What happens to the groups of several chains.
#[derive(Debug, Clone)]
enum Event {
    Alert {
        chain: usize,
        window: i64,
        key: usize,
        value: Option<f64>,
    },
    /// All windows up to this one close.
    Close(i64),
    /// A chain saves, ends, and goes on from what was saved.
    Restart(usize),
    /// A chain saves and ends; the first one goes on from what was saved.
    Retire(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let value = prop_oneof![
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
        (-1000i32..1000).prop_map(|number| f64::from(number) / 10.0),
        Just(1e308),
        Just(5e-324),
    ];
    let alert = (0usize..3, 0i64..5, 0usize..4, prop::option::weighted(0.9, value))
        .prop_map(|(chain, window, key, value)| Event::Alert { chain, window: window * 10_000, key, value });
    prop_oneof![
        20 => alert,
        1 => (0i64..5).prop_map(|window| Event::Close(window * 10_000)),
        2 => (0usize..3).prop_map(Event::Restart),
        1 => (1usize..3).prop_map(Event::Retire),
    ]
}

/// The alerts of one group: their values, and which one was first.
#[derive(Debug, Default, Clone)]
struct Plain {
    alerts: Vec<Option<f64>>,
    first: Option<Origin>,
}

const KEYS: [&str; 4] = ["", "b", "a key of more than thirty bytes, which is kept elsewhere", "d"];

impl Plain {
    fn numbers(&self) -> Vec<f64> {
        let mut numbers: Vec<f64> = self.alerts.iter().flatten().copied().collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    }

    fn aggregate(&self, name: &str) -> Option<f64> {
        let numbers = self.numbers();
        let mut sum = Sum::new();
        numbers.iter().for_each(|number| sum.add(*number));
        match name {
            "n" => Some(self.alerts.len() as f64),
            "carried" => Some(numbers.len() as f64),
            "avg" => sum.mean(numbers.len() as u64),
            "sum" if numbers.is_empty() => None,
            "sum" => sum.result(),
            "min" => numbers.first().copied(),
            _ => numbers.last().copied(),
        }
    }

    fn payload(&self, key: usize) -> Vec<(String, String)> {
        let mut payload = vec![("k".to_owned(), KEYS[key].to_owned())];
        for name in ["n", "carried", "avg", "sum", "min", "max"] {
            if let Some(number) = self.aggregate(name) {
                let mut text = String::new();
                number::print(number, &mut text);
                payload.push((name.to_owned(), text));
            }
        }
        payload
    }

    fn is_wanted(&self, spec: &AlertsSpec) -> bool {
        let holds = |having: &Having| self.aggregate(&having.aggregate).is_some_and(|number| having.holds(number));
        self.alerts.len() as u64 >= spec.min_count.unwrap_or(0) && spec.having.iter().all(holds)
    }
}

/// Window, payload, count, first origin, ordinal.
type Published = (i64, Vec<(String, String)>, u64, Origin, u64);

/// What the groups do, in the plainest way.
#[derive(Default)]
struct Model {
    open: BTreeMap<(i64, usize), Plain>,
    told: BTreeMap<(i64, usize), usize>,
    published: Vec<Published>,
    withheld: u64,
}

impl Model {
    fn add(&mut self, spec: &AlertsSpec, window: i64, key: usize, value: Option<f64>, origin: Origin) {
        let group = self.open.entry((window, key)).or_default();
        group.alerts.push(value);
        group.first.get_or_insert(origin);
        let group = group.clone();
        if spec.emit == Emit::First && !self.told.contains_key(&(window, key)) && group.is_wanted(spec) {
            self.told.insert((window, key), group.alerts.len());
            self.publish(window, key, &group, 0);
        }
    }

    fn publish(&mut self, window: i64, key: usize, group: &Plain, ordinal: u64) {
        self.published.push((window, group.payload(key), group.alerts.len() as u64, group.first.unwrap(), ordinal));
    }

    fn close(&mut self, spec: &AlertsSpec, until: i64) {
        let later = self.open.split_off(&(until + 1, 0));
        let mut closed: Vec<_> = std::mem::replace(&mut self.open, later).into_iter().collect();
        closed.sort_by_key(|((window, _), group)| (*window, group.first));
        for ((window, key), group) in closed {
            let told = self.told.get(&(window, key)).copied();
            if told == Some(group.alerts.len()) {
                continue;
            }
            match group.is_wanted(spec) {
                true => self.publish(window, key, &group, u64::from(told.is_some())),
                false => self.withheld += 1,
            }
        }
    }
}

/// Goes through the events with this many chains; what is published, and how many groups were withheld.
fn go(spec: &AlertsSpec, events: &[Event], chains: usize) -> (Vec<GroupedAlert>, Vec<GroupedAlert>, u64, Model) {
    let mut model = Model::default();
    let mut parts: Vec<(Groups, Store)> = (0..chains).map(|_| (Groups::new(spec), Store::new())).collect();
    let (mut early, mut published, mut withheld, mut over) = (Vec::new(), Vec::new(), 0, i64::MIN);
    let close = |parts: &mut Vec<(Groups, Store)>, until: i64, published: &mut Vec<GroupedAlert>| {
        let mut closed: Option<Groups> = None;
        // Whichever comes first, the others are merged into it.
        for (groups, _) in parts.iter_mut().rev() {
            let Some(more) = groups.close_until(until) else { continue };
            match &mut closed {
                Some(closed) => assert_eq!(closed.merge(more), []),
                None => closed = Some(more),
            }
        }
        let Some(mut closed) = closed else { return 0 };
        published.extend(closed.drain());
        parts.iter_mut().for_each(|(groups, store)| drop(save(groups, store)));
        closed.withheld()
    };
    for (position, event) in events.iter().enumerate() {
        let origin = Origin { split: 0, position: position as u64, ordinal: 0 };
        match *event {
            Event::Alert { chain, window, key, value } if window > over => {
                let text = value.map(|value| value.to_string()).unwrap_or_default();
                let payload = [("k", KEYS[key]), ("x", &*text)];
                let chain = chain % parts.len();
                parts[chain].0.add(&payload[..], origin, Some(window));
                early.extend(parts[chain].0.take_early());
                model.add(spec, window, key, value, origin);
            }
            Event::Alert { .. } => {}
            Event::Close(until) => {
                over = over.max(until);
                withheld += close(&mut parts, until, &mut published);
                model.close(spec, until);
            }
            Event::Restart(chain) => {
                let chain = chain % parts.len();
                let (groups, store) = &mut parts[chain];
                save(groups, store);
                assert_eq!(store.keys().filter(|slot| **slot != Slot::COUNTERS).count(), groups.len());
                let again = restored(spec, store);
                assert_eq!(
                    (again.len(), again.bytes(), again.alerts()),
                    (groups.len(), groups.bytes(), groups.alerts())
                );
                *groups = again;
            }
            Event::Retire(chain) if chain < parts.len() => {
                let (mut groups, mut store) = parts.remove(chain);
                save(&mut groups, &mut store);
                assert_eq!(parts[0].0.merge(restored(spec, &store)), []);
            }
            Event::Retire(_) => {}
        }
    }
    withheld += close(&mut parts, i64::MAX - 1, &mut published);
    model.close(spec, i64::MAX - 1);
    assert!(parts.iter().all(|(groups, _)| groups.is_empty() && groups.bytes() == 0));
    assert!(parts.iter().all(|(_, store)| store.keys().all(|slot| *slot == Slot::COUNTERS)));
    (early, published, withheld, model)
}

fn flat(alert: &GroupedAlert) -> Published {
    (alert.window.unwrap(), alert.payload.clone(), alert.count, alert.first, alert.ordinal)
}

fn conditions() -> impl Strategy<Value = Value> {
    (0u64..4, prop::option::of(-50i32..50)).prop_map(|(min_count, above)| {
        let mut more = json!({});
        if min_count > 0 {
            more["minCount"] = min_count.into();
        }
        if let Some(above) = above {
            more["having"] = json!({"aggregate": "avg", "above": above});
        }
        more
    })
}

proptest! {
    #[test]
    fn any_cut_and_any_partition_publish_the_same(
        events in prop::collection::vec(event(), 0..150),
        chains in 1usize..4,
        more in conditions(),
    ) {
        let (early, published, withheld, model) = go(&spec(more), &events, chains);
        prop_assert_eq!(early, vec![]);
        prop_assert_eq!(published.iter().map(flat).collect::<Vec<_>>(), model.published);
        prop_assert_eq!(withheld, model.withheld);
    }

    #[test]
    fn what_is_told_at_once_is_what_a_plain_count_tells(
        events in prop::collection::vec(event(), 0..150),
        mut more in conditions(),
    ) {
        more["emit"] = "first".into();
        let (early, published, withheld, model) = go(&spec(more), &events, 1);
        prop_assert_eq!(early.len(), model.told.len());
        let mut all: Vec<_> = early.iter().chain(&published).map(flat).collect();
        let mut expected = model.published;
        all.sort();
        expected.sort();
        prop_assert_eq!(all, expected);
        prop_assert_eq!(withheld, model.withheld);
    }

    #[test]
    fn no_chain_keeps_for_itself_what_it_told_at_once(
        events in prop::collection::vec(event(), 0..150),
        chains in 2usize..4,
    ) {
        let (early, published, _, model) = go(&spec(json!({"emit": "first"})), &events, chains);
        let closed: BTreeMap<_, _> = published.iter().map(|alert| ((alert.window, alert.key_hash), alert.count)).collect();
        let mut told: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for alert in &early {
            told.entry((alert.window, alert.key_hash)).or_default().push(alert.count);
        }
        // Each alert is told when its group closes, or was the only one and told at once.
        let mut alerts = 0;
        for (group, counts) in &told {
            alerts += closed.get(group).copied().unwrap_or_else(|| counts.iter().sum());
            prop_assert!(closed.contains_key(group) || counts == &[1]);
        }
        prop_assert!(published.iter().all(|alert| told.contains_key(&(alert.window, alert.key_hash)) && alert.ordinal == 1));
        let whole: u64 = model.told.len() as u64;
        prop_assert_eq!(told.len() as u64, whole);
        let (_, _, _, plain) = go(&spec(json!({})), &events, 1);
        prop_assert_eq!(alerts, plain.published.iter().map(|(_, _, count, _, _)| *count).sum::<u64>());
    }
}
