use super::*;
use crate::spec::{Arguments, Format, read_text};
use serde_json::json;
use std::path::Path;

/// A pipeline of `name:kind` stages and `from>to` or `from>to:port` connections.
fn pipeline(stages: &str, connections: &str) -> Value {
    let kind = |short: &str| match short {
        "error" => "errortransform".to_owned(),
        "publisher" => "alertpublisher".to_owned(),
        other => other.to_owned(),
    };
    let stages: Vec<Value> = stages
        .split_whitespace()
        .map(|stage| {
            let (name, short) = stage.split_once(':').unwrap();
            json!({"name": name, "plugin": {"name": "P", "type": kind(short)}})
        })
        .collect();
    let connections: Vec<Value> = connections
        .split_whitespace()
        .map(|connection| {
            let (from, to) = connection.split_once('>').unwrap();
            match to.split_once(':') {
                Some((to, port)) => json!({"from": from, "to": to, "port": port}),
                None => json!({"from": from, "to": to}),
            }
        })
        .collect();
    json!({"name": "p", "stages": stages, "connections": connections})
}

fn spec(pipeline: &Value) -> PipelineSpec {
    read_text(&pipeline.to_string(), Format::Json, Path::new("."), &Arguments::new()).unwrap().spec
}

fn lines(pipeline: &Value) -> Vec<String> {
    let findings = match Graph::new(&spec(pipeline)) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    };
    findings.iter().map(Finding::to_string).collect()
}

