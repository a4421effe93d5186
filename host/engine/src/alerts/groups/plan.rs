//! How to read alerts and write groups, worked out once from the section.
use std::ops::Range;
use std::sync::Arc;

use super::cell::Cell;
use super::column::Column;
use super::table::GroupView;
use super::{GroupedAlert, key};
use crate::alerts::{AlertsSpec, Emit, Function, Having, Sum, number};

#[derive(Debug)]
pub(super) struct Plan {
    /// The groupBy keys' columns, in order.
    pub(super) keys: Vec<usize>,
    /// The fields that aggregates read, each once.
    pub(super) measures: Vec<Measure>,
    /// The cells a group begins with.
    pub(super) cells: Arc<[Cell]>,
    /// Whether groups are published at once.
    pub(super) first: bool,
    /// Tells whether saved groups are of this section: of its keys, its fields, its functions and its windows.
    pub(super) signature: u64,
    outputs: Vec<Output>,
    min_count: u64,
    /// Conditions, and the output that each is about.
    having: Vec<(usize, Having)>,
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
        let mut cells = Vec::new();
        let mut measures = Vec::new();
        let fields = spec.aggregates.iter().filter_map(|aggregate| aggregate.field.as_deref());
        let mut fields: Vec<usize> = fields.map(|field| column(&mut columns, field)).collect();
        fields.sort_unstable();
        fields.dedup();
        let mut placed = vec![None; spec.aggregates.len()];
        for field in fields {
            let begin = cells.len();
            let mut numeric = false;
            for (aggregate, placed) in spec.aggregates.iter().zip(&mut placed) {
                if aggregate.field.as_deref() != Some(columns[field].name()) {
                    continue;
                }
                let cell = blank(aggregate.function);
                numeric |= !matches!(cell, Cell::Carried(_));
                let kind = std::mem::discriminant(&cell);
                let same = cells[begin..].iter().position(|cell| std::mem::discriminant(cell) == kind);
                *placed = Some(begin + same.unwrap_or(cells.len() - begin));
                if same.is_none() {
                    cells.push(cell);
                }
            }
            measures.push(Measure { column: field, numeric, cells: begin..cells.len() });
        }
        let mut outputs = Vec::new();
        for (aggregate, cell) in spec.aggregates.iter().zip(placed) {
            if cell.is_some() || aggregate.function == Function::Count {
                outputs.push(Output { name: aggregate.name.clone(), function: aggregate.function, cell });
            }
        }
        let output = |name: &str| outputs.iter().position(|output: &Output| output.name == name);
        // What no aggregate has is met by none.
        let having = spec.having.iter().map(|having| (output(&having.aggregate).unwrap_or(usize::MAX), having.clone()));
        let plan = Plan {
            keys,
            signature: signature(spec, &columns, &measures, &cells),
            measures,
            cells: cells.into(),
            first: spec.emit == Emit::First,
            having: having.collect(),
            outputs,
            min_count: spec.min_count.unwrap_or(0),
        };
        (plan, columns)
    }

    /// Whether a group may be published.
    pub(super) fn is_wanted(&self, group: GroupView<'_>) -> bool {
        group.count >= self.min_count
            && self.having.iter().all(|(output, having)| {
                let number = self.outputs.get(*output).and_then(|output| output.number(group));
                number.is_some_and(|number| having.holds(number))
            })
    }

    /// What is published for a group that closes, if anything: what was published already and has not changed is not published
    /// again, and what does not satisfy the section is withheld.
    pub(super) fn close(
        &self,
        columns: &[Column],
        window: Option<i64>,
        group: GroupView<'_>,
        partial: bool,
        withheld: &mut u64,
    ) -> Option<GroupedAlert> {
        if group.told && !group.more {
            return None;
        }
        if !self.is_wanted(group) {
            *withheld += 1;
            return None;
        }
        Some(self.alert(columns, window, group, partial))
    }

    /// What is published for a group.
    pub(super) fn alert(
        &self,
        columns: &[Column],
        window: Option<i64>,
        group: GroupView<'_>,
        partial: bool,
    ) -> GroupedAlert {
        let mut payload = Vec::with_capacity(self.keys.len() + self.outputs.len());
        for (&column, part) in self.keys.iter().zip(key::parts(group.key)) {
            if let Some(part) = part {
                payload.push((columns[column].name().to_owned(), part.to_owned()));
            }
        }
        for output in &self.outputs {
            if let Some(value) = output.value(group) {
                payload.push((output.name.clone(), value));
            }
        }
        GroupedAlert {
            payload,
            key_hash: key::stable_hash(group.key),
            first: group.first,
            count: group.count,
            partial,
            window,
            ordinal: u64::from(group.told),
        }
    }
}

impl Output {
    fn value(&self, group: GroupView<'_>) -> Option<String> {
        if let Some(count) = self.count(group) {
            return Some(count.to_string());
        }
        let mut text = String::new();
        number::print(self.number(group)?, &mut text);
        Some(text)
    }

    /// What it counts, if that is what it does.
    fn count(&self, group: GroupView<'_>) -> Option<u64> {
        match self.cell.map(|cell| group.cells.get(cell)) {
            None => Some(group.count),
            Some(Some(Cell::Carried(count))) => Some(*count),
            Some(_) => None,
        }
    }

    fn number(&self, group: GroupView<'_>) -> Option<f64> {
        if let Some(count) = self.count(group) {
            return Some(count as f64);
        }
        match (group.cells.get(self.cell?)?, self.function) {
            (Cell::Carried(_) | Cell::Sum(_, 0), _) => None,
            (Cell::Sum(sum, _), Function::Sum) => sum.result(),
            (Cell::Sum(sum, count), _) => sum.mean(*count),
            (Cell::Min(number) | Cell::Max(number), _) => number.is_finite().then_some(*number),
        }
    }
}

/// A number that differs where groups saved under one section mean nothing under another.
fn signature(spec: &AlertsSpec, columns: &[Column], measures: &[Measure], cells: &[Cell]) -> u64 {
    let mut text = Vec::new();
    for name in &spec.group_by {
        key::push(&mut text, Some(name));
    }
    for measure in measures {
        key::push(&mut text, None);
        key::push(&mut text, Some(columns[measure.column].name()));
        text.extend(cells[measure.cells.clone()].iter().map(Cell::kind));
    }
    key::push(&mut text, None);
    key::push(&mut text, spec.time_field.as_deref());
    text.extend(spec.window_ms().unwrap_or(0).to_le_bytes());
    key::stable_hash(&text)
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
