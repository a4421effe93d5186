//! Disks and folders that fail: exit 1, a message that names the stage and the file, and no half-written result.

use crate::scene;
use campanile_tests::{Ended, Pipeline, Scene};
use serde_json::json;
use std::os::unix::fs::symlink;
use std::path::Path;

const OLD: &str = "what an earlier run wrote\n";

/// Copies `in.jsonl` to `out/kept.jsonl`, through a gate that a test can hold.
fn copying(scene: &Scene) -> Pipeline {
    let lines: Vec<String> = (0..5_000).map(|n| format!("{{\"n\": {n}, \"t\": \"{}\"}}\n", "x".repeat(100))).collect();
    scene.write("in.jsonl", lines.concat());
    std::fs::create_dir_all(scene.path("out")).unwrap();
    Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl" }))
        .stage("gate", "transform Gate", json!({ "reached": scene.text("reached"), "open": scene.text("open") }))
        .stage("kept", "sink File", json!({ "path": "out/kept.jsonl" }))
        .join("in > gate > kept")
}

fn gated() -> Scene {
    scene().with(&["well_behaved"])
}

/// Runs the pipeline, and does something while it is in its middle.
fn disturbed(scene: &Scene, pipeline: &Pipeline, disturb: impl FnOnce()) -> Ended {
    let mut running = scene.start(pipeline, &[]);
    running.until("the run reaches its middle", || scene.has("reached").then_some(()));
    disturb();
    scene.write("open", "");
    running.wait()
}

/// The full disk of this system.
fn full_disk() -> &'static Path {
    let full = Path::new("/dev/full");
    assert!(full.exists(), "this system has a /dev/full");
    full
}

#[test]
fn a_full_disk_fails_the_run_and_leaves_no_half_written_result() {
    let scene = gated();
    let pipeline = copying(&scene);
    scene.write("open", "");
    // What is written beside goes to a disk without space.
    symlink(full_disk(), scene.path("out/kept.jsonl.part")).unwrap();
    let (ended, report) = scene.fails_at(&pipeline, "kept");
    assert!(report.reason().1.contains("No space left"), "{ended}");
    ended.says(&["error: stage `kept`", "kept.jsonl"]);
    assert!(!scene.has("out/kept.jsonl"));
}

#[test]
fn a_full_disk_leaves_the_output_of_an_earlier_run() {
    let scene = gated();
    let pipeline = copying(&scene);
    scene.write("open", "");
    scene.write("out/kept.jsonl", OLD);
    symlink(full_disk(), scene.path("out/kept.jsonl.part")).unwrap();
    scene.fails_at(&pipeline, "kept");
    assert_eq!(scene.read("out/kept.jsonl"), OLD);
}

#[test]
fn a_full_disk_under_compressed_output_fails_the_run() {
    for name in ["kept.jsonl.gz", "kept.jsonl.zst"] {
        let scene = gated();
        let pipeline = Pipeline::default()
            .stage("in", "source File", json!({ "path": "in.jsonl" }))
            .stage("kept", "sink File", json!({ "path": format!("out/{name}") }))
            .join("in > kept");
        let _ = copying(&scene);
        symlink(full_disk(), scene.path(format!("out/{name}.part"))).unwrap();
        let (ended, report) = scene.fails_at(&pipeline, "kept");
        assert!(report.reason().1.contains("No space left"), "{name}: {ended}");
        assert!(!scene.has(&format!("out/{name}")));
    }
}

#[test]
fn a_full_disk_under_dead_letters_fails_the_run() {
    let scene = gated();
    scene.write("in.jsonl", "{\"n\": }\n{\"n\": 1}\n".repeat(10_000));
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl" }))
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .set("deadLetters", json!({ "path": full_disk() }))
        .join("in > kept");
    let ended = scene.run(&pipeline);
    ended.code_is(1);
    ended.says(&["dead letters", "/dev/full", "No space left"]);
    assert!(!scene.has("kept.jsonl"));
}

#[test]
fn a_full_disk_under_the_report_is_told() {
    let scene = gated();
    let pipeline = copying(&scene);
    scene.write("open", "");
    scene.pipeline(&pipeline);
    let ended = scene.campanile(["run", "pipeline.json", "--report", "/dev/full"]);
    ended.code_is(1);
    ended.says(&["report", "/dev/full", "No space left"]);
}