#[test]
fn the_target_decides_what_flows() {
    let pipeline = pipeline(
        "in:source split:splitter out:sink errors:error bell:publisher late:sink",
        "in>split split>out:good split>late:late split>bell errors>out in>errors errors>bell",
    );
    let spec = spec(&pipeline);
    let (graph, warnings) = Graph::new(&spec).unwrap();
    assert_eq!(warnings, []);
    let records = |port: &str| Flow::Records { port: Some(port.to_owned()) };
    let plain = Flow::Records { port: None };
    let flows: Vec<Flow> = graph.connections().iter().map(|connection| connection.flow.clone()).collect();
    assert_eq!(
        flows,
        [plain.clone(), records("good"), records("late"), Flow::Alerts, plain, Flow::Errors, Flow::Alerts]
    );
    assert_eq!(graph.order(), [0, 1, 3, 2, 4, 5]);
    assert_eq!(graph.inputs_of(2).map(|connection| connection.from).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(graph.outputs_of(1).map(|connection| connection.to).collect::<Vec<_>>(), [2, 5, 4]);
    assert_eq!(graph.inputs_of(99).len(), 0);
    assert_eq!(graph.len(), 6);
}

#[test]
fn each_rule_speaks() {
    for (stages, connections, expected) in [
        (
            "in:source in:source out:sink",
            "in>out",
            &["stages[1].name: two stages are named `in` (stages[0] has the name already; give this one another)"][..],
        ),
        ("in:source kept:sink", "in>kpet", &["connections[0].to: there is no stage `kpet` (did you mean `kept`?)"]),
        (
            "in:source mid:transform out:sink",
            "in>mdi mid>out",
            &["connections[0].to: there is no stage `mdi` (did you mean `mid`?)"],
        ),
        (
            "in:source out:sink",
            "in>out in>nowhere",
            &["connections[1].to: there is no stage `nowhere` (known stages: in, out)"],
        ),
        (
            "in:source out:sink",
            "in>out in>out",
            &["connections[1]: `in` and `out` are joined twice (connections[0] says the same)"],
        ),
        ("in:source split:splitter out:sink", "in>split split>out:a split>out:b", &[]),
        (
            "in:source t:transform out:sink",
            "in>t t>t t>out",
            &["connections[1]: transform `t` hands to itself (a stage cannot come before itself)"],
        ),
        (
            "in:source a:transform b:transform out:sink",
            "in>a a>b b>a b>out",
            &["connections[2]: stages form a cycle: `a` → `b` → `a` (take out one of these connections)"],
        ),
        (
            "in:source t:transform back:source out:sink",
            "in>t t>back t>out back>out",
            &[
                "connections[1].to: source `back` has no inputs (a source reads from outside; a transform takes records)",
            ],
        ),
        (
            "in:source out:sink more:sink",
            "in>out out>more",
            &["connections[1].from: sink `out` has no outputs (connect a stage before it)"],
        ),
        (
            "in:source out:sink bell:publisher",
            "in>out out>bell",
            &["connections[1].from: sink `out` emits no alerts to publish (connect a stage before it)"],
        ),
        (
            "in:source bell:publisher bong:publisher",
            "in>bell bell>bong",
            &["connections[1].from: alert publisher `bell` emits no alerts to publish (connect a stage before it)"],
        ),
        (
            "in:source bell:publisher e:error out:sink",
            "in>bell in>out bell>e e>out",
            &["connections[2].from: alert publisher `bell` hands on no error records (connect a stage before it)"],
        ),
        (
            "in:source out:sink e:error late:sink",
            "in>out out>e e>late",
            &["connections[1].from: sink `out` hands on no error records (connect a stage before it)"],
        ),
        (
            "in:source t:transform",
            "in>t",
            &["stages[1]: transform `t` leads nowhere (connect it to a stage behind it, such as a sink)"],
        ),
        ("in:source", "", &["stages[0]: source `in` leads nowhere (connect it to a stage behind it, such as a sink)"]),
        ("in:source t:transform bell:publisher", "in>t t>bell", &[]),
        (
            "in:source out:sink a:transform b:transform end:sink",
            "in>out a>b b>end",
            &[
                "stages[2]: no connection leads to transform `a`, so no source reaches `b`, `end` behind it (connect a stage that hands it records, such as a source)",
            ],
        ),
        (
            "in:source out:sink bell:publisher",
            "in>out",
            &["stages[2]: no connection leads to alert publisher `bell` (connect the stage whose alerts it publishes)"],
        ),
        (
            "in:source out:sink e:error",
            "in>out e>out",
            &["stages[2]: no connection leads to error transform `e` (connect the stage whose error records it takes)"],
        ),
        (
            "in:source s:splitter out:sink",
            "in>s s>out",
            &[
                "connections[1].port: a connection from splitter `s` needs a `port` (name the port that these records leave by)",
            ],
        ),
        ("in:source s:splitter out:sink bell:publisher e:error", "in>s s>out:a s>bell s>e e>out", &[]),
        (
            "in:source s:splitter out:sink bell:publisher",
            "in>s s>out:a s>bell:a",
            &["connections[2].port: port `a` has no meaning here: alerts leave by no port"],
        ),
        (
            "in:source s:splitter out:sink e:error",
            "in>s s>out:a s>e:a e>out",
            &["connections[2].port: port `a` has no meaning here: error records leave by no port"],
        ),
        (
            "in:source s:splitter out:sink bell:publisher",
            "in>s s>out:a s>bell:a s>bell:b",
            &[
                "connections[3]: `s` and `bell` are joined twice (connections[2] says the same)",
                "connections[2].port: port `a` has no meaning here: alerts leave by no port",
                "connections[3].port: port `b` has no meaning here: alerts leave by no port",
            ],
        ),
        (
            "in:source out:sink",
            "in>out:a",
            &["connections[0].port: source `in` has no port `a` (only a splitter has ports)"],
        ),
    ] {
        assert_eq!(lines(&pipeline(stages, connections)), expected, "{stages} | {connections}");
    }
}

#[test]
fn a_pipeline_needs_a_stage() {
    let mut spec = spec(&pipeline("in:source out:sink", "in>out"));
    spec.stages.clear();
    let findings = Graph::new(&spec).unwrap_err();
    assert_eq!(findings[0].to_string(), "stages: a pipeline needs at least one stage");
}

#[test]
fn sections_stand_where_they_have_a_meaning() {
    let section = json!({"groupBy": ["userid"]});
    let base = pipeline("in:source t:transform out:sink bell:publisher", "in>t t>out t>bell");
    for (stage, member, value, expected) in [
        (1, "alerts", &section, &[][..]),
        (
            0,
            "alerts",
            &section,
            &[
                "stages[0].alerts: no alert publisher hangs on source `in`, so its alerts are dropped (connect it to an alertpublisher)",
            ],
        ),
        (
            2,
            "alerts",
            &section,
            &["stages[2].alerts: sink `out` emits no alerts (put it on the stage that emits the alerts)"],
        ),
        (
            3,
            "alerts",
            &section,
            &["stages[3].alerts: alert publisher `bell` emits no alerts (put it on the stage that emits the alerts)"],
        ),
        (3, "onFailure", &json!("keep"), &[]),
        (
            1,
            "onFailure",
            &json!("keep"),
            &["stages[1].onFailure: `onFailure` has no meaning on transform `t` (it belongs on an alert publisher)"],
        ),
        (3, "maxAlertsPerSecond", &json!(5), &[]),
        (
            2,
            "maxAlertsPerSecond",
            &json!(5),
            &[
                "stages[2].maxAlertsPerSecond: `maxAlertsPerSecond` has no meaning on sink `out` (it belongs on an alert publisher)",
            ],
        ),
    ] {
        let mut pipeline = base.clone();
        pipeline["stages"][stage][member] = value.clone();
        assert_eq!(lines(&pipeline), expected, "{stage} {member}");
    }
}

#[test]
fn two_knots_are_two_findings() {
    let pipeline = pipeline(
        "in:source a:transform b:transform c:transform d:transform out:sink",
        "in>a a>b b>a b>c c>d d>c d>out",
    );
    let findings = lines(&pipeline);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[1].contains("`c` → `d` → `c`"), "{findings:?}");
}

