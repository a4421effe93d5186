//! Windows by the clock that ring at the first alert: a replay would not repeat them, so what they closed is saved with it.

use super::random_kills::{Random, for_ms, rounds};
use super::{DATA, append, distinct, lines_so_far, stop};
use crate::scene;
use campanile_tests::Pipeline;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Users, each a group of its own.
const USERS: u64 = 5;

fn pipeline(parallelism: u64) -> Pipeline {
    let schema = json!([{ "name": "n", "type": "long" }, { "name": "u", "type": "string" }]);
    Pipeline::default()
        .set("parallelism", parallelism)
        .set("saves", json!({ "interval": "150ms" }))
        .stage("in", "source File", json!({ "path": "in-?.log", "schema": schema, "follow": true }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["n", "u"] }))
        .with(
            "alerts",
            json!({
                "groupBy": ["u"], "window": "250ms", "emit": "first",
                "aggregates": [{ "name": "count", "function": "count" }, { "name": "sum", "function": "sum", "field": "n" }],
            }),
        )
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > each > out")
        .join("each > bell")
}

fn lines(range: std::ops::Range<u64>) -> String {
    range.map(|n| format!("{}\n", json!({ "n": n, "u": format!("u{}", n % USERS) }))).collect()
}

/// What a group of a window came to: its alert at the close says all of it, its first one only what it began with.
fn totals(alerts: &[(Value, u64)]) -> BTreeMap<String, (u64, u64)> {
    let mut groups: BTreeMap<(String, String), Vec<(u64, u64)>> = BTreeMap::new();
    for (alert, _) in alerts {
        assert_eq!((&alert["partial"], &alert["late"]), (&Value::Null, &Value::Null), "{alert}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let whole = |name: &str| text(&alert["payload"][name]).parse::<u64>().unwrap();
        let key = (text(&alert["payload"]["u"]), text(&alert["windowStart"]));
        groups.entry(key).or_default().push((whole("count"), whole("sum")));
    }
    let mut totals: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for ((user, window), said) in groups {
        assert!(said.len() <= 2, "{user} in {window}: {said:?}");
        assert_eq!(said[0].0, 1, "the first alert of a group comes at once: {user} in {window}: {said:?}");
        let (count, sum) = said.iter().copied().max().unwrap();
        assert!(said.len() == 1 || count > 1, "{user} in {window}: {said:?}");
        let total = totals.entry(user).or_default();
        *total = (total.0 + count, total.1 + sum);
    }
    totals
}

fn each_record_is_in_exactly_one_alert(test: &str, parallelism: u64) {
    let mut random = Random::new(test);
    let scene = scene();
    let pipeline = pipeline(parallelism);
    let mut written = [0, 0];
    let mut write = |random: &mut Random| {
        for (file, written) in ["in-a.log", "in-b.log"].iter().zip(&mut written) {
            let more = random.below(200);
            append(&scene, file, &lines(*written..*written + more));
            *written += more;
        }
    };
    for _ in 0..rounds() {
        write(&mut random);
        let before = lines_so_far(&scene, "alerts.jsonl").len();
        let mut running = scene.start(&pipeline, &DATA);
        if random.below(4) > 0 {
            running.until("it rings", || (lines_so_far(&scene, "alerts.jsonl").len() != before).then_some(()));
        }
        for _ in 0..random.below(4) {
            write(&mut random);
            for_ms(&mut running, random.below(60));
        }
        running.kill().was_killed();
    }
    write(&mut random);
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for n in written.iter().flat_map(|&written| 0..written) {
        let (count, sum) = expected.entry(format!("u{}", n % USERS)).or_default();
        (*count, *sum) = (*count + 1, *sum + n);
    }
    let mut running = scene.start(&pipeline, &DATA);
    let mut counted = BTreeMap::new();
    let quiet = std::time::Instant::now() + super::random_kills::QUIET;
    running.until("all windows are closed", || {
        counted = totals(&distinct(&lines_so_far(&scene, "alerts.jsonl")));
        (counted == expected || std::time::Instant::now() > quiet).then_some(())
    });
    stop(running);
    assert_eq!(totals(&distinct(&scene.lines("alerts.jsonl"))), expected);
}

#[test]
fn with_windows_by_the_clock_each_record_is_in_exactly_one_alert() {
    each_record_is_in_exactly_one_alert("clock", 1);
}

#[test]
fn with_windows_by_the_clock_and_parallel_chains_each_record_is_in_exactly_one_alert() {
    each_record_is_in_exactly_one_alert("clock and parallel", 2);
}
