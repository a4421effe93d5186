//! What the shape of a pipeline must be. Each rule is a function of its own; all of them speak at once.

use super::cycle;
use super::outline::{Ends, Outline, Stage};
use crate::spec::nearest::{did_you_mean, nearest};
use campanile_sdk::{Finding, Kind};
use std::collections::{HashMap, HashSet};

/// More names than these are not listed in one message.
const LISTED: usize = 5;

/// What the rules found, and the stages that each connection joins.
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    pub(super) ends: Vec<Option<(usize, usize)>>,
}

/// Holds a pipeline against every rule.
pub(super) fn check(outline: &Outline<'_>) -> Checked {
    let mut rules = Rules { outline, by_name: HashMap::new(), ends: Vec::new(), findings: Vec::new() };
    if outline.stages.is_empty() {
        if outline.listed {
            rules.findings.push(Finding::error(rules.place("stages", None), "a pipeline needs at least one stage"));
        }
        return Checked { findings: rules.findings, ends: Vec::new() };
    }
    rules.names();
    rules.resolve();
    rules.self_loops();
    rules.duplicates();
    rules.kinds();
    rules.ports();
    rules.cycles();
    if outline.listed {
        rules.loose_ends();
    }
    rules.sections();
    Checked { findings: rules.findings, ends: rules.ends }
}

struct Rules<'a> {
    outline: &'a Outline<'a>,
    by_name: HashMap<&'a str, usize>,
    /// The stages a connection joins: those it names, or those that it was probably meant to name, so that one
    /// misspelt name does not leave half of the pipeline hanging in the air.
    ends: Vec<Option<(usize, usize)>>,
    findings: Vec<Finding>,
}

impl<'a> Rules<'a> {
    fn place(&self, list: &str, member: Option<(usize, &str)>) -> String {
        let within = self.outline.within;
        match member {
            None => format!("{within}{list}"),
            Some((index, "")) => format!("{within}{list}[{index}]"),
            Some((index, member)) => format!("{within}{list}[{index}].{member}"),
        }
    }

    fn at_stage(&mut self, index: usize, member: &str, message: String, hint: &str) {
        let at = self.place("stages", Some((index, member)));
        self.findings.push(with_hint(Finding::error(at, message), hint));
    }

    fn at_connection(&mut self, index: usize, member: &str, message: String, hint: &str) {
        let at = self.place("connections", Some((index, member)));
        self.findings.push(with_hint(Finding::error(at, message), hint));
    }

    fn stage(&self, index: usize) -> &'a Stage<'a> {
        &self.outline.stages[index]
    }

    /// The stage as messages name it: `sink `kept``.
    fn named(&self, index: usize) -> String {
        let stage = self.stage(index);
        let word = stage.kind.map_or("stage", kind_phrase);
        format!("{word} {}", self.quoted(index))
    }

    fn quoted(&self, index: usize) -> String {
        self.stage(index).name.map_or_else(|| format!("stages[{index}]"), |name| format!("`{name}`"))
    }

    /// The connections both of whose ends are known.
    fn joined(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<'a> {
        let ends: Vec<_> =
            self.ends.iter().enumerate().filter_map(|(i, ends)| ends.map(|(from, to)| (i, from, to))).collect();
        ends.into_iter()
    }

    fn edges(&self) -> Vec<(usize, usize)> {
        self.joined().filter(|(_, from, to)| from != to).map(|(_, from, to)| (from, to)).collect()
    }

    fn names(&mut self) {
        for (index, stage) in self.outline.stages.iter().enumerate() {
            let Some(name) = stage.name else { continue };
            match self.by_name.get(name) {
                Some(first) => {
                    let message = format!("two stages are named `{name}`");
                    let hint = format!("stages[{first}] has the name already; give this one another");
                    self.at_stage(index, "name", message, &hint);
                }
                None => {
                    self.by_name.insert(name, index);
                }
            }
        }
    }

    fn resolve(&mut self) {
        let known: Vec<&str> = self.outline.stages.iter().filter_map(|stage| stage.name).collect();
        for (index, Ends { from, to, .. }) in self.outline.connections.iter().enumerate() {
            let from = self.end(index, "from", *from, &known);
            let to = self.end(index, "to", *to, &known);
            self.ends.push(from.zip(to));
        }
    }

