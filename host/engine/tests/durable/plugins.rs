//! Small plugins of every kind. Each is told its world, and its name there, by its properties.

use crate::world::{Said, Told, World};
use campanile_engine::library::{CacheFolder, LinkedPlugin, Registry};
use campanile_sdk::{
    AlertFormat, AlertPublisher, Alerts, Any, Batch, ColumnBuilder, Configure, DataType, Emitter, Error, Field, Limits,
    Place, Position, Read, Record, Result, Row, Schema, SchemaField, Sink, Source, Split, StageContext, Text,
    Transform,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// All of them.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new(CacheFolder::new(Path::new("never-used").to_owned()));
    let plugins = vec![
        LinkedPlugin::source::<Records>("Records"),
        LinkedPlugin::source::<Records>("Followed")
            .with_schema(json!({ "x-live": true, "additionalProperties": true })),
        LinkedPlugin::transform::<Ring>("Ring"),
        LinkedPlugin::transform::<Count>("Count"),
        LinkedPlugin::transform::<Whole>("Whole"),
        LinkedPlugin::sink::<Lines>("Lines"),
        LinkedPlugin::alert_publisher::<Bell>("Bell"),
    ];
    registry.add_linked("test", "1.0.0", plugins);
    registry
}

fn schema() -> Schema {
    Schema::new(vec![
        SchemaField::new("n", DataType::Long),
        SchemaField::new("key", DataType::String),
        SchemaField::new("value", DataType::String),
        SchemaField::new("at", DataType::Long),
    ])
}

/// Reads what the world has for it; positions are places in the split, from 0.
#[derive(Deserialize)]
struct Records {
    world: String,
    name: String,
    /// It has nothing at every other read, so that others come to their turn.
    #[serde(default)]
    slow: bool,
    /// It never ends.
    #[serde(default)]
    follow: bool,
    /// Its splits may leave.
    #[serde(default)]
    shared: bool,
    #[serde(skip)]
    split: usize,
    #[serde(skip)]
    next: u64,
    #[serde(skip)]
    rests: bool,
}

impl Source for Records {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.set_output(schema());
        Ok(())
    }

    fn open(&mut self, _: &mut StageContext<'_>) -> Result<()> {
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        let count = World::of(&self.world).split_count(&self.name);
        let splits = (0..count).map(|split| Split::new(format!("{}-{split}", self.name)).with("split", split));
        Ok(splits.map(|split| if self.shared { split.may_leave() } else { split }).collect())
    }

    fn begin(&mut self, split: &Split, position: Option<u64>) -> Result<()> {
        (self.split, self.next) = (split.number("split")? as usize, position.map_or(0, |position| position + 1));
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        self.rests = self.slow && !self.rests;
        if self.rests {
            return Ok(Read::Idle);
        }
        let (records, is_all) = World::of(&self.world).read(&self.name, self.split, self.next, limits.rows);
        let end = match (is_all, self.follow || records.is_empty() && !is_all) {
            (_, true) if records.is_empty() => Read::Idle,
            (true, false) => Read::End,
            _ => Read::More,
        };
        let mut columns = ColumnBuilder::all(&schema())?;
        let mut positions = Vec::new();
        for record in records {
            let position = self.next;
            self.next += 1;
            if record.value == "bad" {
                emitter.emit_columns(&mut columns, &positions)?;
                positions.clear();
                let place = Place { file: "", line: position + 1, offset: position };
                emitter.emit_unreadable(&place, record.key.as_bytes(), 1, "it is bad")?;
                continue;
            }
            columns[0].push_i64(position as i64);
            columns[1].push_text(&record.key);
            columns[2].push_text(&record.value);
            match record.at {
                Some(at) => columns[3].push_i64(at),
                None => columns[3].push_null(),
            }
            positions.push(position);
        }
        emitter.emit_columns(&mut columns, &positions)?;
        Ok(end)
    }

    fn close(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        World::of(&self.world).closed();
        Ok(())
    }

    fn commit(&mut self, positions: &[Position]) -> Result<()> {
        let all = positions.iter().map(|position| (position.split.clone(), position.position));
        World::of(&self.world).commits.lock().unwrap().extend(all);
        Ok(())
    }
}

/// Raises an alert for each record that has a value.
#[derive(Deserialize)]
struct Ring {
    #[serde(skip)]
    key: Field<Text>,
    #[serde(skip)]
    value: Field<Text>,
}

