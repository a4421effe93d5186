use super::*;
use crate::graph::Graph;
use campanile_sdk::Finding;
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;

const SEED: &str = r#"{ "name": "heart-rate", "namespace": "default",
  "stages": [
    { "name": "readings", "plugin": { "name": "File", "type": "source", "properties": { "path": "readings.jsonl", "format": "jsonl" } } },
    { "name": "too-fast", "plugin": { "name": "Threshold", "type": "transform",
        "properties": { "field": "heartbeat", "above": 150, "payload": ["userid", "name", "heartbeat"] } },
      "alerts": { "groupBy": ["userid", "name"],
                  "aggregates": [ { "name": "avgheartbeat", "function": "mean", "field": "heartbeat" } ] } },
    { "name": "kept",   "plugin": { "name": "File", "type": "sink", "properties": { "path": "out.jsonl", "format": "jsonl" } } },
    { "name": "bell",   "plugin": { "name": "File", "type": "alertpublisher", "properties": { "path": "alerts.jsonl" } } } ],
  "connections": [ { "from": "readings", "to": "too-fast" }, { "from": "too-fast", "to": "kept" }, { "from": "too-fast", "to": "bell" } ]
}"#;

fn read_json(text: &str) -> Result<PipelineFile, Vec<Finding>> {
    read_text(text, Format::Json, Path::new("."), &Arguments::new().with("limit", "150"))
}

fn read_value(value: &Value) -> Result<PipelineFile, Vec<Finding>> {
    read_json(&value.to_string())
}

fn lines(result: Result<PipelineFile, Vec<Finding>>) -> Vec<String> {
    match result {
        Ok(file) => file.warnings.iter().map(Finding::to_string).collect(),
        Err(findings) => findings.iter().map(Finding::to_string).collect(),
    }
}

/// The pipeline of the seed with a value somewhere else.
fn with(pointer: &str, value: Value) -> Value {
    let mut pipeline: Value = serde_json::from_str(SEED).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = pipeline.pointer_mut(parent).unwrap();
    match key.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) => parent[key] = value,
    }
    pipeline
}

#[test]
fn the_seeds_pipeline_is_read() {
    let file = read_json(SEED).unwrap();
    assert_eq!(file.warnings, []);
    let spec = &file.spec;
    assert_eq!((spec.name.as_str(), spec.namespace.as_str(), spec.parallelism), ("heart-rate", "default", 1));
    assert_eq!(spec.stages[1].plugin.kind, Kind::Transform);
    assert_eq!(spec.stages[1].plugin.properties["above"], 150);
    assert_eq!(spec.stages[1].alerts.as_ref().unwrap().group_by, ["userid", "name"]);
    assert_eq!(spec.stage_path(1), "stages[1]");
    assert_eq!(Graph::new(spec).unwrap().1, []);
}

#[test]
fn what_may_be_left_out_has_a_default() {
    let text = r#"{"name": "p", "stages": [{"name": "s", "plugin": {"name": "File", "type": "source"}}]}"#;
    let spec = read_json(text).unwrap().spec;
    assert_eq!((spec.namespace.as_str(), spec.parallelism, spec.call_timeout, spec.batch), ("default", 1, None, None));
    assert_eq!(spec.connections, []);
    assert!(spec.stages[0].plugin.properties.is_empty());
    assert_eq!(BatchSpec::default(), BatchSpec { rows: 8_192, bytes: 1 << 20 });
}

#[test]
fn everything_that_can_be_said_is_read() {
    let pipeline = json!({
        "name": "p", "namespace": "n", "description": "d", "parallelism": "4", "callTimeout": "60s",
        "deadLetters": {"path": "errors.jsonl"}, "batch": {"rows": 10.0, "bytes": "${limit}"},
        "stages": [{
            "name": "bell", "label": "The bell", "onFailure": "keep", "maxAlertsPerSecond": "0.5", "alerts": null,
            "plugin": {"name": "TMS", "type": "alertpublisher", "path": "./libtms.so", "sha256": "ab".repeat(32),
                "artifact": {"name": "tms", "version": "1.0.0", "scope": "USER"}, "properties": {"topic": "${limit}"}}
        }],
        "connections": [{"from": "bell", "to": "bell", "port": "x"}]
    });
    let spec = read_value(&pipeline).unwrap().spec;
    assert_eq!((spec.parallelism, spec.call_timeout), (4, Some(Duration::from_secs(60))));
    assert_eq!(spec.batch, Some(BatchSpec { rows: 10, bytes: 150 }));
    let letters = DeadLettersSpec { path: Some("errors.jsonl".into()), ..DeadLettersSpec::default() };
    assert_eq!(spec.dead_letters, Some(letters));
    let stage = &spec.stages[0];
    assert_eq!((stage.on_failure, stage.max_alerts_per_second), (Some(OnFailure::Keep), Some(0.5)));
    assert_eq!(stage.plugin.artifact.as_ref().unwrap().version.as_deref(), Some("1.0.0"));
    assert_eq!(stage.plugin.properties["topic"], "150");
    assert_eq!(spec.connections[0].port.as_deref(), Some("x"));
}

