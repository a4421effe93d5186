//! Reads one partition.

use super::saved::Saved;
use crate::consumer::{Begin, Consumer, verdict};
use crate::decode::Decoder;
use crate::from::Start;
use crate::group::Partition;
use crate::watch::Watch;
use campanile_sdk::{Emitter, Limits, Place, Read, Result};
use rdkafka::Message;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The code of error records made of what cannot be read.
const UNREADABLE: i32 = 1;
/// How long one call reads: between calls the run is saved, and other partitions are read.
const READ_FOR: Duration = Duration::from_millis(15);
/// How long a source that does not follow waits for messages in one call.
const BOUNDED_WAIT: Duration = Duration::from_millis(100);
/// After so many messages it looks at the time.
const LOOK_EVERY: usize = 256;

/// Reads one partition, for as long as this process has it.
pub(super) struct Reader {
    consumer: Arc<Consumer>,
    partition: Partition,
    /// As people write it.
    name: String,
    assignment: u64,
    /// Nothing where the partition was taken away before reading began.
    queue: Option<PartitionQueue<Watch>>,
    /// The first message that was not read.
    next: i64,
    expired: i64,
    /// Where reading ends.
    end: Option<i64>,
    /// There was nothing behind what was read.
    at_end: bool,
    /// The first message that was not read when it was saved, and when that was committed.
    saved: Option<i64>,
    committed: Option<i64>,
}

impl Reader {
    /// Begins behind what was read before. `bounded` is set where reading ends: at the end that was saved, or that is now.
    pub(super) fn open(
        consumer: &Arc<Consumer>,
        partition: Partition,
        saved: Option<i64>,
        from: Start,
        bounded: Option<Option<i64>>,
    ) -> Result<Reader> {
        let assignment = consumer.group().open_reader(&partition);
        let mut reader = Reader {
            consumer: Arc::clone(consumer),
            name: partition.to_string(),
            partition,
            assignment,
            queue: None,
            next: saved.unwrap_or_default(),
            expired: 0,
            end: None,
            at_end: false,
            saved: None,
            committed: None,
        };
        if !consumer.group().holds(&reader.partition, assignment) {
            return Ok(reader);
        }
        let begin @ Begin { next, end, expired, .. } = consumer.begin_of(&reader.partition, saved, from)?;
        reader.queue = consumer.fetch(&reader.partition, assignment, begin)?;
        (reader.next, reader.expired) = (next, expired);
        reader.end = bounded.map(|saved| saved.unwrap_or(end));
        Ok(reader)
    }

    /// Messages that were to be read and have expired.
    pub(super) fn expired(&self) -> i64 {
        self.expired
    }

    pub(super) fn read(&mut self, limits: Limits, decoder: &mut Decoder, emitter: &mut Emitter<'_>) -> Result<Read> {
        let Some(queue) = &self.queue else { return Ok(Read::Idle) };
        // What goes to another process is left alone from now on.
        if !self.consumer.group().holds(&self.partition, self.assignment) {
            return Ok(Read::Idle);
        }
        if self.end.is_some_and(|end| self.next >= end) {
            return Ok(Read::End);
        }
        let begun = Instant::now();
        let (mut bytes, mut messages) = (0, 0_usize);
        while decoder.rows() < limits.rows.max(1) && bytes < limits.bytes.max(1) {
            messages += 1;
            if messages.is_multiple_of(LOOK_EVERY) && begun.elapsed() >= READ_FOR {
                break;
            }
            // Where reading ends nothing else is to be read meanwhile.
            let patience = if self.end.is_some() && messages == 1 { BOUNDED_WAIT } else { Duration::ZERO };
            let message = match queue.poll(patience) {
                None => break,
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.at_end = true;
                    break;
                }
                Some(Err(error)) => match error.rdkafka_error_code().and_then(verdict) {
                    Some(error) => return Err(error.context(format!("cannot read {}", self.name))),
                    // librdkafka goes on by itself, and has said what is the matter.
                    None => break,
                },
            };
            let offset = message.offset();
            if offset < self.next {
                continue;
            }
            if self.end.is_some_and(|end| offset >= end) {
                self.at_end = true;
                break;
            }
            (self.next, self.at_end) = (offset + 1, false);
            bytes += message.payload_len() + message.key_len();
            if let Err(why) = decoder.push(&message) {
                let place = Place { file: &self.name, line: 0, offset: offset.unsigned_abs() };
                let why = format!("message {offset} of {}: {why}", self.name);
                emitter.emit_unreadable(&place, message.payload().unwrap_or_default(), UNREADABLE, &why)?;
            }
        }
        let rows = decoder.rows();
        // Who has nothing to read may not be let in any more.
        if rows == 0
            && let Some(refusal) = self.consumer.refusal()
        {
            return Err(refusal);
        }
        decoder.emit(emitter)?;
        self.consumer.group().read_up_to(&self.partition, self.assignment, self.next, self.at_end);
        Ok(match self.end {
            // Where it ends nothing is left that could be read: markers of transactions are no messages.
            Some(end) if self.at_end || self.next >= end => Read::End,
            None if rows == 0 && messages <= 1 => Read::Idle,
            _ => Read::More,
        })
    }

    pub(super) fn snapshot(&mut self) -> Option<Saved> {
        self.queue.as_ref()?;
        self.saved = Some(self.next);
        Some(Saved::new(self.next, self.end))
    }

    /// What was saved is on the disk.
    pub(super) fn commit(&mut self) -> Result<()> {
        let Some(saved) = self.saved.filter(|saved| self.committed != Some(*saved)) else { return Ok(()) };
        let stays = self.consumer.group().holds(&self.partition, self.assignment);
        self.consumer.commit(&self.partition, saved, !stays)?;
        self.committed = Some(saved);
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.queue = None;
        self.consumer.group().close_reader(&self.partition, self.assignment);
    }
}
