//! Records between stages: columns that are shared, never copied on the way, and where each row comes from.

use crate::columns::Lent;
use arrow_array::{Array, ArrayRef, UInt32Array};
use campanile_sdk::Split;
use std::sync::{Arc, OnceLock};

/// A split of a source, by its number among the splits of the run.
#[derive(Debug)]
pub(crate) struct SplitOrigin {
    /// The number, in the order of sources and of their splits.
    pub(crate) index: u32,
    /// The split's own id.
    pub(crate) id: String,
    /// What people call it: its `file` or `path`, where it has one.
    pub(crate) file: String,
}

impl SplitOrigin {
    pub(crate) fn new(index: u32, split: &Split) -> SplitOrigin {
        let named = split.text("file").or_else(|_| split.text("path"));
        let file = named.unwrap_or(&split.id).to_owned();
        SplitOrigin { index, id: split.id.clone(), file }
    }
}

/// Where the rows of a batch come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) split: Option<Arc<SplitOrigin>>,
    /// One position a row, or none at all.
    pub(crate) positions: Option<Arc<[u64]>>,
    /// Which of several ways they came: a record that was handed on to two stages may meet itself again. 0 where there is one.
    pub(crate) way: u32,
}

impl Origin {
    /// The position of a row.
    pub(crate) fn position(&self, row: usize) -> Option<u64> {
        let position = *self.positions.as_ref()?.get(row)?;
        (position != campanile_abi::NO_POSITION).then_some(position)
    }

    fn select(&self, rows: impl Iterator<Item = usize>) -> Origin {
        let positions = self.positions.as_ref().map(|positions| rows.map(|row| positions[row]).collect());
        Origin { split: self.split.clone(), positions, way: self.way }
    }
}

/// Some rows of some columns; a clone shares them.
#[derive(Clone, Debug)]
pub(crate) struct Batch(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) origin: Origin,
    /// How the batch looks to plugins, made when the first one asks.
    pub(crate) lent: OnceLock<Lent>,
}

impl Batch {
    pub(crate) fn new(rows: usize, columns: Vec<ArrayRef>, origin: Origin) -> Batch {
        Batch(Arc::new(Inner { rows, columns, origin, lent: OnceLock::new() }))
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.rows
    }

    pub(crate) fn columns(&self) -> &[ArrayRef] {
        &self.0.columns
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The same rows, having come a way further.
    pub(crate) fn on_way(&self, step: u32) -> Batch {
        let way = self.0.origin.way.rotate_left(5) ^ step;
        Batch::new(self.rows(), self.0.columns.clone(), Origin { way, ..self.0.origin.clone() })
    }

    /// These rows, or the first `n`. All rows are the batch itself.
    pub(crate) fn select(&self, rows: Option<&[u32]>, n: usize) -> Result<Batch, String> {
        let columns: Vec<usize> = (0..self.0.columns.len()).collect();
        match rows {
            None if n == self.rows() => Ok(self.clone()),
            None if n > self.rows() => Err(format!("it handed on {n} rows of a batch of {}", self.rows())),
            None => {
                let columns = self.0.columns.iter().map(|column| column.slice(0, n)).collect();
                Ok(Batch::new(n, columns, self.0.origin.select(0..n)))
            }
            Some(rows) => {
                self.check_rows(rows)?;
                Ok(Batch::new(rows.len(), self.take(&columns, rows)?, self.origin_of(rows)))
            }
        }
    }

    /// The origins of these rows, which were checked.
    pub(crate) fn origin_of(&self, rows: &[u32]) -> Origin {
        self.0.origin.select(rows.iter().map(|&row| row as usize))
    }

    /// Whether these rows are there.
    pub(crate) fn check_rows(&self, rows: &[u32]) -> Result<(), String> {
        match rows.iter().find(|&&row| row as usize >= self.rows()) {
            Some(row) => Err(format!("it handed on row {row} of a batch of {} rows", self.rows())),
            None => Ok(()),
        }
    }

    /// These rows of some columns; the rows were checked.
    pub(crate) fn take(&self, columns: &[usize], rows: &[u32]) -> Result<Vec<ArrayRef>, String> {
        let indices = UInt32Array::from(rows.to_vec());
        let take = |&column: &usize| {
            arrow_select::take::take(&self.0.columns[column], &indices, None).map_err(|error| error.to_string())
        };
        columns.iter().map(take).collect()
    }
}

/// A column of nulls.
pub(crate) fn null_column(data_type: &arrow_schema::DataType, rows: usize) -> ArrayRef {
    arrow_array::new_null_array(data_type, rows)
}

/// Whether any value of a column is null.
pub(crate) fn has_nulls(column: &ArrayRef) -> bool {
    column.null_count() > 0
}
