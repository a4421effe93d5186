//! Where a stage puts records, error records and alerts.

use crate::batch::{Batch, Record};
use crate::builder::ColumnBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::payload::{Pairs, Payload};
use crate::port::Port;
use crate::schema::Schema;
use crate::shim::emitter::{AlertColumns, ErrorColumns, Host};
use crate::write::{Emit, Value};
use campanile_abi::{NO_POSITION, NO_ROW};

/// Rows after which what a stage has emitted is handed on, even within one call.
pub const MAX_BATCH_ROWS: usize = 8_192;
/// Bytes after which what a stage has emitted is handed on, even within one call.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// A named output of a splitter, resolved in `open`. The default is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortId(pub(crate) u32);

/// Where a stage puts records, error records and alerts.
///
/// What is emitted is collected and handed on when the call ends, or earlier when it becomes large: a stage that makes a
/// million records of one is held back by whoever takes them. Where nothing more is wanted, or a later stage failed,
/// the calls here return an error: hand it on with `?`.
#[derive(Debug)]
pub struct Emitter<'e> {
    pub(crate) host: Host,
    pub(crate) state: &'e mut EmitterState,
    pub(crate) batch: Option<&'e Batch<'e>>,
}

/// What an instance keeps between calls, so that nothing is allocated anew.
#[derive(Debug)]
pub(crate) struct EmitterState {
    pub(crate) ports: Vec<Port>,
    pub(crate) alerts: AlertColumns,
    pub(crate) errors: ErrorColumns,
    /// The row that is being worked on.
    pub(crate) row: u32,
}

impl EmitterState {
    pub(crate) fn new(input: Option<&Schema>, outputs: &[Schema]) -> EmitterState {
        EmitterState {
            ports: outputs.iter().map(|output| Port::new(input, output)).collect(),
            alerts: AlertColumns::default(),
            errors: ErrorColumns::default(),
            row: NO_ROW,
        }
    }

    /// Forgets what an unfinished call left.
    pub(crate) fn clear(&mut self) {
        for port in &mut self.ports {
            port.clear();
        }
        self.alerts.clear();
        self.errors.clear();
        self.row = NO_ROW;
    }
}

/// Where [`Emit`] writes the fields it changes.
#[derive(Debug)]
pub struct Edits<'a> {
    pub(crate) port: &'a mut Port,
    pub(crate) batch: Option<&'a Batch<'a>>,
}

impl Edits<'_> {
    #[inline]
    pub(crate) fn set<T>(&mut self, column: u32, value: impl Value<T>) {
        self.port.set(self.batch, column, |builder| value.push(builder));
    }
}

impl<'e> Emitter<'e> {
    /// Hands a record on: as it came (nothing is copied), or [with](Record::with) other values in some fields.
    #[inline]
    pub fn emit(&mut self, record: impl Emit) -> Result<()> {
        self.emit_to(PortId(0), record)
    }

    /// Hands a record on through a port of a splitter.
    #[inline]
    pub fn emit_to<R: Emit>(&mut self, port: PortId, record: R) -> Result<()> {
        let index = port.0 as usize;
        let Some(port) = self.state.ports.get_mut(index) else { return Err(no_port()) };
        if !R::EDITED && port.select_dense(record.row()) {
            return Ok(());
        }
        self.emit_edited(index, record)
    }

    #[inline]
    fn emit_edited<R: Emit>(&mut self, index: usize, record: R) -> Result<()> {
        let row = record.row();
        if self.state.ports[index].must_flush(row == NO_ROW) {
            self.flush_port(index)?;
        }
        let port = &mut self.state.ports[index];
        port.select(row, record.position());
        if R::EDITED {
            record.write(&mut Edits { port, batch: self.batch });
        }
        Ok(())
    }

    /// Hands all records of the batch on, as they came: in constant time where nothing else was emitted before.
    pub fn emit_all(&mut self, batch: &Batch<'_>) -> Result<()> {
        let port = self.state.ports.first_mut().ok_or_else(no_port)?;
        if port.select_first(batch.len() as u32) {
            return Ok(());
        }
        for record in batch.records() {
            self.emit(record)?;
        }
        Ok(())
    }

