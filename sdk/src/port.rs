//! What a stage has emitted through one port and not handed on yet.

use crate::batch::Batch;
use crate::builder::ColumnBuilder;
use crate::emitter::{MAX_BATCH_BYTES, MAX_BATCH_ROWS};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::shim::emitter::Host;
use campanile_abi::NO_ROW;

/// Rows of the input (the first `dense`, or else `rows`), with the columns that were changed; or, `fresh`, rows made new.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) schema: Schema,
    /// For each field of the output the column of the input that it comes from, or -1.
    mapping: Vec<i64>,
    /// Whether the output is the input, field by field.
    identity: bool,
    dense: u32,
    rows: Vec<u32>,
    fresh: bool,
    positions: Vec<u64>,
    builders: Vec<Option<ColumnBuilder>>,
    edited: bool,
    bytes: usize,
}

impl Port {
    pub(crate) fn new(input: Option<&Schema>, output: &Schema) -> Port {
        let from_input = |field: &crate::SchemaField| {
            let input = input?;
            let index = input.index_of(&field.name)?;
            (input.fields[index].data_type == field.data_type).then_some(index as i64)
        };
        let mapping: Vec<i64> = output.fields.iter().map(|field| from_input(field).unwrap_or(-1)).collect();
        let identity = input.is_some_and(|input| input.fields.len() == output.fields.len())
            && mapping.iter().enumerate().all(|(index, &column)| column == index as i64);
        Port {
            schema: output.clone(),
            builders: output.fields.iter().map(|_| None).collect(),
            mapping,
            identity,
            dense: 0,
            rows: Vec::new(),
            fresh: false,
            positions: Vec::new(),
            edited: false,
            bytes: 0,
        }
    }

    /// Takes a field of the output from a field of the input with another name.
    pub(crate) fn take_field(&mut self, input: &Schema, output_name: &str, input_name: &str) -> Result<()> {
        let (Some(output), Some(column)) = (self.schema.index_of(output_name), input.index_of(input_name)) else {
            return Err(Error::config(format!("`{output_name}` cannot come from `{input_name}`: no such fields")));
        };
        let (to, from) = (&self.schema.fields[output].data_type, &input.fields[column].data_type);
        if to != from {
            let message = format!("`{output_name}` ({to}) cannot come from `{input_name}` ({from}): set its values");
            return Err(Error::config(message));
        }
        self.mapping[output] = column as i64;
        self.identity = false;
        Ok(())
    }

    fn count(&self) -> usize {
        if self.rows.is_empty() { self.dense as usize } else { self.rows.len() }
    }

    /// The commonest case, without a record's row being written anywhere: the next row in order, unchanged.
    #[inline(always)]
    fn is_next(&self, row: u32) -> bool {
        row == self.dense && self.rows.is_empty() && !self.edited
    }

    /// Notes the row if it is the next one in order and nothing was changed so far.
    #[inline(always)]
    pub(crate) fn select_dense(&mut self, row: u32) -> bool {
        let next = self.is_next(row);
        self.dense += u32::from(next);
        next
    }

    /// Notes the first `rows` rows at once, if nothing is there yet.
    pub(crate) fn select_first(&mut self, rows: u32) -> bool {
        let first = self.is_next(0);
        if first {
            self.dense = rows;
        }
        first
    }

    /// Notes these rows of the input at once.
    pub(crate) fn select_rows(&mut self, rows: &[u32]) {
        let next = self.dense;
        if self.is_next(next) && rows.iter().zip(next..).all(|(&row, next)| row == next) {
            self.dense += rows.len() as u32;
            return;
        }
        if self.rows.is_empty() {
            self.rows.extend(0..self.dense);
        }
        self.rows.extend_from_slice(rows);
    }

    /// Takes whole columns in place of fields of the output, one value for each row noted; an empty one is left for each.
    pub(crate) fn replace(&mut self, columns: &mut [(usize, ColumnBuilder)]) {
        for (index, column) in columns {
            match self.builders.get_mut(*index) {
                // What is there is empty, with room for as many values as last time.
                Some(Some(empty)) => std::mem::swap(empty, column),
                Some(none) => *none = Some(column.take()),
                None => {}
            }
            self.edited = true;
        }
    }

    /// How many rows can be taken before what is there must go.
    pub(crate) fn room(&self) -> usize {
        if self.must_flush(false) { 0 } else { MAX_BATCH_ROWS.saturating_sub(self.count()) }
    }

    /// Whether what is there must go before another row (made new or not) can be taken.
    pub(crate) fn must_flush(&self, fresh: bool) -> bool {
        let count = self.count();
        count > 0 && (self.fresh != fresh || self.bytes >= MAX_BATCH_BYTES || count >= MAX_BATCH_ROWS)
    }