    fn end(&mut self, index: usize, member: &str, name: Option<&str>, known: &[&'a str]) -> Option<usize> {
        let name = name?;
        if let Some(stage) = self.by_name.get(name) {
            return Some(*stage);
        }
        // A stage whose name is broken may be the one that is named here.
        if known.len() == self.outline.stages.len() {
            let hint = did_you_mean(name, known.iter().copied(), "stages").unwrap_or_default();
            self.at_connection(index, member, format!("there is no stage `{name}`"), &hint);
        }
        nearest(name, known.iter().copied()).and_then(|meant| self.by_name.get(meant).copied())
    }

    fn self_loops(&mut self) {
        for (index, from, to) in self.joined() {
            // Two names that mean the same stage by a slip of the pen are no loop.
            let ends = &self.outline.connections[index];
            if from == to && ends.from == ends.to {
                let message = format!("{} hands to itself", self.named(from));
                self.at_connection(index, "", message, "a stage cannot come before itself");
            }
        }
    }

    fn duplicates(&mut self) {
        let mut seen = HashMap::new();
        for (index, from, to) in self.joined() {
            // By several ports records reach a target several times, alerts and errors never.
            let port = if self.takes_records(to) { self.outline.connections[index].port } else { None };
            if let Some(first) = seen.get(&(from, to, port)) {
                let message = format!("{} and {} are joined twice", self.quoted(from), self.quoted(to));
                let hint = format!("connections[{first}] says the same");
                self.at_connection(index, "", message, &hint);
            } else {
                seen.insert((from, to, port), index);
            }
        }
    }

    fn takes_records(&self, stage: usize) -> bool {
        !matches!(self.stage(stage).kind, Some(Kind::AlertPublisher | Kind::ErrorTransform))
    }

    fn kinds(&mut self) {
        for (index, from, to) in self.joined() {
            let (giver, taker) = (self.stage(from).kind, self.stage(to).kind);
            if giver.is_some_and(Kind::is_end) && from != to {
                let message = match taker {
                    Some(Kind::AlertPublisher) => format!("{} emits no alerts to publish", self.named(from)),
                    Some(Kind::ErrorTransform) => format!("{} hands on no error records", self.named(from)),
                    _ => format!("{} has no outputs", self.named(from)),
                };
                self.at_connection(index, "from", message, "connect a stage before it");
            }
            if taker == Some(Kind::Source) && from != to {
                let message = format!("{} has no inputs", self.named(to));
                self.at_connection(index, "to", message, "a source reads from outside; a transform takes records");
            }
        }
    }

    fn ports(&mut self) {
        for (index, from, to) in self.joined() {
            let port = self.outline.connections[index].port;
            let (Some(giver), Some(taker)) = (self.stage(from).kind, self.stage(to).kind) else { continue };
            match (giver, port) {
                (Kind::Splitter, None) if self.takes_records(to) && taker != Kind::Source => {
                    let message = format!("a connection from {} needs a `port`", self.named(from));
                    self.at_connection(index, "port", message, "name the port that these records leave by");
                }
                (Kind::Splitter, Some(port)) if !self.takes_records(to) => {
                    let what = if taker == Kind::AlertPublisher { "alerts" } else { "error records" };
                    let at = self.place("connections", Some((index, "port")));
                    let message = format!("port `{port}` has no meaning here: {what} leave by no port");
                    self.findings.push(Finding::warning(at, message));
                }
                (Kind::Splitter, _) | (_, None) => {}
                (_, Some(port)) => {
                    let message = format!("{} has no port `{port}`", self.named(from));
                    self.at_connection(index, "port", message, "only a splitter has ports");
                }
            }
        }
    }

    fn cycles(&mut self) {
        let edges = self.edges();
        for cycle in cycle::cycles(self.outline.stages.len(), &edges) {
            let (Some(first), Some(last)) = (cycle.first(), cycle.last()) else { continue };
            let closing = self.joined().find(|(_, from, to)| from == last && to == first);
            let names: Vec<String> = cycle.iter().chain([first]).map(|stage| self.quoted(*stage)).collect();
            let message = format!("stages form a cycle: {}", names.join(" → "));
            let index = closing.map_or(0, |(index, ..)| index);
            self.at_connection(index, "", message, "take out one of these connections");
        }
    }

    /// Stages that nothing reaches, and stages that lead nowhere.
    fn loose_ends(&mut self) {
        let outline = self.outline;
        let count = outline.stages.len();
        // A connection with an unknown end may be the one that is missed elsewhere.
        let mut has_output = vec![false; count];
        let mut has_input = vec![false; count];
        let (mut open_from, mut open_to) = (false, false);
        for (ends, joined) in outline.connections.iter().zip(&self.ends) {
            let known = |name: Option<&str>| name.and_then(|name| self.by_name.get(name).copied());
            match joined {
                Some((from, to)) if from == to => {}
                Some((from, to)) => {
                    has_output[*from] = true;
                    has_input[*to] = true;
                }
                None => {
                    match known(ends.from) {
                        Some(from) => has_output[from] = true,
                        None => open_from = true,
                    }
                    match known(ends.to) {
                        Some(to) => has_input[to] = true,
                        None => open_to = true,
                    }
                }
            }
        }
        // A stage whose name stands twice is not the one that connections lead to; its name has been told.
        let mut names = HashSet::new();
        let judged: Vec<bool> =
            outline.stages.iter().map(|stage| stage.name.is_some_and(|name| names.insert(name))).collect();
        let edges = self.edges();
        for index in 0..count {
            let Some(kind) = self.stage(index).kind.filter(|_| judged[index]) else { continue };
            if kind != Kind::Source && !has_input[index] && !open_to {
                self.unreached(index, &edges);
            }
            if !kind.is_end() && !has_output[index] && !open_from {
                let message = format!("{} leads nowhere", self.named(index));
                self.at_stage(index, "", message, "connect it to a stage behind it, such as a sink");
            }
        }
    }

    fn unreached(&mut self, index: usize, edges: &[(usize, usize)]) {
        let count = self.outline.stages.len();
        let fed = (0..count).filter(|stage| matches!(self.stage(*stage).kind, None | Some(Kind::Source)));
        let fed = cycle::reachable(count, edges, fed);
        let behind = cycle::reachable(count, edges, std::iter::once(index));
        let starved: Vec<usize> =
            (0..count).filter(|stage| *stage != index && behind[*stage] && !fed[*stage]).collect();
        let mut message = format!("no connection leads to {}", self.named(index));
        if !starved.is_empty() {
            let names: Vec<String> = starved.iter().take(LISTED).map(|stage| self.quoted(*stage)).collect();
            let more = if starved.len() > LISTED { ", …" } else { "" };
            message.push_str(&format!(", so no source reaches {}{more} behind it", names.join(", ")));
        }
        let hint = match self.stage(index).kind {
            Some(Kind::AlertPublisher) => "connect the stage whose alerts it publishes",
            Some(Kind::ErrorTransform) => "connect the stage whose error records it takes",
            _ => "connect a stage that hands it records, such as a source",
        };
        self.at_stage(index, "", message, hint);
    }

    /// Members of a stage that only some kinds have a use for.
    fn sections(&mut self) {
        for index in 0..self.outline.stages.len() {
            let stage = self.stage(index);
            let Some(kind) = stage.kind else { continue };
            if stage.has_alerts && kind.is_end() {
                let hint = "put it on the stage that emits the alerts";
                self.at_stage(index, "alerts", format!("{} emits no alerts", self.named(index)), hint);
            } else if stage.has_alerts && !self.has_publisher(index) {
                let at = self.place("stages", Some((index, "alerts")));
                let message = format!("no alert publisher hangs on {}, so its alerts are dropped", self.named(index));
                self.findings.push(Finding::warning(at, message).hint("connect it to an alertpublisher"));
            }
            for member in stage.of_publisher.clone() {
                if kind != Kind::AlertPublisher {
                    let message = format!("`{member}` has no meaning on {}", self.named(index));
                    self.at_stage(index, member, message, "it belongs on an alert publisher");
                }
            }
        }
    }

    fn has_publisher(&self, stage: usize) -> bool {
        // An end that is unknown, or of unknown kind, may be a publisher.
        let open = |index: usize| self.ends[index].is_none() && self.outline.connections[index].to.is_some();
        let name = self.stage(stage).name;
        let may = |(index, ends): (usize, &Ends<'_>)| ends.from == name && open(index);
        self.joined()
            .any(|(_, from, to)| from == stage && matches!(self.stage(to).kind, None | Some(Kind::AlertPublisher)))
            || self.outline.connections.iter().enumerate().any(may)
    }
}

fn kind_phrase(kind: Kind) -> &'static str {
    match kind {
        Kind::ErrorTransform => "error transform",
        Kind::AlertPublisher => "alert publisher",
        other => other.as_str(),
    }
}

fn with_hint(finding: Finding, hint: &str) -> Finding {
    if hint.is_empty() { finding } else { finding.hint(hint) }
}