#[test]
fn each_mistake_has_its_place_and_its_remedy() {
    for (pointer, value, expected) in [
        ("/name", json!("heart rate"), "name: `heart rate` is not allowed here (letters, digits, `_` and `-` only)"),
        ("/name", json!(""), "name: `` is not allowed here (letters, digits, `_` and `-` only)"),
        ("/namespace", json!("a/b"), "namespace: `a/b` is not allowed here (letters, digits, `_` and `-` only)"),
        ("/name", json!(2024), "name: expected text, found 2024 (put it in quotes: \"2024\")"),
        ("/conections", json!([]), "conections: unknown key `conections` (did you mean `connections`?)"),
        ("/dead_letters", json!({}), "dead_letters: unknown key `dead_letters` (did you mean `deadLetters`?)"),
        ("/parallelism", json!(0), "parallelism: 0 is too small (at least 1)"),
        (
            "/parallelism",
            json!("many"),
            "parallelism: expected a whole number, found text (how many threads a chain of stages may use whose plugins all declare that they can run in parallel)",
        ),
        (
            "/callTimeout",
            json!("60"),
            "callTimeout: `60` is not allowed here (a length of time such as \"500ms\", \"60s\", \"5m\", \"2h\" or \"7d\")",
        ),
        ("/callTimeout", json!(60), "callTimeout: expected text, found 60 (put it in quotes: \"60\")"),
        (
            "/deadLetters",
            json!("errors.jsonl"),
            "deadLetters: expected an object, found text (where error records go that no stage takes)",
        ),
        ("/deadLetters", json!({"maxBytes": 0}), "deadLetters.maxBytes: 0 is too small (at least 1)"),
        ("/batch", json!({"rows": 0}), "batch.rows: 0 is too small (at least 1)"),
        ("/batch", json!({"row": 1}), "batch.row: unknown key `row` (did you mean `rows`?)"),
        (
            "/stages/1/plugin/type",
            json!("trasform"),
            "stages[1].plugin.type: `trasform` is not known here (did you mean `transform`? known: `source`, `transform`, `splitter`, `errortransform`, `sink`, `alertpublisher`)",
        ),
        (
            "/stages/1/plugin/type",
            json!("batchaggregator"),
            "stages[1].plugin.type: this version has no plugins of the kind `batchaggregator` (it has source, transform, splitter, errortransform, sink, alertpublisher)",
        ),
        (
            "/stages/1/plugin/sha256",
            json!("abc"),
            "stages[1].plugin.sha256: `abc` is not allowed here (64 hexadecimal digits)",
        ),
        (
            "/stages/1/plugin/name",
            json!(""),
            "stages[1].plugin.name: the text is empty (the plugin's name, such as `File`)",
        ),
        (
            "/stages/1/plugin/propertis",
            json!({}),
            "stages[1].plugin.propertis: unknown key `propertis` (did you mean `properties`?)",
        ),
        (
            "/stages/1/plugin/properties/field",
            json!("${limt}"),
            "stages[1].plugin.properties.field: argument `limt` is not given (did you mean `limit`?)",
        ),
        (
            "/stages/1/plugin/type",
            json!("${kind}"),
            "stages[1].plugin.type: argument `kind` is not given (give it with --arg kind=…, or a default with `${kind:-…}`)",
        ),
        (
            "/parallelism",
            json!("${"),
            "parallelism: `${` is not closed (close it with `}`, or write `$${` for a plain `${`)",
        ),
        (
            "/name",
            json!("${secret(x)}"),
            "name: a secret cannot stand here (a secret may stand in the properties of a plugin only)",
        ),
        (
            "/stages/1/alerts/groupby",
            json!([]),
            "stages[1].alerts.groupby: unknown key `groupby` (did you mean `groupBy`?)",
        ),
        (
            "/stages/1/alerts/aggregates/0/function",
            json!("product"),
            "stages[1].alerts.aggregates[0].function: `product` is not known here (one of `avg`, `mean`, `sum`, `count`, `min`, `max`)",
        ),
        (
            "/stages/1/alerts",
            json!({}),
            "stages[1].alerts: neither groupBy nor aggregates is given (name the payload keys to group by, or aggregates, or leave the section out to publish each alert)",
        ),
        (
            "/stages/1/alerts/window",
            json!("10"),
            "stages[1].alerts.window: `10` is not allowed here (a length of time such as \"500ms\", \"60s\", \"5m\", \"2h\" or \"7d\")",
        ),
        (
            "/stages/1/alerts/allowedLateness",
            json!(0),
            "stages[1].alerts.allowedLateness: expected text, found 0 (put it in quotes: \"0\")",
        ),
        (
            "/stages/1/alerts/emit",
            json!("last"),
            "stages[1].alerts.emit: `last` is not known here (one of `close`, `first`)",
        ),
        (
            "/stages/1/alerts/timeField",
            json!("at"),
            "stages[1].alerts.timeField: timeField has no meaning without a window (add a window such as \"10s\", or leave it out)",
        ),
        (
            "/stages/1/alerts/minCount",
            json!(0),
            "stages[1].alerts.minCount: a group has at least one alert (use 1 or more, or leave it out)",
        ),
        (
            "/stages/1/alerts/having",
            json!({"aggregate": "avghartbeat", "above": 150}),
            "stages[1].alerts.having[0].aggregate: there is no aggregate `avghartbeat` (did you mean `avgheartbeat`?)",
        ),
        (
            "/stages/1/alerts/having",
            json!([{"aggregate": "avgheartbeat", "over": 150}]),
            "stages[1].alerts.having[0].over: unknown key `over` (known keys: aggregate, above, atLeast, below, atMost)",
        ),
        (
            "/stages/1/alerts/having",
            json!({"aggregate": "avgheartbeat", "above": "fast"}),
            "stages[1].alerts.having.above: expected a number, found text (it must be more than this)",
        ),
        (
            "/stages/1/alerts/having",
            json!(150),
            "stages[1].alerts.having: expected an object or a list, found 150 (a condition, or a list of which all must hold)",
        ),
        (
            "/stages/3/onFailure",
            json!("ignore"),
            "stages[3].onFailure: `ignore` is not known here (one of `fail`, `keep`, `drop`)",
        ),
        ("/stages/3/maxAlertsPerSecond", json!(0), "stages[3].maxAlertsPerSecond: 0 is too small (more than 0)"),
        (
            "/stages/2",
            json!("kept"),
            "stages[2]: expected an object, found text (one stage of a pipeline: a plugin with properties)",
        ),
        ("/connections/0/form", json!("x"), "connections[0].form: unknown key `form` (did you mean `from`?)"),
        ("/connections/0/port", json!(1), "connections[0].port: expected text, found 1 (put it in quotes: \"1\")"),
    ] {
        let pipeline = with(pointer, value);
        assert_eq!(lines(read_value(&pipeline)), [expected], "{pointer}");
    }
}

