//! Pipelines with mistakes: all of them are told at once, each with its place, and nothing is opened or written.

use crate::scene;
use campanile_tests::{Ended, Scene};
use serde_json::{Value, json};

/// Stages, connections and whatever stands beside them.
fn file(beside: Value, stages: Value, connections: Value) -> String {
    let mut file = json!({ "name": "heart-rate" });
    file.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    (file["stages"], file["connections"]) = (stages, connections);
    serde_json::to_string_pretty(&file).unwrap()
}

/// Places and messages of all errors, in the order in which they are told.
fn errors(findings: &Value) -> Vec<(String, String)> {
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
    let errors = findings.as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
    errors.map(|finding| (text(finding, "path"), text(finding, "message"))).collect()
}

/// Runs and validates a file; both tell all of these places, each with these words, and no other error.
#[track_caller]
fn has_mistakes(file: &str, mistakes: &[(&str, &str)]) -> (Scene, Ended) {
    let scene = scene();
    scene.write("pipeline.json", file);
    scene.write("in.jsonl", "{\"n\": 1}\n");
    let validated = scene.campanile(["validate", "--json", "pipeline.json"]);
    validated.code_is(2);
    let found = errors(&validated.json());
    for (path, words) in mistakes {
        let told = found.iter().any(|(at, message)| at == path && message.contains(words));
        assert!(told, "nothing of {words:?} at {path} in {found:#?}");
    }
    assert_eq!(found.len(), mistakes.len(), "{found:#?}");
    let run = scene.campanile(["run", "pipeline.json", "--report", "report.json"]);
    run.code_is(2);
    for (path, words) in mistakes {
        run.says(&[&format!("error: {path}: "), words]);
    }
    assert_eq!(scene.names(), ["in.jsonl"], "nothing is opened or written");
    assert!(!scene.has("report.json"), "nothing ran");
    (scene, run)
}

fn stage(name: &str, plugin: &str, properties: Value) -> Value {
    let (kind, plugin) = plugin.split_once(' ').unwrap();
    json!({ "name": name, "plugin": { "name": plugin, "type": kind, "properties": properties } })
}

fn with(mut stage: Value, key: &str, value: Value) -> Value {
    stage[key] = value;
    stage
}

fn source() -> Value {
    stage("in", "source File", json!({ "path": "in.jsonl", "schema": [{ "name": "n", "type": "long" }] }))
}

#[test]
fn a_file_with_ten_mistakes_of_its_own_gives_ten_findings_with_places() {
    let above = || json!({ "field": "n", "above": 5 });
    let stages = json!([
        source(),
        stage("twice", "transform Threshold", above()),
        stage("twice", "transform Threshold", above()),
        with(
            stage("median", "transform Threshold", above()),
            "alerts",
            json!({ "aggregates": [{ "name": "a", "function": "median", "field": "n" }] })
        ),
        with(stage("empty", "transform Threshold", above()), "alerts", json!({})),
        stage("out", "snk File", json!({ "path": "out.jsonl" })),
        stage("kept", "sink File", json!({ "path": "kept.jsonl" })),
    ]);
    let connections = json!([
        { "from": "in", "to": "median" }, { "from": "median", "to": "empty" }, { "from": "empty", "to": "kept" },
        { "from": "in", "to": "nowhere" }, { "from": "nobody", "to": "kept" }, { "form": "in", "to": "twice" },
    ]);
    let beside = json!({ "name": "heart rate", "paralelism": 2, "parallelism": 0 });
    has_mistakes(
        &file(beside, stages, connections),
        &[
            ("name", "`heart rate` is not allowed"),
            ("paralelism", "unknown key"),
            ("parallelism", "too small"),
            ("stages[2].name", "two stages are named `twice`"),
            ("stages[3].alerts.aggregates[0].function", "`median` is not known"),
            ("stages[4].alerts", "neither groupBy nor aggregates"),
            ("stages[5].plugin.type", "`snk` is not known"),
            ("connections[3].to", "no stage `nowhere`"),
            ("connections[4].from", "no stage `nobody`"),
            ("connections[5].form", "unknown key"),
        ],
    );
}

