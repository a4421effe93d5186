//! Reads records from topics.

mod reader;
mod saved;

use crate::address;
use crate::consumer::{Consumer, Settings, Topics};
use crate::consumer_properties::ConsumerProperties;
use crate::decode::{self, Decoder, Further, Part};
use crate::format::{Format, check_scalar};
use crate::from::{From, Start};
use crate::group::Partition;
use crate::security::Security;
use apache_avro::Schema as AvroSchema;
use campanile_sdk::{
    Configure, Emitter, Error, Finding, Level, Limits, Position, Read, Result, Schema, Services, Source, Split,
    StageContext,
};
use reader::Reader;
use regex_lite::Regex;
use saved::Saved;
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Reads records from topics of Kafka, one a message.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KafkaSource {
    /// The brokers to begin with, as host:port, several parted by commas.
    brokers: String,
    /// The topics, which exist.
    #[serde(default)]
    topics: Vec<String>,
    /// Instead of `topics`: a regular expression that the whole name of a topic matches.
    topic_pattern: Option<String>,
    /// The consumer group: all processes of one group share the partitions. With `follow`, where it is required.
    #[schemars(extend("x-group" = true))]
    group: Option<String>,
    /// Where reading begins in a partition of which neither this run nor the group has read anything: `earliest`, `latest`,
    /// or a time (RFC 3339 or milliseconds since 1970).
    #[serde(default)]
    #[schemars(extend("default" = "earliest"))]
    from: From,
    /// Whether to go on with new messages until the run is stopped; else it reads those that were there at the start.
    #[serde(default = "yes")]
    #[schemars(extend("x-live" = true))]
    follow: bool,
    /// What messages hold.
    #[serde(default)]
    format: Format,
    /// With format jsonl: the fields of the records, `[{"name": "cpu", "type": "double", "nullable": false}, …]`.
    #[serde(default)]
    #[schemars(schema_with = "any_schema")]
    schema: Option<Schema>,
    /// With format avro: a file with the schema that messages were written with.
    #[schemars(extend("x-path" = true))]
    schema_file: Option<String>,
    /// The name of a field for the message's key, a string; without it there is none.
    key_field: Option<String>,
    /// The name of a field for the message's topic; without it there is none.
    topic_field: Option<String>,
    /// The name of a field for the message's partition, an int; without it there is none.
    partition_field: Option<String>,
    /// The name of a field for the message's offset, a long; without it there is none.
    offset_field: Option<String>,
    /// The name of a field for the message's timestamp; without it there is none.
    timestamp_field: Option<String>,
    /// The name of a field for the message's headers, a JSON object as a string; without it there is none.
    headers_field: Option<String>,
    /// How brokers are reached, and as whom.
    security: Option<Security>,
    /// Further settings of the consumer, by librdkafka's names.
    #[serde(default)]
    consumer_properties: ConsumerProperties,
    #[serde(skip)]
    run: Option<Run>,
}

fn yes() -> bool {
    true
}

/// A schema in our own notation or in CDAP's, also as text.
fn any_schema(_: &mut SchemaGenerator) -> schemars::Schema {
    json_schema!({ "type": ["array", "object", "string", "null"] })
}

/// What there is while it runs.
struct Run {
    consumer: Arc<Consumer>,
    services: Services,
    decoder: Decoder,
    from: Start,
    follow: bool,
    /// Of the run that this one goes on from.
    saved: Option<Saved>,
    /// Reads a partition.
    reader: Option<Reader>,
}

