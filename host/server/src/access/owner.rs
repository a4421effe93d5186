//! A folder that is open in this process, and answers others.

use crate::client::{Batch, Error, Request, Result};
use crate::messages::{MAX_ANSWER_BYTES, MAX_LIMIT, MAX_WAIT, Piece, Position};
use crate::serve::{Server, ServerOptions};
use campanile_messaging::{Listener, Messaging, TopicId};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an owner that ends waits for requests of others.
const END_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Owner {
    messaging: Messaging,
    /// Gone first, so that the socket is removed while the folder is still locked.
    server: Option<Server>,
}

impl Owner {
    /// Answers on the socket.
    pub(super) fn start(messaging: Messaging, socket: &Path) -> Result<Owner> {
        let mut options = ServerOptions::new(messaging.folder());
        options.socket = Some(socket.to_owned());
        // Others are few, and ask little.
        options.threads = 1;
        let server = Server::start(messaging.clone(), options).map_err(|error| Error::Fatal(error.to_string()))?;
        Ok(Owner { messaging, server: Some(server) })
    }

    pub(super) fn messaging(&self) -> &Messaging {
        &self.messaging
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(END_DEADLINE);
        }
    }
}

/// Fetches messages as a server would. Listens first, reads then and waits last: nothing is missed.
pub(super) fn fetch(messaging: &Messaging, topic: &TopicId, asked: &Request) -> Result<Batch> {
    let deadline = Instant::now() + asked.wait.min(MAX_WAIT);
    let limit = asked.limit.clamp(1, MAX_LIMIT);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let listener = if left.is_zero() { None } else { Some(messaging.listen(topic)?) };
        let piece = Piece::read(messaging, topic, &Position(asked.start), limit, MAX_ANSWER_BYTES)?;
        let Some(listener) = listener.filter(|_| piece.messages.is_empty()) else {
            let messages = piece.messages.iter().map(|message| (message.id, message.payload.to_vec()));
            return Ok(Batch { messages: messages.collect(), gap: piece.gap });
        };
        let _ = listener.wait_timeout(left);
    }
}
