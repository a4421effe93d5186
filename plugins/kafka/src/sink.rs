//! Writes records to a topic.

use crate::address;
use crate::decode::read_avro_schema;
use crate::encode::{Encoder, texts};
use crate::format::{Format, check_scalar};
use crate::group::Partition;
use crate::message_key;
use crate::producer_properties::ProducerProperties;
use crate::security::Security;
use crate::topic_limit;
use crate::transaction::Transactions;
use crate::writer::{Outgoing, Writer};
use campanile_sdk::{
    Any, Batch, Configure, Emitter, Error, ErrorKind, Field, Finding, Input, Level, Record, Result, Services, Sink,
    StageContext,
};
use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The code of error records made of what cannot be written.
const NOT_WRITTEN: i32 = 1;
/// How long a transaction may be open, unless `producerProperties` says otherwise: longer than it is between save points.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
const TRANSACTION_TIMEOUT_MS: &str = "transaction.timeout.ms";
const MAX_BYTES: &str = "message.max.bytes";
/// The least that librdkafka takes for it.
const LEAST_BYTES: u64 = 1_000;
/// What a message on its own takes beside its content, in bytes.
const OVERHEAD_BYTES: u64 = 128;
/// Kafka's bound for a transactional id, which is a text of at most 2^15 - 1 bytes.
const MAX_ID_BYTES: usize = 32_767;

/// Writes records to a topic of Kafka, one message each.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KafkaSink {
    /// The brokers to begin with, as host:port, several parted by commas.
    brokers: String,
    /// The topic, which exists.
    topic: String,
    /// The fields that make a message's key: one is written as it is, several as a JSON array; none for no key.
    #[serde(default)]
    key: Vec<String>,
    /// How a message's partition is found.
    #[serde(default)]
    partitioner: Partitioner,
    /// What a message holds: the record as JSON or Avro, or the text of one field.
    #[serde(default)]
    format: Format,
    /// With format text: the field; `message` where nothing is said.
    field: Option<String>,
    /// With format avro: a file with the schema that messages are written with.
    #[schemars(extend("x-path" = true))]
    schema_file: Option<String>,
    /// Fields that are written as headers too, as text under their names.
    #[serde(default)]
    headers: Vec<String>,
    /// Writes exactly once what a Kafka source of the same pipeline reads: under this id, of this process alone, in
    /// transactions that hold the source's positions.
    transactional_id: Option<String>,
    /// How brokers are reached, and as whom.
    security: Option<Security>,
    /// Further settings of the producer, by librdkafka's names: a map, or text as `name:value,name:value`.
    #[serde(default)]
    producer_properties: ProducerProperties,
    #[serde(skip)]
    run: Option<Run>,
}

/// How a message's partition is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Partitioner {
    /// As Java's producers do: by a murmur2 hash of the key, any without a key.
    #[default]
    Murmur2,
    /// By a CRC32 of the key, any without a key, as other programs on librdkafka do.
    Consistent,
    /// Any, whatever the key.
    Random,
}

impl Partitioner {
    fn name(self) -> &'static str {
        match self {
            Partitioner::Murmur2 => "murmur2_random",
            Partitioner::Consistent => "consistent_random",
            Partitioner::Random => "random",
        }
    }
}

/// What there is while it runs.
struct Run {
    writer: Writer,
    services: Services,
    encoder: Encoder,
    key: Vec<Field<Any>>,
    headers: Vec<(String, Field<Any>)>,
    transactions: Option<Transactions>,
    /// It was told that some records come from elsewhere.
    told_elsewhere: bool,
}

impl KafkaSink {
    fn encoder(&self, input: Input<'_>) -> Result<Encoder> {
        let avro = self.schema_file.as_deref().filter(|_| self.format == Format::Avro);
        let avro = avro.map(read_avro_schema).transpose()?;
        Encoder::new(self.format, self.field.as_deref(), avro, input)
    }

    fn check_format(&self, stage: &mut Configure<'_>, input: Input<'_>) {
        match self.format {
            Format::Jsonl => check_scalar(input.schema(), "format").into_iter().for_each(|finding| stage.find(finding)),
            Format::Text => {
                stage.check("field", Encoder::new(self.format, self.field.as_deref(), None, input));
            }
            Format::Avro if self.schema_file.is_none() => {
                let finding = Finding::error("schemaFile", "format avro needs it");
                stage.find(finding.hint("name a file with the schema that messages are written with"));
            }
            Format::Avro => {}
        }
        if self.field.is_some() && self.format != Format::Text {
            stage.find(Finding::error("field", "it has a meaning with format text only").hint("leave it out"));
        }
        if self.schema_file.is_some() && self.format != Format::Avro {
            stage.find(Finding::error("schemaFile", "it has a meaning with format avro only").hint("leave it out"));
        }
    }
}

/// What the topic would refuse is not sent: a record that is too large is told with its place.
fn fit(config: &mut ClientConfig, topic: &str, services: Services) {
    let compresses = ["compression.type", "compression.codec"].iter().any(|name| config.get(name).is_some());
    let Some(fitted) = topic_limit::fitted(config, topic, services) else { return };
    let limit: Option<u64> = fitted.get("batch.size").and_then(|size| size.parse().ok());
    *config = fitted;
    let most = config.get(MAX_BYTES).and_then(|bytes| bytes.parse().ok()).unwrap_or(u64::MAX);
    if let Some(limit) = limit.filter(|limit| *limit < most && !compresses) {
        config.set(MAX_BYTES, limit.saturating_sub(OVERHEAD_BYTES).max(LEAST_BYTES).to_string());
    }
}