impl KafkaSource {
    /// The names of further fields, with the property that says each.
    fn further(&self) -> [(&'static str, Part, Option<&String>); 6] {
        [
            ("keyField", Part::Key, self.key_field.as_ref()),
            ("topicField", Part::Topic, self.topic_field.as_ref()),
            ("partitionField", Part::Partition, self.partition_field.as_ref()),
            ("offsetField", Part::Offset, self.offset_field.as_ref()),
            ("timestampField", Part::Timestamp, self.timestamp_field.as_ref()),
            ("headersField", Part::Headers, self.headers_field.as_ref()),
        ]
    }

    /// The further fields whose names no other field has.
    fn named(&self, content: &[campanile_sdk::SchemaField], findings: &mut Vec<Finding>) -> Further {
        let mut taken: Vec<&str> = content.iter().map(|field| field.name.as_str()).collect();
        let mut further = Further::default();
        for (property, part, name) in self.further() {
            let Some(name) = name else { continue };
            if name.is_empty() || taken.contains(&name.as_str()) {
                let finding = Finding::error(property, format!("`{name}` is no name for another field"));
                findings.push(finding.hint("give it a name that no field has"));
                continue;
            }
            taken.push(name);
            further.fields.push((name.clone(), part));
        }
        further
    }

    fn topics(&self) -> Result<Topics, Vec<Finding>> {
        match (&self.topic_pattern, self.topics.is_empty()) {
            (None, false) => {
                let findings: Vec<Finding> = self
                    .topics
                    .iter()
                    .filter_map(|topic| address::check_topic(topic))
                    .map(|finding| Finding { path: "topics".to_owned(), ..finding })
                    .collect();
                if findings.is_empty() { Ok(Topics::Named(self.topics.clone())) } else { Err(findings) }
            }
            (Some(pattern), true) => Regex::new(pattern).map(Topics::Matching).map_err(|error| {
                let finding = Finding::error("topicPattern", format!("`{pattern}` is no regular expression: {error}"));
                vec![finding.hint("write one that matches whole names, such as `readings-.*`")]
            }),
            (None, true) => {
                let finding = Finding::error("topics", "there is no topic");
                Err(vec![finding.hint("write `\"topics\": [\"readings\"]`, or a `topicPattern`")])
            }
            (Some(_), false) => {
                let finding = Finding::error("topicPattern", "it stands beside `topics`");
                Err(vec![finding.hint("leave one of them out")])
            }
        }
    }

    fn check(&self, findings: &mut Vec<Finding>) {
        findings.extend(address::check_brokers(&self.brokers));
        findings.extend(self.topics().err().into_iter().flatten());
        findings.extend(self.from.start().err());
        findings.extend(self.security.iter().flat_map(Security::check));
        findings.extend(self.consumer_properties.check());
        match (&self.group, self.follow) {
            (None, true) => {
                let finding = Finding::error("group", "a source that follows needs it");
                findings
                    .push(finding.hint("name the consumer group, the same for all processes that share the topics"));
            }
            (Some(group), true) if group.is_empty() => findings.push(Finding::error("group", "it is empty")),
            (Some(_), false) => {
                let finding = Finding::error("group", "it has a meaning with `follow` only");
                findings.push(finding.hint("leave it out: without `follow` this process reads all partitions"));
            }
            _ => {}
        }
        match (&self.schema, self.format) {
            (Some(schema), Format::Jsonl) if schema.fields.is_empty() => {
                findings.push(Finding::error("schema", "it has no field").hint("list the fields of the records"));
            }
            (Some(schema), Format::Jsonl) => findings.extend(check_scalar(schema, "schema")),
            (None, Format::Jsonl) => {
                let finding = Finding::error("schema", "format jsonl needs it: a topic does not tell its fields");
                findings.push(finding.hint("write `[{\"name\": \"cpu\", \"type\": \"double\"}, …]`"));
            }
            (Some(_), Format::Text | Format::Avro) => {
                let finding = Finding::error("schema", "it has a meaning with format jsonl only");
                findings.push(finding.hint("leave it out, or set `format` to `jsonl`"));
            }
            (None, Format::Text | Format::Avro) => {}
        }
        match (&self.schema_file, self.format) {
            (None, Format::Avro) => {
                let finding = Finding::error("schemaFile", "format avro needs it");
                findings.push(finding.hint("name a file with the schema that messages are written with"));
            }
            (Some(_), Format::Jsonl | Format::Text) => {
                findings.push(Finding::error("schemaFile", "it has a meaning with format avro only"));
            }
            _ => {}
        }
    }

    /// The fields that messages hold, and Avro's schema of them where that is the format.
    fn content(&self) -> Result<(Vec<campanile_sdk::SchemaField>, Option<AvroSchema>)> {
        let Some(path) = self.schema_file.as_deref().filter(|_| self.format == Format::Avro) else {
            return Ok((decode::content(self.format, self.schema.as_ref()), None));
        };
        let avro = decode::read_avro_schema(path)?;
        let schema =
            decode::avro_fields(&avro).map_err(|what| Error::config(format!("`schemaFile` {path}: {what}")))?;
        Ok((schema.fields, Some(avro)))
    }

    fn run(&mut self) -> Result<&mut Run> {
        self.run.as_mut().ok_or_else(|| Error::fatal("the source is not open"))
    }
}

impl Source for KafkaSource {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let mut findings = Vec::new();
        self.check(&mut findings);
        if self.format == Format::Avro {
            stage.output_unknown_until_start();
        } else {
            let content = decode::content(self.format, self.schema.as_ref());
            let further = self.named(&content, &mut findings);
            stage.set_output(decode::output(content, &further));
        }
        findings.into_iter().for_each(|finding| stage.find(finding));
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let from = self.from.start().map_err(|finding| Error::findings(vec![finding]))?;
        let (content, avro) = self.content()?;
        let mut findings = Vec::new();
        let further = self.named(&content, &mut findings);
        if !findings.is_empty() {
            return Err(Error::findings(findings));
        }
        if self.format == Format::Avro {
            stage.set_output(decode::output(content.clone(), &further));
        }
        let services = stage.services();
        let settings = Settings {
            brokers: &self.brokers,
            security: self.security.as_ref(),
            properties: &self.consumer_properties,
            group: self.group.as_deref().filter(|_| self.follow),
            topics: self.topics().map_err(Error::findings)?,
            run_id: stage.run_id(),
            stage_name: stage.stage_name(),
        };
        self.run = Some(Run {
            consumer: Consumer::open(&settings, services)?,
            services,
            decoder: Decoder::new(self.format, content, &further, avro)?,
            from,
            follow: self.follow,
            saved: None,
            reader: None,
        });
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        let run = self.run()?;
        let partitions = run.consumer.partitions()?;
        let split = |partition: &Partition| {
            let split = Split::new(partition.to_string());
            if run.follow { split.may_leave() } else { split }
        };
        Ok(partitions.iter().map(split).collect())
    }

