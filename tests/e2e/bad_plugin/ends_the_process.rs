//! What cannot be caught: the process ends, with exit 1 and the last stage inside named, and never hangs.

use super::*;
use campanile_tests::Ended;

/// Far above what any of these takes, far below what a hang would.
const AT_MOST: Duration = Duration::from_secs(60);

#[track_caller]
fn ends(kind: &str, entry: &str, how: &str, args: &[&str]) -> (Scene, Ended) {
    let scene = stage_set();
    let ended = scene.run_with(&troubled(kind, &json!({ "in": entry, "how": how, "row": 1 })), args);
    ended.code_is(1);
    assert!(ended.took() < AT_MOST, "{ended}");
    old_output_stays(&scene);
    (scene, ended)
}

/// The entries in which each kind works on records or alerts, and those around them.
const ENTRIES: [(&str, &str); 12] = [
    ("source", "open"),
    ("source", "read"),
    ("transform", "open"),
    ("transform", "transform"),
    ("transform", "finish"),
    ("transform", "close"),
    ("splitter", "split"),
    ("errortransform", "transform"),
    ("sink", "write"),
    ("sink", "prepare"),
    ("alertpublisher", "publish"),
    ("alertpublisher", "destroy"),
];

#[test]
fn a_plugin_that_aborts_ends_the_process_with_the_stage_named() {
    for (kind, entry) in ENTRIES {
        let (_, ended) = ends(kind, entry, "abort", &[]);
        ended.says(&[&format!("stage `{kind}` aborted")]);
    }
}

#[test]
fn a_plugin_that_calls_exit_ends_the_process_with_the_stage_named_and_not_with_its_code() {
    for (kind, entry) in ENTRIES {
        let (_, ended) = ends(kind, entry, "exit", &[]);
        ended.says(&[&format!("stage `{kind}` called exit")]);
    }
}

#[test]
fn a_plugin_that_writes_through_a_wild_pointer_ends_the_process_with_the_stage_named() {
    for (kind, entry) in ENTRIES {
        let (_, ended) = ends(kind, entry, "nullWrite", &[]);
        ended.says(&[&format!("stage `{kind}` touched memory that is not its own")]);
    }
}

#[test]
fn a_plugin_whose_stack_ends_ends_the_process_with_the_stage_named() {
    for (kind, entry) in
        [("source", "read"), ("transform", "open"), ("transform", "transform"), ("alertpublisher", "publish")]
    {
        let (_, ended) = ends(kind, entry, "overflow", &[]);
        ended.says(&[&format!("stage `{kind}`"), "out of stack"]);
    }
}

#[test]
fn a_plugin_that_aborts_while_it_is_planned_ends_the_process_with_the_stage_named() {
    for (entry, how, word) in [("create", "abort", "aborted"), ("configure", "exit", "called exit")] {
        let (scene, ended) = ends("transform", entry, how, &[]);
        ended.says(&[&format!("stage `transform` {word}")]);
        assert_eq!(scene.names(), ["kept.jsonl"], "nothing is opened");
    }
}

#[test]
fn a_plugin_that_never_returns_fails_the_run_at_the_deadline_with_the_stage_named() {
    for (kind, entry) in ENTRIES {
        let (scene, ended) = ends(kind, entry, "hang", &["--call-timeout", "1s"]);
        ended.says(&[&format!("stage `{kind}`"), "did not return within 1 s", "callTimeout"]);
        assert_eq!(scene.report().reason().0, kind, "{ended}");
    }
}

#[test]
fn a_plugin_that_never_returns_while_it_is_planned_ends_the_process_with_the_stage_named() {
    for entry in ["create", "configure"] {
        let (scene, ended) = ends("transform", entry, "hang", &["--call-timeout", "1s"]);
        ended.says(&["stage `transform` did not return", "within 1 s"]);
        assert_eq!(scene.names(), ["kept.jsonl"], "nothing is opened");
    }
}

#[test]
fn the_deadline_may_stand_in_the_pipeline() {
    let scene = stage_set();
    let pipeline = troubled("transform", &json!({ "in": "transform", "how": "hang" })).set("callTimeout", "1s");
    let ended = scene.run(&pipeline);
    ended.code_is(1);
    ended.says(&["stage `transform`", "did not return within 1 s"]);
}

#[test]
fn waiting_for_a_slow_stage_is_not_taken_for_hanging() {
    let scene = stage_set();
    // The source waits for the gate behind it, longer than one call may take, and is not to blame.
    let pipeline = Pipeline::default()
        .stage("in", "source Troubled", json!({}))
        .stage("gate", "transform Gate", json!({ "reached": scene.text("reached"), "open": scene.text("open") }))
        .stage("out", "sink Blackhole", json!({}))
        .join("in > gate > out");
    let ended = scene.run_with(&pipeline, &["--call-timeout", "1s"]);
    ended.code_is(1);
    ended.says(&["stage `gate`", "did not return within 1 s"]);
    let report: Report = scene.report();
    assert!(report.problems_of("in").is_empty(), "{ended}");
}
