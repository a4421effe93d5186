//! Transactions of a sink, which hold what it writes and how far the run's source has read.

use crate::consumer::Consumer;
use crate::group::Partition;
use crate::writer::Writer;
use campanile_sdk::{Error, Result, Services};
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long one step of a transaction may take, with all that it is tried again.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a transaction may take to be given up: the brokers do so themselves when it was open for too long.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a step is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// The transactions of a run.
pub(crate) struct Transactions {
    source: Weak<Consumer>,
    /// One has begun.
    open: bool,
    /// The partitions that what was written in it came from.
    written: BTreeSet<Partition>,
    /// How far the group knows that the source has read.
    sent: BTreeMap<Partition, i64>,
}

impl Transactions {
    /// Takes over from whoever wrote by this id before: what that left open is given up.
    pub(crate) fn begin(writer: &Writer, run_id: &str, services: Services) -> Result<Transactions> {
        let sources = Consumer::of_run(run_id);
        let [source] = sources.as_slice() else {
            return Err(Error::config(match sources.len() {
                0 => "`transactionalId` needs a Kafka source that follows, in the same pipeline: its positions are \
                      committed with what is written"
                    .to_owned(),
                count => format!(
                    "`transactionalId` needs one Kafka source, the pipeline has {count}: write one pipeline each"
                ),
            }));
        };
        source.set_transactional();
        step("take over the transactions", services, |left| writer.client.init_transactions(left))?;
        Ok(Transactions {
            source: Arc::downgrade(source),
            open: false,
            written: BTreeSet::new(),
            sent: BTreeMap::new(),
        })
    }

    /// The first message of a partition that is to be written: nothing where the run does not have it.
    pub(crate) fn floor(&self, partition: &Partition) -> Option<i64> {
        self.source.upgrade()?.group().floor(partition)
    }

    /// A message is about to be written that came from there.
    pub(crate) fn write(&mut self, writer: &Writer, from: Option<&Partition>) -> Result<()> {
        if let Some(partition) = from.filter(|partition| !self.written.contains(partition)) {
            self.written.insert(partition.clone());
        }
        if !self.open {
            writer.client.begin_transaction().map_err(|error| failed("begin a transaction", &error))?;
            self.open = true;
        }
        Ok(())
    }

    /// Commits what was written, with how far the source has read.
    pub(crate) fn commit(&mut self, writer: &Writer, services: Services) -> Result<()> {
        let Some(source) = self.source.upgrade() else {
            return if self.open { Err(Error::fatal("the source is gone, and its positions with it")) } else { Ok(()) };
        };
        let offsets = source.group().offsets();
        if let Some(lost) = self.written.iter().find(|partition| !offsets.contains_key(partition)) {
            return Err(Error::fatal(format!(
                "{lost} went to another process before what was read of it was saved: this run goes on from its last save \
                 point"
            )));
        }
        let news: Vec<(&Partition, i64)> = offsets
            .iter()
            .filter(|(partition, next)| self.sent.get(partition) != Some(next))
            .map(|(partition, next)| (partition, *next))
            .collect();
        if !self.open && news.is_empty() {
            return Ok(());
        }
        if !news.is_empty() {
            self.write(writer, None)?;
            let list = source.positions(news)?;
            let metadata = || source.group_metadata().ok_or(KafkaError::Canceled);
            step("commit positions in a transaction", services, |left| {
                let metadata: ConsumerGroupMetadata = metadata()?;
                writer.client.send_offsets_to_transaction(&list, &metadata, left)
            })?;
        }
        step("commit a transaction", services, |left| writer.client.commit_transaction(left))?;
        self.open = false;
        self.written.clear();
        self.sent = offsets;
        Ok(())
    }

    /// Gives up what was written since the last commit.
    pub(crate) fn abort(&mut self, writer: &Writer) {
        if std::mem::take(&mut self.open) {
            writer.give_up();
            // Where it cannot be told to the brokers they find out themselves.
            let _ = writer.client.abort_transaction(ABORT_TIMEOUT);
        }
    }
}

/// Does one step, again and again while that may help.
fn step(what: &str, services: Services, mut act: impl FnMut(Duration) -> KafkaResult<()>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let left = STEP_TIMEOUT.saturating_sub(begun.elapsed());
        let error = match act(left.max(PAUSE)) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let may_help = match &error {
            KafkaError::Transaction(error) => error.is_retriable(),
            _ => false,
        };
        if !may_help || left.is_zero() {
            return Err(failed(what, &error));
        }
        services.log(campanile_sdk::Level::Debug, format!("{what}: {error}; trying again"));
        std::thread::park_timeout(PAUSE);
    }
}

fn failed(what: &str, error: &KafkaError) -> Error {
    let words = match error {
        KafkaError::Transaction(error) if error.is_fatal() => {
            format!(
                "{}: another process writes with the same `transactionalId`, or this one was silent for too long",
                error
            )
        }
        error => error.to_string(),
    };
    Error::fatal(format!("cannot {what}: {words}"))
}
