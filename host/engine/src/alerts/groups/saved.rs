//! Groups and counters as save points hold them: a byte that tells the version, then the parts as `bytes.rs` writes them.
#[cfg(test)]
mod tests;

use super::Origin;
use super::cell::Cell;
use super::column::Column;
use super::key;
use super::plan::Plan;
use super::table::GroupView;
use crate::alerts::Sum;
use crate::alerts::bytes::{Reader, put_bytes, put_i64, put_u64};

/// The first byte; another stands for another layout.
const VERSION: u8 = 1;

/// A group that was read.
pub(super) struct SavedGroup {
    pub(super) key: Vec<u8>,
    pub(super) first: Origin,
    pub(super) count: u64,
    pub(super) told: bool,
    pub(super) more: bool,
    pub(super) cells: Vec<Cell>,
}

/// What is saved besides groups; the columns' part is written and read in place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Counters {
    pub(super) alerts: u64,
    pub(super) closed_early: u64,
    pub(super) withheld: u64,
    pub(super) silent_until: Option<Option<i64>>,
}

/// Appends a group: key, first origin, count, what was told of it, and its cells.
pub(super) fn put_group(into: &mut Vec<u8>, group: GroupView<'_>) {
    into.push(VERSION);
    put_bytes(into, group.key);
    put_origin(into, group.first);
    put_u64(into, group.count);
    into.push(u8::from(group.told) | u8::from(group.more) << 1);
    for cell in group.cells {
        into.push(cell.kind());
        match cell {
            Cell::Carried(count) => put_u64(into, *count),
            Cell::Sum(sum, count) => {
                put_u64(into, *count);
                sum.save(into);
            }
            Cell::Min(number) | Cell::Max(number) => into.extend(number.to_le_bytes()),
        }
    }
}

/// Reads a group of this plan.
pub(super) fn group(bytes: &[u8], plan: &Plan) -> Result<SavedGroup, String> {
    let mut from = Reader(bytes);
    version(&mut from, "group")?;
    read_group(&mut from, plan)
        .ok_or_else(|| "a saved group is damaged, or of an alerts section that was changed".to_owned())
}

fn read_group(from: &mut Reader<'_>, plan: &Plan) -> Option<SavedGroup> {
    let key = from.bytes()?;
    let first = origin(from)?;
    let count = from.u64()?;
    let told = from.byte()?;
    let cells = plan.cells.iter().map(|blank| cell(from, blank));
    let cells = cells.collect::<Option<Vec<Cell>>>()?;
    from.end()?;
    let sound = key::parts(key).count() == plan.keys.len() && count > 0 && told < 4;
    sound.then(|| SavedGroup { key: key.to_vec(), first, count, told: told & 1 != 0, more: told & 2 != 0, cells })
}

fn cell(from: &mut Reader<'_>, blank: &Cell) -> Option<Cell> {
    if from.byte()? != blank.kind() {
        return None;
    }
    Some(match blank {
        Cell::Carried(_) => Cell::Carried(from.u64()?),
        Cell::Sum(..) => {
            let count = from.u64()?;
            Cell::Sum(Sum::restore(from)?, count)
        }
        // Before the first number it is infinite.
        Cell::Min(_) => Cell::Min(from.f64().filter(|number| !number.is_nan())?),
        Cell::Max(_) => Cell::Max(from.f64().filter(|number| !number.is_nan())?),
    })
}

impl Counters {
    /// Appends the counters, and what the columns gathered.
    pub(super) fn put(&self, into: &mut Vec<u8>, plan: &Plan, columns: &[Column]) {
        into.push(VERSION);
        put_u64(into, plan.signature);
        put_u64(into, self.alerts);
        put_u64(into, self.closed_early);
        put_u64(into, self.withheld);
        match self.silent_until {
            None => into.push(0),
            Some(None) => into.push(1),
            Some(Some(window)) => {
                into.push(2);
                put_i64(into, window);
            }
        }
        for column in columns {
            column.put(into);
        }
    }

    /// Reads the counters of this plan; what the columns gathered is added to theirs.
    pub(super) fn restore(bytes: &[u8], plan: &Plan, columns: &mut [Column]) -> Result<Counters, String> {
        let damaged = || "the saved counters of groups are damaged".to_owned();
        let mut from = Reader(bytes);
        version(&mut from, "groups' counters")?;
        if from.u64().ok_or_else(damaged)? != plan.signature {
            return Err(
                "groupBy, aggregates, window or timeField is not what it was when the groups were saved".to_owned()
            );
        }
        Counters::read(&mut from, columns).ok_or_else(damaged)
    }

    fn read(from: &mut Reader<'_>, columns: &mut [Column]) -> Option<Counters> {
        let (alerts, closed_early, withheld) = (from.u64()?, from.u64()?, from.u64()?);
        let silent_until = match from.byte()? {
            0 => None,
            1 => Some(None),
            2 => Some(Some(from.i64()?)),
            _ => return None,
        };
        let saved = columns.iter().map(|column| column.read(from)).collect::<Option<Vec<Column>>>()?;
        from.end()?;
        columns.iter_mut().zip(saved).for_each(|(column, saved)| column.merge(saved));
        Some(Counters { alerts, closed_early, withheld, silent_until })
    }
}

pub(super) fn put_origin(into: &mut Vec<u8>, origin: Origin) {
    put_u64(into, origin.split.into());
    put_u64(into, origin.position);
    put_u64(into, origin.ordinal.into());
}

pub(super) fn origin(from: &mut Reader<'_>) -> Option<Origin> {
    Some(Origin { split: from.u32()?, position: from.u64()?, ordinal: from.u32()? })
}

fn version(from: &mut Reader<'_>, what: &str) -> Result<(), String> {
    match from.byte() {
        Some(VERSION) => Ok(()),
        Some(other) => Err(format!(
            "a saved {what} has version {other}, this is version {VERSION}: use the version of campanile that wrote it"
        )),
        None => Err(format!("a saved {what} is empty")),
    }
}
