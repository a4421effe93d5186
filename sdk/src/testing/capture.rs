//! Keeps what a plugin emits.

use super::rows;
use crate::error::{Error, Result};
use crate::proxy::{AlertsIn, Answer, Downstream, ErrorsIn, Incoming, OutputPort, PatchIn};
use crate::schema::Schema;
use serde_json::Value;

/// An error record that a plugin emitted.
#[derive(Clone, Debug, PartialEq)]
pub struct TestError {
    /// The code.
    pub code: i32,
    /// The message.
    pub message: String,
    /// The record in error, where there is one.
    pub record: Option<Value>,
    /// The bytes that a source could not read.
    pub raw: Vec<u8>,
    /// The line, from 1; 0 where there is none.
    pub line: u64,
    /// The position in the split.
    pub position: Option<u64>,
    /// The file, or empty.
    pub file: String,
}

/// What a plugin emitted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// The records, as objects without their nulls; of a splitter those of all ports, in the order of ports.
    pub records: Vec<Value>,
    /// The records of each port, in the order in which `configure` declared them.
    pub ports: Vec<(String, Vec<Value>)>,
    /// The schema of each port.
    pub schemas: Vec<Schema>,
    /// The positions of the records of a source.
    pub positions: Vec<u64>,
    /// The error records.
    pub errors: Vec<TestError>,
    /// The payloads of the alerts; empty ones where nobody takes alerts.
    pub alerts: Vec<Vec<(String, String)>>,
    /// How often the emitter was called: to see that batches stay batches.
    pub calls: usize,
}

impl Collected {
    /// The records of a port of a splitter.
    pub fn port(&self, name: &str) -> &[Value] {
        self.ports.iter().find(|(port, _)| port == name).map_or(&[], |(_, records)| records)
    }
}

pub(super) struct Capture {
    pub(super) collected: Collected,
    pub(super) wanted: bool,
    /// What is lent to the running call.
    pub(super) input: Vec<Value>,
    pub(super) input_schema: Schema,
    /// After how many more calls nothing is wanted.
    pub(super) stop_after: Option<usize>,
    pub(super) broken: Option<String>,
}

impl Capture {
    pub(super) fn set_ports(&mut self, outputs: &[OutputPort]) {
        self.collected.ports = outputs.iter().map(|output| (output.port.clone(), Vec::new())).collect();
        self.collected.schemas = outputs.iter().map(|output| output.schema.clone().unwrap_or_default()).collect();
    }

    /// All that was emitted so far.
    pub(super) fn snapshot(&mut self) -> Result<Collected> {
        if let Some(message) = self.broken.take() {
            return Err(Error::fatal(message));
        }
        let mut collected = self.collected.clone();
        collected.records = collected.ports.iter().flat_map(|(_, records)| records.clone()).collect();
        Ok(collected)
    }

    fn answer(&mut self) -> Answer {
        self.collected.calls += 1;
        match &mut self.stop_after {
            Some(0) => Answer::Stop,
            Some(left) => {
                *left -= 1;
                Answer::Go
            }
            None => Answer::Go,
        }
    }

    fn fail(&mut self, message: String) -> Answer {
        self.broken = Some(message);
        Answer::Fail
    }

    fn row(&self, row: u32) -> Option<Value> {
        self.input.get(row as usize).cloned()
    }
}

impl Downstream for Capture {
    fn alerts_wanted(&self) -> bool {
        self.wanted
    }

    fn selection(&mut self, port: u32, rows: Option<&[u32]>, n: usize) -> Answer {
        let rows: Vec<u32> = rows.map_or_else(|| (0..n as u32).collect(), <[u32]>::to_vec);
        let Some(records) = rows.iter().map(|&row| self.row(row)).collect::<Option<Vec<_>>>() else {
            return self.fail("a selection names a row that is not there".to_owned());
        };
        let Some((_, to)) = self.collected.ports.get_mut(port as usize) else {
            return self.fail(format!("there is no port {port}"));
        };
        to.extend(records.into_iter().map(without_nulls));
        self.answer()
    }

    fn patch(&mut self, port: u32, patch: PatchIn<'_>) -> Answer {
        let Some(schema) = self.collected.schemas.get(port as usize).cloned() else {
            return self.fail(format!("there is no port {port}"));
        };
        if patch.columns.len() != schema.fields.len() {
            return self.fail("a patch has as many columns as the output has fields".to_owned());
        }
        let new_fields: Vec<_> = schema
            .fields
            .iter()
            .zip(patch.columns)
            .filter(|(_, column)| **column < 0)
            .map(|(field, _)| field.clone())
            .collect();
        let new = match &patch.array {
            Some(array) => rows::values_of(&array.0, &Schema::new(new_fields)),
            None => vec![Vec::new(); patch.n],
        };
        for (index, new) in new.iter().enumerate() {
            let row = patch.rows.map_or(index as u32, |rows| rows[index]);
            let Some(input) = self.row(row) else {
                return self.fail("a patch names a row that is not there".to_owned());
            };
            let values = patch.columns.iter().map(|&column| match usize::try_from(column) {
                Ok(column) => {
                    let name = &self.input_schema.fields[column].name;
                    input.get(name).cloned().unwrap_or(Value::Null)
                }
                Err(_) => new[(-1 - column) as usize].clone(),
            });
            let record = rows::object(&schema, values.collect());
            self.collected.ports[port as usize].1.push(record);
        }
        self.answer()
    }

    fn batch(&mut self, port: u32, array: Incoming, _rows: Option<&[u32]>, positions: Option<&[u64]>) -> Answer {
        let Some(schema) = self.collected.schemas.get(port as usize).cloned() else {
            return self.fail(format!("there is no port {port}"));
        };
        self.collected.positions.extend(positions.unwrap_or_default());
        let records = rows::values_of(&array.0, &schema).into_iter().map(|values| rows::object(&schema, values));
        self.collected.ports[port as usize].1.extend(records);
        self.answer()
    }

    fn errors(&mut self, errors: ErrorsIn<'_>) -> Answer {
        for i in 0..errors.len() {
            let error = TestError {
                code: errors.code(i),
                message: errors.message(i).into_owned(),
                record: errors.row(i).and_then(|row| self.row(row)),
                raw: errors.raw(i).to_vec(),
                line: errors.line(i),
                position: errors.position(i),
                file: errors.file().into_owned(),
            };
            self.collected.errors.push(error);
        }
        self.answer()
    }

    fn alerts(&mut self, alerts: AlertsIn<'_>) -> Answer {
        for i in 0..alerts.n {
            let pairs = alerts.payloads.map(|payloads| {
                payloads.pairs(i).map(|pair| payloads.pair(pair)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
            });
            self.collected.alerts.push(pairs.unwrap_or_default());
        }
        self.answer()
    }

    fn broken(&mut self, message: String) {
        self.broken = Some(message);
    }
}

fn without_nulls(record: Value) -> Value {
    match record {
        Value::Object(members) => members.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}
