//! Runs whose store fails at one write after the other: they end as a crash would end them, and what goes on from the store
//! as it then is does what an undisturbed run does.

use crate::pipeline::{Pipeline, counters};
use crate::world::{Rec, World, rec};
use campanile_engine::Status;
use campanile_engine::store::InMemoryStore;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

/// So many writes are tried one by one; a run that makes more is tried at some of those behind.
const EACH_WRITE: u64 = 40;

/// Records of two splits, with keys that come again, a value that is no number, and errors of the source and a transform.
fn records(seed: usize, count: usize) -> Vec<Rec> {
    let values = ["1", "0.1", "-3e9", "", "wrong", "1e-9", "x", "bad", "7"];
    let record = |i: usize| rec(["a", "b", "c"][(i + seed) % 3], values[(i * 7 + seed) % 9], (i as i64) + seed as i64);
    (0..count).map(record).collect()
}

fn world() -> Arc<World> {
    let world = World::new();
    world.reads("one", vec![records(0, 40), records(1, 23)]).reads("two", vec![records(2, 9)]);
    world
}

fn grouped() -> serde_json::Value {
    json!({ "groupBy": ["key"], "aggregates": [
        { "name": "sum", "function": "sum", "field": "value" }, { "name": "mean", "function": "mean", "field": "value" },
        { "name": "count", "function": "count" }, { "name": "max", "function": "max", "field": "value" } ] })
}

fn windowed(emit: &str) -> serde_json::Value {
    let mut alerts = grouped();
    alerts["window"] = "10s".into();
    alerts["timeField"] = "at".into();
    alerts["emit"] = emit.into();
    alerts
}

/// One source, a stage that rings, a sink and a publisher.
fn simple(alerts: Option<serde_json::Value>) -> Pipeline {
    let pipeline = Pipeline::new().source("one").transform("ring", "Ring", json!({}));
    let pipeline = match alerts {
        Some(alerts) => pipeline.with("alerts", alerts),
        None => pipeline,
    };
    pipeline.sink("out").bell("bell").join(&["one", "ring", "out"]).join(&["ring", "bell"])
}

