//! The open groups of a stage's alerts.
mod cell;
mod column;
mod drain;
mod grouped_alert;
mod key;
mod payload;
mod plan;
mod saved;
mod slot;
mod table;
mod windows;

#[cfg(test)]
mod tests;

pub use column::InvalidField;
pub use grouped_alert::{GroupedAlert, Origin};
pub use payload::Payload;
pub use slot::Slot;

use std::sync::Arc;

use super::{AlertsSpec, number};
use column::Column;
use drain::Drain;
use plan::Plan;
use saved::Counters;
use windows::Windows;

/// No table grows beyond this, whatever the section allows: slots are numbered by 32 bits, and two tables merge into one.
const MOST_GROUPS: u64 = 1 << 30;

/// A saved group's number is below `maxGroups` times this: chains that went together number theirs together, and a number far
/// beyond is damage, for which no room is made.
const MOST_TOGETHER: usize = 1024;

/// Groups a stage's alerts by key, and by window where there are windows, and aggregates each group. Parallel chains have one
/// each and [merge](Groups::merge) them; as long as the bounds close nothing early, the result is that of a single chain, to
/// the last digit. What changed can be [saved](Groups::changes), and put back in another run.
///
/// An aggregate's field that is missing, empty or white space only takes part in nothing, not even in a `count` of that field.
/// One that holds something else than a number takes part in that `count` alone.
#[derive(Debug)]
pub struct Groups {
    plan: Arc<Plan>,
    columns: Vec<Column>,
    windows: Windows,
    max_groups: usize,
    max_bytes: usize,
    alerts: u64,
    closed_early: u64,
    withheld: u64,
    /// To be published before its window closes.
    early: Vec<GroupedAlert>,
    /// The key of the alert being added, kept for its memory.
    key: Vec<u8>,
    /// The counters as they were saved last.
    counters: Vec<u8>,
}

impl Groups {
    /// No groups yet. The section is expected to be free of findings; an aggregate that lacks its field is left out.
    pub fn new(spec: &AlertsSpec) -> Groups {
        let (plan, columns) = Plan::new(spec);
        Groups {
            windows: Windows::new(Arc::clone(&plan.cells), plan.first, Arc::default()),
            plan: Arc::new(plan),
            columns,
            max_groups: spec.max_groups.min(MOST_GROUPS) as usize,
            max_bytes: usize::try_from(spec.max_group_bytes).unwrap_or(usize::MAX),
            alerts: 0,
            closed_early: 0,
            withheld: 0,
            early: Vec::new(),
            key: Vec::new(),
            counters: Vec::new(),
        }
    }

    /// Adds an alert to its group: that of its key in the window that begins at `window` (milliseconds since 1970; None where
    /// there are no windows). Past a bound the oldest groups of the oldest window are closed early, in order of their first
    /// appearance here; the last one stays open, however large it is. What is to be published then, and with `emit: first` at
    /// once, waits for [`take_early`](Groups::take_early).
    pub fn add<P: Payload + ?Sized>(&mut self, payload: &P, origin: Origin, window: Option<i64>) {
        self.alerts += 1;
        self.key.clear();
        for &column in &self.plan.keys {
            key::push(&mut self.key, self.columns[column].find(payload));
        }
        let Groups { plan, columns, key, early, .. } = self;
        self.windows.with(window, |table| {
            let slot = table.slot(key, origin);
            table.count(slot, origin);
            for measure in &plan.measures {
                let column = &mut columns[measure.column];
                let Some(text) = column.find(payload) else { continue };
                let trimmed = text.as_bytes().trim_ascii();
                if trimmed.is_empty() {
                    continue;
                }
                let number = if measure.numeric { number::parse_trimmed(trimmed) } else { None };
                if measure.numeric && number.is_none() {
                    column.note_invalid(text, origin);
                }
                table.measure(slot, measure.cells.clone(), number);
            }
            if plan.first && !table.is_told(slot) && plan.is_wanted(table.view(slot)) {
                early.push(plan.alert(columns, window, table.view(slot), false));
                table.tell(slot);
            }
        });
        if self.is_full() {
            let closed = self.close_early();
            self.early.extend(closed);
        }
    }

