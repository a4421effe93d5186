//! Reads records from a topic.

use crate::decode::{self, Decoder};
use crate::format::{Format, check_json};
use crate::from::From;
use crate::position;
use crate::saved::Saved;
use crate::topic::{Named, Topic};
use campanile_sdk::{
    Configure, Emitter, Error, ErrorKind, Fetch, Fetched, Finding, Level, Limits, Message, MessageId, Place, Read,
    Result, Schema, Services, Source, Split, StageContext, Start,
};
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// The code of error records made of what cannot be read.
const UNREADABLE: i32 = 1;
/// How long a source that follows waits for a message in one call: between calls the run is saved.
const FOLLOW_WAIT: Duration = Duration::from_millis(100);
/// How long a source that does not follow waits for a service that cannot be reached.
const RETRY_FOR: Duration = Duration::from_secs(300);
/// The first pause after a service could not be reached; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause, for the same reason.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Reads records from a topic of the messaging service, one a message.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TmsSource {
    /// The topic.
    topic: String,
    /// The namespace of the topic; the pipeline's where nothing is said.
    #[serde(default)]
    namespace: Option<String>,
    /// Where reading begins: `start` (the oldest message that is kept), `end`, a time (RFC 3339 or milliseconds since 1970),
    /// or the id of a message, which is read too.
    #[serde(default)]
    #[schemars(extend("default" = "start"))]
    from: From,
    /// Whether to go on with new messages until the run is stopped; else it reads those that were there at the start.
    #[serde(default)]
    #[schemars(extend("x-live" = true))]
    follow: bool,
    /// What messages hold.
    #[serde(default = "text")]
    format: Format,
    /// With format jsonl: the fields of the records, `[{"name": "cpu", "type": "double", "nullable": false}, …]`.
    #[serde(default)]
    #[schemars(schema_with = "any_schema")]
    schema: Option<Schema>,
    /// The name of a field for the id of the message, 40 hexadecimal digits; without it there is none.
    #[serde(default)]
    id_field: Option<String>,
    /// The name of a field for the time of publication, a timestamp; without it there is none.
    #[serde(default)]
    time_field: Option<String>,
    #[serde(skip)]
    run: Option<Run>,
}

fn text() -> Format {
    Format::Text
}

/// A schema in our own notation or in CDAP's, also as text.
fn any_schema(_: &mut SchemaGenerator) -> schemars::Schema {
    json_schema!({ "type": ["array", "object", "string", "null"] })
}

/// What there is while it runs.
struct Run {
    topic: Topic,
    services: Services,
    decoder: Decoder,
    /// Where reading begins that goes on from nowhere.
    from: Start,
    /// The last message to be read; none where it follows, or where there was no message.
    end: Option<MessageId>,
    follow: bool,
    /// Where the next fetch begins.
    start: Start,
    /// The position behind which reading went on: what shares it was read.
    behind: Option<u64>,
    /// Of the run that this one goes on from.
    saved: Option<Saved>,
    /// A gap was told, and no message came since.
    gap_told: bool,
    unreachable: Option<Unreachable>,
}

/// Since when the service cannot be reached.
struct Unreachable {
    since: Instant,
    pause: Duration,
}

impl TmsSource {
    fn named(&self) -> Named<'_> {
        Named::new(&self.topic, self.namespace.as_deref(), false)
    }

    fn run(&mut self) -> Result<&mut Run> {
        self.run.as_mut().ok_or_else(|| Error::fatal("the source is not open"))
    }

    fn check_schema(&self, stage: &mut Configure<'_>) {
        match (&self.schema, self.format) {
            (Some(schema), Format::Jsonl) => {
                if schema.fields.is_empty() {
                    stage.find(Finding::error("schema", "it has no field").hint("list the fields of the records"));
                }
                for finding in check_json(schema, "schema") {
                    stage.find(finding);
                }
            }
            (None, Format::Jsonl) => {
                let finding = Finding::error("schema", "format jsonl needs it: a topic does not tell its fields");
                stage.find(finding.hint("write `[{\"name\": \"cpu\", \"type\": \"double\"}, …]`"));
            }
            (Some(_), Format::Text | Format::Bytes) => {
                let finding = Finding::error("schema", "it has a meaning with format jsonl only");
                stage.find(finding.hint("set `format` to `jsonl`, or leave `schema` out"));
            }
            (None, Format::Text | Format::Bytes) => {}
        }
    }
}