    /// Hands these rows of the batch on, as they came.
    pub fn emit_rows(&mut self, batch: &Batch<'_>, rows: &[u32]) -> Result<()> {
        self.emit_rows_to(PortId(0), batch, rows)
    }

    /// Hands these rows of the batch on through a port of a splitter, as they came.
    pub fn emit_rows_to(&mut self, port: PortId, batch: &Batch<'_>, rows: &[u32]) -> Result<()> {
        let index = port.0 as usize;
        check_rows(batch, rows)?;
        let mut rest = rows;
        while !rest.is_empty() {
            let port = self.state.ports.get_mut(index).ok_or_else(no_port)?;
            let (now, later) = rest.split_at(port.room().min(rest.len()));
            port.select_rows(now);
            rest = later;
            if !rest.is_empty() {
                self.flush_port(index)?;
            }
        }
        Ok(())
    }

    /// Hands these rows of the batch on with whole columns in place of some fields of the output: for stages that do not
    /// know before they run which fields they change. Each column stands with its field's position in the output and has
    /// one value for each of the rows. The columns are left empty.
    pub fn emit_replaced(
        &mut self,
        batch: &Batch<'_>,
        rows: &[u32],
        columns: &mut [(usize, ColumnBuilder)],
    ) -> Result<()> {
        self.flush_port(0)?;
        let fields = self.state.ports.first().ok_or_else(no_port)?.schema.fields.len();
        if let Some((index, _)) = columns.iter().find(|(index, _)| *index >= fields) {
            return Err(Error::fatal(format!("a column for field {index} of an output of {fields} fields")));
        }
        if let Some((_, column)) = columns.iter().find(|(_, column)| column.len() != rows.len()) {
            return Err(Error::fatal(format!("a column of {} values for {} rows", column.len(), rows.len())));
        }
        check_rows(batch, rows)?;
        if let Some(port) = self.state.ports.first_mut().filter(|_| !rows.is_empty()) {
            port.select_rows(rows);
            port.replace(columns);
        }
        self.flush_port(0)
    }

    /// Hands whole columns on, one for each field of the output and all of one length: for sources that build batches
    /// themselves. `positions` says where each row stands in the split, or is empty. The columns are left empty.
    pub fn emit_columns(&mut self, columns: &mut [ColumnBuilder], positions: &[u64]) -> Result<()> {
        self.flush_port(0)?;
        let rows = columns.first().map_or(0, ColumnBuilder::len);
        let fields = self.state.ports.first().ok_or_else(no_port)?.schema.fields.len();
        if columns.len() != fields {
            return Err(Error::fatal(format!("{} columns for an output of {fields} fields", columns.len())));
        }
        if let Some(other) = columns.iter().find(|column| column.len() != rows) {
            return Err(Error::fatal(format!("columns of {rows} and of {} rows in one batch", other.len())));
        }
        if !positions.is_empty() && positions.len() != rows {
            return Err(Error::fatal(format!("{} positions for {rows} rows", positions.len())));
        }
        if rows == 0 {
            return Ok(());
        }
        let columns = columns.iter_mut().map(ColumnBuilder::take).collect();
        let positions = if positions.is_empty() { None } else { Some(positions) };
        self.host.batch(0, columns, rows, None, positions)
    }

    /// Hands a record on as an error: it cannot be processed, and the run goes on.
    pub fn emit_error(&mut self, record: &Record<'_>, code: i32, message: impl AsRef<str>) -> Result<()> {
        self.error_row(record.row() as u32, code, message.as_ref())
    }

    /// In a source: hands on what could not be read, with its bytes and its place.
    pub fn emit_unreadable(&mut self, place: &Place<'_>, raw: &[u8], code: i32, message: &str) -> Result<()> {
        if self.state.errors.must_flush(place.file) {
            self.flush_errors()?;
        }
        self.state.errors.push_unreadable(place, raw, code, message);
        Ok(())
    }

    fn error_row(&mut self, row: u32, code: i32, message: &str) -> Result<()> {
        if self.state.errors.must_flush("") {
            self.flush_errors()?;
        }
        self.state.errors.push(row, code, message);
        Ok(())
    }

