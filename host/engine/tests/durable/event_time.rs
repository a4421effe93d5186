//! Windows: which alerts are in which, and which come too late, however records are cut into batches and spread over chains.

use crate::pipeline::{Pipeline, counters};
use crate::world::{Rec, World, rec};
use campanile_engine::store::{InMemoryStore, Store, Topic};
use campanile_engine::{Report, Status};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const WINDOW_S: i64 = 10;

fn windowed(more: &[(&str, Value)]) -> Value {
    let mut alerts = json!({ "groupBy": ["key"], "window": "10s", "timeField": "at", "maxAhead": "1h",
        "aggregates": [{ "name": "count", "function": "count" }, { "name": "sum", "function": "sum", "field": "value" }] });
    for (name, value) in more {
        alerts[name] = value.clone();
    }
    alerts
}

fn pipeline(kind: &str, alerts: Value) -> Pipeline {
    let pipeline = Pipeline::new().stage("one", "source", kind, json!({ "slow": true, "follow": kind == "Followed" }));
    let pipeline = pipeline.transform("ring", "Ring", json!({})).with("alerts", alerts);
    pipeline.sink("out").bell("bell").join(&["one", "ring", "out"]).join(&["ring", "bell"])
}

/// What of an alert tells which it is: its key, its window's start in seconds, and whether it was late.
type Which = (String, i64, bool);

/// How many alerts and which sum, by window and key; late ones each for itself.
type Windows = BTreeMap<Which, Vec<(u64, i64)>>;

fn published(world: &World) -> Windows {
    let mut windows = Windows::new();
    for told in world.distinct("bell").into_values() {
        let more: Value = serde_json::from_str(&told.more).unwrap();
        let start = more["windowStart"].as_str().unwrap().to_owned();
        let minutes: i64 = start[14..16].parse().unwrap();
        let seconds: i64 = start[17..19].parse().unwrap();
        let late = more["late"] == json!(true);
        let number = |name: &str| told.payload.get(name).map_or(0, |value| value.parse::<i64>().unwrap());
        let counted = if late { (1, number("value")) } else { (number("count") as u64, number("sum")) };
        windows.entry((told.payload["key"].clone(), minutes * 60 + seconds, late)).or_default().push(counted);
    }
    windows.values_mut().for_each(|all| all.sort_unstable());
    windows
}

/// A plain count: an alert is late when its window, and the lateness allowed, is behind what its split brought before.
fn model(splits: &[Vec<Rec>], lateness_s: i64) -> Windows {
    let mut windows = Windows::new();
    for split in splits {
        let mut latest = i64::MIN;
        for record in split {
            let Some(at) = record.at.map(|at| at / 1_000) else { continue };
            let start = at.div_euclid(WINDOW_S) * WINDOW_S;
            let late = start + WINDOW_S + lateness_s <= latest;
            latest = latest.max(at);
            if record.value == "hidden" || record.value.is_empty() {
                continue;
            }
            let value: i64 = record.value.parse().unwrap();
            let all = windows.entry((record.key.clone(), start, late)).or_default();
            match all.first_mut().filter(|_| !late) {
                Some((count, sum)) => (*count, *sum) = (*count + 1, *sum + value),
                None => all.push((1, value)),
            }
        }
    }
    windows.values_mut().for_each(|all| all.sort_unstable());
    windows
}

fn completes(pipeline: &Pipeline, world: &Arc<World>) -> Report {
    pipeline.completes(world, &InMemoryStore::new())
}

/// Waits until what was going on is done: some save points later no call is under way that was before.
fn settle(world: &World, store: &InMemoryStore) {
    let writes = store.writes();
    world.wait("save points", |_| store.writes() >= writes + 4);
}

