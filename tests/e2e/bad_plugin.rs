//! Plugins that go wrong in a run: the stage is named with its reason, the old output stays, the process ends in order.

use crate::scene;
use campanile_tests::{Pipeline, Report, Scene};
use serde_json::{Value, json};
use std::time::Duration;

mod ends_the_process;
mod explodes;
mod library_changes;
mod lies;
mod panics;

/// What stands in the output file before a run that is to fail.
const OLD: &str = "what an earlier run wrote\n";

/// Three records, their errors and their alerts through one stage of each kind, and a File sink; the stage `kind` goes
/// wrong as `trouble` says. All but it are honest.
///
/// ```text
/// source > transform > splitter > sink
///                          └> kept (File)
/// source > wrong (Router, every record an error) > errortransform > errors (Blackhole)
/// transform (alerts) > alertpublisher
/// ```
fn troubled(kind: &str, trouble: &Value) -> Pipeline {
    let of = |other: &str| if other == kind { trouble.clone() } else { json!({}) };
    Pipeline::default()
        .stage("source", "source Troubled", of("source"))
        .stage("transform", "transform Troubled", of("transform"))
        .stage("alarm", "transform Alarm", json!({}))
        .stage("splitter", "splitter Troubled", of("splitter"))
        .stage("sink", "sink Troubled", of("sink"))
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .stage("wrong", "splitter Router", json!({ "field": "n", "ports": { "none": [99] } }))
        .stage("none", "sink Blackhole", json!({}))
        .stage("errortransform", "errortransform Troubled", of("errortransform"))
        .stage("errors", "sink Blackhole", json!({}))
        .stage("alertpublisher", "alertpublisher Troubled", of("alertpublisher"))
        .join("source > transform > alarm > splitter")
        .join_port("splitter", "all", "sink")
        .join_port("splitter", "all", "kept")
        .join("source > wrong > errortransform > errors")
        .join_port("wrong", "none", "none")
        .join("alarm > alertpublisher")
}

/// A folder with the fixtures, and a file where the pipeline will write.
fn stage_set() -> Scene {
    let scene = scene().with(&["misbehaving", "well_behaved"]);
    scene.write("kept.jsonl", OLD);
    scene
}

#[track_caller]
fn old_output_stays(scene: &Scene) {
    assert_eq!(scene.read("kept.jsonl"), OLD, "a failed run leaves the old file");
}

#[test]
fn without_trouble_the_pipeline_of_these_tests_completes() {
    let scene = stage_set();
    let report = scene.completes(&troubled("none", &json!({})));
    assert_eq!(scene.lines("kept.jsonl"), [json!({ "n": 0 }), json!({ "n": 1 }), json!({ "n": 2 })]);
    assert_eq!(report.metric("errors", "records.in"), 3);
    assert_eq!(report.metric("alertpublisher", "records.in"), 4);
    assert!(!scene.has("kept.jsonl.part"));
}
