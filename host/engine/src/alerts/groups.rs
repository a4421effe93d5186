//! The open groups of a stage's alerts.
mod cell;
mod column;
mod grouped_alert;
mod key;
mod payload;
mod plan;
mod table;

#[cfg(test)]
mod tests;

pub use column::InvalidField;
pub use grouped_alert::{GroupedAlert, Origin};
pub use payload::Payload;

use super::{AlertsSpec, number};
use column::Column;
use plan::Plan;
use table::Table;

/// No table grows beyond this, whatever the section allows: slots are numbered by 32 bits, and two tables merge into one.
const MOST_GROUPS: u64 = 1 << 30;

/// Groups a stage's alerts and aggregates each group. Parallel chains have one each and [merge](Groups::merge) them; as long
/// as the bounds close nothing early, the result is that of a single chain, to the last digit.
///
/// An aggregate's field that is missing, empty or white space only takes part in nothing, not even in a `count` of that field.
/// One that holds something else than a number takes part in that `count` alone.
#[derive(Debug)]
pub struct Groups {
    plan: Plan,
    columns: Vec<Column>,
    table: Table,
    max_groups: usize,
    max_bytes: usize,
    alerts: u64,
    closed_early: u64,
    /// The key of the alert being added, kept for its memory.
    key: Vec<u8>,
}

impl Groups {
    /// No groups yet. The section is expected to be free of findings; an aggregate that lacks its field is left out.
    pub fn new(spec: &AlertsSpec) -> Groups {
        let (plan, columns) = Plan::new(spec);
        Groups {
            table: Table::new(plan.cells.clone()),
            plan,
            columns,
            max_groups: spec.max_groups.min(MOST_GROUPS) as usize,
            max_bytes: usize::try_from(spec.max_group_bytes).unwrap_or(usize::MAX),
            alerts: 0,
            closed_early: 0,
            key: Vec::new(),
        }
    }

    /// Adds an alert to its group. Past a bound the oldest groups are closed early, in order of their first appearance here,
    /// and returned; the last one stays open, however large it is.
    pub fn add<P: Payload + ?Sized>(&mut self, payload: &P, origin: Origin) -> Vec<GroupedAlert> {
        self.alerts += 1;
        self.key.clear();
        for &column in &self.plan.keys {
            key::push(&mut self.key, self.columns[column].find(payload));
        }
        let slot = self.table.slot(&self.key, origin);
        self.table.count(slot, origin);
        for measure in &self.plan.measures {
            let column = &mut self.columns[measure.column];
            let Some(text) = column.find(payload) else { continue };
            let trimmed = text.as_bytes().trim_ascii();
            if trimmed.is_empty() {
                continue;
            }
            let number = if measure.numeric { number::parse_trimmed(trimmed) } else { None };
            if measure.numeric && number.is_none() {
                column.note_invalid(text, origin);
            }
            self.table.measure(slot, measure.cells.clone(), number);
        }
        self.close_early()
    }

    /// Takes over what another chain gathered under the same section. The groups are then as old as their smallest origins
    /// say; those that no longer fit are returned, oldest first.
    pub fn merge(&mut self, other: Groups) -> Vec<GroupedAlert> {
        self.alerts += other.alerts;
        self.closed_early += other.closed_early;
        for (column, other) in self.columns.iter_mut().zip(other.columns) {
            column.merge(other);
        }
        self.table.merge(other.table);
        self.close_early()
    }

    /// Closes all groups, in order of first appearance (by origin). No alerts, no groups. The counters stay.
    pub fn finish(&mut self) -> Vec<GroupedAlert> {
        self.drain().collect()
    }

    /// [`finish`](Groups::finish), one at a time: the groups are all taken at once, but their payloads are printed as they are
    /// asked for.
    pub fn drain(&mut self) -> impl Iterator<Item = GroupedAlert> + '_ {
        let plan = &self.plan;
        let columns = &self.columns;
        self.table.drain().map(move |group| plan.alert(columns, group.view(), false))
    }

    /// How many groups are open.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no group is open.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// About how many bytes the open groups occupy.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// How many alerts were added.
    pub fn alerts(&self) -> u64 {
        self.alerts
    }

    /// How many groups were closed early.
    pub fn closed_early(&self) -> u64 {
        self.closed_early
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

    fn close_early(&mut self) -> Vec<GroupedAlert> {
        let mut closed = Vec::new();
        while (self.table.len() > self.max_groups || self.table.bytes() > self.max_bytes) && self.table.len() > 1 {
            let (plan, columns) = (&self.plan, &self.columns);
            closed.extend(self.table.close_oldest(|group| plan.alert(columns, group, true)));
        }
        self.closed_early += closed.len() as u64;
        closed
    }
}