#[test]
fn ten_mistakes_are_ten_findings() {
    let text = r#"{
        "nmae": "p",
        "namespace": "a b",
        "stages": [
            {"name": "in", "plugin": {"name": "File", "type": "sorce", "properties": {"path": "${folder}/x"}},
             "alerts": {"groupBy": "userid"}},
            {"name": "t", "plugin": {"name": "Threshold", "type": "transform", "properties": {}}, "onFailure": "keep"},
            {"name": "t", "plugin": {"nam": "File", "type": "sink"}},
            {"name": "out", "plugin": {"name": "File", "type": "sink"}}
        ],
        "connections": [{"from": "in", "to": "t"}, {"from": "t", "to": "ouT"}, {"from": "t", "port": "x", "to": "out"}]
    }"#;
    let findings = read_json(text).unwrap_err();
    let paths: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "nmae",
            "namespace",
            "stages[0].plugin.type",
            "stages[0].plugin.properties.path",
            "stages[0].alerts.groupBy",
            "stages[1].onFailure",
            "stages[2].name",
            "stages[2].plugin.nam",
            "connections[1].to",
            "connections[2].port",
        ]
    );
    assert!(findings.iter().all(|finding| finding.hint.is_some() && finding.is_error()), "{findings:#?}");
}

#[test]
fn yaml_says_the_same_as_json() {
    let yaml = r#"
name: heart-rate
namespace: default
stages:
  - name: readings
    plugin: {name: File, type: source, properties: {path: readings.jsonl, format: jsonl}}
  - name: too-fast
    plugin:
      name: Threshold
      type: transform
      properties:
        field: heartbeat
        above: 150
        payload: [userid, name, heartbeat]
    alerts:
      groupBy: [userid, name]
      aggregates:
        - {name: avgheartbeat, function: mean, field: heartbeat}
  - name: kept
    plugin: {name: File, type: sink, properties: {path: out.jsonl, format: jsonl}}
  - name: bell
    plugin: {name: File, type: alertpublisher, properties: {path: alerts.jsonl}}
connections:
  - {from: readings, to: too-fast}
  - {from: too-fast, to: kept}
  - {from: too-fast, to: bell}
parallelism:
"#;
    let file = read_text(yaml, Format::Yaml, Path::new("."), &Arguments::new()).unwrap();
    assert_eq!(file.spec, read_json(SEED).unwrap().spec);
    assert_eq!(file.warnings, []);
}

