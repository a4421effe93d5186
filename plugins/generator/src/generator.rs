use crate::distribution::{Distribution, FieldSpec};
use crate::pace::Pace;
use crate::random::Random;
use campanile_sdk::{
    ColumnBuilder, Configure, Emitter, Error, Finding, Limits, Read, Result, Schema, SchemaField, Source, Split,
    StageContext,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// Makes records, for demonstrations and benchmarks. A row depends on the seed and its number only.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Generator {
    /// How many records. Without it records are made until the run is stopped.
    records: Option<u64>,
    /// At most so many records a second.
    rate: Option<f64>,
    /// Another seed gives other values.
    #[serde(default)]
    seed: u64,
    /// The fields, each with a name and one of `sequence`, `uniform`, `normal`, `choice` and `pattern`.
    fields: Vec<FieldSpec>,
    /// For each field what tells it apart, and its distribution.
    #[serde(skip)]
    distributions: Vec<(u64, Distribution)>,
    #[serde(skip)]
    columns: Vec<ColumnBuilder>,
    #[serde(skip)]
    next: u64,
    #[serde(skip)]
    end: Option<u64>,
    /// With a rate, and when it began.
    #[serde(skip)]
    pace: Option<(Pace, Instant)>,
}

/// Records from which on several splits are worth it, and how many there are then. The same whatever the parallelism.
const MANY_RECORDS: u64 = 65_536;
const SPLITS: u64 = 8;
/// As long as one call waits for its next record: save points wait for it.
const LONGEST_WAIT: Duration = Duration::from_millis(20);
/// What one call waits where that is not enough. The host pauses between calls that brought nothing, for less than what is
/// left then, so that no record comes late.
const PART_OF_WAIT: Duration = Duration::from_millis(10);

impl Generator {
    fn check(&self) -> (Schema, Vec<Distribution>, Vec<Finding>) {
        let mut findings = Vec::new();
        if let Some(rate) = self.rate.filter(|&rate| rate <= 0.0) {
            let finding = Finding::error("rate", format!("{rate} records a second are none"));
            findings.push(finding.hint("write a number greater than 0, or leave it out for as many as possible"));
        }
        if self.fields.is_empty() {
            let finding = Finding::error("fields", "there is no field");
            findings.push(finding.hint("list at least one, such as {\"name\": \"id\", \"sequence\": {}}"));
        }
        let (mut schema, mut distributions) = (Schema::default(), Vec::new());
        for (index, field) in self.fields.iter().enumerate() {
            let (path, name) = (format!("fields[{index}]"), &field.name);
            if name.is_empty() {
                findings.push(Finding::error(&path, "the name of the field is empty").hint("give it a name"));
            } else if schema.field(name).is_some() {
                let finding = Finding::error(&path, format!("there are two fields `{name}`"));
                findings.push(finding.hint("give them different names"));
                continue;
            }
            match field.distribution(&path) {
                Ok(distribution) => {
                    let nullable = distribution.can_be_null();
                    schema.fields.push(SchemaField { nullable, ..SchemaField::new(name, distribution.data_type()) });
                    distributions.push(distribution);
                }
                Err(finding) => findings.push(finding),
            }
        }
        (schema, distributions, findings)
    }

    /// How many of so many rows may be made now.
    fn allowed(&mut self, rows: u64) -> u64 {
        let Some((pace, begun)) = &mut self.pace else { return rows };
        let mut ready = pace.ready(begun.elapsed());
        if ready == 0 {
            let wait = pace.wait();
            std::thread::sleep(if wait > LONGEST_WAIT { PART_OF_WAIT } else { wait });
            ready = pace.ready(begun.elapsed());
        }
        rows.min(ready as u64)
    }
}

impl Source for Generator {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let (schema, _, findings) = self.check();
        findings.into_iter().for_each(|finding| stage.find(finding));
        stage.set_output(schema);
        Ok(())
    }

    fn open(&mut self, _: &mut StageContext<'_>) -> Result<()> {
        let (schema, distributions, findings) = self.check();
        if !findings.is_empty() {
            return Err(Error::findings(findings));
        }
        self.columns = ColumnBuilder::all(&schema)?;
        let seeded = |(field, distribution)| (Random::of_field(self.seed, field), distribution);
        self.distributions = distributions.into_iter().enumerate().map(seeded).collect();
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        let split = |start: u64| Split::new(format!("rows-{start}")).with("start", start);
        Ok(match self.records {
            None => vec![split(0)],
            // A rate is kept by one instance.
            Some(records) if records < MANY_RECORDS || self.rate.is_some() => vec![split(0).with("end", records)],
            Some(records) => {
                let border = |n: u64| (u128::from(records) * u128::from(n) / u128::from(SPLITS)) as u64;
                (0..SPLITS).map(|n| split(border(n)).with("end", border(n + 1))).collect()
            }
        })
    }

    fn begin(&mut self, split: &Split, position: Option<u64>) -> Result<()> {
        self.next = match position {
            Some(position) => position.saturating_add(1),
            None => split.number("start")?,
        };
        self.end = if split.more.contains_key("end") { Some(split.number("end")?) } else { None };
        self.pace = self.rate.map(|rate| (Pace::new(rate), Instant::now()));
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        // u64::MAX stands for "no position", so the last rows of an endless split are never reached.
        let left = self.end.unwrap_or(u64::MAX).saturating_sub(self.next);
        if left == 0 {
            return Ok(Read::End);
        }
        let row_bytes: usize = self.distributions.iter().map(|(_, distribution)| distribution.longest()).sum();
        let rows = limits.rows.min(limits.bytes / row_bytes.max(1)).max(1) as u64;
        let rows = self.allowed(rows.min(left));
        if rows == 0 {
            return Ok(Read::Idle);
        }
        let numbers = self.next..self.next + rows;
        for ((field, distribution), column) in self.distributions.iter().zip(&mut self.columns) {
            distribution.make(*field, numbers.clone(), column);
        }
        self.next = numbers.end;
        if let Some((pace, _)) = &mut self.pace {
            pace.take(rows as usize);
        }
        let positions: Vec<u64> = numbers.collect();
        emitter.emit_columns(&mut self.columns, &positions)?;
        Ok(if rows == left { Read::End } else { Read::More })
    }
}

#[cfg(test)]
mod tests;