    /// Makes an error record of a record error; hands every other error back.
    pub(crate) fn take_error(&mut self, error: Error) -> Result<()> {
        let row = self.state.row;
        if error.kind() != ErrorKind::Record || row == NO_ROW {
            return Err(error);
        }
        self.error_row(row, error.code(), &error.to_string())
    }

    /// Raises an alert. Where nobody takes the stage's alerts, it is counted and nothing else is done.
    #[inline]
    pub fn emit_alert(&mut self, payload: impl Payload) -> Result<()> {
        self.emit_alert_at(NO_POSITION, payload)
    }

    /// In a source: raises an alert about the row at this position.
    #[inline]
    pub fn emit_alert_at(&mut self, position: u64, payload: impl Payload) -> Result<()> {
        let alerts = &mut self.state.alerts;
        if alerts.must_flush() {
            self.host.alerts(alerts)?;
            alerts.clear();
        }
        alerts.rows.push(self.state.row);
        alerts.positions.push(position);
        if self.host.alerts_wanted() {
            payload.write(&mut Pairs {
                keys: &mut alerts.keys,
                key_ends: &mut alerts.key_ends,
                values: &mut alerts.values,
                value_ends: &mut alerts.value_ends,
            });
            alerts.pair_ends.push(alerts.key_ends.len() as u32);
        }
        Ok(())
    }

    /// Whether anybody takes the alerts of this stage: for those who would work hard for a payload.
    pub fn alerts_wanted(&self) -> bool {
        self.host.alerts_wanted()
    }

    /// Says which row is being worked on: alerts refer to it, and a panic names it. The loop over records does this; a
    /// stage that works on whole batches may.
    #[inline(always)]
    pub fn at(&mut self, record: &Record<'_>) {
        self.state.row = record.row() as u32;
    }

    /// Hands on what has been collected.
    pub(crate) fn flush(&mut self) -> Result<()> {
        for index in 0..self.state.ports.len() {
            self.flush_port(index)?;
        }
        self.flush_errors()?;
        if !self.state.alerts.rows.is_empty() {
            self.host.alerts(&self.state.alerts)?;
            self.state.alerts.clear();
        }
        Ok(())
    }

    pub(crate) fn flush_port(&mut self, index: usize) -> Result<()> {
        let Some(port) = self.state.ports.get_mut(index) else { return Ok(()) };
        let result = port.flush(self.batch, index as u32, self.host);
        port.clear();
        result
    }

    fn flush_errors(&mut self) -> Result<()> {
        if self.state.errors.is_empty() {
            return Ok(());
        }
        let result = self.host.errors(&self.state.errors);
        self.state.errors.clear();
        result
    }
}

fn check_rows(batch: &Batch<'_>, rows: &[u32]) -> Result<()> {
    match rows.iter().find(|&&row| row as usize >= batch.len()) {
        Some(row) => Err(Error::fatal(format!("row {row} of a batch of {} rows", batch.len()))),
        None => Ok(()),
    }
}

fn no_port() -> Error {
    Error::fatal("this stage has no such output: declare it in `configure`")
}

