//! Error records: taken by an ErrorCollector behind a source, a transform or a splitter, or kept with the dead letters.

use crate::scene;
use campanile_tests::Pipeline;
use serde_json::{Value, json};

const LINES: &str = "{\"id\": 1, \"v\": \"a\"}\n{\"id\": oops}\n{\"id\": 3, \"v\": \"x\"}\n{\"id\": 4, \"v\": \"b\"}\n";

/// Reads `in.jsonl`, and sends records by `v` to the port `known`; `x` is an error.
fn routing() -> Pipeline {
    let schema = json!([{ "name": "id", "type": "long", "nullable": false }, { "name": "v", "type": "string" }]);
    Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("route", "splitter Router", json!({ "field": "v", "ports": { "known": ["a", "b"] } }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .join("in > route")
        .join_port("route", "known", "out")
}

#[test]
fn an_error_collector_behind_a_source_gets_what_could_not_be_read_with_its_place() {
    let scene = scene();
    scene.write("in.jsonl", LINES);
    let names = json!({ "rawField": "raw", "rawEncodingField": "enc", "fileField": "file", "lineField": "line", "offsetField": "offset" });
    let pipeline = routing()
        .stage("collect", "errortransform ErrorCollector", names)
        .stage("errors", "sink File", json!({ "path": "errors.jsonl" }))
        .join("in > collect > errors");
    let report = scene.completes(&pipeline);
    let errors = scene.lines("errors.jsonl");
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!((&error["raw"], &error["enc"]), (&json!("{\"id\": oops}"), &json!("utf8")));
    assert_eq!((&error["line"], &error["offset"], &error["errStage"]), (&json!(2), &json!(20), &json!("in")));
    assert!(error["file"].as_str().unwrap().ends_with("in.jsonl"));
    assert_eq!((&error["id"], &error["v"]), (&Value::Null, &Value::Null), "there is no record");
    assert!(error["errMsg"].as_str().unwrap().contains("field `id`"), "{error}");
    assert_eq!((report.metric("in", "records.error"), report.metric("collect", "records.in")), (1, 1));
}

#[test]
fn an_error_collector_behind_a_splitter_gets_the_records_in_error() {
    let scene = scene();
    scene.write("in.jsonl", LINES);
    let pipeline = routing()
        .stage("collect", "errortransform ErrorCollector", json!({ "messageField": "why", "lineField": "line" }))
        .stage("errors", "sink File", json!({ "path": "errors.jsonl" }))
        .join("route > collect > errors");
    let report = scene.completes(&pipeline);
    let errors = scene.lines("errors.jsonl");
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!((&error["id"], &error["v"], &error["errStage"]), (&json!(3), &json!("x"), &json!("route")));
    assert!(error["why"].as_str().unwrap().contains('x'), "{error}");
    assert_eq!(scene.lines("out.jsonl").len(), 2);
    assert_eq!(report.metric("route", "records.error"), 1);
    let untaken = report.problems_of("in");
    assert!(
        untaken[0].starts_with("1 error record that no stage takes") && untaken[0].contains("in.jsonl:2"),
        "{untaken:?}"
    );
}

#[test]
fn an_error_collector_behind_a_transform_gets_the_records_in_error() {
    let scene = scene();
    scene.write("in.jsonl", "{\"id\": 1, \"v\": \"12\"}\n{\"id\": 2, \"v\": \"twelve\"}\n{\"id\": 3, \"v\": null}\n");
    let schema = json!([{ "name": "id", "type": "long" }, { "name": "v", "type": "string" }]);
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("cast", "transform Project", json!({ "cast": { "v": "long" } }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("collect", "errortransform ErrorCollector", json!({}))
        .stage("errors", "sink File", json!({ "path": "errors.jsonl" }))
        .join("in > cast > out")
        .join("cast > collect > errors");
    scene.completes(&pipeline);
    let ids = |file: &str| -> Vec<Value> { scene.lines(file).iter().map(|record| record["id"].clone()).collect() };
    assert_eq!((ids("out.jsonl"), ids("errors.jsonl")), (vec![json!(1), json!(3)], vec![json!(2)]));
    assert_eq!(scene.lines("errors.jsonl")[0]["v"], "twelve", "as it came in");
    assert_eq!(scene.lines("errors.jsonl")[0]["errStage"], "cast");
}

#[test]
fn dead_letters_hold_every_error_that_no_stage_takes() {
    let scene = scene();
    scene.write("in.jsonl", [LINES.as_bytes(), b"{\"id\": 5, \"v\": \"\xff\"}\n"].concat());
    let report = scene.completes(&routing().set("deadLetters", json!({ "path": "letters.jsonl" })));
    let letters = scene.lines("letters.jsonl");
    let of = |stage: &str| -> Vec<&Value> { letters.iter().filter(|letter| letter["stageName"] == stage).collect() };
    let (read, routed) = (of("in"), of("route"));
    assert_eq!((letters.len(), read.len(), routed.len()), (3, 2, 1));
    assert_eq!((&read[0]["raw"], &read[0]["rawEncoding"]), (&json!("{\"id\": oops}"), &json!("utf8")));
    assert_eq!((&read[0]["position"]["line"], &read[0]["position"]["offset"]), (&json!(2), &json!(20)));
    assert_eq!(read[1]["rawEncoding"], "base64");
    assert_eq!(read[1]["position"]["line"], 5);
    assert!(read[0].get("record").is_none(), "there is none");
    assert_eq!(routed[0]["record"], json!({ "id": 3, "v": "x" }));
    assert!(routed[0]["errorCode"].is_number() && routed[0]["errorMessage"].is_string());
    assert!(routed[0].get("raw").is_none());
    assert_eq!((report.metric("in", "records.error"), report.metric("route", "records.error")), (2, 1));
}

#[test]
fn errors_that_a_stage_takes_are_no_dead_letters() {
    let scene = scene();
    scene.write("in.jsonl", LINES);
    let pipeline = routing()
        .set("deadLetters", json!({ "path": "letters.jsonl" }))
        .stage("collect", "errortransform ErrorCollector", json!({}))
        .stage("errors", "sink Blackhole", json!({}))
        .join("in > collect > errors")
        .join("route > collect");
    scene.completes(&pipeline);
    assert_eq!(scene.read("letters.jsonl"), "");
}

#[test]
fn dead_letters_are_those_of_the_last_run() {
    let scene = scene();
    scene.write("in.jsonl", LINES);
    let pipeline = routing().set("deadLetters", json!({ "path": "letters.jsonl" }));
    scene.completes(&pipeline);
    scene.completes(&pipeline);
    assert_eq!(scene.lines("letters.jsonl").len(), 2);
}

#[test]
fn errors_that_nobody_takes_are_counted_and_the_first_is_shown_with_its_place() {
    let scene = scene();
    scene.write("in.jsonl", "{\"id\": 1, \"v\": \"a\"}\n{\"id\": }\n{\"id\": }\n");
    let ended = scene.run(&routing());
    ended.code_is(0);
    ended.says(&["2 error records that no stage takes, the first: ", "in.jsonl:2: "]);
    assert_eq!(scene.report().metric("in", "records.error"), 2);
}