/// Times that mostly go on, and now and then far back or on.
fn split() -> impl Strategy<Value = Vec<Rec>> {
    let step = prop_oneof![8 => 0_i64..4, 1 => -40_i64..0, 1 => 5_i64..60];
    let value = prop_oneof![6 => (1_i64..100).prop_map(|n| n.to_string()), 1 => Just("hidden".to_owned()), 1 => Just(String::new())];
    prop::collection::vec((step, value, 0_usize..2, prop::bool::weighted(0.05)), 0..50).prop_map(|steps| {
        let mut at = 100;
        let record = |(step, value, key, timeless): (i64, String, usize, bool)| {
            at = (at + step).clamp(0, 3_000);
            Rec { at: (!timeless).then_some(at * 1_000), ..rec(["a", "b"][key], &value, at) }
        };
        steps.into_iter().map(record).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_those_of_a_plain_count(
        splits in prop::collection::vec(split(), 1..5),
        lateness in prop::sample::select(vec![0_i64, 3, 25]),
        rows in prop::sample::select(vec![1_u32, 3, 16, 1_000]),
        parallelism in prop::sample::select(vec![1_u32, 4]),
        crashes in prop::collection::vec(4_u64..30, 0..3),
    ) {
        let world = World::new();
        world.reads("one", splits.clone());
        let more = [("allowedLateness", json!(format!("{lateness}s")))];
        let pipeline = pipeline("Records", windowed(&more)).set("parallelism", json!(parallelism));
        let pipeline = pipeline.set("batch", json!({ "rows": rows, "bytes": 1 << 20 }));
        let mut store = InMemoryStore::new();
        let mut report = None;
        for after in crashes {
            store.fail_after(after);
            let run = pipeline.run(&world, &store);
            store = store.snapshot();
            if run.status == Status::Completed {
                report = Some(run);
                break;
            }
        }
        let report = report.unwrap_or_else(|| pipeline.completes(&world, &store));
        let expected = model(&splits, lateness);
        prop_assert_eq!(published(&world), expected.clone());
        let late: usize = expected.iter().filter(|((_, _, late), _)| *late).map(|(_, all)| all.len()).sum();
        prop_assert_eq!(report.metric("ring", "alerts.late"), late as u64);
        let timeless = splits.iter().flatten().filter(|record| record.at.is_none()).count();
        prop_assert_eq!(report.metric("ring", "records.error"), timeless as u64);
    }
}

#[test]
fn a_record_years_ahead_is_an_error_and_closes_nothing() {
    let world = World::new();
    let far = 4_000_000_000;
    let records = vec![rec("a", "1", 1), rec("a", "2", far), rec("a", "3", 2)];
    world.reads("one", vec![records]).clock.store(60_000, Ordering::SeqCst);
    for rows in [1, 10] {
        let world = world.again();
        let store = InMemoryStore::new();
        let pipeline = pipeline("Records", windowed(&[])).by_own_clock();
        let report = pipeline.set("batch", json!({ "rows": rows, "bytes": 1_000 })).completes(&world, &store);
        assert_eq!(published(&world), BTreeMap::from([(("a".to_owned(), 0, false), vec![(2, 4)])]));
        assert_eq!(report.metric("ring", "records.error"), 1);
        let letter: Value = serde_json::from_slice(&store.read(Topic::Errors, None, 2).unwrap()[0].bytes).unwrap();
        assert!(letter["errorMessage"].as_str().unwrap().contains("maxAhead"), "{letter}");
    }
}

#[test]
fn splits_that_are_not_begun_are_waited_for() {
    // The first split alone would close everything; the second begins when the first has been read.
    let world = World::new();
    let first: Vec<Rec> = (0..40).map(|i| rec("a", "1", i * 5)).collect();
    let second: Vec<Rec> = (0..40).map(|i| rec("a", "1", i * 5)).collect();
    world.reads("one", vec![first.clone(), second.clone()]);
    let report = completes(&pipeline("Records", windowed(&[])), &world);
    assert_eq!(report.metric("ring", "alerts.late"), 0);
    assert_eq!(published(&world), model(&[[first, second].concat()], i64::MAX / 4));
}

#[test]
fn a_split_whose_records_are_filtered_out_is_waited_for() {
    let world = World::new();
    let first: Vec<Rec> = (0..40).map(|i| rec("a", "1", i * 5)).collect();
    let mut second = vec![rec("a", "bad", 0); 20];
    second.extend([rec("a", "1", 3), rec("a", "1", 200)]);
    world.reads("one", vec![first, second]);
    for parallelism in [1, 2] {
        let world = world.again();
        let report = completes(&pipeline("Records", windowed(&[])).set("parallelism", json!(parallelism)), &world);
        assert_eq!(report.metric("ring", "alerts.late"), 0, "parallelism {parallelism}");
    }
}

#[test]
fn an_idle_split_is_left_behind_and_all_idle_ones_let_the_clock_close() {
    let world = World::new();
    let first = vec![rec("a", "1", 1), rec("a", "2", 12), rec("a", "4", 13)];
    let second = vec![rec("a", "8", 2), rec("a", "16", 3), rec("a", "32", 25)];
    world.reads("one", vec![first, second]).clock.store(60_000, Ordering::SeqCst);
    let pipeline = pipeline("Followed", windowed(&[("idleAfter", json!("5s"))])).by_own_clock();
    let store = InMemoryStore::new();
    world.release(2);
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.wait("four lines", |world| world.lines("out").len() == 4);
    settle(&world, &store);
    assert_eq!(world.alerts("bell"), [], "the second split may bring more of the first window");
    // Both are idle: by the clock, five seconds are not over yet, then they are, and time stands at 12 s + 5 s.
    world.clock.fetch_add(5_000, Ordering::SeqCst);
    world.wait("the first window", |world| world.alerts("bell").len() == 1);
    assert_eq!(published(&world), BTreeMap::from([(("a".to_owned(), 0, false), vec![(3, 25)])]));
    world.clock.fetch_add(3_000, Ordering::SeqCst);
    world.wait("the second window", |world| world.alerts("bell").len() == 2);
    world.release(3);
    world.wait("a late one", |world| world.alerts("bell").len() == 3);
    let report = run.stops();
    assert_eq!(report.status, Status::Killed, "{:?}", report.problems);
    assert_eq!(report.metric("ring", "alerts.late"), 1, "13 s, when the window from 10 s was closed");
    // What is open waits for whoever goes on.
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.wait("the last window", |world| {
        // It goes by the time since it went on.
        world.clock.fetch_add(1_000, Ordering::SeqCst);
        world.alerts("bell").len() == 4
    });
    run.stops();
    assert_eq!(published(&world)[&("a".to_owned(), 20, false)], [(1, 32)]);
}

#[test]
fn a_run_that_waits_closes_no_window_for_want_of_records() {
    let world = World::new();
    world.reads("one", vec![vec![rec("a", "1", 1), rec("a", "2", 2)]]).clock.store(60_000, Ordering::SeqCst);
    world.release(1);
    let pipeline = pipeline("Followed", windowed(&[("idleAfter", json!("5s"))])).by_own_clock();
    let store = InMemoryStore::new();
    let options = pipeline.options(&world, &store);
    let stop = Arc::clone(&options.stop);
    let run = pipeline.begin(&world, options);
    world.wait("a line", |world| world.lines("out").len() == 1);
    stop.suspend();
    settle(&world, &store);
    world.clock.fetch_add(3_600_000, Ordering::SeqCst);
    world.release(2);
    settle(&world, &store);
    assert_eq!(world.alerts("bell"), []);
    stop.resume();
    world.wait("the other line", |world| world.lines("out").len() == 2);
    assert_eq!(run.stops().metric("ring", "alerts.late"), 0);
}

#[test]
fn windows_by_the_clock_close_by_it_also_when_it_is_set_back() {
    let alerts = json!({ "groupBy": ["key"], "window": "10s",
        "aggregates": [{ "name": "count", "function": "count" }, { "name": "sum", "function": "sum", "field": "value" }] });
    let world = World::new();
    world.reads("one", vec![(0..4).map(|i| rec("a", &(1 << i).to_string(), 0)).collect()]);
    world.clock.store(61_000, Ordering::SeqCst);
    world.release(2);
    let pipeline = pipeline("Followed", alerts).by_own_clock();
    let store = InMemoryStore::new();
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.wait("lines", |world| world.lines("out").len() == 2);
    settle(&world, &store);
    world.clock.store(70_000, Ordering::SeqCst);
    world.wait("the first window", |world| world.alerts("bell").len() == 1);
    // Set back: what is closed stays closed, and what comes is in the next.
    world.clock.store(62_000, Ordering::SeqCst);
    world.release(3);
    world.wait("a line", |world| world.lines("out").len() == 3);
    settle(&world, &store);
    run.stops();
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.release(4);
    world.wait("a line", |world| world.lines("out").len() == 4);
    settle(&world, &store);
    world.clock.store(80_000, Ordering::SeqCst);
    world.wait("the next window", |world| world.alerts("bell").len() == 2);
    run.stops();
    let expected = [(60, vec![(2, 3)]), (70, vec![(2, 12)])];
    assert_eq!(published(&world), expected.map(|(at, all)| (("a".to_owned(), at, false), all)).into_iter().collect());
}

#[test]
fn what_a_stage_says_at_its_end_is_in_the_window_of_the_last_record() {
    let mut alerts = windowed(&[]);
    alerts["groupBy"] = json!(["event"]);
    let world = World::new();
    world.reads("one", vec![vec![rec("a", "1", 3), rec("a", "1", 34)], vec![rec("a", "1", 5)]]);
    for parallelism in [1, 2] {
        let world = world.again();
        let pipeline = Pipeline::new().source("one").transform("count", "Count", json!({ "finishes": true }));
        let pipeline = pipeline.with("alerts", alerts.clone()).sink("out").bell("bell");
        let pipeline = pipeline.join(&["one", "count", "out"]).join(&["count", "bell"]);
        completes(&pipeline.set("parallelism", json!(parallelism)), &world);
        let told = world.alerts("bell");
        assert!(told[0].more.contains("1970-01-01T00:00:30.000Z"), "{told:?}");
    }
}

#[test]
fn counters_do_not_depend_on_how_records_are_cut() {
    let records: Vec<Rec> = (0..80).map(|i| rec("a", ["1", "", "wrong", "bad"][i % 4], (i as i64 * 37) % 90)).collect();
    let world = World::new();
    world.reads("one", vec![records.clone(), records]);
    let of = |rows: u32, parallelism: u32| {
        let world = world.again();
        let pipeline = pipeline("Records", windowed(&[])).set("parallelism", json!(parallelism));
        counters(&completes(&pipeline.set("batch", json!({ "rows": rows, "bytes": 1 << 20 })), &world))
    };
    let expected = of(1, 1);
    for (rows, parallelism) in [(7, 1), (1_000, 1), (1, 4), (16, 4)] {
        assert_eq!(of(rows, parallelism), expected, "{rows} rows, parallelism {parallelism}");
    }
}
