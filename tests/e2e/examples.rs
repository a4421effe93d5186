//! The examples of the book, as they stand in the repository: each gives exactly the alerts that are written beside it.

use crate::scene;
use campanile_tests::Scene;
use serde_json::{Value, json};
use std::path::Path;

/// A scene with a fresh copy of the heart-rate example, without anything that a run has made of it.
pub(crate) fn heart_rate() -> Scene {
    let scene = scene();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/heart-rate");
    let files = std::fs::read_dir(&example).unwrap().flatten().map(|entry| entry.path());
    // The folder of what a run writes comes with the repository, empty.
    for path in files.filter(|path| path.is_file()).chain([example.join("out/.gitkeep")]) {
        let name = path.strip_prefix(&example).unwrap().display().to_string();
        scene.write(&format!("heart-rate/{name}"), std::fs::read(path).unwrap());
    }
    scene
}

/// Stage and payload of the alerts in a file.
fn alerts(scene: &Scene, file: &str) -> Vec<Value> {
    let bare = |alert: Value| json!({ "stageName": alert["stageName"], "payload": alert["payload"] });
    scene.lines(file).into_iter().map(bare).collect()
}

pub(crate) fn expected(scene: &Scene, pipeline: &str) -> Vec<Value> {
    let expected: Value = serde_json::from_str(&scene.read("heart-rate/expected-alerts.json")).unwrap();
    expected[pipeline].as_array().unwrap().clone()
}

/// Alerts of one stage keep their order; stages are told apart.
pub(crate) fn by_stage(mut alerts: Vec<Value>) -> Vec<Value> {
    alerts.sort_by_key(|alert| alert["stageName"].to_string());
    alerts
}

#[test]
fn the_heart_rate_example_gives_the_alerts_that_are_written_beside_it() {
    let scene = heart_rate();
    // From another folder: paths are those of the pipeline's.
    let ended = scene.campanile(["run", "heart-rate/pipeline.json", "--report", "report.json"]);
    ended.code_is(0);
    assert_eq!(by_stage(alerts(&scene, "heart-rate/out/alerts.jsonl")), by_stage(expected(&scene, "pipeline.json")));
    let readings = scene.lines("heart-rate/readings.jsonl");
    assert_eq!(readings.len(), 5_021);
    assert!(scene.lines("heart-rate/out/readings.jsonl") == readings, "every reading is kept as it was");
    let report = scene.report();
    assert_eq!((report.metric("too-fast", "records.alert"), report.metric("too-slow", "records.alert")), (41, 36));
    assert_eq!(report.metric("bell", "alerts.published"), 3);
    assert!(report.problems().is_empty(), "{ended}");
}

#[test]
fn the_seeds_six_alerts_give_exactly_alice_182_and_bob_200() {
    let scene = heart_rate();
    let ended = scene.campanile(["run", "heart-rate/seed.json", "--report", "report.json"]);
    ended.code_is(0);
    assert_eq!(
        scene.read("heart-rate/out/seed-alerts.jsonl"),
        "{\"stageName\":\"too-fast\",\"payload\":{\"userid\":\"abc\",\"name\":\"alice\",\"avgheartbeat\":\"182\"}}\n\
         {\"stageName\":\"too-fast\",\"payload\":{\"userid\":\"def\",\"name\":\"bob\",\"avgheartbeat\":\"200\"}}\n"
    );
    assert_eq!(alerts(&scene, "heart-rate/out/seed-alerts.jsonl"), expected(&scene, "seed.json"));
    assert_eq!(scene.lines("heart-rate/out/seed.jsonl"), scene.lines("heart-rate/seed.jsonl"));
    let report = scene.report();
    assert_eq!((report.metric("too-fast", "records.alert"), report.metric("bell", "records.in")), (6, 2));
}

#[test]
fn every_example_pipeline_is_valid() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples");
    let mut seen = 0;
    let mut folders = vec![examples];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            let text = if path.extension().is_some_and(|ending| ending == "json") {
                std::fs::read_to_string(&path).unwrap()
            } else {
                String::new()
            };
            if path.is_dir() {
                folders.push(path);
            } else if text.contains("\"stages\"") {
                let validated = scene().campanile(["validate".as_ref(), path.as_os_str()]);
                validated.code_is(0);
                seen += 1;
            }
        }
    }
    assert!(seen >= 2, "the examples were found");
}

#[test]
fn every_plugin_runs_as_its_example_says() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let scene = scene();
    let listed = scene.campanile(["plugins", "list", "--json"]);
    listed.code_is(0);
    let known = listed.json();
    for library in std::fs::read_dir(plugins).unwrap().flatten() {
        for folder in std::fs::read_dir(library.path()).unwrap().flatten() {
            let Ok(text) = std::fs::read_to_string(folder.path().join("example.json")) else { continue };
            let example: Value = serde_json::from_str(&text).unwrap();
            let (name, kind) = (&example["plugin"]["name"], &example["plugin"]["type"]);
            let is_known = known["plugins"]
                .as_array()
                .unwrap()
                .iter()
                .any(|plugin| plugin["name"] == *name && plugin["kind"] == *kind);
            assert!(is_known, "{kind} {name} of {} is not there: {known:#}", folder.path().display());
        }
    }
}
