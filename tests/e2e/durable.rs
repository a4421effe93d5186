//! Runs that are killed, stopped and resumed: nothing is lost, and nothing is there twice but for what the table of a
//! publisher allows.

mod changed;
mod clock;
mod crash_points;
mod delivery;
mod endings;
mod random_kills;
mod topics;

use campanile_tests::{Ended, Running, Scene};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

/// Where runs keep what they go on from.
const DATA: [&str; 2] = ["--data", "data"];

/// Numbers, one a line: `{"n": 7}`.
fn numbers(range: std::ops::Range<u64>) -> String {
    range.map(|n| format!("{}\n", json!({ "n": n }))).collect()
}

/// The schema of [`numbers`].
fn number_schema() -> Value {
    json!([{ "name": "n", "type": "long" }])
}

/// Appends to a file in one write, as a program that logs does.
fn append(scene: &Scene, name: &str, text: &str) {
    let file = fs::File::options().create(true).append(true).open(scene.path(name));
    file.and_then(|mut file| file.write_all(text.as_bytes())).unwrap();
}

/// The whole lines of a file that may not be there yet, or be written at the moment.
fn lines_so_far(scene: &Scene, name: &str) -> Vec<Value> {
    let text = fs::read(scene.path(name)).unwrap_or_default();
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// How many whole lines a file has by now.
fn count_so_far(scene: &Scene, name: &str) -> usize {
    fs::read(scene.path(name)).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
}

/// The number in an alert of [`numbers`].
fn number(alert: &Value) -> u64 {
    alert["payload"]["n"].as_str().unwrap().parse().unwrap()
}

/// Alerts by their ids, in the order in which each came first, with how often it is there.
///
/// # Panics
/// If one id has two different contents.
fn distinct(alerts: &[Value]) -> Vec<(Value, u64)> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all: Vec<(Value, u64)> = Vec::new();
    for alert in alerts {
        let id = alert["id"].as_str().unwrap();
        match known.get(id) {
            None => {
                known.insert(id, all.len());
                all.push((alert.clone(), 1));
            }
            Some(&at) => {
                assert_eq!(all[at].0, *alert, "one id, two alerts");
                all[at].1 += 1;
            }
        }
    }
    all
}

/// The messages of a topic, whether or not a run has it open.
fn messages(scene: &Scene, topic: &str) -> Vec<Value> {
    let ended = scene.campanile(["topics", "fetch", topic, "--data", "data"]);
    ended.code_is(0);
    ended.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Tells a live run to stop, which it does with exit code 0.
#[track_caller]
fn stop(running: Running) -> Ended {
    running.signal("TERM");
    let ended = running.wait();
    ended.code_is(0);
    ended
}
