//! What librdkafka tells of a consumer: errors, statistics, and which partitions come and go.

use crate::group::{Group, Partition};
use crate::listener::Listener;
use campanile_sdk::{Level, Services};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};
use rdkafka::{ClientContext, TopicPartitionList};
use std::time::Duration;

/// How long a partition that goes to another process is kept until what was read of it is saved.
const HOLD: Duration = Duration::from_secs(30);

/// Called from the thread that polls the consumer.
pub(crate) struct Watch {
    pub(crate) listener: Listener,
    pub(crate) group: Group,
    services: Services,
}

impl Watch {
    pub(crate) fn new(services: Services) -> Watch {
        Watch { listener: Listener::new(services), group: Group::default(), services }
    }

    fn revoke(&self, partitions: &[Partition], lost: bool) -> Vec<Partition> {
        // Where it is lost another process has it already, and nothing can be committed.
        let (begun, unsaved) = self.group.revoke(partitions, if lost { Duration::ZERO } else { HOLD });
        if lost && !partitions.is_empty() {
            let message = format!(
                "the group took {} partitions away, for this process was silent for too long: what it read since its last \
                 save point is read again",
                partitions.len()
            );
            self.services.log(Level::Warn, message);
        } else if unsaved {
            let message = format!(
                "what was read of partitions that go to another process was not saved within {} s: it is read again there",
                HOLD.as_secs()
            );
            self.services.log(Level::Warn, message);
        }
        begun
    }
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        for (topic, told) in &statistics.topics {
            for (number, partition) in &told.partitions {
                // The end for those who read what is committed; negative where it is not known yet.
                if partition.ls_offset >= 0 {
                    self.group.note_end(topic, *number, partition.ls_offset);
                }
            }
        }
        self.services.gauge("lag", self.group.lag() as f64);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is told in the same way.
        if error.rdkafka_error_code() != Some(Code::PartitionEOF) {
            self.listener.error(error, reason);
        }
    }
}

impl ConsumerContext for Watch {
    fn rebalance(&self, consumer: &BaseConsumer<Watch>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<Partition> = list
            .elements()
            .iter()
            .map(|one| Partition { topic: one.topic().to_owned(), number: one.partition() })
            .collect();
        let done = if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Each is fetched from where its reader begins, once it does.
            let done = consumer.incremental_assign(&TopicPartitionList::new());
            self.group.assign(partitions);
            done
        } else {
            let begun = self.revoke(&partitions, consumer.assignment_lost());
            let mut list = TopicPartitionList::new();
            for partition in &begun {
                list.add_partition(&partition.topic, partition.number);
            }
            consumer.incremental_unassign(&list)
        };
        if let Err(error) = done {
            self.services.log(Level::Warn, format!("partitions could not be taken or given up: {error}"));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            self.services.log(Level::Warn, format!("positions could not be committed to the group: {error}"));
        }
    }
}
