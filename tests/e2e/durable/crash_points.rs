//! The rows of the publishers' tables: where a run is killed, and what is there after the restart. For each publisher,
//! in a run that ends and in one that never does.

use super::{DATA, append, count_so_far, distinct, lines_so_far, messages, number, number_schema, numbers, stop};
use crate::scene;
use campanile_tests::{Pipeline, Running, Scene};
use serde_json::{Value, json};

/// Records, each of which raises an alert.
const RECORDS: u64 = 40;
/// Alerts in one call of the publisher.
const BATCH: usize = 10;
/// No number.
const NONE: [u64; 0] = [];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Bounded,
    Live,
}

const KINDS: [Kind; 2] = [Kind::Bounded, Kind::Live];

/// Numbers of a file, an alert for each, in calls of [`BATCH`] alerts to a publisher.
fn ringing(kind: Kind, plugin: &str, properties: Value) -> Pipeline {
    let follow = kind == Kind::Live;
    Pipeline::default()
        .set("saves", json!({ "interval": "50ms" }))
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": number_schema(), "follow": follow }))
        .stage("each", "transform Threshold", json!({ "field": "n", "atLeast": 0, "payload": ["n"] }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", &format!("alertpublisher {plugin}"), properties)
        .with("batchSize", BATCH)
        .with("linger", "1s")
        .join("in > each > out")
        .join("each > bell")
}

fn start(scene: &Scene, kind: Kind, pipeline: &Pipeline, again: bool) -> Running {
    let resume: &[&str] = if again && kind == Kind::Bounded { &["--resume"] } else { &[] };
    scene.start(pipeline, &[&DATA[..], resume].concat())
}

/// Goes on with a run until it has published all alerts, and ends it.
fn finish(scene: &Scene, kind: Kind, pipeline: &Pipeline, all: impl Fn() -> bool) {
    let mut running = start(scene, kind, pipeline, true);
    match kind {
        Kind::Bounded => running.wait().code_is(0),
        Kind::Live => {
            running.until("all alerts are published", || all().then_some(()));
            stop(running);
        }
    }
}

/// Each number is in one alert, and the alerts came in order.
#[track_caller]
fn all_in_order(alerts: &[(Value, u64)], numbers: std::ops::Range<u64>) {
    let came: Vec<u64> = alerts.iter().map(|(alert, _)| number(alert)).collect();
    assert_eq!(came, numbers.collect::<Vec<_>>());
}

// ---- a publisher that kills its own process

/// What a publisher that kills its process at a place has written then, and after the restart.
fn killed_at(kind: Kind, order: &Value) -> (Vec<Value>, Vec<(Value, u64)>) {
    let scene = scene().with(&["well_behaved"]);
    scene.write("in.jsonl", numbers(0..RECORDS));
    scene.write("order.json", order.to_string());
    let properties = json!({ "path": scene.text("alerts.jsonl"), "order": scene.text("order.json") });
    let pipeline = ringing(kind, "Witness", properties);
    start(&scene, kind, &pipeline, false).wait().was_killed();
    let before = lines_so_far(&scene, "alerts.jsonl");
    std::fs::remove_file(scene.path("order.json")).unwrap();
    finish(&scene, kind, &pipeline, || distinct(&lines_so_far(&scene, "alerts.jsonl")).len() as u64 == RECORDS);
    let after = distinct(&scene.lines("alerts.jsonl"));
    all_in_order(&after, 0..RECORDS);
    (before, after)
}

fn repeated(alerts: &[(Value, u64)]) -> Vec<u64> {
    alerts.iter().filter(|(_, times)| *times > 1).map(|(alert, _)| number(alert)).collect()
}

#[test]
fn killed_before_publish_an_alert_is_published_once() {
    for kind in KINDS {
        let (before, after) = killed_at(kind, &json!({ "kill": "entry" }));
        assert!(before.is_empty(), "{kind:?}: {before:?}");
        assert_eq!(repeated(&after), NONE, "{kind:?}");
    }
}

#[test]
fn killed_during_publish_the_alerts_of_the_call_come_again() {
    for kind in KINDS {
        let (before, after) = killed_at(kind, &json!({ "kill": "half" }));
        assert_eq!(before.len(), BATCH / 2, "{kind:?}");
        assert_eq!(repeated(&after), (0..BATCH as u64 / 2).collect::<Vec<_>>(), "{kind:?}");
    }
}

#[test]
fn killed_after_the_effect_of_publish_the_alerts_of_the_call_come_again() {
    for kind in KINDS {
        let (before, after) = killed_at(kind, &json!({ "kill": "effect", "after": BATCH }));
        assert_eq!(before.len(), 2 * BATCH, "{kind:?}");
        // Those of the call before were noted.
        assert_eq!(repeated(&after), (BATCH as u64..2 * BATCH as u64).collect::<Vec<_>>(), "{kind:?}");
    }
}

#[test]
fn killed_after_publish_returned_the_alerts_of_the_call_may_come_again() {
    for kind in KINDS {
        let (before, after) = killed_at(kind, &json!({ "kill": "return" }));
        assert!(before.len() >= BATCH, "{kind:?}");
        let last_call = before.len() - before.len().min(BATCH);
        let repeated = repeated(&after);
        assert!(
            repeated.iter().all(|n| *n as usize >= last_call && (*n as usize) < before.len()),
            "{kind:?}: {repeated:?}"
        );
    }
}

#[test]
fn killed_after_the_commit_no_alert_comes_again() {
    for kind in KINDS {
        // At the entry of the second call the first is noted.
        let (before, after) = killed_at(kind, &json!({ "kill": "entry", "after": BATCH }));
        assert_eq!(before.len(), BATCH, "{kind:?}");
        assert_eq!(repeated(&after), NONE, "{kind:?}");
    }
}

// ---- publishers that are killed from outside

/// Where the alerts of a publisher are.
trait Output {
    fn pipeline(&self, kind: Kind) -> Pipeline;
    fn alerts(&self, scene: &Scene) -> Vec<Value>;
    /// Whether alerts may be there twice.
    fn may_repeat(&self) -> bool;
}

struct InFile;
struct InTopic;

impl Output for InFile {
    fn pipeline(&self, kind: Kind) -> Pipeline {
        ringing(kind, "File", json!({ "path": "alerts.jsonl" }))
    }

    fn alerts(&self, scene: &Scene) -> Vec<Value> {
        lines_so_far(scene, "alerts.jsonl")
    }

    fn may_repeat(&self) -> bool {
        true
    }
}

impl Output for InTopic {
    fn pipeline(&self, kind: Kind) -> Pipeline {
        let properties = json!({ "topic": "alerts", "autoCreateTopic": true, "maxAlertsPerSecond": 100_000 });
        ringing(kind, "TMS", properties)
    }

    fn alerts(&self, scene: &Scene) -> Vec<Value> {
        messages(scene, "alerts")
    }

    fn may_repeat(&self) -> bool {
        false
    }
}

const OUTPUTS: [&dyn Output; 2] = [&InFile, &InTopic];

/// Of the alerts, those that were there at the crash may have come again, up to so many of the last, and no others.
#[track_caller]
fn repeats_are_allowed(output: &dyn Output, before: usize, last: usize, after: &[(Value, u64)]) {
    let first = before.saturating_sub(last) as u64;
    for (alert, times) in after {
        let n = number(alert);
        let may = output.may_repeat() && (first..before as u64).contains(&n);
        assert!(*times == 1 || may && *times == 2, "{n} is there {times} times, {before} were at the crash");
    }
}

#[test]
fn file_and_tms_killed_before_publish_publish_the_alerts_that_wait() {
    for kind in KINDS {
        for output in OUTPUTS {
            let scene = scene();
            scene.write("in.jsonl", numbers(0..RECORDS));
            let created = scene.campanile(["topics", "create", "alerts", "--data", "data"]);
            created.code_is(0);
            let pipeline = output.pipeline(kind);
            // Two go at once; the others wait for their turn.
            let slow = output.pipeline(kind).with("maxAlertsPerSecond", 2);
            let mut running = start(&scene, kind, &slow, false);
            running.until("the first alerts are published", || (output.alerts(&scene).len() >= 2).then_some(()));
            running.kill().was_killed();
            let before = output.alerts(&scene).len();
            assert!(before < BATCH, "the others have not been published: {before}");
            finish(&scene, kind, &pipeline, || distinct(&output.alerts(&scene)).len() as u64 == RECORDS);
            let after = distinct(&output.alerts(&scene));
            all_in_order(&after, 0..RECORDS);
            repeats_are_allowed(output, before, 2, &after);
        }
    }
}

#[test]
fn file_and_tms_killed_during_publish_and_right_after_it() {
    for output in OUTPUTS {
        let scene = scene();
        scene.campanile(["topics", "create", "alerts", "--data", "data"]).code_is(0);
        let pipeline = output.pipeline(Kind::Live).with("linger", "1ms");
        let watched = ["alerts.jsonl", "data/messaging"];
        let size = || watched.iter().map(|name| bytes_of(&scene.path(name))).sum::<u64>();
        for round in 0..12 {
            append(&scene, "in.jsonl", &numbers(round * RECORDS..(round + 1) * RECORDS));
            let before = output.alerts(&scene).len();
            let mut running = start(&scene, Kind::Live, &pipeline, true);
            running.until("it has begun", || scene.has("data/pipelines/default/test/1").then_some(()));
            let begun = size();
            // It is killed as soon as something is written, or a little later.
            running.until("something is published", || (size() > begun).then_some(()));
            let until = std::time::Instant::now() + std::time::Duration::from_micros(1_000 * round);
            while std::time::Instant::now() < until {
                std::hint::spin_loop();
            }
            running.kill().was_killed();
            assert!(output.alerts(&scene).len() >= before);
        }
        let wanted = 12 * RECORDS;
        finish(&scene, Kind::Live, &pipeline, || distinct(&output.alerts(&scene)).len() as u64 == wanted);
        let alerts = distinct(&output.alerts(&scene));
        all_in_order(&alerts, 0..wanted);
        if !output.may_repeat() {
            assert_eq!(repeated(&alerts), NONE);
        }
    }
}

/// The bytes of a file, or of all files in a folder.
fn bytes_of(path: &std::path::Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| bytes_of(&entry.path())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |found| found.len()),
    }
}