impl Source for TmsSource {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.named().check(stage);
        if let Err(finding) = self.from.start() {
            stage.find(finding);
        }
        self.check_schema(stage);
        let content = decode::content(self.format, self.schema.as_ref());
        let mut further = [("idField", self.id_field.as_deref()), ("timeField", self.time_field.as_deref())];
        let mut taken: Vec<&str> = content.iter().map(|field| field.name.as_str()).collect();
        for (property, field) in &mut further {
            let Some(name) = *field else { continue };
            if name.is_empty() || taken.contains(&name) {
                let finding = Finding::error(*property, format!("`{name}` is no name for another field"));
                stage.find(finding.hint("give it a name that no field has"));
                *field = None;
            }
            taken.push(name);
        }
        let [(_, id), (_, time)] = further;
        stage.set_output(decode::output(content.clone(), id, time));
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let from = self.from.start().map_err(|finding| Error::findings(vec![finding]))?;
        let (id, time) = (self.id_field.as_deref(), self.time_field.as_deref());
        let decoder = Decoder::new(self.format, self.schema.as_ref(), id, time)?;
        let topic = self.named().open(stage)?;
        // What is published from now on is behind the end, also before the first fetch.
        let end = topic.messaging.fetch(topic.name(), &Fetch::from(Start::End).limit(0));
        let end = end.map_err(|error| error.context(format!("cannot read {topic}")))?.position();
        let from = match (from, end) {
            (Start::End, Some(end)) => Start::After(end),
            (from, _) => from,
        };
        self.run = Some(Run {
            topic,
            services: stage.services(),
            decoder,
            from,
            end: end.filter(|_| !self.follow),
            follow: self.follow,
            start: from,
            behind: None,
            saved: None,
            gap_told: false,
            unreachable: None,
        });
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        let run = self.run()?;
        Ok(vec![Split::new(run.topic.name().to_string())])
    }

    fn begin(&mut self, _: &Split, position: Option<u64>) -> Result<()> {
        let run = self.run()?;
        run.start = position.map_or(run.from, |position| Start::After(position::id(position)));
        run.behind = position;
        if let Some(saved) = run.saved.take() {
            if let Some(after) = saved.after {
                // To the message: others that share its position were not read.
                run.start = Start::After(after);
                run.behind = None;
            }
            run.end = saved.end;
        }
        run.gap_told = false;
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let run = self.run()?;
        let wait = if run.follow { FOLLOW_WAIT } else { Duration::ZERO };
        let fetch = Fetch::from(run.start).limit(limits.rows.max(1)).max_bytes(limits.bytes).wait(wait);
        match run.topic.messaging.fetch(run.topic.name(), &fetch) {
            Ok(fetched) => {
                if run.unreachable.take().is_some() {
                    run.services.log(Level::Info, format!("{} can be read again", run.topic));
                }
                run.take(&fetched, emitter)
            }
            Err(error) if error.kind() == ErrorKind::Retry => run.wait_for_service(error),
            Err(error) => Err(error.context(format!("cannot read {}", run.topic))),
        }
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        let run = self.run()?;
        let after = match run.start {
            Start::After(id) => Some(id),
            _ => None,
        };
        Saved { after, end: run.end }.to_json().map(Some)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.run()?.saved = Some(Saved::from_json(state)?);
        Ok(())
    }

    fn close(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        if let Some(run) = self.run.take() {
            run.tell();
        }
        Ok(())
    }
}

impl Run {
    fn take(&mut self, fetched: &Fetched, emitter: &mut Emitter<'_>) -> Result<Read> {
        if fetched.gap() && !self.gap_told {
            self.gap_told = true;
            self.services.count("messages.gaps", 1);
            let message = format!(
                "messages of {} have expired before they were read: reading goes on with the oldest that is kept",
                self.topic
            );
            self.services.log(Level::Warn, message);
        }
        self.start = fetched.next(self.start);
        let mut messages = fetched.messages().peekable();
        let mut at_end = false;
        while let Some(message) = messages.next() {
            self.gap_told = false;
            if self.end.is_some_and(|end| message.id > end) {
                at_end = true;
                break;
            }
            if self.behind.is_some_and(|behind| position::of(&message.id) == behind) {
                continue;
            }
            let next = messages.peek().map(|next| &next.id);
            let position = position::to_resume_behind(&message.id, next);
            if let Err(why) = self.decoder.push(&message, position) {
                self.unreadable(&message, position, &why, emitter)?;
            }
        }
        self.decoder.emit(emitter)?;
        if self.follow {
            return Ok(if fetched.is_empty() { Read::Idle } else { Read::More });
        }
        let reached = match (self.end, self.start) {
            (Some(end), Start::After(read)) => read >= end,
            // There was no message at the start.
            (None, _) => true,
            (Some(_), _) => false,
        };
        Ok(if at_end || reached || fetched.is_empty() { Read::End } else { Read::More })
    }

    fn unreadable(&self, message: &Message<'_>, position: u64, why: &str, emitter: &mut Emitter<'_>) -> Result<()> {
        let name = self.topic.name().to_string();
        let place = Place { file: &name, line: 0, offset: position };
        emitter.emit_unreadable(&place, message.payload, UNREADABLE, &format!("message {}: {why}", message.id))
    }

    /// What to do while the service cannot be reached: ask again, a bounded run not for ever.
    fn wait_for_service(&mut self, error: Error) -> Result<Read> {
        let unreachable = self.unreachable.get_or_insert_with(|| {
            self.services.log(Level::Warn, format!("cannot read {} for now: {error}", self.topic));
            Unreachable { since: Instant::now(), pause: PAUSE_FIRST }
        });
        if !self.follow && unreachable.since.elapsed() > RETRY_FOR {
            let message = format!("could not read {} for {} s", self.topic, RETRY_FOR.as_secs());
            return Err(error.context(message).with_kind(ErrorKind::Fatal));
        }
        std::thread::park_timeout(unreachable.pause);
        unreachable.pause = (unreachable.pause * 2).min(PAUSE_MAX);
        Ok(Read::Idle)
    }

    /// Tells what was noticed beside records.
    fn tell(&self) {
        let Decoder { unknown, unknown_names, .. } = &self.decoder;
        if *unknown > 0 {
            self.services.count("fields.unknown", *unknown);
            let names = unknown_names.iter().map(|(name, count)| format!("`{name}` ({count})")).collect::<Vec<_>>();
            let message =
                format!("{unknown} values of fields that the schema does not have were ignored: {}", names.join(", "));
            self.services.log(Level::Warn, message);
        }
    }
}

#[cfg(test)]
mod tests;
