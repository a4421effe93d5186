//! How to read alerts and write groups, worked out once from the section.
use std::ops::Range;

use super::cell::Cell;
use super::column::Column;
use super::table::GroupView;
use super::{GroupedAlert, key};
use crate::alerts::{AlertsSpec, Function, Sum, number};

#[derive(Debug)]
pub(super) struct Plan {
    /// The groupBy keys' columns, in order.
    pub(super) keys: Vec<usize>,
    /// The fields that aggregates read, each once.
    pub(super) measures: Vec<Measure>,
    /// The cells a group begins with.
    pub(super) cells: Vec<Cell>,
    outputs: Vec<Output>,
}

/// A field, and the cells that its values go to.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) column: usize,
    /// Whether a cell wants numbers.
    pub(super) numeric: bool,
    pub(super) cells: Range<usize>,
}

#[derive(Debug)]
struct Output {
    name: String,
    function: Function,
    /// Where its state is; None counts alerts.
    cell: Option<usize>,
}

impl Plan {
    /// The plan, and the columns it numbers.
    pub(super) fn new(spec: &AlertsSpec) -> (Plan, Vec<Column>) {
        let mut columns = Vec::new();
        let keys = spec.group_by.iter().map(|key| column(&mut columns, key)).collect();
        let mut plan = Plan { keys, measures: Vec::new(), cells: Vec::new(), outputs: Vec::new() };
        let fields = spec.aggregates.iter().filter_map(|aggregate| aggregate.field.as_deref());
        let mut fields: Vec<usize> = fields.map(|field| column(&mut columns, field)).collect();
        fields.sort_unstable();
        fields.dedup();
        let mut placed = vec![None; spec.aggregates.len()];
        for field in fields {
            let begin = plan.cells.len();
            let mut numeric = false;
            for (aggregate, placed) in spec.aggregates.iter().zip(&mut placed) {
                if aggregate.field.as_deref() != Some(columns[field].name()) {
                    continue;
                }
                let cell = blank(aggregate.function);
                numeric |= !matches!(cell, Cell::Carried(_));
                let kind = std::mem::discriminant(&cell);
                let same = plan.cells[begin..].iter().position(|cell| std::mem::discriminant(cell) == kind);
                *placed = Some(begin + same.unwrap_or(plan.cells.len() - begin));
                if same.is_none() {
                    plan.cells.push(cell);
                }
            }
            plan.measures.push(Measure { column: field, numeric, cells: begin..plan.cells.len() });
        }
        for (aggregate, cell) in spec.aggregates.iter().zip(placed) {
            if cell.is_some() || aggregate.function == Function::Count {
                plan.outputs.push(Output { name: aggregate.name.clone(), function: aggregate.function, cell });
            }
        }
        (plan, columns)
    }

    /// What is published for a group.
    pub(super) fn alert(&self, columns: &[Column], group: GroupView<'_>, partial: bool) -> GroupedAlert {
        let mut payload = Vec::with_capacity(self.keys.len() + self.outputs.len());
        for (&column, part) in self.keys.iter().zip(key::parts(group.key)) {
            if let Some(part) = part {
                payload.push((columns[column].name().to_owned(), part.to_owned()));
            }
        }
        for output in &self.outputs {
            let cell = output.cell.and_then(|cell| group.cells.get(cell));
            if let Some(value) = output.value(cell, group.count) {
                payload.push((output.name.clone(), value));
            }
        }
        GroupedAlert { payload, key_hash: key::stable_hash(group.key), first: group.first, count: group.count, partial }
    }
}

impl Output {
    fn value(&self, cell: Option<&Cell>, alerts: u64) -> Option<String> {
        let number = match (cell, self.function) {
            (None, _) => return Some(alerts.to_string()),
            (Some(Cell::Carried(count)), _) => return Some(count.to_string()),
            (Some(Cell::Sum(_, 0)), _) => None,
            (Some(Cell::Sum(sum, _)), Function::Sum) => sum.result(),
            (Some(Cell::Sum(sum, count)), _) => sum.mean(*count),
            (Some(Cell::Min(number) | Cell::Max(number)), _) => number.is_finite().then_some(*number),
        };
        let mut text = String::new();
        number::print(number?, &mut text);
        Some(text)
    }
}

/// The number of the column for `name`, a new one when none has it.
fn column(columns: &mut Vec<Column>, name: &str) -> usize {
    columns.iter().position(|column| column.name() == name).unwrap_or_else(|| {
        columns.push(Column::new(name));
        columns.len() - 1
    })
}

fn blank(function: Function) -> Cell {
    match function {
        Function::Avg | Function::Mean | Function::Sum => Cell::Sum(Sum::new(), 0),
        Function::Count => Cell::Carried(0),
        Function::Min => Cell::Min(f64::INFINITY),
        Function::Max => Cell::Max(f64::NEG_INFINITY),
    }
}