impl Transform for Ring {
    const PARALLEL: bool = true;

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let input = stage.input()?;
        (self.key, self.value) = (input.text("key")?, input.text("value")?);
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let (key, value) = (record.text(self.key).unwrap_or(""), record.text(self.value).unwrap_or(""));
        match value {
            "wrong" => return Err(Error::record(2, "it is wrong")),
            "hidden" => return Ok(()),
            "" => {}
            value => emitter.emit_alert([("key", key), ("value", value)])?,
        }
        emitter.emit(record)
    }
}

/// Counts records, and alerts of it when it opens, with every so many records, when its input ends and when it closes.
#[derive(Deserialize)]
struct Count {
    #[serde(default)]
    opens: bool,
    #[serde(default)]
    closes: bool,
    /// It hands a record on when its input has ended, and alerts.
    #[serde(default)]
    finishes: bool,
    #[serde(skip)]
    count: u64,
}

impl Transform for Count {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        if self.opens {
            stage.emit_alert([("event", "open")])?;
            stage.emit_alert([("event", "opened")])?;
        }
        Ok(())
    }

    fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.count += batch.len() as u64;
        emitter.emit_all(batch)
    }

    fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        if self.finishes {
            emitter.emit_alert([("event", "finish"), ("count", &self.count.to_string())])?;
            emitter.emit(Row::new())?;
        }
        Ok(())
    }

    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        if self.closes {
            emitter.emit_alert([("event", "close"), ("count", &self.count.to_string())])?;
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(self.count.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let state = state.try_into().map_err(|_| Error::fatal("it is no count"))?;
        self.count = u64::from_le_bytes(state);
        Ok(())
    }
}

/// Raises an alert for each batch, of no row of it.
#[derive(Deserialize)]
struct Whole {
    #[serde(skip)]
    n: Field<i64>,
}

impl Transform for Whole {
    const PARALLEL: bool = true;

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.n = stage.input()?.i64("n")?;
        Ok(())
    }

    fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        if let Some(first) = batch.records().next() {
            let first = first.i64(self.n).unwrap_or_default().to_string();
            emitter.emit_alert([("split", batch.split()), ("first", &first)])?;
        }
        emitter.emit_all(batch)
    }
}

/// Writes lines that the world keeps.
#[derive(Deserialize)]
struct Lines {
    world: String,
    name: String,
    #[serde(skip)]
    fields: [Field<Any>; 3],
    #[serde(skip)]
    begun: bool,
}

impl Lines {
    fn world(&self) -> Arc<World> {
        World::of(&self.world)
    }

    /// What begins anew finds nothing.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.world().cut(&self.name, 0);
        }
    }
}

impl Sink for Lines {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let input = stage.input()?;
        self.fields = [input.any("n")?, input.any("key")?, input.any("value")?];
        Ok(())
    }

    fn write(&mut self, record: &Record<'_>) -> Result<()> {
        self.begin();
        let mut line = Vec::new();
        for field in self.fields {
            record.scalar(field).write(&mut line);
            line.push(b' ');
        }
        match self.world().write(&self.name, String::from_utf8(line).unwrap()) {
            true => Ok(()),
            false => Err(Error::fatal("it broke")),
        }
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.begin();
        Ok(Some((self.world().lines(&self.name).len() as u64).to_le_bytes().to_vec()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.begun = true;
        let state = state.try_into().map_err(|_| Error::fatal("it is no length"))?;
        self.world().cut(&self.name, u64::from_le_bytes(state) as usize);
        Ok(())
    }
}

/// Publishes as the world says.
#[derive(Deserialize)]
struct Bell {
    world: String,
    name: String,
    /// It opens when another has published so many alerts.
    #[serde(default)]
    after: Option<(String, usize)>,
}

impl AlertPublisher for Bell {
    fn initialize(&mut self, _: &mut StageContext<'_>) -> Result<()> {
        if let Some((other, alerts)) = &self.after {
            World::of(&self.world).wait("the other", |world| world.alerts(other).len() >= *alerts);
        }
        Ok(())
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        for alert in alerts {
            let envelope: Value = serde_json::from_str(&alert.to_json(AlertFormat::Envelope)).unwrap();
            let mut more = envelope.as_object().unwrap().clone();
            for known in ["time", "payload", "id", "namespace", "pipelineName"] {
                more.shift_remove(known);
            }
            let payload = alert.payload().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let told = Told { id: alert.id().to_owned(), payload, more: Value::Object(more).to_string() };
            match World::of(&self.world).answer(&self.name, told) {
                Said::Done => alert.done(),
                Said::Retry => alert.retry("not now"),
                Said::Reject => alert.reject("never"),
                Said::DoneAndFail => return Err(Error::fatal("the line broke")),
            }
        }
        Ok(())
    }
}
