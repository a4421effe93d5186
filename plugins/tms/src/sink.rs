//! Writes records to a topic.

use crate::format::{Format, MESSAGE_FIELD, check_json};
use crate::page::Page;
use crate::print::Printer;
use crate::topic::{Named, Topic};
use campanile_sdk::{
    Batch, Bytes, Configure, Emitter, Error, ErrorKind, Field, Finding, Input, Level, Result, Services, Sink,
    StageContext,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// The code of error records.
const NOT_WRITTEN: i32 = 1;
/// How long a batch is tried again while the service cannot be reached: a call of the plugin has to return.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// As much when the run was told to stop.
const RETRY_FOR_STOPPED: Duration = Duration::from_secs(5);
/// The first pause before it is tried again; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Writes records to a topic of the messaging service, one message each.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TmsSink {
    /// The topic.
    topic: String,
    /// The namespace of the topic; the pipeline's where nothing is said.
    #[serde(default)]
    namespace: Option<String>,
    /// Whether the topic is created where it is not there, in the pipeline's namespace.
    #[serde(default)]
    auto_create_topic: bool,
    /// What a message holds: the record as JSON, or the content of one field.
    #[serde(default = "jsonl")]
    format: Format,
    /// With format text or bytes: the field; `message` where nothing is said.
    #[serde(default)]
    field: Option<String>,
    #[serde(skip)]
    run: Option<Run>,
}

fn jsonl() -> Format {
    Format::Jsonl
}

/// What there is while it runs.
struct Run {
    to: Topic,
    services: Services,
    content: Content,
    page: Page,
    /// For each message the row that it was made of.
    rows: Vec<usize>,
}

enum Content {
    Record(Printer),
    Field(Field<Bytes>),
}

impl TmsSink {
    fn named(&self) -> Named<'_> {
        Named::new(&self.topic, self.namespace.as_deref(), self.auto_create_topic)
    }

    fn field(&self) -> &str {
        self.field.as_deref().unwrap_or(MESSAGE_FIELD)
    }

    fn content(&self, input: Input<'_>) -> Result<Content> {
        match self.format {
            Format::Jsonl => Printer::new(input.schema()).map(Content::Record),
            Format::Text => {
                input.text(self.field())?;
                input.bytes(self.field()).map(Content::Field)
            }
            Format::Bytes => input.bytes(self.field()).map(Content::Field),
        }
    }
}

impl Sink for TmsSink {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.named().check_to_publish(stage);
        let input = stage.input()?;
        if self.format == Format::Jsonl {
            for finding in check_json(input.schema(), "format") {
                stage.find(finding);
            }
            if self.field.is_some() {
                let finding = Finding::error("field", "it has no meaning with format jsonl, which writes all fields");
                stage.find(finding.hint("set `format` to `text` or `bytes`, or leave `field` out"));
            }
        } else {
            stage.check("field", self.content(input));
        }
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let content = self.content(stage.input()?)?;
        let to = self.named().open(stage)?;
        self.run = Some(Run { to, services: stage.services(), content, page: Page::default(), rows: Vec::new() });
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let field = self.field.as_deref().unwrap_or(MESSAGE_FIELD);
        let Some(run) = &mut self.run else { return Err(Error::fatal("the sink is not open")) };
        run.page.clear();
        run.rows.clear();
        for record in batch.records() {
            match &run.content {
                Content::Record(printer) => run.page.push(|out| printer.print(&record, out)),
                Content::Field(content) => match record.bytes(*content) {
                    Some(bytes) => run.page.push(|out| out.extend_from_slice(bytes)),
                    None => {
                        emitter.emit_error(&record, NOT_WRITTEN, format!("field `{field}` is null"))?;
                        continue;
                    }
                },
            }
            run.rows.push(record.row());
        }
        let mut refused = Vec::new();
        run.publish(&mut refused)?;
        for (number, reason) in refused {
            emitter.emit_error(&batch.record(run.rows[number]), NOT_WRITTEN, reason)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.run = None;
        Ok(())
    }
}

impl Run {
    /// Publishes the page, and tries again what could not be published for now.
    fn publish(&self, refused: &mut Vec<(usize, String)>) -> Result<()> {
        let begun = Instant::now();
        let (mut next, mut pause) = (0, PAUSE_FIRST);
        loop {
            let published = self.to.publish(&self.page, next, &mut |number, reason| {
                next = number + 1;
                refused.extend(reason.map(|reason| (number, reason)));
            });
            let error = match published {
                Err(error) if error.kind() == ErrorKind::Retry => error,
                published => return published,
            };
            let patience = if self.services.is_cancelled() { RETRY_FOR_STOPPED } else { RETRY_FOR };
            let tried = begun.elapsed();
            if tried + pause > patience {
                let left = self.page.len() - next;
                let message = format!("{left} records were not written within {:.0} s", tried.as_secs_f64());
                return Err(error.context(message).with_kind(ErrorKind::Fatal));
            }
            if pause == PAUSE_FIRST {
                self.services.log(Level::Info, format!("{error}; trying again"));
            }
            std::thread::park_timeout(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

#[cfg(test)]
mod tests;
