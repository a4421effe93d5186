//! Pipelines of any shape: chains that meet, part and meet again, sources of any length, and crashes.

use crate::pipeline::{Pipeline, counters};
use crate::world::{Rec, World, rec};
use campanile_engine::store::InMemoryStore;
use campanile_engine::{RunOptions, Status};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

/// How long the splits of a source are.
type Lengths = Vec<usize>;

#[derive(Clone, Debug)]
struct Shape {
    sources: Vec<Lengths>,
    /// For each stage behind the sources what it takes from, as positions among those before it.
    stages: Vec<Vec<prop::sample::Index>>,
    /// Whether it runs in parallel.
    rings: Vec<bool>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let sources = prop::collection::vec(prop::collection::vec(0_usize..30, 0..4), 1..4);
    let stage = prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    let stages = prop::collection::vec((stage, any::<bool>()), 1..6);
    (sources, stages).prop_map(|(sources, stages)| {
        let (stages, rings) = stages.into_iter().unzip();
        Shape { sources, stages, rings }
    })
}

impl Shape {
    fn world(&self) -> Arc<World> {
        let world = World::new();
        for (number, lengths) in self.sources.iter().enumerate() {
            let split = |length: &usize| -> Vec<Rec> { (0..*length).map(|i| rec("k", &i.to_string(), 0)).collect() };
            world.reads(&format!("s{number}"), lengths.iter().map(split).collect());
        }
        world
    }

    fn pipeline(&self) -> Pipeline {
        let mut names: Vec<String> = (0..self.sources.len()).map(|number| format!("s{number}")).collect();
        let mut pipeline = names.iter().fold(Pipeline::new(), |pipeline, name| pipeline.source(name));
        let mut taken = vec![false; names.len()];
        let mut bells = Vec::new();
        for (number, (inputs, ring)) in self.stages.iter().zip(&self.rings).enumerate() {
            let name = format!("t{number}");
            pipeline = match ring {
                true => pipeline.transform(&name, "Ring", json!({})),
                false => pipeline.transform(&name, "Count", json!({ "finishes": true, "opens": true, "closes": true })),
            };
            let mut from: Vec<usize> = inputs.iter().map(|input| input.index(names.len())).collect();
            from.sort_unstable();
            from.dedup();
            for from in from {
                pipeline = pipeline.join(&[&names[from], &name]);
                taken[from] = true;
            }
            bells.push(name.clone());
            names.push(name);
            taken.push(false);
        }
        pipeline = pipeline.sink("out").bell("bell");
        for (name, _) in names.iter().zip(taken).filter(|(_, taken)| !taken) {
            pipeline = pipeline.join(&[name, "out"]);
        }
        bells.iter().fold(pipeline, |pipeline, name| pipeline.join(&[name, "bell"]))
    }
}

/// Alerts without what depends on how records of several splits are interleaved: there is nothing of that in these.
fn told(world: &World) -> Vec<(String, String)> {
    let alerts = world.distinct("bell").into_values();
    let mut alerts: Vec<_> = alerts.map(|told| (told.more, format!("{:?}", told.payload))).collect();
    alerts.sort();
    alerts
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape_does_after_crashes_what_it_does_undisturbed(
        shape in shape(),
        crashes in prop::collection::vec((4_u64..30, prop::option::of(0_u64..60)), 0..4),
        parallelism in prop::sample::select(vec![1_u32, 3]),
    ) {
        let pipeline = shape.pipeline();
        let with = |world: &Arc<World>, store: &InMemoryStore| {
            RunOptions { parallelism: Some(parallelism), ..pipeline.options(world, store) }
        };
        let calm = shape.world();
        let calm_report = pipeline.begin(&calm, with(&calm, &InMemoryStore::new())).ends();
        prop_assert_eq!(calm_report.status, Status::Completed, "{:?}", calm_report.problems);
        let world = shape.world();
        let mut store = InMemoryStore::new();
        let mut last = None;
        for (writes, lines) in crashes {
            store.fail_after(writes);
            world.breaks_after(lines);
            let report = pipeline.begin(&world, with(&world, &store)).ends();
            store = store.snapshot();
            if report.status == Status::Completed {
                last = Some(report);
                break;
            }
        }
        world.breaks_after(None);
        let report = last.unwrap_or_else(|| pipeline.begin(&world, with(&world, &store)).ends());
        prop_assert_eq!(report.status, Status::Completed, "{:?}", report.problems);
        prop_assert_eq!(sorted(world.lines("out")), sorted(calm.lines("out")));
        prop_assert_eq!(told(&world), told(&calm));
        prop_assert_eq!(counters(&report), counters(&calm_report));
    }
}

#[test]
fn a_record_that_meets_itself_raises_alerts_of_their_own() {
    let world = World::new();
    world.reads("s0", vec![(0..10).map(|i| rec("k", &i.to_string(), 0)).collect()]);
    let pipeline = Pipeline::new().source("s0").transform("a", "Count", json!({})).transform("b", "Count", json!({}));
    let pipeline = pipeline.transform("ring", "Ring", json!({})).sink("out").bell("bell");
    let pipeline = pipeline.join(&["s0", "a", "ring", "out"]).join(&["s0", "b", "ring", "bell"]);
    pipeline.completes(&world, &InMemoryStore::new());
    assert_eq!(world.distinct("bell").len(), 20);
}
