//! `campanile topics fetch`: what is in a topic, and what comes.

mod shown;
mod start;

use super::At;
use crate::cli::output::say;
use crate::cli::{Exit, signals};
use crate::wiring::messaging::Topics;
use campanile_messaging::{MessageId, Start, TopicId};
use campanile_server::client::{Batch, Error, Request};
use clap::Args;
use shown::Shown;
use start::From;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Messages that are fetched at a time.
const FETCH_MESSAGES: usize = 10_000;
/// How long a fetch waits for a message in a folder of one's own; also how long it takes to end.
const OWN_WAIT: Duration = Duration::from_millis(200);
/// How long another process is asked to wait for a message.
const ASKED_WAIT: Duration = Duration::from_secs(1);
/// The pause before a server that went away is asked again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Print the messages of a topic
///
/// One message a line, its payload as it is; a payload that is no UTF-8 text is printed as base64.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  campanile topics fetch alerts
  campanile topics fetch alerts --from 2026-11-21T10:00:00Z --limit 100 --ids
  campanile topics fetch alerts --from end --follow
  campanile topics fetch alerts --json | jq -r .payload

--follow goes on until Ctrl-C or SIGTERM, which end it with 130, or until --limit messages
were printed.")]
pub(crate) struct FetchArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// Begin at start (the oldest message that is kept), end, a time (2026-11-21T10:00:00Z, or milliseconds since 1970), or
    /// with the message of this id
    #[arg(long, value_name = "PLACE", default_value = "start", value_parser = start::parse)]
    from: From,
    /// Begin behind the message of this id
    #[arg(long, value_name = "ID", conflicts_with = "from", value_parser = start::parse_id)]
    after: Option<MessageId>,
    /// Print no more messages than this
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Go on with messages that come
    #[arg(long, short)]
    follow: bool,
    /// Print the id and the time in front of each payload
    #[arg(long)]
    ids: bool,
    /// Print JSON, one object a line: {"id", "time", "payload"}, or "payloadBase64" where it is no text
    #[arg(long, conflicts_with = "ids")]
    json: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(args: &FetchArgs) -> anyhow::Result<Exit> {
    let topic = args.at.topic(&args.topic)?;
    let topics = args.at.open()?;
    let start = match (args.after, args.from) {
        (Some(id), _) => Start::After(id),
        (None, From::End) => Start::After(topics.end(&topic)?),
        (None, From::Start(start)) => start,
    };
    let left = args.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let shown = Shown::new(if args.json {
        shown::Form::Json
    } else if args.ids {
        shown::Form::Ids
    } else {
        shown::Form::Payload
    });
    let mut reader = Reader { topics: &topics, topic: &topic, start, left, shown, gap_told: false };
    let exit = if args.follow { reader.follow()? } else { reader.read()? };
    reader.shown.tell();
    Ok(exit)
}

struct Reader<'a> {
    topics: &'a Topics,
    topic: &'a TopicId,
    start: Start,
    /// Messages that may still be printed.
    left: usize,
    shown: Shown,
    gap_told: bool,
}

impl Reader<'_> {
    /// Prints what is there now.
    fn read(&mut self) -> anyhow::Result<Exit> {
        // What is published meanwhile does not keep it going.
        let end = self.topics.end(self.topic)?;
        while self.left > 0 {
            let mut batch = self.fetch(Duration::ZERO)?;
            batch.messages.retain(|(id, _)| *id <= end);
            if batch.messages.is_empty() || !self.show(&batch)? {
                break;
            }
        }
        Ok(Exit::Done)
    }

    /// Prints what is there and what comes, until somebody has had enough.
    fn follow(&mut self) -> anyhow::Result<Exit> {
        let (stop, stopped) = sync_channel(1);
        signals::install(move || {
            // It is received, or everything has ended.
            let _ = stop.send(());
        })?;
        let mut away = false;
        let mut first = true;
        while self.left > 0 {
            if stopped.try_recv().is_ok() {
                return Ok(Exit::Interrupted);
            }
            let wait = if self.topics.owns_folder() { OWN_WAIT } else { ASKED_WAIT };
            match self.fetch(wait) {
                Ok(batch) => {
                    if away {
                        away = false;
                        say("messages come again");
                    }
                    if !self.show(&batch)? {
                        return Ok(Exit::Done);
                    }
                }
                Err(error) if error.is_retryable() && !first => {
                    if !away {
                        away = true;
                        say(format_args!("warning: {error}; it is tried again until this is stopped"));
                    }
                    if pause(&stopped) {
                        return Ok(Exit::Interrupted);
                    }
                }
                Err(error) => return Err(error.into()),
            }
            first = false;
        }
        Ok(Exit::Done)
    }

    fn fetch(&mut self, wait: Duration) -> Result<Batch, Error> {
        let limit = self.left.min(FETCH_MESSAGES);
        let batch = self.topics.fetch(self.topic, &Request { start: self.start, limit, wait })?;
        if batch.gap && !self.gap_told {
            say("warning: messages after this position have expired: what follows is the oldest that is kept");
        }
        // Until a message comes the same gap is there again.
        self.gap_told = batch.gap && batch.messages.is_empty();
        Ok(batch)
    }

    /// Prints messages; false if nobody reads them any more.
    fn show(&mut self, batch: &Batch) -> anyhow::Result<bool> {
        if let Some((last, _)) = batch.messages.last() {
            self.start = Start::After(*last);
        }
        self.left = self.left.saturating_sub(batch.messages.len());
        self.shown.print(&batch.messages)
    }
}

/// Waits a little; true if it was stopped.
fn pause(stopped: &Receiver<()>) -> bool {
    !matches!(stopped.recv_timeout(RETRY_PAUSE), Err(RecvTimeoutError::Timeout))
}