#[test]
fn file_and_tms_killed_after_the_commit_publish_nothing_again() {
    for kind in KINDS {
        for output in OUTPUTS {
            let scene = scene();
            scene.write("in.jsonl", numbers(0..RECORDS));
            scene.campanile(["topics", "create", "alerts", "--data", "data"]).code_is(0);
            // One alert a call: when the next one is there, the one before is noted.
            let pipeline = output.pipeline(kind).with("batchSize", 1);
            let mut running = start(&scene, kind, &pipeline.clone().with("maxAlertsPerSecond", 20), false);
            running.until("alerts are published", || (output.alerts(&scene).len() >= 5).then_some(()));
            running.kill().was_killed();
            let before = output.alerts(&scene).len();
            finish(&scene, kind, &pipeline, || distinct(&output.alerts(&scene)).len() as u64 == RECORDS);
            let after = distinct(&output.alerts(&scene));
            all_in_order(&after, 0..RECORDS);
            repeats_are_allowed(output, before, 1, &after);
        }
    }
}

#[test]
fn a_run_that_is_killed_in_a_row_publishes_in_order() {
    // Each time at the entry of the second call: ten alerts more.
    let scene = scene().with(&["well_behaved"]);
    scene.write("in.jsonl", numbers(0..RECORDS));
    scene.write("order.json", json!({ "kill": "entry", "after": BATCH }).to_string());
    let properties = json!({ "path": scene.text("alerts.jsonl"), "order": scene.text("order.json") });
    let pipeline = ringing(Kind::Bounded, "Witness", properties);
    for round in 0..3 {
        start(&scene, Kind::Bounded, &pipeline, round > 0).wait().was_killed();
        assert_eq!(count_so_far(&scene, "alerts.jsonl"), (round + 1) * BATCH);
    }
    start(&scene, Kind::Bounded, &pipeline, true).wait().code_is(0);
    let alerts = distinct(&scene.lines("alerts.jsonl"));
    all_in_order(&alerts, 0..RECORDS);
    assert_eq!(repeated(&alerts), NONE);
}
