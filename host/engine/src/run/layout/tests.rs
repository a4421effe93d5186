use super::lay_out;
use crate::graph::Graph;
use crate::spec::{Arguments, Format, read_text};
use std::path::Path;

/// The groups of a pipeline, as names: stages with their kind, those marked with `*` are parallel.
fn groups(stages: &[(&str, &str)], connections: &[(&str, &str)], parallelism: usize) -> Vec<(Vec<String>, usize)> {
    let stages_json: Vec<_> = stages
        .iter()
        .map(|(name, kind)| serde_json::json!({ "name": name, "plugin": { "name": "X", "type": kind } }))
        .collect();
    let connections: Vec<_> =
        connections.iter().map(|(from, to)| serde_json::json!({ "from": from, "to": to })).collect();
    let text = serde_json::json!({ "name": "p", "stages": stages_json, "connections": connections }).to_string();
    let file = read_text(&text, Format::Json, Path::new("."), &Arguments::new()).expect("a pipeline");
    let (graph, _) = Graph::new(&file.spec).expect("a graph");
    let kinds: Vec<_> = file.spec.stages.iter().map(|stage| stage.plugin.kind).collect();
    let parallel: Vec<bool> = stages.iter().map(|(name, _)| name.ends_with('*')).collect();
    let layout = lay_out(&graph, &kinds, &parallel, parallelism);
    let name = |&stage: &usize| stages[stage].0.to_owned();
    layout.groups.iter().map(|group| (group.stages.iter().map(name).collect(), group.instances)).collect()
}

fn group(stages: &[&str], instances: usize) -> (Vec<String>, usize) {
    (stages.iter().map(ToString::to_string).collect(), instances)
}

#[test]
fn a_straight_pipeline_is_one_chain() {
    let stages = [("in", "source"), ("t", "transform"), ("out", "sink"), ("bell", "alertpublisher")];
    let got = groups(&stages, &[("in", "t"), ("t", "out"), ("t", "bell")], 1);
    assert_eq!(got, [group(&["in", "t", "out"], 1)]);
}

#[test]
fn branches_that_meet_again_stay_on_their_thread() {
    let stages = [("in", "source"), ("a", "transform"), ("b", "transform"), ("out", "sink")];
    let got = groups(&stages, &[("in", "a"), ("in", "b"), ("a", "out"), ("b", "out")], 4);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].0.len(), 4);
}

#[test]
fn two_sources_meet_in_a_chain_of_its_own() {
    let stages = [("a", "source"), ("b", "source"), ("t", "transform"), ("out", "sink")];
    let got = groups(&stages, &[("a", "t"), ("b", "t"), ("t", "out")], 1);
    assert_eq!(got, [group(&["a"], 1), group(&["b"], 1), group(&["t", "out"], 1)]);
}

#[test]
fn what_is_parallel_is_multiplied_up_to_the_first_stage_that_is_not() {
    let stages = [("in*", "source"), ("t*", "transform"), ("u", "transform"), ("out*", "sink")];
    let got = groups(&stages, &[("in*", "t*"), ("t*", "u"), ("u", "out*")], 3);
    assert_eq!(got, [group(&["in*", "t*"], 3), group(&["u", "out*"], 1)]);
}

#[test]
fn a_source_that_is_not_parallel_is_read_once() {
    let stages = [("in", "source"), ("t*", "transform"), ("out", "sink")];
    let got = groups(&stages, &[("in", "t*"), ("t*", "out")], 3);
    assert_eq!(got, [group(&["in", "t*", "out"], 1)]);
}