#[test]
fn a_broken_pipeline_is_checked_as_far_as_it_can_be() {
    let mut broken = pipeline("in:source t:transform out:sink bell:publisher", "in>t t>out t>oops in>out in>out");
    broken["stages"][1]["plugin"]["type"] = json!("trasform");
    broken["stages"][3]["plugin"] = json!(1);
    let paths: Vec<String> = check_broken(&broken).into_iter().map(|finding| finding.path).collect();
    assert_eq!(paths, ["connections[2].to", "connections[4]"]);
    broken["stages"][3]["name"] = json!(1);
    let paths: Vec<String> = check_broken(&broken).into_iter().map(|finding| finding.path).collect();
    assert_eq!(paths, ["connections[4]"], "the broken stage may be the one that is meant");
    assert_eq!(check_broken(&json!({"stages": 1})), []);
    assert_eq!(check_broken(&json!(null)), []);
}

fn drawn() -> PipelineSpec {
    let mut pipeline =
        pipeline("in:source s:splitter out:sink e:error bell:publisher", "in>s s>out:good s>e e>out s>bell");
    pipeline["name"] = json!("heart-rate");
    pipeline["stages"][0]["name"] = json!("say \"hi\" \\ <b>&`x`</b>\n#1; ü");
    pipeline["connections"][0]["from"] = pipeline["stages"][0]["name"].clone();
    pipeline["stages"][4]["label"] = json!("The bell");
    spec(&pipeline)
}

#[test]
fn dot_is_drawn() {
    let spec = drawn();
    let (graph, _) = Graph::new(&spec).unwrap();
    let expected = r#"digraph "heart-rate" {
  rankdir=LR;
  node [shape=box, style=rounded];
  s0 [label="say \"hi\" \\ <b>&amp;`x`</b>\n#1; ü\nP (source)", shape=cds, style=solid];
  s1 [label="s\nP (splitter)", shape=diamond, style=solid];
  s2 [label="out\nP (sink)", shape=cylinder, style=solid];
  s3 [label="e\nP (errortransform)"];
  s4 [label="The bell\nP (alertpublisher)", shape=ellipse, style=solid];
  s0 -> s1;
  s1 -> s2 [label="good"];
  s1 -> s3 [label="errors", style=dashed];
  s3 -> s2;
  s1 -> s4 [label="🔔"];
}
"#;
    assert_eq!(draw::dot(&spec, &graph), expected);
}

#[test]
fn mermaid_is_drawn() {
    let spec = drawn();
    let (graph, _) = Graph::new(&spec).unwrap();
    let expected = r#"flowchart LR
  s0(["say #34;hi#34; #92; #60;b#62;#38;#96;x#96;#60;/b#62;<br/>#35;1#59; ü<br/>P (source)"])
  s1{"s<br/>P (splitter)"}
  s2[("out<br/>P (sink)")]
  s3["e<br/>P (errortransform)"]
  s4(("The bell<br/>P (alertpublisher)"))
  s0 --> s1
  s1 -->|"good"| s2
  s1 -.->|"errors"| s3
  s3 --> s2
  s1 -->|"🔔"| s4
"#;
    assert_eq!(draw::mermaid(&spec, &graph), expected);
}
