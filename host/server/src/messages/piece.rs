//! A piece of a topic: so much that a client may take its time with it.

use campanile_messaging::{Fetch, Message, Messaging, Result, Start, TopicId};

/// Where a reader stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position(pub(crate) Start);

/// Messages that follow a position.
pub(crate) struct Piece {
    pub(crate) messages: Vec<Message>,
    /// Messages after the position have expired.
    pub(crate) gap: bool,
    /// No more was there.
    pub(crate) end: bool,
}

impl Piece {
    /// Reads up to `limit` messages, and no more payload than `bytes` but for the first message, which may be larger. Blocks.
    pub(crate) fn read(
        messaging: &Messaging,
        topic: &TopicId,
        from: &Position,
        limit: usize,
        bytes: usize,
    ) -> Result<Piece> {
        // One more than is given out, to know whether that was all.
        let fetch = Fetch { start: from.0, limit: limit.saturating_add(1), ..Fetch::default() };
        let mut fetched = messaging.fetch(topic, &fetch)?;
        let mut piece = Piece { messages: Vec::new(), gap: fetched.gap(), end: true };
        let mut left = bytes;
        for message in &mut fetched {
            let message = message?;
            let length = message.payload.len();
            if piece.messages.len() == limit || (length > left && !piece.messages.is_empty()) {
                piece.end = false;
                break;
            }
            left = left.saturating_sub(length);
            piece.messages.push(message);
        }
        Ok(piece)
    }

    /// Where the next piece begins.
    pub(crate) fn next(&self, from: &Position) -> Position {
        self.messages.last().map_or_else(|| from.clone(), |last| Position(Start::After(last.id)))
    }
}