/// Two sources that meet in one stage, which has a queue in front of it.
fn meeting(alerts: Option<serde_json::Value>) -> Pipeline {
    let pipeline = Pipeline::new().source("one").source("two").transform("ring", "Ring", json!({}));
    let pipeline = match alerts {
        Some(alerts) => pipeline.with("alerts", alerts),
        None => pipeline,
    };
    let pipeline = pipeline.transform("count", "Count", json!({ "finishes": true, "opens": true, "closes": true }));
    let pipeline = pipeline.sink("out").bell("bell").bell("gong");
    let pipeline = pipeline.join(&["one", "ring", "count", "out"]).join(&["two", "ring"]);
    pipeline.join(&["ring", "bell"]).join(&["count", "bell"]).join(&["count", "gong"])
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// Holds what a run has done against what another has: the lines of the sink, and the alerts.
fn same(one: &World, other: &World, publishers: &[&str], when: &str) {
    let (lines, expected) = (sorted(one.lines("out")), sorted(other.lines("out")));
    assert_eq!(lines, expected, "{when}");
    for publisher in publishers {
        let (told, expected) = (one.distinct(publisher), other.distinct(publisher));
        let lost: Vec<_> = expected.iter().filter(|(id, alert)| told.get(*id) != Some(alert)).collect();
        let beyond: Vec<_> = told.iter().filter(|(id, alert)| expected.get(*id) != Some(alert)).collect();
        assert!(lost.is_empty() && beyond.is_empty(), "{when}: {publisher} lacks {lost:#?} and has {beyond:#?}");
    }
}

/// Holds a run that crashes after each of these numbers of writes, one crash after the other, against an undisturbed one.
fn holds_after(pipeline: &Pipeline, publishers: &[&str], crashes: &[u64]) -> bool {
    let calm = world();
    let calm_report = pipeline.completes(&calm, &InMemoryStore::new());
    let stormy = world();
    let mut store = InMemoryStore::new();
    let mut crashed = true;
    for &after in crashes {
        store.fail_after(after);
        crashed = pipeline.run(&stormy, &store).status == Status::Failed;
        store = store.snapshot();
        if !crashed {
            break;
        }
    }
    let report = if crashed { Some(pipeline.completes(&stormy, &store)) } else { None };
    same(&stormy, &calm, publishers, &format!("after {crashes:?}"));
    if let Some(report) = report {
        let (counted, expected) = (counters(&report), counters(&calm_report));
        let other: Vec<_> = counted.iter().zip(&expected).filter(|(counted, expected)| counted != expected).collect();
        assert!(other.is_empty(), "after {crashes:?}: {other:?}");
    }
    crashed
}

fn holds_after_each(pipeline: &Pipeline, publishers: &[&str]) {
    for after in (0..EACH_WRITE).chain((EACH_WRITE..).step_by(17)) {
        if !holds_after(pipeline, publishers, &[after]) {
            return;
        }
    }
}

#[test]
fn single_alerts_survive_a_crash_at_every_write() {
    holds_after_each(&simple(None), &["bell"]);
}

#[test]
fn groups_without_windows_survive_a_crash_at_every_write() {
    holds_after_each(&simple(Some(grouped())), &["bell"]);
}

#[test]
fn windows_by_event_time_survive_a_crash_at_every_write() {
    holds_after_each(&simple(Some(windowed("close"))), &["bell"]);
}

#[test]
fn first_alerts_of_windows_survive_a_crash_at_every_write() {
    // What is told first depends on which split comes first: one split has an order.
    let pipeline = simple(Some(windowed("first")));
    let calm = World::new();
    calm.reads("one", vec![records(0, 40)]);
    pipeline.completes(&calm, &InMemoryStore::new());
    for after in 0..EACH_WRITE {
        let stormy = calm.again();
        let store = InMemoryStore::new();
        store.fail_after(after);
        if pipeline.run(&stormy, &store).status == Status::Failed {
            pipeline.completes(&stormy, &store.snapshot());
        }
        same(&stormy, &calm, &["bell"], &format!("after {after}"));
    }
}

#[test]
fn parallel_chains_survive_a_crash_at_every_write() {
    for alerts in [None, Some(windowed("close"))] {
        holds_after_each(&simple(alerts).set("parallelism", json!(4)), &["bell"]);
    }
}

#[test]
fn alerts_of_no_row_survive_a_crash_at_every_write_in_parallel_chains() {
    let pipeline = Pipeline::new().source("one").transform("whole", "Whole", json!({})).sink("out").bell("bell");
    let pipeline = pipeline.join(&["one", "whole", "out"]).join(&["whole", "bell"]);
    holds_after_each(&pipeline.set("parallelism", json!(2)), &["bell"]);
}

#[test]
fn sources_that_meet_survive_a_crash_at_every_write() {
    for alerts in [None, Some(windowed("close"))] {
        holds_after_each(&meeting(alerts), &["bell", "gong"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn crashes_in_a_row_change_nothing(
        crashes in prop::collection::vec(0_u64..24, 1..6),
        parallelism in prop::sample::select(vec![1_u32, 4]),
        rows in 1_u32..20,
        shape in 0_usize..4,
    ) {
        let pipeline = match shape {
            0 => simple(None),
            1 => simple(Some(windowed("close"))),
            2 => meeting(None),
            _ => meeting(Some(grouped())),
        };
        let pipeline = pipeline.set("parallelism", json!(parallelism)).set("batch", json!({ "rows": rows, "bytes": 1 << 20 }));
        let publishers: &[&str] = if shape < 2 { &["bell"] } else { &["bell", "gong"] };
        holds_after(&pipeline, publishers, &crashes);
    }
}