/// Where something in a source stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// The file, or empty.
    pub file: &'a str,
    /// The line in it, from 1; 0 where there is none.
    pub line: u64,
    /// The position in the split: for a file the offset in bytes.
    pub offset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Transform, testing};
    use serde_json::{Value, json};

    /// Emits rows of each batch in one of several ways.
    #[derive(serde::Deserialize)]
    struct Emits {
        /// Rows that are emitted one by one before.
        #[serde(default)]
        before: Vec<usize>,
        /// Rows that are emitted at once; all where it is missing.
        rows: Option<Vec<u32>>,
    }

    impl Transform for Emits {
        fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
            for &row in &self.before {
                emitter.emit(batch.record(row))?;
            }
            match &self.rows {
                Some(rows) => emitter.emit_rows(batch, rows),
                None => emitter.emit_all(batch),
            }
        }
    }

    fn emitted(properties: Value, rows: u64) -> (Vec<u64>, usize) {
        let got = testing::transform::<Emits>(properties).run((0..rows).map(|n| json!({ "n": n }))).unwrap();
        (got.records.iter().map(|record| record["n"].as_u64().unwrap()).collect(), got.calls)
    }

    #[test]
    fn all_rows_of_a_batch_go_in_one_call() {
        assert_eq!(emitted(json!({}), 3), (vec![0, 1, 2], 1));
        assert_eq!(emitted(json!({}), 20_000), ((0..20_000).collect(), 1));
        assert_eq!(emitted(json!({}), 0), (vec![], 0));
    }

    #[test]
    fn all_rows_follow_those_that_were_emitted_before() {
        assert_eq!(emitted(json!({ "before": [1] }), 3), (vec![1, 0, 1, 2], 1));
        assert_eq!(emitted(json!({ "before": [0] }), 3), (vec![0, 0, 1, 2], 1));
    }

    #[test]
    fn some_rows_keep_their_order_and_follow_those_before() {
        assert_eq!(emitted(json!({ "rows": [2, 0] }), 3), (vec![2, 0], 1));
        assert_eq!(emitted(json!({ "before": [0], "rows": [1, 2] }), 3), (vec![0, 1, 2], 1));
        assert_eq!(emitted(json!({ "before": [0], "rows": [0, 2] }), 3), (vec![0, 0, 2], 1));
        assert_eq!(emitted(json!({ "before": [2], "rows": [0] }), 3), (vec![2, 0], 1));
        assert_eq!(emitted(json!({ "rows": [] }), 3), (vec![], 0));
    }

    #[test]
    fn many_rows_are_handed_on_in_parts() {
        let rows: Vec<u64> = (0..20_000).map(|n| n * 7 % 3).collect();
        assert_eq!(emitted(json!({ "before": [1], "rows": &rows }), 3), ([&[1], &rows[..]].concat(), 3));
    }

    /// Counts the records that it lets through, in a field of the output.
    #[derive(serde::Deserialize)]
    struct Counts {
        rows: Vec<u32>,
        column: usize,
        #[serde(default)]
        too_many: bool,
    }

    impl Transform for Counts {
        fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
            let mut columns = [(self.column, ColumnBuilder::new(&crate::DataType::Long)?)];
            for part in [&self.rows[..1], &self.rows[1..]] {
                (0..part.len() as i64).for_each(|value| columns[0].1.push_i64(value));
                if self.too_many {
                    columns[0].1.push_null();
                }
                emitter.emit_replaced(batch, part, &mut columns)?;
                assert!(columns[0].1.is_empty());
            }
            emitter.emit_all(batch)
        }
    }

    fn counted(properties: Value) -> Result<Vec<(i64, i64)>> {
        let records = (0..3).map(|n| json!({ "a": n, "b": 10 * n }));
        let got = testing::transform::<Counts>(properties).run(records)?;
        Ok(got.records.iter().map(|r| (r["a"].as_i64().unwrap(), r["b"].as_i64().unwrap())).collect())
    }

    #[test]
    fn whole_columns_replace_fields_of_some_rows() {
        let all = [(0, 0), (1, 10), (2, 20)];
        let got = counted(json!({ "rows": [2, 0, 1], "column": 1 })).unwrap();
        assert_eq!(got, [&[(2, 0), (0, 0), (1, 1)], &all[..]].concat());
        let got = counted(json!({ "rows": [0], "column": 0 })).unwrap();
        assert_eq!(got, [&[(0, 0)], &all[..]].concat());
    }

    #[test]
    fn columns_must_fit_the_rows_and_the_output() {
        let message = |properties| counted(properties).unwrap_err().to_string();
        assert_eq!(message(json!({ "rows": [0], "column": 2 })), "a column for field 2 of an output of 2 fields");
        assert_eq!(message(json!({ "rows": [0], "column": 0, "too_many": true })), "a column of 2 values for 1 rows");
    }

    #[test]
    fn a_row_that_is_not_there_is_an_error() {
        let failed = testing::transform::<Emits>(json!({ "rows": [0, 3] })).run([json!({ "n": 0 })]);
        assert_eq!(failed.unwrap_err().message(), "row 3 of a batch of 1 rows");
    }
}
