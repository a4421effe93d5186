//! The answer to a poll: an Avro array of messages, fetched and sent piece by piece.

use super::answer::{AVRO, Refusal};
use super::avro::{ConsumeRequest, StartFrom};
use super::{blocking, thrift};
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use campanile_messaging::{Fetch, Message, MessageId, Messaging, Start, TopicId};
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Says that messages after the position asked for have expired.
const GAP: HeaderName = HeaderName::from_static("campanile-gap");
/// The most bytes that a long takes.
const MAX_LONG_BYTES: usize = 10;

/// What is left to be sent. Between two pieces nothing of the store is held.
pub(super) struct Poll {
    messaging: Messaging,
    topic: TopicId,
    fetch: Fetch,
    /// About how large pieces get, in bytes.
    piece_bytes: usize,
    /// When the request came in, in milliseconds since 1970.
    asked_ms: u64,
    first: bool,
}

/// A part of the answer.
pub(super) struct Piece {
    bytes: Bytes,
    /// Messages before it have expired.
    gap: bool,
    /// What comes after it.
    rest: Option<Poll>,
}

impl Poll {
    /// What a request asks for. Blocks to look whether the topic is there.
    pub(super) fn new(
        messaging: Messaging,
        topic: TopicId,
        request: ConsumeRequest,
        piece_bytes: usize,
    ) -> Result<Poll, Refusal> {
        messaging.topic(&topic)?;
        let start = match request.start_from {
            StartFrom::Oldest => Start::Oldest,
            StartFrom::Time(time) => Start::Time(
                u64::try_from(time)
                    .map_err(|_| Refusal::bad("Invalid message fetching start time. Start time must be >= 0"))?,
            ),
            StartFrom::Id(bytes) => {
                let id = bytes.first_chunk().ok_or_else(|| {
                    let (given, least) = (bytes.len(), MessageId::LEN);
                    Refusal::bad(format!("a message id has {least} bytes, and the one to start from only {given}"))
                })?;
                let id = MessageId::from_bytes(*id);
                if request.inclusive { Start::At(id) } else { Start::After(id) }
            }
        };
        let limit = match request.limit {
            None => usize::MAX,
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|&limit| limit > 0)
                .ok_or_else(|| Refusal::bad("Invalid message fetching limit. Limit must be > 0"))?,
        };
        let transaction = request.transaction.map(|bytes| thrift::transaction(&bytes)).transpose();
        let transaction =
            transaction.map_err(|why| Refusal::bad(format!("the transaction is no TTransaction in Thrift: {why}")))?;
        let fetch = Fetch { start, limit, transaction: transaction.map(Arc::new) };
        Ok(Poll { messaging, topic, fetch, piece_bytes, asked_ms: now_ms(), first: true })
    }

    /// Blocks to fetch the next piece.
    pub(super) fn piece(mut self) -> Result<Piece, Refusal> {
        // Room for the count of the block, known at its end.
        let mut bytes = vec![0; MAX_LONG_BYTES];
        let mut count = 0_usize;
        let mut over = true;
        let mut fetched = self.messaging.fetch(&self.topic, &self.fetch)?;
        let gap = self.first && fetched.gap();
        for message in fetched.by_ref() {
            let message = message?;
            if !self.first && self.is_new(&message.id) {
                break;
            }
            write_message(&message, &mut bytes);
            count += 1;
            self.fetch.start = Start::After(message.id);
            if bytes.len() >= self.piece_bytes {
                over = false;
                break;
            }
        }
        drop(fetched);
        self.fetch.limit -= count.min(self.fetch.limit);
        self.first = false;
        let over = over || self.fetch.limit == 0;
        let mut head = Vec::with_capacity(MAX_LONG_BYTES);
        if count > 0 {
            write_long(count, &mut head);
            if over {
                write_long(0, &mut bytes);
            }
        } else {
            write_long(0, &mut head);
        }
        let from = MAX_LONG_BYTES - head.len();
        bytes[from..MAX_LONG_BYTES].copy_from_slice(&head);
        Ok(Piece { bytes: Bytes::from(bytes).slice(from..), gap, rest: (!over).then_some(self) })
    }

    /// Whether a message was published after the request: an answer ends there, or it might never end. A message from a
    /// future that is still to come was there before: the clock was set back.
    fn is_new(&self, id: &MessageId) -> bool {
        id.timestamp_ms > self.asked_ms && id.timestamp_ms <= now_ms()
    }
}

impl IntoResponse for Piece {
    /// The answer that begins with this piece. What went wrong with it has got a status of its own; after it only the end of
    /// the connection tells, in the middle of the array.
    fn into_response(self) -> Response {
        let Piece { bytes, gap, rest } = self;
        let body = match rest {
            None => Body::from(bytes),
            Some(rest) => {
                let others = stream::try_unfold(Some(rest), |rest| async {
                    let Some(rest) = rest else { return Ok(None) };
                    let piece = blocking(move || rest.piece()).await.map_err(Refusal::into_error)?;
                    Ok::<_, std::io::Error>(Some((piece.bytes, piece.rest)))
                });
                Body::from_stream(stream::iter([Ok(bytes)]).chain(others))
            }
        };
        let mut response = ([(header::CONTENT_TYPE, AVRO)], body).into_response();
        if gap {
            response.headers_mut().insert(GAP, HeaderValue::from_static("true"));
        }
        response
    }
}

fn write_message(message: &Message, out: &mut Vec<u8>) {
    for bytes in [&message.id.to_bytes()[..], &message.payload] {
        write_long(bytes.len(), out);
        out.extend_from_slice(bytes);
    }
}

/// Writes a length or a count as Avro writes a long.
fn write_long(number: usize, out: &mut Vec<u8>) {
    let mut zigzag = (number as u64) << 1;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as u64)
}