#[test]
fn an_export_of_the_studio_is_read() {
    let export = json!({
        "name": "heart-rate", "description": "d", "artifact": {"name": "cdap-data-pipeline", "version": "6.1.0", "scope": "SYSTEM"},
        "config": {
            "engine": "spark", "postActions": [], "properties": {}, "numOfRecordsPreview": 100,
            "stages": [
                {"name": "in", "plugin": {"name": "File", "type": "batchsource", "label": "In", "artifact": {"name": "core-plugins"}, "properties": {"path": "x"}}},
                {"name": "split", "plugin": {"name": "Router", "type": "splittertransform", "properties": {}}},
                {"name": "out", "plugin": {"name": "File", "type": "batchsink", "properties": {}}},
                {"name": "bell", "plugin": {"name": "TMS", "type": "alertpublisher", "properties": {"topic": "t"}}}],
            "connections": [{"from": "in", "to": "split"}, {"from": "split", "to": "out", "port": "p"}, {"from": "split", "to": "bell", "port": "p"}]
        }
    });
    let file = read_value(&export).unwrap();
    assert_eq!(file.warnings.len(), 4, "{:#?}", file.warnings);
    assert_eq!(file.spec.description.as_deref(), Some("d"));
    assert_eq!(file.spec.stages[0].label.as_deref(), Some("In"));
    assert_eq!(file.spec.stages[1].plugin.kind, Kind::Splitter);
    let (_, warnings) = Graph::new(&file.spec).unwrap();
    let paths: Vec<&str> = warnings.iter().map(|finding| finding.path.as_str()).collect();
    assert_eq!(paths, ["config.connections[2].port"]);
}

#[test]
fn findings_in_an_export_have_their_place_in_it() {
    let export = json!({"name": "p", "config": {"stages": [{"name": "a", "plugin": {"name": "File", "type": "batchjoiner"}}], "connections": [{"from": "a", "to": "z"}]}});
    let lines: Vec<String> = read_value(&export).unwrap_err().into_iter().map(|finding| finding.path).collect();
    assert_eq!(lines, ["config.stages[0].plugin.type", "config.connections[0].to"]);
}

#[test]
fn a_key_that_stands_twice_is_an_error_beside_others() {
    let text = r#"{"name": "p", "name": "q", "stages": []}"#;
    let told = lines(read_json(text));
    assert_eq!(told[0], "name: key `name` stands twice (keep one of the two)");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn what_is_no_pipeline_at_all_is_told() {
    assert_eq!(
        lines(read_json("[]")),
        ["pipeline: expected an object, found a list (a pipeline: stages joined by connections)"]
    );
    assert_eq!(
        lines(read_json("{}")),
        [
            "name: `name` is missing (the pipeline's name, unique in its namespace)",
            "stages: `stages` is missing (the stages, in any order)"
        ]
    );
    assert_eq!(lines(read_json("{")), ["pipeline:1:1: is no JSON: EOF while parsing an object"]);
}

#[test]
fn a_file_knows_its_folder_and_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.json");
    std::fs::write(&path, SEED).unwrap();
    assert_eq!(read(&path, &Arguments::new()).unwrap().folder, folder.path());
    std::fs::write(&path, b"{\"name\": \"\xff\"}").unwrap();
    assert_eq!(read(&path, &Arguments::new()).unwrap_err()[0].message, "is no UTF-8 from byte 10 on");
    let missing = read(&folder.path().join("q.json"), &Arguments::new()).unwrap_err();
    assert!(missing[0].message.starts_with("cannot be read: "), "{missing:?}");
    assert!(missing[0].path.ends_with("q.json"));
}

