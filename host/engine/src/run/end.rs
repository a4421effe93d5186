//! The end of a run: threads are waited for, sinks prepared, stages closed, groups published, publishers drained, sinks
//! committed. Alerts go out however the run went; what sinks wrote is shown only when all went well.

use super::alerts::{AlertQueue, Grouping, send};
use super::chain::{Node, failure};
use super::opening::Opening;
use super::publisher::PUBLISH_ALERTS_MAX;
use super::report::Status;
use super::shared::Shared;
use super::start::Opened;
use super::watch::Slot;
use crate::alerts::GroupedAlert;
use campanile_sdk::Kind;
use campanile_sdk::proxy::Stage;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) struct End<'a> {
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
        for chain in opened.chains {
            match chain.join() {
                Ok(ended) => nodes.extend(ended),
                Err(_) => self.shared.fail_run("a thread panicked; this is a fault of campanile".to_owned()),
            }
        }
        nodes.sort_by_key(|node| self.order.iter().position(|&index| index == node.index));
        for node in nodes.iter().filter(|node| self.kind(node) == Kind::Sink) {
            self.prepare(node);
        }
        for node in nodes.iter().filter(|node| self.kind(node) != Kind::Sink) {
            self.close(node);
        }
        let sinks = self.publish_groups(nodes);
        // With the last sender gone the publishers end.
        drop(opened.alert_queues);
        for (index, publisher) in opened.publishers {
            match publisher.join() {
                Ok(stage) => self.destroy(index, stage),
                Err(_) => self.shared.fail(index, "its thread panicked; this is a fault of campanile".to_owned()),
            }
        }
        sinks.into_iter().for_each(|sink| self.end_sink(sink));
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

    fn close(&self, node: &Node) {
        let mut stage = node.stage.borrow_mut();
        let Some(stage) = stage.as_mut() else { return };
        let mut alerts = node.alerts.borrow_mut();
        let mut closing = Opening { alerts: Some(&mut alerts), slot: self.slot, broken: None };
        let closed = self.inside(node.index, || stage.close(&mut closing));
        let wrong = closing.broken.or_else(|| closed.err().map(|error| failure(&error, None)));
        self.note_end(node.index, wrong);
    }

    fn destroy(&self, index: usize, mut stage: Stage) {
        let mut quiet = Opening { alerts: None, slot: self.slot, broken: None };
        let destroyed = self.inside(index, || stage.close(&mut quiet));
        self.note_end(index, destroyed.err().map(|error| failure(&error, None)));
        self.inside(index, || drop(stage));
    }

    /// Publishes the groups of each stage, those of its instances together. The sinks come back.
    fn publish_groups(&self, nodes: Vec<Node>) -> Vec<Ending> {
        let mut sinks = Vec::new();
        let mut groups: Vec<(usize, Grouping, Vec<AlertQueue>)> = Vec::new();
        for node in nodes {
            let index = node.index;
            let stage = node.stage.into_inner();
            if self.shared.stages[index].kind == Kind::Sink {
                sinks.extend(stage.map(|stage| Ending { index, stage }));
            } else {
                self.inside(index, || drop(stage));
            }
            let (Some(grouping), queues) = node.alerts.into_inner().into_groups() else { continue };
            match groups.last_mut() {
                Some((other, together, queues)) if *other == index => {
                    let closed = together.merge(grouping);
                    self.publish(index, together, closed, queues, true);
                }
                _ => groups.push((index, grouping, queues)),
            }
        }
        let partial = self.shared.status() != Status::Completed;
        for (index, mut grouping, queues) in groups {
            self.note(index, &grouping);
            let groups = grouping.groups.finish();
            self.publish(index, &grouping, groups, &queues, partial);
        }
        sinks
    }

    fn publish(
        &self,
        index: usize,
        grouping: &Grouping,
        groups: Vec<GroupedAlert>,
        queues: &[AlertQueue],
        partial: bool,
    ) {
        let mut groups = groups.into_iter().peekable();
        while groups.peek().is_some() {
            let some = groups.by_ref().take(PUBLISH_ALERTS_MAX);
            let alerts = some.map(|group| grouping.alert(self.shared, index, group, partial)).collect();
            send(queues, alerts, self.slot);
        }
    }

    /// What a person should know of a stage's groups.
    fn note(&self, index: usize, grouping: &Grouping) {
        let groups = &grouping.groups;
        self.shared.stages[index].metrics.alerts_invalid.fetch_add(groups.invalid(), Ordering::Relaxed);
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
        let mut quiet = Opening { alerts: None, slot: self.slot, broken: None };
        let closed = self.inside(index, || stage.close(&mut quiet));
        self.note_end(index, closed.err().map(|error| failure(&error, None)));
        self.inside(index, || drop(stage));
    }
}
