//! The end of a run: threads are waited for, what a run goes on from is saved, stages are closed, groups published,
//! publishers drained, sinks committed. Alerts go out however the run went; what sinks wrote is shown only when all went
//! well.

use super::alerts::{Closed, grouped};
use super::barrier::{Arrival, Part};
use super::chain::{Ended, Node, failure};
use super::opening::Opening;
use super::publisher::PUBLISH_ALERTS_MAX;
use super::publishers::Publishers;
use super::report::Status;
use super::save_point::{REPEATS, SavePoint, SavedStatus, forget};
use super::saver::{Durable, closed_alerts, put_parts, put_states};
use super::shared::Shared;
use super::start::Opened;
use super::watch::Slot;
use crate::alerts::Groups;
use crate::outbox::Raised;
use crate::plan::Plan;
use crate::store::Write;
use campanile_sdk::proxy::{AlertOut, Stage};
use campanile_sdk::{Kind, Position};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) struct End<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) slot: &'a Slot,
    /// The stages in the order of the graph.
    pub(super) order: &'a [usize],
}

/// A sink that waits for the outcome of the run.
struct Ending {
    index: usize,
    stage: Stage,
}

/// The groups of a stage, those of its instances together.
struct Together {
    index: usize,
    groups: Groups,
    closed: Vec<crate::alerts::GroupedAlert>,
    publishers: Publishers,
}

