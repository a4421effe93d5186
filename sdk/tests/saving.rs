//! What an author may rely on at a save point, and what a publisher knows of the numbers of its alerts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use campanile_sdk::{
    AlertPublisher, Alerts, Batch, Configure, DataType, Emit, Emitter, Error, ErrorKind, Field, Limits, Outcome,
    OutputField, Read, Record, Result, Row, Schema, SchemaField, Sink, Source, Split, StageContext, Transform, testing,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

fn numbers() -> Vec<Value> {
    [3, 1, 4, 1, 5].map(|a| json!({ "a": a })).to_vec()
}

/// Raises an alert with the sum so far. Where it is told to, it saves nothing, panics, or saves too much.
#[derive(Deserialize)]
struct Summing {
    #[serde(default)]
    fault: String,
    #[serde(skip)]
    sum: i64,
    #[serde(skip)]
    a: Field<i64>,
}

impl Transform for Summing {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.a = stage.input()?.i64("a")?;
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.sum += record.i64(self.a).unwrap_or_default();
        emitter.emit_alert([("sum", self.sum)])?;
        emitter.emit(record)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        match self.fault.as_str() {
            "panics" => panic!("no paper"),
            "nothing" => Ok(Some(Vec::new())),
            "too much" => Ok(Some(vec![0; (64 << 20) + 1])),
            _ => Ok(Some(self.sum.to_le_bytes().to_vec())),
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let bytes = state.try_into().map_err(|_| Error::fatal("the saved sum has not 8 bytes: start the run anew"))?;
        self.sum = i64::from_le_bytes(bytes);
        Ok(())
    }
}

fn summing(fault: &str) -> testing::Harness {
    testing::transform::<Summing>(json!({ "fault": fault })).durable()
}

#[test]
fn a_stage_goes_on_where_it_was() {
    let saved = summing("").saved(numbers(), [json!({ "a": 1_000 })]).unwrap();
    assert_eq!(saved.collected.alerts.len(), 5, "what came behind the save point is not in it");
    assert_eq!(saved.state, Some(14_i64.to_le_bytes().to_vec()));
    let got = summing("").resumed(&saved).run([json!({ "a": 100 })]).unwrap();
    assert_eq!(got.alerts, [[("sum".to_owned(), "114".to_owned())]]);
}

#[test]
fn a_stage_that_is_cut_anywhere_emits_what_it_would_have() {
    testing::check_restored(&summing(""), &numbers());
}

#[test]
#[should_panic(expected = "cut behind 1 records, other things come out")]
fn a_stage_that_forgets_is_found() {
    testing::check_restored(&summing("nothing"), &numbers());
}

#[test]
fn an_empty_state_is_none() {
    assert_eq!(summing("nothing").saved(numbers(), []).unwrap().state, None);
}

#[test]
fn a_panic_at_a_save_point_is_an_error_that_says_what_and_where() {
    let error = summing("panics").saved(numbers(), []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.message().contains("no paper") && error.message().contains("saving.rs:"), "{error}");
}

#[test]
fn a_state_that_is_too_large_is_an_error_that_says_how_large_it_may_be() {
    let error = summing("too much").saved(numbers(), []).unwrap_err();
    assert!(error.message().contains("at most 67108864 are allowed"), "{error}");
}

#[test]
fn a_state_that_cannot_be_read_keeps_the_run_from_starting() {
    let error = summing("").restored(b"abc").run(numbers()).unwrap_err();
    assert_eq!(error.message(), "the saved sum has not 8 bytes: start the run anew");
}

/// Keeps nothing.
#[derive(Deserialize)]
struct Passing {}

impl Transform for Passing {
    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        emitter.emit(record)
    }
}

#[test]
fn a_stage_that_keeps_nothing_needs_no_word_about_it() {
    let harness = testing::transform::<Passing>(json!({}));
    testing::check_restored(&harness, &numbers());
    assert_eq!(harness.saved(numbers(), []).unwrap().state, None);
    let error = harness.restored(b"x").run(numbers()).unwrap_err();
    assert!(error.message().contains("use the version of the plugin that saved it"), "{error}");
}

/// Writes a line for each record into `PATH.part`, which becomes `PATH` at the end.
#[derive(Deserialize)]
struct Lines {
    path: PathBuf,
    /// Goes on behind what lies there, without cutting it back.
    #[serde(default)]
    careless: bool,
    #[serde(skip)]
    a: Field<i64>,
    #[serde(skip)]
    file: Option<std::fs::File>,
}

impl Lines {
    fn part(&self) -> PathBuf {
        self.path.with_extension("part")
    }

    /// The file that is written; begun anew where no state was restored.
    fn file(&mut self) -> Result<&mut std::fs::File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => std::fs::File::create(self.part())?,
        };
        Ok(self.file.insert(file))
    }
}