fn fields(input: Input<'_>, names: &[String]) -> Result<Vec<Field<Any>>> {
    names.iter().map(|name| input.any(name)).collect()
}

impl Sink for KafkaSink {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let brokers = address::check_brokers(&self.brokers);
        let topic = address::check_topic(&self.topic);
        let properties = self.producer_properties.check().findings;
        let security = self.security.iter().flat_map(Security::check);
        let all: Vec<Finding> = brokers.into_iter().chain(topic).chain(properties).chain(security).collect();
        all.into_iter().for_each(|finding| stage.find(finding));
        if self.transactional_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > MAX_ID_BYTES) {
            let finding = Finding::error("transactionalId", format!("it has 1 to {MAX_ID_BYTES} bytes"));
            stage.find(finding.hint("name one that no other process writes with, or leave it out"));
        }
        let input = stage.input()?;
        self.check_format(stage, input);
        stage.check("key", fields(input, &self.key));
        stage.check("headers", fields(input, &self.headers));
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let input = stage.input()?;
        let (encoder, key) = (self.encoder(input)?, fields(input, &self.key)?);
        let headers = self.headers.iter().cloned().zip(fields(input, &self.headers)?).collect();
        let services = stage.services();
        let properties = self.producer_properties.check();
        let mut config = properties.config(&self.brokers, &stage.stage_name(), services);
        if self.partitioner != Partitioner::default() {
            config.set("partitioner", self.partitioner.name());
        }
        if let Some(security) = &self.security {
            security.apply(&mut config)?;
        }
        if let Some(id) = &self.transactional_id {
            config.set("transactional.id", id);
            // A message is given up before its transaction is.
            let least_ms = properties.message_timeout().max(TRANSACTION_TIMEOUT).as_millis();
            if config.get(TRANSACTION_TIMEOUT_MS).is_none() {
                config.set(TRANSACTION_TIMEOUT_MS, least_ms.to_string());
            }
        }
        fit(&mut config, &self.topic, services);
        let writer = Writer::connect(&config, &self.topic, properties.message_timeout(), services)?;
        let begin = |_: &String| Transactions::begin(&writer, &stage.run_id(), services);
        let transactions = self.transactional_id.as_ref().map(begin).transpose()?;
        self.run = Some(Run { writer, services, encoder, key, headers, transactions, told_elsewhere: false });
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let Some(run) = &mut self.run else { return Err(Error::fatal("the sink is not open")) };
        let from = Partition::of(batch.split());
        let (from, floor) = run.origin(from, batch);
        let positions = batch.positions().filter(|_| floor > 0);
        for record in batch.records() {
            if positions.is_some_and(|positions| positions[record.row()] < floor) {
                continue;
            }
            match run.write(&record, from.as_ref()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Record => {
                    emitter.emit_error(&record, error.code(), error.to_string())?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn prepare(&mut self) -> Result<()> {
        self.run.as_mut().map_or(Ok(()), Run::finish)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.run.as_mut().map_or(Ok(()), Run::finish).map(|()| None)
    }

    fn abort(&mut self) -> Result<()> {
        if let Some(run) = &mut self.run
            && let Some(transactions) = &mut run.transactions
        {
            transactions.abort(&run.writer);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.run = None;
        Ok(())
    }
}

impl Run {
    /// Where a batch comes from, and the first position of it that was not written before.
    fn origin(&mut self, from: Option<Partition>, batch: &Batch<'_>) -> (Option<Partition>, u64) {
        let Some(transactions) = &self.transactions else { return (None, 0) };
        let floor = from.as_ref().and_then(|partition| transactions.floor(partition));
        match (from, floor) {
            (Some(from), Some(floor)) if batch.positions().is_some() => {
                (Some(from), u64::try_from(floor).unwrap_or_default())
            }
            (from, floor) => {
                if floor.is_none() && batch.positions().is_some() && from.is_some() {
                    // The partition has gone meanwhile: the transaction will not be committed.
                    return (from, 0);
                }
                if !std::mem::replace(&mut self.told_elsewhere, true) {
                    let message = "some records do not say which message they come from: after a crash these may be \
                                   written twice";
                    self.services.log(Level::Warn, message);
                }
                (from.filter(|_| floor.is_some()), 0)
            }
        }
    }

    fn write(&mut self, record: &Record<'_>, from: Option<&Partition>) -> Result<()> {
        let payload = self.encoder.encode(record).map_err(|what| Error::record(NOT_WRITTEN, what))?;
        let key = texts(record, &self.key);
        let key: Vec<Option<&str>> = key.iter().map(Option::as_deref).collect();
        let values = self.headers.iter().filter_map(|(name, field)| {
            let value = record.scalar(*field);
            (!value.is_null()).then(|| (name.clone(), value.to_string()))
        });
        let message = Outgoing { key: message_key::of_values(&key), payload, headers: values.collect() };
        if let Some(transactions) = &mut self.transactions {
            transactions.write(&self.writer, from)?;
        }
        self.writer.send(&message)
    }

    fn finish(&mut self) -> Result<()> {
        self.writer.finish()?;
        match &mut self.transactions {
            Some(transactions) => transactions.commit(&self.writer, self.services),
            None => Ok(()),
        }
    }
}