#[test]
fn a_file_with_ten_mistakes_in_plugins_and_properties_gives_ten_findings_with_places() {
    let stages = json!([
        stage(
            "in",
            "source File",
            json!({ "path": "in.jsonl", "formt": "jsonl", "schema": [{ "name": "n", "type": "long" }] })
        ),
        stage("in2", "source File", json!({ "path": "in.jsonl", "format": "xml", "maxLineBytes": "many" })),
        stage("misspelt", "transform Treshold", json!({ "field": "n", "above": 5 })),
        stage("text", "transform Threshold", json!({ "field": "n", "above": "five" })),
        stage("lacks", "transform Threshold", json!({ "above": 5 })),
        stage("kind", "sink Threshold", json!({})),
        stage("in3", "source Generator", json!({ "records": 1, "fields": [{ "name": "n", "sequence": {} }] })),
        stage("field", "transform Threshold", json!({ "field": "m", "above": 5 })),
        stage("both", "transform Filter", json!({ "field": "n", "above": 5, "below": 3 })),
        stage("out", "sink File", json!({ "path": "out.jsonl", "header": "perhaps" })),
    ]);
    let connections = json!([
        { "from": "in", "to": "misspelt" }, { "from": "misspelt", "to": "out" },
        { "from": "in2", "to": "text" }, { "from": "text", "to": "lacks" }, { "from": "lacks", "to": "kind" },
        { "from": "in3", "to": "field" }, { "from": "in3", "to": "both" }, { "from": "field", "to": "out" },
        { "from": "both", "to": "out" },
    ]);
    has_mistakes(
        &file(json!({}), stages, connections),
        &[
            ("stages[0].plugin.properties.formt", "unknown"),
            ("stages[1].plugin.properties.format", "xml"),
            ("stages[1].plugin.properties.maxLineBytes", "expected a whole number"),
            ("stages[2].plugin.name", "no transform `Treshold`"),
            ("stages[3].plugin.properties.above", "expected a number"),
            ("stages[4].plugin.properties.field", "missing"),
            ("stages[5].plugin.name", "no sink `Threshold`"),
            ("stages[7].plugin.properties.field", "`m`"),
            ("stages[8].plugin.properties.below", "given beside `above`"),
            ("stages[9].plugin.properties.header", "expected true or false"),
        ],
    );
}

#[test]
fn mistakes_of_all_kinds_in_one_file_are_told_together() {
    let stages = json!([
        source(),
        stage("misspelt", "transform Treshold", json!({ "field": "n", "above": 5 })),
        with(stage("limit", "transform Threshold", json!({ "field": "n", "abov": 5 })), "alerts", json!({})),
        with(stage("out", "sink File", json!({ "path": "out.jsonl" })), "lable", json!("Out")),
    ]);
    let connections = json!([
        { "from": "in", "to": "misspelt" }, { "from": "misspelt", "to": "limit" }, { "from": "limit", "to": "out" },
        { "from": "limit", "to": "nowhere" },
    ]);
    has_mistakes(
        &file(json!({}), stages, connections),
        &[
            ("stages[1].plugin.name", "no transform `Treshold`"),
            ("stages[2].plugin.properties.abov", "unknown"),
            ("stages[2].alerts", "neither groupBy nor aggregates"),
            ("stages[3].lable", "unknown key"),
            ("connections[3].to", "no stage `nowhere`"),
        ],
    );
}

#[test]
fn a_file_that_is_no_json_is_told_with_line_and_column() {
    let (_, run) = has_mistakes("{\n  \"name\": \"a\",\n  oops\n}", &[("pipeline.json:3:3", "is no JSON")]);
    run.says(&["pipeline.json:3:3"]);
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let scene = scene();
    for verb in ["run", "validate", "graph"] {
        let ended = scene.campanile([verb, "none.json"]);
        ended.code_is(2);
        ended.says(&["none.json", "cannot be read"]);
    }
}