impl End<'_> {
    fn inside<T>(&self, index: usize, call: impl FnOnce() -> T) -> T {
        self.slot.inside(index, self.shared.stages[index].name, call)
    }

    fn kind(&self, node: &Node) -> Kind {
        self.shared.stages[node.index].kind
    }

    pub(super) fn finish(&self, mut opened: Opened) {
        if let Some(failed) = opened.failed.take() {
            failed.note(self.shared);
        }
        let mut nodes = Vec::new();
        let mut arrival = Arrival::default();
        let mut part = Part::default();
        let mut readers = Vec::new();
        let has_chains = !opened.chains.is_empty();
        for chain in opened.chains {
            match chain.join() {
                Ok(Ended { nodes: ended, splits, readers: of_chain, mut letters }) => {
                    let source = ended.first().map(|node| node.index);
                    let source = source.unwrap_or_default();
                    readers.extend(of_chain.into_iter().map(|(read, stage)| (source, read, stage)));
                    nodes.extend(ended);
                    arrival.splits.extend(splits);
                    part.letters.extend(letters.take());
                }
                Err(_) => self.shared.fail_run("a thread panicked; this is a fault of campanile".to_owned()),
            }
        }
        nodes.sort_by_key(|node| (self.order.iter().position(|&index| index == node.index), node.instance));
        if opened.durable.is_some() {
            arrival.states = nodes
                .iter()
                .filter_map(|node| (!self.shared.has_failed()).then(|| node.snapshot(self.shared, self.slot))?)
                .collect();
        }
        for node in nodes.iter().filter(|node| self.kind(node) == Kind::Sink) {
            self.prepare(node);
        }
        for node in nodes.iter().filter(|node| self.kind(node) != Kind::Sink) {
            self.close(node);
        }
        // Readers are closed when they know what is saved, and before what opened them is gone.
        let openers: Vec<(usize, Option<Stage>)> = match readers.is_empty() {
            true => Vec::new(),
            false => {
                let sources = nodes.iter().filter(|node| self.kind(node) == Kind::Source);
                sources.map(|node| (node.index, node.stage.borrow_mut().take())).collect()
            }
        };
        let completed = self.shared.status() == Status::Completed;
        let saves = has_chains && !self.shared.has_failed();
        let (sinks, alerts) = match &opened.durable {
            Some(_) if saves && !completed => self.keep_groups(nodes, &mut part),
            Some(_) if !saves => (self.drop_groups(nodes), Vec::new()),
            _ => self.publish_groups(nodes),
        };
        match opened.durable.clone() {
            None => {
                for (stage, alerts) in alerts {
                    self.publish(&opened.takers[stage], alerts);
                }
            }
            Some(durable) => {
                if saves {
                    let saved = self.save(
                        &durable,
                        &opened.takers,
                        &opened.instances,
                        opened.number,
                        &mut opened.states,
                        arrival,
                        part,
                        alerts,
                    );
                    match saved {
                        Ok(()) => self.commit(&mut readers),
                        Err(message) => self.shared.fail_run(message),
                    }
                }
                durable.outbox.end();
            }
        }
        for (index, _, stage) in readers {
            self.close_stage(index, stage);
        }
        for (index, opener) in openers {
            self.inside(index, || drop(opener));
        }
        self.shared.drain();
        // With the last sender gone the publishers end.
        drop(opened.takers);
        if let Some(writer) = opened.writer {
            let _ = writer.join();
        }
        for (index, publisher) in opened.publishers {
            match publisher.join() {
                Ok(stage) => self.close_stage(index, stage),
                Err(_) => self.shared.fail(index, "its thread panicked; this is a fault of campanile".to_owned()),
            }
        }
        sinks.into_iter().for_each(|sink| self.end_sink(sink));
        if let Some(durable) = opened.durable.filter(|_| has_chains) {
            self.note_status(&durable).unwrap_or_else(|message| self.shared.fail_run(message));
        }
    }

    /// What went wrong at the end. A stage that failed before has nothing to add.
    fn note_end(&self, index: usize, wrong: Option<String>) {
        if let Some(message) = wrong.filter(|_| !self.shared.stages[index].failed.load(Ordering::SeqCst)) {
            self.shared.fail(index, message);
        }
    }

    fn prepare(&self, node: &Node) {
        let mut stage = node.stage.borrow_mut();
        if let Some(stage) = stage.as_mut().filter(|_| self.shared.status() == Status::Completed) {
            let prepared = self.inside(node.index, || stage.prepare());
            prepared.unwrap_or_else(|error| self.shared.fail(node.index, failure(&error, None)));
        }
    }

    /// Tells readers of live sources what is saved.
    fn commit(&self, readers: &mut [(usize, Vec<Position>, Stage)]) {
        for (index, read, stage) in readers {
            let committed = self.inside(*index, || stage.commit_positions(read));
            self.note_end(*index, committed.err().map(|error| failure(&error, None)));
        }
    }

    fn close(&self, node: &Node) {
        let mut stage = node.stage.borrow_mut();
        let Some(stage) = stage.as_mut() else { return };
        let mut alerts = node.alerts.borrow_mut();
        // A run that goes on later closes then; and one that was closed does so only once.
        if self.shared.is_durable() && (self.shared.has_failed() || node.closed.get()) {
            alerts.pass_over();
        }
        let mut closing = Opening { alerts: Some(&mut alerts), slot: self.slot, broken: None };
        let closed = self.inside(node.index, || stage.close(&mut closing));
        let wrong = closing.broken.or_else(|| closed.err().map(|error| failure(&error, None)));
        self.note_end(node.index, wrong);
    }

    fn close_stage(&self, index: usize, mut stage: Stage) {
        let mut quiet = Opening { alerts: None, slot: self.slot, broken: None };
        let closed = self.inside(index, || stage.close(&mut quiet));
        self.note_end(index, closed.err().map(|error| failure(&error, None)));
        self.inside(index, || drop(stage));
    }

    /// Lets go of a node's stage; a sink comes back, and the node's groups.
    fn take_apart(&self, node: Node, sinks: &mut Vec<Ending>) -> (usize, super::alerts::AlertSink) {
        let index = node.index;
        let stage = node.stage.into_inner();
        if self.shared.stages[index].kind == Kind::Sink {
            sinks.extend(stage.map(|stage| Ending { index, stage }));
        } else {
            self.inside(index, || drop(stage));
        }
        (index, node.alerts.into_inner())
    }

    /// The groups of each stage, those of its instances together, are closed. The sinks come back, and the alerts by stage.
    fn publish_groups(&self, nodes: Vec<Node>) -> (Vec<Ending>, Vec<(usize, Vec<AlertOut>)>) {
        let mut sinks = Vec::new();
        let mut all: Vec<Together> = Vec::new();
        for node in nodes {
            let (index, alerts) = self.take_apart(node, &mut sinks);
            let (Some(groups), publishers) = alerts.into_groups() else { continue };
            match all.last_mut() {
                Some(together) if together.index == index => {
                    let closed = together.groups.merge(groups);
                    together.closed.extend(closed);
                }
                _ => all.push(Together { index, groups, closed: Vec::new(), publishers }),
            }
        }
        let partial = self.shared.status() != Status::Completed;
        let mut out = Vec::new();
        for Together { index, mut groups, mut closed, publishers } in all {
            closed.extend(groups.take_early());
            let alert = |group| grouped(self.shared, index, group, partial);
            if self.shared.is_durable() {
                let early = closed.into_iter();
                out.push((index, early.chain(groups.finish()).map(alert).collect()));
            } else {
                // One piece after the other: their payloads are printed as they are sent.
                let mut pieces = closed.into_iter().chain(groups.drain()).map(alert).peekable();
                while pieces.peek().is_some() {
                    self.publish(&publishers, pieces.by_ref().take(PUBLISH_ALERTS_MAX).collect());
                }
            }
            self.note(index, &groups);
        }
        (sinks, out)
    }

    /// The groups stay open for the run that goes on; what left them before their time goes now.
    fn keep_groups(&self, nodes: Vec<Node>, part: &mut Part) -> (Vec<Ending>, Vec<(usize, Vec<AlertOut>)>) {
        let mut sinks = Vec::new();
        let mut closed: Vec<Closed> = Vec::new();
        for node in nodes {
            let (_, mut alerts) = self.take_apart(node, &mut sinks);
            closed.extend(alerts.close(None));
            alerts.changes(&mut part.changes);
        }
        (sinks, closed_alerts(self.shared, closed))
    }

    /// A run that failed goes on from its last save point, which has the groups as they were.
    fn drop_groups(&self, nodes: Vec<Node>) -> Vec<Ending> {
        let mut sinks = Vec::new();
        for node in nodes {
            self.take_apart(node, &mut sinks);
        }
        sinks
    }

    fn publish(&self, publishers: &Publishers, alerts: Vec<AlertOut>) {
        let raised = alerts.into_iter().map(|alert| Raised { alert, from: None }).collect();
        publishers.send(self.shared, raised, self.slot);
    }

    /// The last save point.
    #[expect(clippy::too_many_arguments, reason = "what is left of a run, in its parts")]
    fn save(
        &self,
        durable: &Durable,
        takers: &[Publishers],
        instances: &[usize],
        number: u64,
        states: &mut HashSet<String>,
        arrival: Arrival,
        part: Part,
        alerts: Vec<(usize, Vec<AlertOut>)>,
    ) -> Result<(), String> {
        self.shared.splits.apply(&arrival.splits);
        let standing = durable.outbox.stand_still(|stage, from| self.shared.is_behind(stage, from));
        let mut point = SavePoint::of(self.plan, self.shared, SavedStatus::Running, instances);
        (point.number, point.sequence) = (number + 1, standing.sequence);
        point.note_finished(&arrival);
        let mut write = Write::default();
        put_states(&mut write, self.shared, vec![arrival], states);
        put_parts(&mut write, &mut point, self.shared, vec![part])?;
        if self.shared.status() == Status::Completed {
            point.stages.iter_mut().for_each(|stage| stage.closed = true);
            // Every group is closed: none is gone on with.
            let gone =
                durable.store.values(super::save_point::GROUPS, &mut |name, _| write.remove.push(name.to_owned()));
            gone.map_err(|error| error.to_string())?;
        }
        write.set.push((REPEATS.to_owned(), standing.repeats));
        point.put(&mut write);
        for (stage, alerts) in &alerts {
            takers[*stage].count(self.shared, alerts.len());
        }
        durable.outbox.save(write, alerts.into_iter().flat_map(|(_, alerts)| alerts).collect(), point.sequence)
    }

    /// How the run ended stands with its save point.
    fn note_status(&self, durable: &Durable) -> Result<(), String> {
        let Some(mut point) = SavePoint::load(&*durable.store).map_err(|error| error.to_string())? else {
            return Ok(());
        };
        let mut write = Write::default();
        point.status = match self.shared.status() {
            Status::Completed => SavedStatus::Completed,
            Status::Failed => SavedStatus::Failed,
            Status::Killed => SavedStatus::Killed,
        };
        if point.status == SavedStatus::Completed {
            forget(&*durable.store, &mut write).map_err(|error| error.to_string())?;
        }
        point.put(&mut write);
        durable.store.write(&write).map_err(|error| format!("how the run ended cannot be noted: {error}"))
    }

    /// What a person should know of a stage's groups.
    fn note(&self, index: usize, groups: &Groups) {
        let metrics = &self.shared.stages[index].metrics;
        metrics.alerts_invalid.fetch_add(groups.invalid(), Ordering::Relaxed);
        metrics.alerts_withheld.fetch_add(groups.withheld(), Ordering::Relaxed);
        for field in groups.invalid_fields() {
            let message = format!(
                "{} values of `{}` in its alerts are no numbers and were left out, such as {:?}",
                field.count, field.field, field.example
            );
            self.shared.problem(index, message);
        }
        if groups.alerts() > 0 {
            for field in groups.unseen() {
                self.shared.problem(
                    index,
                    format!("no alert carried `{field}`, which its alerts are grouped by or aggregated over"),
                );
            }
        }
        if groups.closed_early() > 0 {
            let message = format!(
                "{} groups were closed early, for there were too many (maxGroups, maxGroupBytes)",
                groups.closed_early()
            );
            self.shared.problem(index, message);
        }
    }

    /// Shows what a sink wrote, or leaves what was there before.
    fn end_sink(&self, sink: Ending) {
        let Ending { index, mut stage } = sink;
        let completed = self.shared.status() == Status::Completed;
        let ended = self.inside(index, || if completed { stage.commit() } else { stage.abort() });
        self.note_end(index, ended.err().map(|error| failure(&error, None)));
        self.close_stage(index, stage);
    }
}