#[test]
fn an_input_that_is_not_there_fails_the_start() {
    let scene = gated();
    let pipeline = copying(&scene);
    std::fs::remove_file(scene.path("in.jsonl")).unwrap();
    let (ended, _) = scene.fails_at(&pipeline, "in");
    ended.says(&["error: stage `in`", "in.jsonl"]);
    assert!(!scene.has("out/kept.jsonl"));
}

#[test]
fn an_input_that_is_a_folder_fails_the_start() {
    let scene = gated();
    let pipeline = copying(&scene);
    std::fs::remove_file(scene.path("in.jsonl")).unwrap();
    std::fs::create_dir(scene.path("in.jsonl")).unwrap();
    let (ended, _) = scene.fails_at(&pipeline, "in");
    ended.says(&["error: stage `in`", "in.jsonl", "folder"]);
    assert!(!scene.has("out/kept.jsonl"));
}

#[test]
fn an_input_that_is_a_dangling_link_fails_the_start() {
    let scene = gated();
    let pipeline = copying(&scene);
    std::fs::remove_file(scene.path("in.jsonl")).unwrap();
    symlink("nowhere", scene.path("in.jsonl")).unwrap();
    let (ended, _) = scene.fails_at(&pipeline, "in");
    ended.says(&["error: stage `in`", "in.jsonl"]);
    assert!(!scene.has("out/kept.jsonl"));
}

#[test]
fn an_input_that_cannot_be_read_to_its_end_fails_the_run() {
    let scene = gated();
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl.gz", "schema": [{ "name": "n", "type": "long" }] }))
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .join("in > kept");
    scene.write("kept.jsonl", OLD);
    // The header of a compressed file, and then nothing of the kind.
    scene.write("in.jsonl.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 this is not compressed");
    let (ended, _) = scene.fails_at(&pipeline, "in");
    ended.says(&["error: stage `in`", "in.jsonl.gz"]);
    assert_eq!(scene.read("kept.jsonl"), OLD);
}

#[test]
fn an_output_folder_that_is_not_there_fails_the_start() {
    let scene = gated();
    let pipeline = copying(&scene);
    std::fs::remove_dir(scene.path("out")).unwrap();
    let (ended, _) = scene.fails_at(&pipeline, "kept");
    ended.says(&["error: stage `kept`", "out"]);
    assert!(!scene.has("reached"), "no record was read");
}

#[test]
fn an_output_folder_that_is_removed_in_mid_run_fails_the_run() {
    let scene = gated();
    let pipeline = copying(&scene);
    let ended = disturbed(&scene, &pipeline, || std::fs::remove_dir_all(scene.path("out")).unwrap());
    ended.code_is(1);
    ended.says(&["error: stage `kept`", "kept.jsonl", "No such file"]);
    assert!(!scene.has("out"));
}

#[test]
fn an_output_that_is_a_folder_fails_the_start() {
    let scene = gated();
    let pipeline = copying(&scene);
    std::fs::create_dir(scene.path("out/kept.jsonl")).unwrap();
    let (ended, _) = scene.fails_at(&pipeline, "kept");
    ended.says(&["error: stage `kept`", "is a folder"]);
}

#[test]
fn a_removed_folder_of_the_alerts_file_loses_no_record_silently() {
    let scene = gated();
    let pipeline = copying(&scene)
        .stage("limit", "transform Threshold", json!({ "field": "n", "above": 10 }))
        .stage("more", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "gone/alerts.jsonl" }))
        .join("gate > limit > more")
        .join("limit > bell");
    let (ended, report) = scene.fails_at(&pipeline, "bell");
    ended.says(&["error: stage `bell`", "gone"]);
    assert_eq!(report.metric("in", "records.out"), 0, "what cannot be reached fails the start");
}

#[test]
fn a_failed_run_leaves_the_output_of_an_earlier_run_until_a_good_one_replaces_it() {
    let scene = scene().with(&["misbehaving"]);
    let pipeline = |trouble| {
        Pipeline::default()
            .stage("in", "source Troubled", json!({}))
            .stage("bad", "transform Troubled", trouble)
            .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
            .join("in > bad > kept")
    };
    scene.write("kept.jsonl", OLD);
    scene.fails_at(&pipeline(json!({ "in": "finish", "how": "error" })), "bad");
    assert_eq!(scene.read("kept.jsonl"), OLD);
    scene.completes(&pipeline(json!({})));
    assert_eq!(scene.lines("kept.jsonl").len(), 3);
    assert_eq!(scene.names(), ["kept.jsonl"], "and leaves nothing beside");
}
