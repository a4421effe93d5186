//! A library's file that is deleted or overwritten while a run uses it: what was loaded is a private copy, so that the run
//! ends as if nothing had happened, and the next one takes what is there then.

use super::*;
use campanile_tests::{Ended, Image};

/// A run that waits in its middle, with a library of its own, until `change` has been done to the library's file.
fn changed_in_mid_run(change: impl FnOnce(&Scene)) -> (Scene, Ended) {
    let scene = stage_set();
    scene.write("own/libthreshold.so", Image::of(&scene.built("campanile_threshold")).bytes());
    let pipeline = Pipeline::default()
        .stage("in", "source Troubled", json!({}))
        .stage("gate", "transform Gate", json!({ "reached": scene.text("reached"), "open": scene.text("open") }))
        .stage("limit", "transform Threshold", json!({ "field": "n", "above": 0 }))
        .with_plugin("path", "own/libthreshold.so")
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > gate > limit > kept")
        .join("limit > bell");
    let mut running = scene.start(&pipeline, &[]);
    running.until("the run reaches its middle", || scene.has("reached").then_some(()));
    change(&scene);
    scene.write("open", "");
    let ended = running.wait();
    (scene, ended)
}

#[track_caller]
fn went_as_if_nothing_had_happened(scene: &Scene, ended: &Ended) {
    ended.code_is(0);
    assert_eq!(scene.lines("kept.jsonl").len(), 3);
    let values: Vec<Value> = scene.lines("alerts.jsonl").iter().map(|alert| alert["payload"]["n"].clone()).collect();
    assert_eq!(values, ["1", "2"]);
}

#[test]
fn a_library_that_is_deleted_in_mid_run_changes_nothing() {
    let (scene, ended) = changed_in_mid_run(|scene| std::fs::remove_file(scene.path("own/libthreshold.so")).unwrap());
    went_as_if_nothing_had_happened(&scene, &ended);
    let next = scene.campanile(["run", "pipeline.json"]);
    next.code_is(2);
    next.says(&["libthreshold.so", "cannot be read"]);
}

#[test]
fn a_library_that_is_overwritten_in_mid_run_changes_nothing() {
    let (scene, ended) = changed_in_mid_run(|scene| {
        // In place, so that whoever has the file mapped sees it.
        let length = std::fs::metadata(scene.path("own/libthreshold.so")).unwrap().len() as usize;
        std::fs::write(scene.path("own/libthreshold.so"), vec![0xcc; length]).unwrap();
    });
    went_as_if_nothing_had_happened(&scene, &ended);
    let next = scene.campanile(["run", "pipeline.json"]);
    next.code_is(2);
    next.says(&["libthreshold.so", "is not a shared library"]);
}

#[test]
fn a_library_that_is_cut_short_in_mid_run_changes_nothing() {
    let (scene, ended) = changed_in_mid_run(|scene| {
        std::fs::write(scene.path("own/libthreshold.so"), "").unwrap();
    });
    went_as_if_nothing_had_happened(&scene, &ended);
}
