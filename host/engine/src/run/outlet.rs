//! What one call of a stage emits, checked and handed on.

use super::alerts::Work;
use super::chain::{Chain, Message, Node, Output, Way};
use super::errors::ErrorBatch;
use super::event_time::Times;
use super::metrics::add;
use super::shared::Shared;
use crate::batch::{Batch, Origin, SplitOrigin};
use crate::columns;
use campanile_sdk::Kind;
use campanile_sdk::proxy::{AlertsIn, Answer, Downstream, ErrorsIn, Incoming, PatchIn};
use std::sync::Arc;

/// Takes what one call of a stage emits.
pub(super) struct Outlet<'a> {
    pub(super) chain: &'a Chain,
    pub(super) node: &'a Node,
    /// The batch that the stage works on.
    pub(super) input: Option<&'a Batch>,
    /// The split that a source reads.
    pub(super) split: Option<&'a Arc<SplitOrigin>>,
    /// The event times of the input's rows.
    pub(super) times: Option<&'a Times>,
}

impl Outlet<'_> {
    fn shared(&self) -> &Shared {
        &self.chain.shared
    }

    fn fail(&self, message: String) -> Answer {
        self.shared().fail(self.node.index, format!("the plugin breaks the boundary: {message}"));
        Answer::Fail
    }

    /// Hands records on through a port.
    fn records(&self, port: u32, batch: Batch) -> Answer {
        if self.shared().has_failed() {
            return Answer::Stop;
        }
        let metrics = self.chain.metrics(self.node);
        let rows = batch.rows();
        add(&metrics.records_out, rows);
        if let Some((_, counter)) = metrics.ports.get(port as usize) {
            add(counter, rows);
        }
        let chain = self.chain;
        let Some(batch) = chain.note_times_of_source(self.node, self.split, batch) else { return Answer::Fail };
        let targets = &self.node.outputs[port as usize].targets;
        let on = |way: Way| way.map_or_else(|| batch.clone(), |step| batch.on_way(step));
        let answer = chain.hand_on(
            targets,
            |node, way| match way {
                None => chain.deliver(node, &batch),
                Some(_) => chain.deliver(node, &on(way)),
            },
            |way| Message::Records(on(way)),
        );
        let is_source = self.shared().stages[self.node.index].kind == Kind::Source;
        if answer == Answer::Go && is_source && self.shared().must_end() { Answer::Stop } else { answer }
    }

    fn output(&self, port: u32) -> Result<&Output, String> {
        let outputs = &self.node.outputs;
        outputs.get(port as usize).ok_or_else(|| format!("it emitted through port {port} of {}", outputs.len()))
    }

    fn input(&self) -> Result<&Batch, String> {
        self.input.ok_or_else(|| "it handed on rows of an input where there is none".to_owned())
    }

    fn select(&self, port: u32, rows: Option<&[u32]>, n: usize) -> Result<Option<Batch>, String> {
        self.output(port)?;
        let selected = self.input()?.select(rows, n)?;
        Ok((n > 0).then_some(selected))
    }

    fn patched(&self, port: u32, patch: PatchIn<'_>) -> Result<Option<Batch>, String> {
        let schema = &self.output(port)?.schema;
        let input = self.input()?;
        let fields = schema.fields();
        if patch.columns.len() != fields.len() {
            return Err(format!("its patch has {} columns where {} were declared", patch.columns.len(), fields.len()));
        }
        match patch.rows {
            Some(rows) => input.check_rows(rows)?,
            None if patch.n > input.rows() => {
                return Err(format!("it handed on {} rows of a batch of {}", patch.n, input.rows()));
            }
            None => {}
        }
        if patch.n == 0 {
            return Ok(None);
        }
        let mut new_fields: Vec<(i64, usize)> =
            patch.columns.iter().enumerate().filter(|(_, c)| **c < 0).map(|(field, &c)| (-1 - c, field)).collect();
        new_fields.sort_unstable();
        if new_fields.iter().zip(0..).any(|((child, _), place)| *child != place) {
            return Err("its patch names new columns out of order".to_owned());
        }
        let new_fields: Vec<usize> = new_fields.into_iter().map(|(_, field)| field).collect();
        let new = match patch.array {
            Some(array) => {
                let (rows, columns) = columns::import(array, schema, &new_fields)?;
                if rows != patch.n {
                    return Err(format!("its patch has {rows} new rows for {} rows", patch.n));
                }
                columns
            }
            None if new_fields.is_empty() => Vec::new(),
            None => return Err("its patch names new columns and has none".to_owned()),
        };
        let kept: Vec<usize> = patch.columns.iter().filter_map(|&column| usize::try_from(column).ok()).collect();
        if let Some(column) = kept.iter().find(|&&column| column >= input.columns().len()) {
            return Err(format!("its patch names column {column} of {}", input.columns().len()));
        }
        let whole = patch.rows.is_none() && patch.n == input.rows();
        let kept = match patch.rows {
            Some(rows) => input.take(&kept, rows)?,
            None if whole => kept.iter().map(|&column| Arc::clone(&input.columns()[column])).collect(),
            None => kept.iter().map(|&column| input.columns()[column].slice(0, patch.n)).collect(),
        };
        let origin = match patch.rows {
            Some(rows) => input.origin_of(rows),
            None if whole => input.origin().clone(),
            None => input.select(None, patch.n)?.origin().clone(),
        };
        let (mut new, mut kept) = (new.into_iter().map(Some).collect::<Vec<_>>(), kept.into_iter());
        let mut columns = Vec::with_capacity(fields.len());
        for (field, &column) in fields.iter().zip(patch.columns) {
            let column = match usize::try_from(-1 - column) {
                Ok(child) => new[child].take(),
                Err(_) => kept.next(),
            };
            let column = column.ok_or("its patch names a new column twice")?;
            if column.data_type() != field.data_type() {
                let (is, declared) = (column.data_type(), field.data_type());
                return Err(format!("its patch puts {is} into `{}`, which was declared {declared}", field.name()));
            }
            if !field.is_nullable() && crate::batch::has_nulls(&column) {
                return Err(format!("column `{}` has nulls, but was declared without", field.name()));
            }
            columns.push(column);
        }
        Ok(Some(Batch::new(patch.n, columns, origin)))
    }

    fn made(
        &self,
        port: u32,
        array: Incoming,
        rows: Option<&[u32]>,
        positions: Option<&[u64]>,
    ) -> Result<Option<Batch>, String> {
        let schema = &self.output(port)?.schema;
        let batch = columns::import_batch(array, schema, |_| match (rows, self.input) {
            (Some(rows), Some(input)) => {
                input.check_rows(rows)?;
                Ok(input.origin_of(rows))
            }
            (Some(_), None) => Err("it named rows of an input where there is none".to_owned()),
            (None, _) => Ok(Origin { split: self.split.cloned(), positions: positions.map(Arc::from), way: 0 }),
        })?;
        if let (Some(_), Some(positions)) = (self.split, positions) {
            self.chain.read_up_to(positions);
        }
        Ok((batch.rows() > 0).then_some(batch))
    }

    fn take(&self, port: u32, batch: Result<Option<Batch>, String>) -> Answer {
        match batch {
            Ok(Some(batch)) => self.records(port, batch),
            Ok(None) => Answer::Go,
            Err(message) => self.fail(message),
        }
    }
}

