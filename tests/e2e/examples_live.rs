//! The example with windows, run to its end and while its file grows: the alerts are those that are written beside it.

use crate::scene;
use campanile_tests::{Running, Scene};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// A scene with a fresh copy of the example.
fn windows() -> Scene {
    let scene = scene();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/windows");
    for name in ["pipeline.json", "readings.jsonl", "expected-alerts.json", "out/.gitkeep"] {
        scene.write(&format!("windows/{name}"), std::fs::read(example.join(name)).unwrap());
    }
    scene
}

/// What stands in the book of the alerts.
fn alerts(scene: &Scene) -> Vec<Value> {
    let told = |alert: Value| {
        let mut told = json!({});
        for name in ["payload", "windowStart", "windowEnd", "late", "partial"] {
            if !alert[name].is_null() {
                told[name] = alert[name].clone();
            }
        }
        told
    };
    scene.lines("windows/out/alerts.jsonl").into_iter().map(told).collect()
}

fn expected(scene: &Scene, lateness: &str) -> Vec<Value> {
    let expected: Value = serde_json::from_str(&scene.read("windows/expected-alerts.json")).unwrap();
    expected[lateness].as_array().unwrap().clone()
}

fn count(scene: &Scene, name: &str) -> usize {
    if scene.has(name) { scene.read(name).lines().count() } else { 0 }
}

#[test]
fn the_example_with_windows_gives_the_alerts_that_are_written_beside_it() {
    for lateness in ["10s", "30s"] {
        let scene = windows();
        let argument = format!("lateness={lateness}");
        let ended =
            scene.campanile(["run", "windows/pipeline.json", "--arg", argument.as_str(), "--report", "report.json"]);
        ended.code_is(0);
        assert_eq!(alerts(&scene), expected(&scene, lateness), "allowedLateness {lateness}");
        let report = scene.report();
        assert_eq!(report.metric("fast", "records.alert"), 208);
        assert_eq!(report.metric("fast", "alerts.withheld"), if lateness == "10s" { 3 } else { 4 });
        assert!(report.problems().is_empty(), "{ended}");
    }
}

#[test]
fn the_example_with_windows_is_followed_killed_and_gone_on_with() {
    let scene = windows();
    let readings = scene.read("windows/readings.jsonl");
    let grown: String = readings.split_inclusive('\n').take(400).collect();
    scene.write("windows/live.jsonl", &grown);
    // However slow the machine is, no window closes for want of news.
    let arguments = ["--arg", "path=live.jsonl", "--arg", "follow=true", "--arg", "idle=1d"];
    let words = || ["run", "windows/pipeline.json", "--data", "data"].into_iter().chain(arguments);
    let expected = expected(&scene, "10s");

    let mut running = Running::start(scene.command(words()));
    running.until("the first window is closed", || (count(&scene, "windows/out/alerts.jsonl") == 3).then_some(()));
    running.signal("KILL");
    running.wait();
    assert_eq!(alerts(&scene), expected[..3]);

    let mut live = std::fs::File::options().append(true).open(scene.path("windows/live.jsonl")).unwrap();
    live.write_all(&readings.as_bytes()[grown.len()..]).unwrap();
    let mut running = Running::start(scene.command(words()));
    // The last window is open until time goes on; a run that is stopped keeps it for the next.
    running.until("the windows that are over are closed", || {
        (count(&scene, "windows/out/alerts.jsonl") == expected.len() - 1).then_some(())
    });
    running.until("all is written", || (count(&scene, "windows/out/readings.jsonl") == 734).then_some(()));
    running.signal("TERM");
    let ended = running.wait();
    ended.code_is(0);
    ended.says(&["ended without a word: it goes on from its save point"]);
    assert_eq!(alerts(&scene), expected[..expected.len() - 1]);
    assert!(scene.read("windows/out/readings.jsonl") == readings, "each reading once, in order");
}
