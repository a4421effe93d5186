//! A million records of one: the stage is held back by whoever takes them.

use super::*;

const TIMES: u64 = 1_000_000;
/// A record's text: a million of them are a gigabyte.
const TEXT_BYTES: usize = 1_000;
/// What a run may have of it at a time, its own code and libraries included.
const PEAK_BYTES: u64 = 300 << 20;

fn exploding(scene: &Scene) -> Pipeline {
    scene.write("in.jsonl", format!("{{\"t\": \"{}\"}}\n", "x".repeat(TEXT_BYTES)));
    let schema = json!([{ "name": "t", "type": "string" }]);
    Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("boom", "transform Exploder", json!({ "times": TIMES }))
        .join("in > boom")
}

#[test]
fn a_plugin_that_emits_a_million_records_for_one_is_held_back() {
    let scene = stage_set();
    let pipeline = exploding(&scene).stage("out", "sink Blackhole", json!({})).join("boom > out");
    let ended = scene.run(&pipeline);
    ended.code_is(0);
    assert_eq!(scene.report().metric("out", "records.in"), TIMES);
    assert!(ended.peak_bytes() > 0 && ended.peak_bytes() < PEAK_BYTES, "{} MiB", ended.peak_bytes() >> 20);
}

#[test]
fn a_plugin_that_emits_a_million_records_for_one_is_held_back_where_chains_meet() {
    let scene = stage_set();
    // Two inputs of one sink meet in a queue.
    let pipeline = exploding(&scene)
        .stage("more", "source File", json!({ "path": "in.jsonl", "schema": [{ "name": "t", "type": "string" }] }))
        .stage("out", "sink Blackhole", json!({}))
        .join("boom > out")
        .join("more > out");
    let ended = scene.run(&pipeline);
    ended.code_is(0);
    assert_eq!(scene.report().metric("out", "records.in"), TIMES + 1);
    assert!(ended.peak_bytes() > 0 && ended.peak_bytes() < PEAK_BYTES, "{} MiB", ended.peak_bytes() >> 20);
}

#[test]
fn a_plugin_that_emits_a_million_records_for_one_stops_when_a_later_stage_fails() {
    let scene = stage_set();
    let pipeline = exploding(&scene)
        .stage("bad", "transform Troubled", json!({ "in": "transform", "row": 7 }))
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .join("boom > bad > kept");
    let (_, report) = scene.fails_at(&pipeline, "bad");
    assert!(report.metric("boom", "records.out") < TIMES, "it went on for nobody");
    old_output_stays(&scene);
}