    /// Whether something waits to be published before its window closes.
    pub fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// What waits to be published before its window closes, in the order in which it came about. It is not part of
    /// [`changes`](Groups::changes), which take it for published: whoever saves takes it first.
    pub fn take_early(&mut self) -> Vec<GroupedAlert> {
        std::mem::take(&mut self.early)
    }

    /// When the oldest window begins that has a group, in milliseconds since 1970.
    pub fn oldest_window(&self) -> Option<i64> {
        self.windows.oldest()
    }

    /// Takes out all windows that begin at `start` (milliseconds since 1970) or before, to be [merged](Groups::merge) with those
    /// of other chains and [drained](Groups::drain). What comes out counts from zero: see
    /// [`add_counters`](Groups::add_counters). None when there are no such windows.
    pub fn close_until(&mut self, start: i64) -> Option<Groups> {
        let taken = self.windows.take_until(Some(start));
        if taken.is_empty() {
            return None;
        }
        let mut closed = Groups {
            plan: Arc::clone(&self.plan),
            columns: self.columns.iter().map(Column::blank).collect(),
            windows: Windows::new(Arc::clone(&self.plan.cells), self.plan.first, Arc::clone(self.windows.pool())),
            max_groups: self.max_groups,
            max_bytes: self.max_bytes,
            alerts: 0,
            closed_early: 0,
            withheld: 0,
            early: Vec::new(),
            key: Vec::new(),
            counters: Vec::new(),
        };
        closed.windows.adopt(taken, &self.windows);
        Some(closed)
    }

    /// Takes over what another chain gathered under the same section. The groups are then as old as their smallest origins
    /// say; those that no longer fit are returned, oldest first. What waits there to be published early waits here from now on.
    pub fn merge(&mut self, other: Groups) -> Vec<GroupedAlert> {
        self.add_counters(&other);
        self.alerts += other.alerts;
        for (column, other) in self.columns.iter_mut().zip(other.columns) {
            column.merge(other);
        }
        self.early.extend(other.early);
        let mut windows = other.windows;
        self.windows.silence(windows.silent_until());
        for (window, table) in windows.take_until(None) {
            self.windows.put(window, table);
        }
        self.close_early()
    }

    /// As [`merge`](Groups::merge), where what no longer fits waits with what is published early.
    pub fn take_over(&mut self, other: Groups) {
        let closed = self.merge(other);
        self.early.extend(closed);
    }

    /// Counts the groups that were closed early or withheld among those that [`close_until`](Groups::close_until) took out,
    /// once they were drained.
    pub fn add_counters(&mut self, closed: &Groups) {
        self.closed_early += closed.closed_early;
        self.withheld += closed.withheld;
    }

    /// Closes all groups, by window and there in order of first appearance (by origin). No alerts, no groups; and none that lacks
    /// `minCount` or `having`. The counters stay.
    pub fn finish(&mut self) -> Vec<GroupedAlert> {
        self.drain().collect()
    }

