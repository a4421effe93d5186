//! Runs that are stopped or fail, and go on with other bounds than before.

use crate::pipeline::{Pipeline, counters};
use crate::world::{Rec, World, rec};
use campanile_engine::store::{InMemoryStore, Store, Topic};
use campanile_engine::{Report, RunOptions, Status};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn records(count: usize) -> Vec<Rec> {
    (0..count).map(|i| rec(["a", "b", "c"][i % 3], &i.to_string(), i as i64)).collect()
}

fn world() -> Arc<World> {
    let world = World::new();
    world.reads("one", vec![records(60), records(30), records(20), records(5)]).reads("two", vec![records(3)]);
    world
}

fn counted(window: Option<&str>) -> Value {
    let mut alerts = json!({ "groupBy": ["key"], "aggregates": [
        { "name": "sum", "function": "sum", "field": "value" }, { "name": "count", "function": "count" } ] });
    if let Some(window) = window {
        alerts["window"] = window.into();
        alerts["timeField"] = "at".into();
    }
    alerts
}

fn pipeline(alerts: Value) -> Pipeline {
    let pipeline = Pipeline::new().source("one").transform("ring", "Ring", json!({})).with("alerts", alerts);
    pipeline.sink("out").bell("bell").join(&["one", "ring", "out"]).join(&["ring", "bell"])
}

/// What was published: keys, windows and aggregates.
fn told(world: &World) -> Vec<(String, String, String, String)> {
    let alerts = world.distinct("bell").into_values();
    let parts = alerts.map(|told| {
        let of = |name: &str| told.payload.get(name).cloned().unwrap_or_default();
        (of("key"), told.more.clone(), of("count"), of("sum"))
    });
    let mut parts: Vec<_> = parts.collect();
    parts.sort();
    parts
}

fn expect(pipeline: &Pipeline, world: &World) -> (Arc<World>, Report) {
    let calm = world.again();
    let report = pipeline.completes(&calm, &InMemoryStore::new());
    (calm, report)
}

#[test]
fn a_run_that_is_stopped_again_and_again_does_what_an_undisturbed_one_does() {
    for alerts in [counted(None), counted(Some("10s"))] {
        let pipeline = pipeline(alerts);
        let world = world();
        let (calm, calm_report) = expect(&pipeline, &world);
        let store = InMemoryStore::new();
        let mut written = 0;
        let report = loop {
            let run = pipeline.begin(&world, pipeline.options(&world, &store));
            written += 20;
            let all = calm.lines("out").len();
            world.wait("lines", |world| world.lines("out").len() >= written.min(all));
            let report = if written < all { run.stops() } else { run.ends() };
            if report.status == Status::Completed {
                break report;
            }
            assert_eq!(report.status, Status::Killed, "{:?}", report.problems);
        };
        assert_eq!(told(&world), told(&calm));
        assert_eq!(world.alerts("bell").len(), calm.alerts("bell").len(), "nothing was published twice");
        assert_eq!(counters(&report), counters(&calm_report));
    }
}

#[test]
fn a_run_whose_sink_fails_goes_on_where_it_was_saved() {
    let pipeline = pipeline(counted(Some("10s")));
    let world = world();
    let (calm, calm_report) = expect(&pipeline, &world);
    for lines in [0, 1, 17, 60, 114] {
        let world = world.again();
        let store = InMemoryStore::new();
        world.breaks_after(Some(lines));
        let report = pipeline.run(&world, &store);
        assert_eq!((report.status, report.problems[0].stage.as_str()), (Status::Failed, "out"));
        world.breaks_after(None);
        let report = pipeline.completes(&world, &store);
        assert_eq!(told(&world), told(&calm), "after {lines}");
        assert_eq!(counters(&report), counters(&calm_report), "after {lines}");
    }
}

#[test]
fn another_parallelism_goes_on_with_the_groups_of_before() {
    let pipeline = pipeline(counted(None));
    let world = world();
    let (calm, _) = expect(&pipeline, &world);
    for first in [1, 3] {
        for after in 4..30 {
            let world = world.again();
            let mut store = InMemoryStore::new();
            // Each run crashes, right after it began too.
            for (parallelism, after) in [(first, after), (4, 3), (4, 4), (2, 5), (1, 3)] {
                store.fail_after(after);
                let options = RunOptions { parallelism: Some(parallelism), ..pipeline.options(&world, &store) };
                pipeline.plan(&world).run(options);
                store = store.snapshot();
            }
            if SaveStatus::of(&store) != "COMPLETED" {
                pipeline.completes(&world, &store);
            }
            assert_eq!(told(&world), told(&calm), "{first} chains, after {after}");
        }
    }
}

struct SaveStatus;

