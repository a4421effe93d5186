//! A pipeline as a picture, for Graphviz and for Mermaid.

use super::{Connection, Flow, Graph};
use crate::spec::{PipelineSpec, StageSpec};
use campanile_sdk::Kind;
use std::fmt::Write;

/// What alerts are drawn as.
const BELL: &str = "🔔";

/// The pipeline in Graphviz's language: `campanile graph pipeline.json | dot -Tsvg`.
pub fn dot(spec: &PipelineSpec, graph: &Graph) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("digraph \"{}\" {{", dot_text(&spec.name)));
    line(&mut out, format_args!("  rankdir=LR;"));
    line(&mut out, format_args!("  node [shape=box, style=rounded];"));
    for (index, stage) in spec.stages.iter().enumerate() {
        let label = format!("{}\\n{}", dot_text(title(stage)), dot_text(&subtitle(stage)));
        let shape = match stage.plugin.kind {
            Kind::Source => ", shape=cds, style=solid",
            Kind::Sink => ", shape=cylinder, style=solid",
            Kind::Splitter => ", shape=diamond, style=solid",
            Kind::AlertPublisher => ", shape=ellipse, style=solid",
            _ => "",
        };
        line(&mut out, format_args!("  s{index} [label=\"{label}\"{shape}];"));
    }
    for Connection { from, to, flow } in graph.connections() {
        let look = match flow {
            Flow::Records { port: None } => String::new(),
            Flow::Records { port: Some(port) } => format!(" [label=\"{}\"]", dot_text(port)),
            Flow::Errors => " [label=\"errors\", style=dashed]".to_owned(),
            Flow::Alerts => format!(" [label=\"{BELL}\"]"),
        };
        line(&mut out, format_args!("  s{from} -> s{to}{look};"));
    }
    out.push_str("}\n");
    out
}

/// The pipeline in Mermaid's language, which GitHub and mdBook draw.
pub fn mermaid(spec: &PipelineSpec, graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (index, stage) in spec.stages.iter().enumerate() {
        let label = format!("{}<br/>{}", mermaid_text(title(stage)), mermaid_text(&subtitle(stage)));
        let (open, close) = match stage.plugin.kind {
            Kind::Source => ("([", "])"),
            Kind::Sink => ("[(", ")]"),
            Kind::Splitter => ("{", "}"),
            Kind::AlertPublisher => ("((", "))"),
            _ => ("[", "]"),
        };
        line(&mut out, format_args!("  s{index}{open}\"{label}\"{close}"));
    }
    for Connection { from, to, flow } in graph.connections() {
        let arrow = match flow {
            Flow::Records { port: None } => "-->".to_owned(),
            Flow::Records { port: Some(port) } => format!("-->|\"{}\"|", mermaid_text(port)),
            Flow::Errors => "-.->|\"errors\"|".to_owned(),
            Flow::Alerts => format!("-->|\"{BELL}\"|"),
        };
        line(&mut out, format_args!("  s{from} {arrow} s{to}"));
    }
    out
}

fn title(stage: &StageSpec) -> &str {
    stage.label.as_deref().unwrap_or(&stage.name)
}

fn subtitle(stage: &StageSpec) -> String {
    format!("{} ({})", stage.plugin.name, stage.plugin.kind)
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn dot_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            // Graphviz reads entities in labels, `&amp;` as `&`.
            '&' => escaped.push_str("&amp;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn mermaid_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("<br/>"),
            // Letters, digits and what is harmless in a quoted label; all else by its number, which Mermaid reads.
            c if c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | ',' | ':' | '/' | '(' | ')') => escaped.push(c),
            c if c.is_control() => escaped.push(' '),
            c if c.is_ascii() => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