#[test]
fn a_cycle_is_told_with_its_stages() {
    let limit = |name: &str| stage(name, "transform Threshold", json!({ "field": "n", "above": 5 }));
    let stages = json!([source(), limit("a"), limit("b"), stage("out", "sink Blackhole", json!({}))]);
    let connections = json!([
        { "from": "in", "to": "a" }, { "from": "a", "to": "b" }, { "from": "b", "to": "a" }, { "from": "b", "to": "out" },
    ]);
    let scene = scene();
    scene.write("pipeline.json", file(json!({}), stages, connections));
    let run = scene.campanile(["run", "pipeline.json"]);
    run.code_is(2);
    run.says(&["cycle", "a", "b"]);
}

#[test]
fn inputs_that_differ_are_told_with_both_schemas() {
    let other =
        stage("in2", "source File", json!({ "path": "in.jsonl", "schema": [{ "name": "m", "type": "string" }] }));
    let stages = json!([source(), other, stage("out", "sink Blackhole", json!({}))]);
    let connections = json!([{ "from": "in", "to": "out" }, { "from": "in2", "to": "out" }]);
    let (_, run) = has_mistakes(&file(json!({}), stages, connections), &[("stages[2]", "the inputs of `out` differ")]);
    run.says(&["(n long?)", "(m string?)", "put a Project in front"]);
}

#[test]
fn a_publisher_behind_a_stage_that_never_alerts_is_warned_of() {
    let stages = json!([
        source(),
        stage("filter", "transform Filter", json!({ "field": "n", "above": 5 })),
        stage("out", "sink Blackhole", json!({})),
        stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" })),
    ]);
    let connections = json!([
        { "from": "in", "to": "filter" }, { "from": "filter", "to": "out" }, { "from": "filter", "to": "bell" },
    ]);
    let scene = scene();
    scene.write("pipeline.json", file(json!({}), stages, connections));
    let validated = scene.campanile(["validate", "--json", "pipeline.json"]);
    validated.code_is(0);
    let findings = validated.json();
    let warned = findings.as_array().unwrap().iter().any(|finding| {
        finding["severity"] == "warning"
            && finding["path"] == "connections[2]"
            && finding["message"].as_str().unwrap().contains("says that it emits none")
    });
    assert!(warned, "{findings:#}");
}

#[test]
fn a_secret_stands_in_no_message() {
    let scene = scene();
    scene.write("secrets/password", "tops3cret\n");
    let limit = stage("limit", "transform Threshold", json!({ "field": "n", "above": "${secret(password)}" }));
    let stages = json!([source(), limit, stage("out", "sink Blackhole", json!({}))]);
    let connections = json!([{ "from": "in", "to": "limit" }, { "from": "limit", "to": "out" }]);
    scene.write("pipeline.json", file(json!({}), stages, connections));
    let run = scene.campanile(["run", "pipeline.json", "--secrets", "secrets"]);
    run.code_is(2);
    run.says(&["stages[1].plugin.properties.above"]);
    assert!(!run.stderr().contains("tops3cret"), "{run}");
}

#[test]
fn a_placeholder_without_value_is_told_with_its_place() {
    let out = stage("out", "sink File", json!({ "path": "${folder}/out.jsonl" }));
    let connections = json!([{ "from": "in", "to": "out" }]);
    has_mistakes(
        &file(json!({}), json!([source(), out]), connections),
        &[("stages[1].plugin.properties.path", "folder")],
    );
}

#[test]
fn a_pipeline_may_be_yaml() {
    let scene = scene();
    scene.write("in.jsonl", "{\"n\": 1}\n");
    scene.write(
        "pipeline.yaml",
        "\
name: yaml
stages:
  - name: in
    plugin: { name: File, type: source, properties: { path: in.jsonl } }
  - name: out
    plugin: { name: File, type: sink, properties: { path: out.jsonl } }
connections:
  - { from: in, to: out }
",
    );
    scene.campanile(["run", "pipeline.yaml"]).code_is(0);
    assert_eq!(scene.lines("out.jsonl"), [json!({ "n": 1 })]);
}