    fn begin(&mut self, split: &Split, position: Option<u64>) -> Result<()> {
        let run = self.run()?;
        let partition =
            Partition::of(&split.id).ok_or_else(|| Error::fatal(format!("split `{}` is no partition", split.id)))?;
        run.reader = None;
        let saved = run.saved.take();
        // The state may know more than the last row: what became an error record is read too.
        let behind = position.and_then(|position| i64::try_from(position).ok()).map(|position| position + 1);
        let next = saved.map(|saved| saved.next).into_iter().chain(behind).max();
        let end = saved.and_then(|saved| saved.end);
        run.reader = Some(Reader::open(&run.consumer, partition, next, run.from, (!run.follow).then_some(end))?);
        if let Some(expired) = run.reader.as_ref().map(Reader::expired).filter(|expired| *expired > 0) {
            run.services.count("messages.gaps", 1);
            let message = format!(
                "{expired} messages of {} have expired before they were read: reading goes on with the oldest that is kept",
                split.id
            );
            run.services.log(Level::Warn, message);
        }
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let run = self.run()?;
        let Some(reader) = &mut run.reader else { return Err(Error::fatal("no split was begun")) };
        reader.read(limits, &mut run.decoder, emitter)
    }

    fn commit(&mut self, _: &[Position]) -> Result<()> {
        self.run()?.reader.as_mut().map_or(Ok(()), Reader::commit)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.run()?.reader.as_mut().and_then(Reader::snapshot).map(Saved::to_json).transpose()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.run()?.saved = Some(Saved::from_json(state)?);
        Ok(())
    }

    fn close(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        let Some(mut run) = self.run.take() else { return Ok(()) };
        if let Some((count, message)) = run.decoder.take_unknown() {
            run.services.count("fields.unknown", count);
            run.services.log(Level::Warn, message);
        }
        Ok(())
    }
}
