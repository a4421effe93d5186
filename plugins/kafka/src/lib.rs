//! KafkaAlerts publishes alerts to Kafka.