impl Sink for Lines {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.a = stage.input()?.i64("a")?;
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        let lines: String =
            batch.records().map(|record| format!("{}\n", record.i64(self.a).unwrap_or_default())).collect();
        Ok(self.file()?.write_all(lines.as_bytes())?)
    }

    fn prepare(&mut self) -> Result<()> {
        Ok(self.file()?.sync_all()?)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(std::fs::rename(self.part(), &self.path)?)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        let file = self.file()?;
        file.sync_all()?;
        Ok(Some(file.stream_position()?.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let length = u64::from_le_bytes(state.try_into()?);
        let mut file = std::fs::File::options().write(true).open(self.part())?;
        if !self.careless {
            file.set_len(length)?;
        }
        file.seek(SeekFrom::End(0))?;
        self.file = Some(file);
        Ok(())
    }
}

/// A path of the test's own.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("saving-{name}"))
}

#[test]
fn a_sink_that_is_cut_anywhere_writes_what_it_would_have() {
    let path = path("lines");
    let harness = testing::sink::<Lines>(json!({ "path": path }));
    testing::check_restored_sink(&harness, &numbers(), || std::fs::read_to_string(&path).unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "3\n1\n4\n1\n5\n");
}

#[test]
#[should_panic(expected = "cut behind 0 records, with 5 behind the save point: other output")]
fn a_sink_that_does_not_cut_back_is_found() {
    let path = path("careless");
    let harness = testing::sink::<Lines>(json!({ "path": path, "careless": true }));
    testing::check_restored_sink(&harness, &numbers(), || std::fs::read_to_string(&path).unwrap());
}

/// Counts to 5, and numbers its records by a count of its own, which no position tells.
#[derive(Deserialize)]
struct Counting {
    #[serde(skip)]
    next: u64,
    #[serde(skip)]
    total: i64,
    #[serde(skip)]
    out: OutputField<i64>,
}

impl Source for Counting {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.set_output(Schema::new(vec![SchemaField::new("total", DataType::Long)]));
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.out = stage.output()?.i64("total")?;
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        Ok(vec![Split::new("all")])
    }

    fn begin(&mut self, _: &Split, position: Option<u64>) -> Result<()> {
        self.next = position.map_or(0, |position| position + 1);
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        for position in self.next..(self.next + limits.rows as u64).min(5) {
            self.total += 10;
            emitter.emit(Row::at(position).with(self.out, self.total))?;
            self.next = position + 1;
        }
        Ok(if self.next < 5 { Read::More } else { Read::End })
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(self.total.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.total = i64::from_le_bytes(state.try_into()?);
        Ok(())
    }
}

#[test]
fn a_source_goes_on_with_its_position_and_its_state() {
    testing::check_restored(&testing::source::<Counting>(json!({})), &[]);
}

/// Says what it knows of the run.
#[derive(Deserialize)]
struct Telling {
    #[serde(skip)]
    told: String,
}

impl AlertPublisher for Telling {
    fn initialize(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let mode = stage.mode();
        assert_eq!(mode, stage.services().mode());
        let producer = stage.producer().unwrap_or_else(|| "nobody".to_owned());
        self.told = format!("{mode:?}, live {}, durable {}, by {producer}", mode.is_live(), mode.is_durable());
        Ok(())
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        for alert in alerts {
            let number = alert.sequence().map_or("no number".to_owned(), |number| format!("number {number}"));
            alert.reject(format!("{}, {number}", self.told));
        }
        Ok(())
    }
}

fn told(harness: &testing::Harness) -> Vec<String> {
    let alert = testing::TestAlert::new("stage", &[]);
    let outcomes = harness.publish(&[alert.clone(), alert]).unwrap();
    let reason = |outcome| match outcome {
        Outcome::Rejected(reason) => reason,
        other => panic!("{other:?}"),
    };
    outcomes.into_iter().map(reason).collect()
}

#[test]
fn a_stage_knows_whether_its_run_ends_and_is_saved() {
    let harness = testing::alert_publisher::<Telling>(json!({}));
    assert_eq!(told(&harness)[0], "Plain, live false, durable false, by nobody, no number");
    assert_eq!(told(&harness.clone().durable())[0], "Durable, live false, durable true, by nobody, no number");
    assert_eq!(told(&harness.live())[0], "Live, live true, durable true, by nobody, no number");
}

#[test]
fn alerts_have_the_same_numbers_when_they_are_handed_over_again() {
    let harness = testing::alert_publisher::<Telling>(json!({})).producer("outbox", 41);
    let first = told(&harness);
    assert!(first[0].ends_with("by outbox, number 41") && first[1].ends_with("by outbox, number 42"), "{first:?}");
    assert_eq!(told(&harness), first);
}