#[test]
fn secrets_are_kept_from_what_is_printed() {
    let pipeline = with("/stages/0/plugin/properties/path", json!("${secret(token)}"));
    let arguments = Arguments::new().with_secrets(|name| Ok(Some(format!("hidden-{name}"))));
    let file = read_text(&pipeline.to_string(), Format::Json, Path::new("."), &arguments).unwrap();
    assert_eq!(file.spec.stages[0].plugin.properties["path"], "hidden-token");
    assert!(!format!("{file:?}").contains("hidden-token"));
    assert_eq!(file.secrets.redact("open hidden-token: denied"), "open ***: denied");
}

#[test]
fn the_schema_takes_what_is_read() {
    let schema = json_schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut pipeline: Value = serde_json::from_str(SEED).unwrap();
    assert!(validator.is_valid(&pipeline));
    pipeline["parallelism"] = json!("${p}");
    pipeline["namespace"] = json!("${ns}");
    pipeline["stages"][1]["alerts"]["maxGroups"] = json!("${groups:-7}");
    pipeline["stages"][1]["plugin"]["type"] = json!("${kind}");
    let errors: Vec<String> = validator.iter_errors(&pipeline).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    pipeline["parallelism"] = json!("two");
    assert!(!validator.is_valid(&pipeline));
}

#[test]
fn the_schema_describes_every_key() {
    fn undescribed(schema: &Value, at: &str, found: &mut Vec<String>) {
        for (key, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if member.get("description").is_none() {
                found.push(format!("{at}.{key}"));
            }
        }
        for (key, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            undescribed(definition, key, found);
        }
    }
    let mut found = Vec::new();
    undescribed(&json_schema(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "a|b|c|source|sink|transform|splitter|alertpublisher|batchsource|\\$\\{a\\}|\\$\\{|60s".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let keys = "name|namespace|stages|connections|plugin|type|properties|from|to|port|alerts|groupBy|aggregates|config|\
        parallelism|batch|rows|onFailure|callTimeout|artifact|.{0,3}";
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map(keys, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_makes_it_panic(value in anything()) {
        if let Ok(file) = read_value(&value) {
            let _ = Graph::new(&file.spec);
        }
    }

    #[test]
    fn no_stages_make_it_panic(
        kinds in proptest::collection::vec("source|sink|transform|splitter|alertpublisher|errortransform|batchsink|x", 0..6),
        ends in proptest::collection::vec(("[a-g]", "[a-g]", proptest::option::of("p")), 0..10),
        broken in any::<bool>(),
    ) {
        let stages: Vec<Value> = kinds.iter().zip("abcdef".chars()).map(|(kind, name)| {
            json!({"name": name.to_string(), "plugin": {"name": "P", "type": kind}})
        }).collect();
        let connections: Vec<Value> = ends.iter().map(|(from, to, port)| json!({"from": from, "to": to, "port": port})).collect();
        let mut pipeline = json!({"name": "p", "stages": stages, "connections": connections});
        if broken {
            pipeline["oops"] = json!(1);
        }
        if let Ok(file) = read_value(&pipeline)
            && let Ok((graph, _)) = Graph::new(&file.spec)
        {
            prop_assert_eq!(graph.order().len(), file.spec.stages.len());
            let place = |stage| graph.order().iter().position(|other| *other == stage);
            let forward = graph.connections().iter().all(|connection| place(connection.from) < place(connection.to));
            prop_assert!(forward);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}:,\"'&*!|>%@ \n\\-a-c0-9$]{0,40}") {
        for format in [Format::Json, Format::Yaml] {
            let _ = read_text(&text, format, Path::new("."), &Arguments::new());
        }
    }
}