impl SaveStatus {
    /// How the run ended, as its save point says.
    fn of(store: &InMemoryStore) -> String {
        let point: Value =
            serde_json::from_slice(&store.value("save").unwrap().unwrap_or_default()).unwrap_or_default();
        point["status"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn sources_of_different_length_meet_without_losing_what_the_longer_one_has() {
    let pipeline = Pipeline::new().source("one").source("two").transform("ring", "Ring", json!({}));
    let pipeline = pipeline
        .with("alerts", counted(None))
        .sink("out")
        .bell("bell")
        .set("batch", json!({ "rows": 1, "bytes": 100 }));
    let pipeline = pipeline.join(&["one", "ring", "out"]).join(&["two", "ring", "bell"]);
    let world = world();
    let (calm, calm_report) = expect(&pipeline, &world);
    for lines in (0..118).step_by(9) {
        let world = world.again();
        let store = InMemoryStore::new();
        world.breaks_after(Some(lines));
        let run = pipeline.begin(&world, pipeline.options(&world, &store));
        assert_eq!(run.ends().status, Status::Failed);
        world.breaks_after(None);
        let run = pipeline.begin(&world, pipeline.options(&world, &store));
        let report = run.ends();
        let mut lines = (world.lines("out"), calm.lines("out"));
        lines.0.sort();
        lines.1.sort();
        assert_eq!(lines.0, lines.1);
        assert_eq!(told(&world), told(&calm));
        assert_eq!(counters(&report), counters(&calm_report));
    }
}

#[test]
fn dead_letters_of_a_run_that_fails_are_kept_once() {
    let pipeline = pipeline(counted(None));
    let records: Vec<Rec> = (0..60).map(|i| rec("a", ["1", "wrong", "bad"][i % 3], i as i64)).collect();
    for lines in [0, 5, 19] {
        let world = World::new();
        world.reads("one", vec![records.clone()]).breaks_after(Some(lines));
        let store = InMemoryStore::new();
        assert_eq!(pipeline.run(&world, &store).status, Status::Failed);
        world.breaks_after(None);
        let report = pipeline.completes(&world, &store);
        let letters = store.read(Topic::Errors, None, 100).unwrap();
        let offsets = letters.iter().map(|letter| {
            let letter: Value = serde_json::from_slice(&letter.bytes).unwrap();
            letter["position"]["offset"].as_u64().unwrap()
        });
        let mut offsets: Vec<u64> = offsets.collect();
        offsets.sort_unstable();
        assert_eq!(offsets, (0..60).filter(|i| i % 3 != 0).collect::<Vec<_>>());
        assert_eq!(report.metric("ring", "records.error") + report.metric("one", "records.error"), 40);
    }
}

#[test]
fn positions_are_told_to_the_source_once_they_are_saved() {
    let world = world();
    let store = InMemoryStore::new();
    pipeline(counted(None)).completes(&world, &store);
    let commits = world.commits.lock().unwrap().clone();
    assert!(!commits.is_empty());
    let of_first: Vec<u64> = commits.iter().filter(|(split, _)| split == "one-0").map(|(_, at)| *at).collect();
    assert!(of_first.is_sorted(), "{of_first:?}");
}

#[test]
fn a_run_without_a_save_point_in_between_goes_on_from_its_beginning_however_often_it_crashes() {
    let pipeline = pipeline(counted(None)).set("saves", json!({ "interval": "1h" }));
    let world = world();
    let (calm, calm_report) = expect(&pipeline, &world);
    let mut store = InMemoryStore::new();
    for lines in [7, 30, 2] {
        world.breaks_after(Some(lines));
        let options = RunOptions { save_gap: Duration::from_secs(3_600), ..pipeline.options(&world, &store) };
        assert_eq!(pipeline.plan(&world).run(options).status, Status::Failed);
        store = store.snapshot();
    }
    world.breaks_after(None);
    let report = pipeline.completes(&world, &store);
    assert_eq!(told(&world), told(&calm));
    assert_eq!(world.lines("out"), calm.lines("out"));
    assert_eq!(counters(&report), counters(&calm_report));
}

#[test]
fn splits_of_a_live_source_have_their_turn_and_are_let_go_when_they_have_ended_and_are_saved() {
    let pipeline = Pipeline::new().stage("one", "source", "Followed", json!({ "slow": true }));
    let pipeline = pipeline.transform("ring", "Ring", json!({})).with("alerts", counted(Some("10s")));
    let pipeline = pipeline.sink("out").bell("bell").join(&["one", "ring", "out"]).join(&["ring", "bell"]);
    let world = world();
    let store = InMemoryStore::new();
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.wait("all splits", |world| world.closes() == 4);
    assert_eq!(world.lines("out").len(), 115);
    run.stops();
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    let report = run.stops();
    assert_eq!(report.metric("ring", "records.in"), 115, "what was read to its end is not read again");
    let commits = world.commits.lock().unwrap();
    let last = |split: &str| commits.iter().filter(|(other, _)| other == split).map(|(_, at)| *at).max();
    assert_eq!(["one-0", "one-1", "one-2", "one-3"].map(last), [Some(59), Some(29), Some(19), Some(4)]);
}

#[test]
fn splits_that_leave_are_saved_first_and_go_on_when_they_come_back() {
    let shared = json!({ "follow": true, "shared": true });
    let pipeline = Pipeline::new().stage("one", "source", "Followed", shared).sink("out").join(&["one", "out"]);
    let world = world();
    let all = world.split_count("one");
    world.release(2);
    let store = InMemoryStore::new();
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.wait("two of each", |world| world.lines("out").len() == 2 * all);
    world.away.store(1, Ordering::SeqCst);
    world.wait("its reader goes", |world| world.closes() == 1);
    let last = format!("one-{}", all - 1);
    assert!(world.commits.lock().unwrap().contains(&(last, 1)), "what was read of it is saved and told before");
    world.release(3);
    world.wait("the others go on", |world| world.lines("out").len() == 2 * all + all - 1);
    run.stops();
    // Others may have it: it is not missed.
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.away.store(0, Ordering::SeqCst);
    world.wait("it goes on", |world| world.lines("out").len() == 3 * all);
    let report = run.stops();
    let problems: Vec<_> = report.problems.iter().map(|problem| &problem.message).collect();
    assert!(!problems.iter().any(|problem| problem.contains("any more")), "{problems:?}");
    assert_eq!(report.metric("out", "records.in"), 3 * all as u64, "nothing is read twice");
}
