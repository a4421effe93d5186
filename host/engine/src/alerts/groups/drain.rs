//! Groups on their way out.
use std::sync::Arc;

use super::GroupedAlert;
use super::column::Column;
use super::plan::Plan;
use super::table::Table;
use super::windows::Pool;

/// What is published of groups that were closed, by window, then by first origin.
pub(super) struct Drain<'g> {
    plan: &'g Plan,
    columns: &'g [Column],
    withheld: &'g mut u64,
    pool: Arc<Pool>,
    tables: std::vec::IntoIter<(Option<i64>, Table)>,
    /// The window at hand, and how many of its groups have gone.
    current: Option<(Option<i64>, Table, usize)>,
}

impl<'g> Drain<'g> {
    pub(super) fn new(
        plan: &'g Plan,
        columns: &'g [Column],
        withheld: &'g mut u64,
        pool: Arc<Pool>,
        tables: Vec<(Option<i64>, Table)>,
    ) -> Drain<'g> {
        Drain { plan, columns, withheld, pool, tables: tables.into_iter(), current: None }
    }
}

impl Iterator for Drain<'_> {
    type Item = GroupedAlert;

    fn next(&mut self) -> Option<GroupedAlert> {
        loop {
            if let Some((window, table, age)) = &mut self.current {
                while let Some(group) = table.aged(*age) {
                    *age += 1;
                    if let Some(alert) = self.plan.close(self.columns, *window, group, false, self.withheld) {
                        return Some(alert);
                    }
                }
            }
            if let Some((_, table, _)) = self.current.take() {
                self.pool.give(table);
            }
            let (window, mut table) = self.tables.next()?;
            table.sort();
            self.current = Some((window, table, 0));
        }
    }
}
