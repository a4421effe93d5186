//! Small bodies in Avro: one value in binary, without a container. The schemas are in `schema/`.

use super::answer::Refusal;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use axum::http::StatusCode;
use campanile_messaging::{MessageId, Published, RollbackRange};
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::LazyLock;

/// What the library makes room for before it looks whether that much is there, in bytes: the most that a start or a
/// transaction may take.
const MAX_VALUE_BYTES: usize = 16 << 20;

static CONSUME_REQUEST: LazyLock<Parsed> = LazyLock::new(|| parse(include_str!("schema/consume-request.avsc")));
static PUBLISH_RESPONSE: LazyLock<Parsed> = LazyLock::new(|| parse(include_str!("schema/publish-response.avsc")));

/// A schema; tests hold that it parses.
type Parsed = Result<Schema, apache_avro::Error>;

fn parse(text: &str) -> Parsed {
    apache_avro::util::max_allocation_bytes(MAX_VALUE_BYTES);
    Schema::parse_str(text)
}

/// What a poll asks for, as it travels.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumeRequest {
    #[serde(rename = "startFrom")]
    pub(super) start_from: StartFrom,
    pub(super) inclusive: bool,
    pub(super) limit: Option<i32>,
    #[serde(with = "apache_avro::serde::bytes_opt")]
    pub(super) transaction: Option<Vec<u8>>,
}

/// Where a poll starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StartFrom {
    Id(Vec<u8>),
    /// Milliseconds since 1970.
    Time(i64),
    Oldest,
}

impl<'de> Deserialize<'de> for StartFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StartFrom, D::Error> {
        deserializer.deserialize_any(StartFromVisitor)
    }
}

struct StartFromVisitor;

impl Visitor<'_> for StartFromVisitor {
    type Value = StartFrom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, a long or null")
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<StartFrom, E> {
        Ok(StartFrom::Id(bytes))
    }

    fn visit_i64<E: de::Error>(self, time: i64) -> Result<StartFrom, E> {
        Ok(StartFrom::Time(time))
    }

    fn visit_unit<E: de::Error>(self) -> Result<StartFrom, E> {
        Ok(StartFrom::Oldest)
    }
}

/// Reads what a poll asks for.
pub(super) fn consume_request(body: &[u8]) -> Result<ConsumeRequest, Refusal> {
    read(&CONSUME_REQUEST, "ConsumeRequest", body)
}

/// Where a request's messages went, as it travels: the answer to a transactional publish, and what a rollback sends back.
#[derive(Serialize, Deserialize)]
struct PublishResponse {
    #[serde(rename = "transactionWritePointer")]
    transaction: Option<i64>,
    #[serde(rename = "rollbackRange")]
    range: Range,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "RollbackRange", rename_all = "camelCase")]
struct Range {
    start_timestamp: i64,
    start_sequence_id: i32,
    end_timestamp: i64,
    end_sequence_id: i32,
}

/// The answer to a transactional publish.
pub(super) fn publish_response(transaction: i64, published: &Published) -> Result<Vec<u8>, Refusal> {
    let (start, end) = (published.first, published.last);
    let response = PublishResponse {
        transaction: Some(transaction),
        range: Range {
            start_timestamp: start.timestamp_ms.cast_signed(),
            start_sequence_id: start.sequence.into(),
            end_timestamp: end.timestamp_ms.cast_signed(),
            end_sequence_id: end.sequence.into(),
        },
    };
    let writer = GenericDatumWriter::builder(PUBLISH_RESPONSE.as_ref().map_err(broken)?).build();
    writer.and_then(|writer| writer.write_ser_to_vec(&response)).map_err(|error| broken(&error))
}

/// Reads what a rollback asks for.
pub(super) fn rollback_range(body: &[u8]) -> Result<RollbackRange, Refusal> {
    let PublishResponse { transaction, range } = read(&PUBLISH_RESPONSE, "PublishResponse", body)?;
    let id = |timestamp: i64, sequence: i32| match (u64::try_from(timestamp), u16::try_from(sequence)) {
        (Ok(timestamp), Ok(sequence)) => Ok(MessageId::new(timestamp, sequence)),
        _ => Err(Refusal::bad(format!(
            "the range to roll back has an end at {timestamp} ms, number {sequence}: no message"
        ))),
    };
    Ok(RollbackRange {
        transaction: transaction
            .ok_or_else(|| Refusal::bad("a rollback needs the write pointer of its transaction"))?,
        start: id(range.start_timestamp, range.start_sequence_id)?,
        end: id(range.end_timestamp, range.end_sequence_id)?,
    })
}

/// Reads one value; what follows it is ignored.
fn read<T: DeserializeOwned>(schema: &Parsed, what: &str, mut body: &[u8]) -> Result<T, Refusal> {
    let reader =
        GenericDatumReader::builder(schema.as_ref().map_err(broken)?).build().map_err(|error| broken(&error))?;
    reader.read_deser(&mut body).map_err(|error| match error.details().source().and_then(|e| e.downcast_ref()) {
        Some(end) if io::Error::kind(end) == io::ErrorKind::UnexpectedEof => no_datum(what, "it ends too early"),
        _ => no_datum(what, error),
    })
}

/// A body is not what it should be.
pub(super) fn no_datum(what: &str, why: impl fmt::Display) -> Refusal {
    Refusal::bad(format!("the body is no {what} in Avro: {why}"))
}

/// A schema of this service does not do.
fn broken(error: &apache_avro::Error) -> Refusal {
    Refusal::Why(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