impl Downstream for Outlet<'_> {
    fn alerts_wanted(&self) -> bool {
        self.node.alerts.borrow().is_wanted()
    }

    fn selection(&mut self, port: u32, rows: Option<&[u32]>, n: usize) -> Answer {
        self.take(port, self.select(port, rows, n))
    }

    fn patch(&mut self, port: u32, patch: PatchIn<'_>) -> Answer {
        self.take(port, self.patched(port, patch))
    }

    fn batch(&mut self, port: u32, array: Incoming, rows: Option<&[u32]>, positions: Option<&[u64]>) -> Answer {
        self.take(port, self.made(port, array, rows, positions))
    }

    fn errors(&mut self, errors: ErrorsIn<'_>) -> Answer {
        for i in 0..errors.len() {
            if let (Some(row), Some(input)) = (errors.row(i), self.input)
                && row as usize >= input.rows()
            {
                return self.fail(format!("it put row {row} of a batch of {} rows in error", input.rows()));
            }
        }
        let stage = self.node.index;
        match ErrorBatch::new(stage, errors, self.input, &self.node.error_schema) {
            Ok(mut errors) => {
                if let Some(split) = self.split {
                    errors.come_from(split);
                    self.chain.read_up_to(&errors.positions);
                }
                self.chain.error_records(self.node, errors)
            }
            Err(message) => self.fail(message),
        }
    }

    fn alerts(&mut self, alerts: AlertsIn<'_>) -> Answer {
        let work = Work { input: self.input, split: self.split.map(|split| &**split), times: self.times };
        let taken = self.node.alerts.borrow_mut().take(&alerts, work, &self.chain.slot);
        let too_large = match taken {
            Ok(too_large) => too_large,
            Err(message) => return self.fail(message),
        };
        for alert in too_large {
            let schema = &self.node.error_schema;
            let error = ErrorBatch::single(self.node.index, alert.row, &alert.message, self.input, schema);
            match error {
                Ok(error) => {
                    if self.chain.error_records(self.node, error) == Answer::Fail {
                        return Answer::Fail;
                    }
                }
                Err(message) => return self.fail(message),
            }
        }
        Answer::Go
    }

    fn broken(&mut self, message: String) {
        let _ = self.fail(message);
    }
}
