//! Aggregates against a plain model, to the last digit, whatever happens on the way.

use crate::pipeline::Pipeline;
use crate::world::{Rec, World, rec};
use campanile_engine::store::InMemoryStore;
use campanile_engine::{RunOptions, Status};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

/// Values are whole multiples of two to this power: their sums are exact in 128 bits.
const LEAST_POWER: i32 = -40;

/// A number of many magnitudes: `whole` times two to the power.
#[derive(Clone, Copy, Debug)]
struct Number {
    whole: i32,
    power: i32,
}

impl Number {
    fn value(self) -> f64 {
        f64::from(self.whole) * 2_f64.powi(self.power)
    }

    /// In units of the least power.
    fn units(self) -> i128 {
        i128::from(self.whole) << (self.power - LEAST_POWER)
    }
}

fn number() -> impl Strategy<Value = Number> {
    (-1_000_000_i32..1_000_000, LEAST_POWER..40).prop_map(|(whole, power)| Number { whole, power })
}

/// What a group is expected to be.
fn expected(numbers: &[Number]) -> BTreeMap<&'static str, f64> {
    let units: i128 = numbers.iter().map(|number| number.units()).sum();
    // Rounded once, to the nearest, and scaled without a loss.
    let sum = units as f64 * 2_f64.powi(LEAST_POWER);
    let values = || numbers.iter().map(|number| number.value());
    BTreeMap::from([
        ("sum", sum),
        ("count", numbers.len() as f64),
        ("min", values().fold(f64::INFINITY, f64::min)),
        ("max", values().fold(f64::NEG_INFINITY, f64::max)),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn aggregates_are_exact_whatever_happens(
        splits in prop::collection::vec(prop::collection::vec((number(), 0_usize..3), 0..60), 1..6),
        runs in prop::collection::vec((4_u64..40, 1_u32..5, prop::sample::select(vec![1_u32, 2, 5, 100])), 1..5),
        meets in any::<bool>(),
    ) {
        let keys = ["a", "b", "c"];
        let read = |split: &Vec<(Number, usize)>| -> Vec<Rec> {
            split.iter().map(|(number, key)| rec(keys[*key], &number.value().to_string(), 0)).collect()
        };
        let world = World::new();
        world.reads("one", splits.iter().map(read).collect()).reads("two", splits.iter().take(1).map(read).collect());
        let functions = ["sum", "min", "max", "mean"];
        let mut aggregates: Vec<_> = functions.map(|name| json!({ "name": name, "function": name, "field": "value" })).into();
        aggregates.push(json!({ "name": "count", "function": "count" }));
        let pipeline = Pipeline::new().source("one");
        let pipeline = if meets { pipeline.source("two") } else { pipeline };
        let pipeline = pipeline.transform("ring", "Ring", json!({}));
        let pipeline = pipeline.with("alerts", json!({ "groupBy": ["key"], "aggregates": aggregates })).bell("bell").sink("out");
        let pipeline = pipeline.join(&["one", "ring", "bell"]).join(&["ring", "out"]);
        let pipeline = if meets { pipeline.join(&["two", "ring"]) } else { pipeline };
        let mut store = InMemoryStore::new();
        let mut completed = false;
        // Each crashes after so many writes, and goes on with other bounds.
        for (after, parallelism, rows) in runs {
            let pipeline = pipeline.clone().set("batch", json!({ "rows": rows, "bytes": 1 << 20 }));
            store.fail_after(after);
            let options = RunOptions { parallelism: Some(parallelism), ..pipeline.options(&world, &store) };
            completed = pipeline.plan(&world).run(options).status == Status::Completed;
            store = store.snapshot();
            if completed {
                break;
            }
        }
        if !completed {
            pipeline.completes(&world, &store);
        }
        let again = splits.iter().take(usize::from(meets));
        let mut groups: BTreeMap<&str, Vec<Number>> = BTreeMap::new();
        for (number, key) in splits.iter().chain(again).flatten() {
            groups.entry(keys[*key]).or_default().push(*number);
        }
        let told = world.distinct("bell");
        prop_assert_eq!(told.len(), groups.len());
        for told in told.values() {
            let numbers = &groups[told.payload["key"].as_str()];
            for (name, value) in expected(numbers) {
                let got: f64 = told.payload[name].parse().unwrap();
                prop_assert_eq!(got, value, "{} of {:?}", name, numbers);
            }
            let mean: f64 = told.payload["mean"].parse().unwrap();
            let (low, high) = (told.payload["min"].parse::<f64>().unwrap(), told.payload["max"].parse::<f64>().unwrap());
            prop_assert!(low <= mean && mean <= high);
        }
        prop_assert_eq!(world.lines("out").len(), groups.values().map(Vec::len).sum::<usize>());
    }
}