    pub(crate) fn select(&mut self, row: u32, position: u64) {
        if row == NO_ROW {
            self.fresh = true;
            self.edited = true;
            self.rows.push(row);
            self.positions.push(position);
            return;
        }
        if self.rows.is_empty() {
            self.rows.extend(0..self.dense);
        }
        self.rows.push(row);
    }

    /// Sets a field of the row noted last.
    pub(crate) fn set(&mut self, batch: Option<&Batch<'_>>, column: u32, push: impl FnOnce(&mut ColumnBuilder)) {
        let column = column as usize;
        let Some(field) = self.schema.fields.get(column) else { return };
        if self.builders[column].is_none() {
            // Fields of the output were resolved as scalars, so a builder there is.
            self.builders[column] = ColumnBuilder::new(&field.data_type).ok();
        }
        let before = self.count() - 1;
        let source = self.mapping[column];
        let Some(builder) = &mut self.builders[column] else { return };
        self.edited = true;
        fill(builder, if self.fresh { None } else { batch }, source, &self.rows, before);
        let bytes = builder.bytes();
        if builder.len() > before {
            // Set twice: the later value holds.
            builder.pop();
        }
        push(builder);
        self.bytes += builder.bytes().saturating_sub(bytes) + 1;
    }

    pub(crate) fn flush(&mut self, batch: Option<&Batch<'_>>, port: u32, host: Host) -> Result<()> {
        let count = self.count();
        if count == 0 {
            return Ok(());
        }
        if self.fresh {
            return self.flush_fresh(port, host, count);
        }
        let rows = if self.rows.is_empty() { None } else { Some(self.rows.as_slice()) };
        if !self.edited && self.identity {
            return host.selection(port, rows, count);
        }
        // A patch names its rows where columns were filled row by row.
        let mut columns = Vec::new();
        let mut mapping = self.mapping.clone();
        for (index, builder) in self.builders.iter_mut().enumerate() {
            let source = self.mapping[index];
            if builder.is_none() && source < 0 {
                *builder = Some(ColumnBuilder::new(&self.schema.fields[index].data_type)?);
            }
            let Some(builder) = builder else { continue };
            if builder.is_empty() && source >= 0 {
                continue;
            }
            fill(builder, batch, source, &self.rows, count);
            columns.push(builder.take());
            mapping[index] = -(columns.len() as i64);
        }
        let in_order = self.rows.iter().zip(0..).all(|(&row, index)| row == index);
        host.patch(port, if in_order { None } else { rows }, count, &mapping, columns)
    }

    fn flush_fresh(&mut self, port: u32, host: Host, count: usize) -> Result<()> {
        let mut columns = Vec::with_capacity(self.builders.len());
        for (index, builder) in self.builders.iter_mut().enumerate() {
            let field = &self.schema.fields[index];
            let builder = match builder {
                Some(builder) => builder,
                none => none.insert(ColumnBuilder::new(&field.data_type)?),
            };
            fill(builder, None, -1, &[], count);
            columns.push(builder.take());
        }
        let placed = self.positions.iter().any(|&position| position != campanile_abi::NO_POSITION);
        host.batch(port, columns, count, None, placed.then_some(self.positions.as_slice()))
    }

    pub(crate) fn clear(&mut self) {
        self.dense = 0;
        self.rows.clear();
        self.positions.clear();
        self.fresh = false;
        self.bytes = 0;
        if self.edited {
            self.edited = false;
            for builder in self.builders.iter_mut().flatten() {
                if !builder.is_empty() {
                    builder.take();
                }
            }
        }
    }
}

/// Brings a changed column up to `count` rows: what the input had there, or null.
fn fill(builder: &mut ColumnBuilder, batch: Option<&Batch<'_>>, source: i64, rows: &[u32], count: usize) {
    while builder.len() < count {
        let row = rows.get(builder.len()).copied().unwrap_or(builder.len() as u32);
        match (batch, usize::try_from(source)) {
            (Some(batch), Ok(column)) if (row as usize) < batch.rows => batch.copy_value(column, row, builder),
            _ => builder.push_null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, SchemaField};

    #[test]
    fn rows_in_order_are_only_counted() {
        let schema = Schema::new(vec![SchemaField::new("n", DataType::Long)]);
        let mut port = Port::new(Some(&schema), &schema);
        assert!(port.select_first(8_192));
        assert!(port.rows.is_empty() && port.count() == 8_192 && port.room() == 0);
        port.clear();
        port.select_rows(&[0, 1]);
        port.select_rows(&[2]);
        assert!(port.rows.is_empty() && port.count() == 3 && port.room() == 8_189);
        assert!(!port.select_first(1));
        port.select_rows(&[2]);
        assert_eq!(port.rows, [0, 1, 2, 2]);
    }
}
