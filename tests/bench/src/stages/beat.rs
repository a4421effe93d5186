//! Heartbeats at a pace.

use crate::clock::now_ns;
use crate::random::Random;
use campanile_sdk::{
    ColumnBuilder, Configure, DataType, Emitter, Limits, Read, Result, Schema, SchemaField, Source, Split, StageContext,
};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The time of the first record, milliseconds since 1970.
const START_MS: u64 = 1_716_200_000_000;
/// Bytes of a record, about.
const RECORD_BYTES: usize = 64;
/// As long as one call waits for its next record.
const LONGEST_WAIT_NS: i64 = 20_000_000;

/// Makes heartbeats: all at once, or each when it is due.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Beat {
    records: u64,
    /// Records a second; those that were not made in time are made at once, and are due when they should have come.
    rate: Option<f64>,
    /// Records in a millisecond of event time.
    per_ms: u64,
    users: u32,
    /// Whether users follow one another, instead of being drawn.
    #[serde(default)]
    in_turn: bool,
    /// Made once all records have been taken; the run then goes on until it is told to stop.
    reached: Option<PathBuf>,
    #[serde(skip)]
    columns: Vec<ColumnBuilder>,
    #[serde(skip)]
    next: u64,
    /// When record 0 was due.
    #[serde(skip)]
    begin_ns: i64,
}

impl Beat {
    fn schema() -> Schema {
        let fields = [
            ("n", DataType::Long),
            ("due", DataType::Long),
            ("ts", DataType::Long),
            ("userid", DataType::String),
            ("heartbeat", DataType::Double),
        ];
        Schema::new(fields.map(|(name, data_type)| SchemaField::new(name, data_type).required()).into())
    }

    /// How long after record 0 a record is due.
    fn after_ns(&self, record: u64) -> i64 {
        self.rate.map_or(0, |rate| (record as f64 * 1e9 / rate) as i64)
    }

    /// How many records are due.
    fn due(&self) -> u64 {
        let Some(rate) = self.rate else { return self.records };
        let due = |now: i64| ((now - self.begin_ns) as f64 * rate / 1e9) as u64 + 1;
        let now = now_ns();
        let wait = self.begin_ns + self.after_ns(self.next) - now;
        if wait <= 0 {
            return due(now).min(self.records);
        }
        std::thread::sleep(Duration::from_nanos(wait.min(LONGEST_WAIT_NS).unsigned_abs()));
        due(now_ns()).min(self.records)
    }

    fn make(&mut self, n: u64, now_ns: i64) {
        use std::fmt::Write;
        let mut random = Random::new(n);
        let user = if self.in_turn { (n % u64::from(self.users)) as u32 } else { random.below(self.users) };
        let due = if self.rate.is_some() { self.begin_ns + self.after_ns(n) } else { now_ns };
        let mut userid = String::with_capacity(12);
        // Writing to a text cannot fail.
        let _ = write!(userid, "u{user}");
        self.columns[0].push_i64(n as i64);
        self.columns[1].push_i64(due);
        self.columns[2].push_i64((START_MS + n / self.per_ms) as i64);
        self.columns[3].push_text(&userid);
        self.columns[4].push_f64(f64::from(500 + random.below(1_600)) / 10.0);
    }
}

impl Source for Beat {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.set_output(Beat::schema());
        Ok(())
    }

    fn open(&mut self, _: &mut StageContext<'_>) -> Result<()> {
        self.columns = ColumnBuilder::all(&Beat::schema())?;
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        Ok(vec![Split::new("all")])
    }

    fn begin(&mut self, _: &Split, position: Option<u64>) -> Result<()> {
        self.next = position.map_or(0, |position| position + 1);
        self.begin_ns = now_ns() - self.after_ns(self.next);
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        if self.next >= self.records {
            let Some(reached) = &self.reached else { return Ok(Read::End) };
            if !reached.exists() {
                std::fs::write(reached, "")?;
            }
            return Ok(Read::Idle);
        }
        let most = limits.rows.min(limits.bytes / RECORD_BYTES).max(1) as u64;
        let end = self.due().min(self.next + most);
        if end <= self.next {
            return Ok(Read::More);
        }
        let positions: Vec<u64> = (self.next..end).collect();
        let now_ns = now_ns();
        positions.iter().for_each(|&n| self.make(n, now_ns));
        self.next = end;
        emitter.emit_columns(&mut self.columns, &positions)?;
        Ok(Read::More)
    }
}