    /// [`finish`](Groups::finish), one at a time: the groups are all taken at once, but their payloads are printed as they are
    /// asked for.
    pub fn drain(&mut self) -> impl Iterator<Item = GroupedAlert> + '_ {
        let tables = self.windows.take_until(None);
        let pool = Arc::clone(self.windows.pool());
        Drain::new(&self.plan, &self.columns, &mut self.withheld, pool, tables)
    }

    /// Hands over what changed since the last call, for a save point: the bytes of each group that is new or has changed, None
    /// for those that are gone. Each slot is named once. What was opened and closed in between is not mentioned.
    pub fn changes(&mut self, put: &mut dyn FnMut(Slot, Option<&[u8]>)) {
        let mut bytes = Vec::new();
        let counters = Counters {
            alerts: self.alerts,
            closed_early: self.closed_early,
            withheld: self.withheld,
            silent_until: self.windows.silent_until(),
        };
        if counters != Counters::default() {
            counters.put(&mut bytes, &self.plan, &self.columns);
        }
        if bytes != self.counters {
            put(Slot::COUNTERS, Some(&bytes));
            self.counters.clone_from(&bytes);
        }
        self.windows.changes(&mut |window, number, group| {
            let slot = Slot { window, number };
            let Some(group) = group else { return put(slot, None) };
            bytes.clear();
            saved::put_group(&mut bytes, group);
            put(slot, Some(&bytes));
        });
    }

    /// Puts back what [`changes`](Groups::changes) handed over, in any order, each slot once, before the first alert;
    /// [`restored`](Groups::restored) ends it. The section may have changed in what it bounds, publishes and waits for, not in
    /// groupBy, aggregates, window and timeField. The error says what is wrong with what was saved.
    pub fn restore(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), String> {
        if slot == Slot::COUNTERS {
            let counters = Counters::restore(bytes, &self.plan, &mut self.columns)?;
            self.alerts += counters.alerts;
            self.closed_early += counters.closed_early;
            self.withheld += counters.withheld;
            self.windows.silence(counters.silent_until);
            self.counters = bytes.to_vec();
            return Ok(());
        }
        if slot.number as usize / MOST_TOGETHER > self.max_groups {
            let (number, max) = (slot.number, self.max_groups);
            return Err(format!(
                "a group is saved as number {number}, which maxGroups ({max}) leaves no room for: raise it"
            ));
        }
        let group = saved::group(bytes, &self.plan)?;
        self.windows.restore(slot.window, slot.number, group)
    }

    /// All that was saved is back. Groups that no longer fit the bounds are closed early.
    pub fn restored(&mut self) {
        self.windows.restored();
        let closed = self.close_early();
        self.early.extend(closed);
    }

    /// How many groups are open.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether no group is open.
    pub fn is_empty(&self) -> bool {
        self.windows.len() == 0
    }

    /// About how many bytes the open groups occupy.
    pub fn bytes(&self) -> usize {
        self.windows.bytes()
    }

    /// How many alerts were added.
    pub fn alerts(&self) -> u64 {
        self.alerts
    }

    /// How many groups were closed early.
    pub fn closed_early(&self) -> u64 {
        self.closed_early
    }

    /// How many groups were not published, for want of `minCount` or `having`.
    pub fn withheld(&self) -> u64 {
        self.withheld
    }

    /// How many values of aggregated fields were no numbers.
    pub fn invalid(&self) -> u64 {
        self.columns.iter().map(Column::invalid).sum()
    }

    /// The fields that held values that are no numbers.
    pub fn invalid_fields(&self) -> Vec<InvalidField> {
        self.columns.iter().filter_map(Column::invalid_field).collect()
    }

    /// The groupBy keys and fields that none of the alerts carried. Without alerts none is reported.
    pub fn unseen(&self) -> Vec<&str> {
        let missing = self.columns.iter().filter(|column| self.alerts > 0 && !column.seen());
        missing.map(Column::name).collect()
    }

    fn is_full(&self) -> bool {
        (self.windows.len() > self.max_groups || self.windows.bytes() > self.max_bytes) && self.windows.len() > 1
    }

    fn close_early(&mut self) -> Vec<GroupedAlert> {
        let mut published = Vec::new();
        while self.is_full() {
            let Groups { plan, columns, withheld, .. } = self;
            let closed = self.windows.close_oldest(|window, group| plan.close(columns, window, group, true, withheld));
            let Some(alert) = closed else { break };
            self.closed_early += 1;
            published.extend(alert);
        }
        published
    }
}
