//! `campanile topics publish`: messages from the command line, or one a line.

use super::At;
use crate::cli::Exit;
use crate::cli::output::{counted, print, say};
use crate::wiring::messaging::Topics;
use anyhow::{Context, bail};
use campanile_messaging::TopicId;
use campanile_server::client::Published;
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The longest line, in bytes: what a server takes in one request.
const MAX_LINE_BYTES: u64 = 64_000_000;
/// Lines that are published in one request.
const REQUEST_LINES: usize = 1_024;
/// Bytes after which a request takes no more lines.
const REQUEST_BYTES: usize = 1 << 20;
/// What one request with a sequence may hold, in bytes: all of it is one publication.
const SEQUENCE_BYTES: usize = 32_000_000;

/// Publish messages to a topic
///
/// Each MESSAGE is one; without any, each line of --file or of the standard input is one. Lines are published as they come,
/// those that are there together in one request. It returns when they are on the disk.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  campanile topics publish alerts 'too fast' 'too slow'
  tail -f events.jsonl | campanile topics publish events
  campanile topics publish events --file events.jsonl --producer events.jsonl --sequence 1

With --producer and --sequence all messages are one publication. They are numbered from that
sequence on, and those that the producer has published to the topic before are left out: each has
one effect, however often it is sent, and a file that has grown is published from its new end on.")]
pub(crate) struct PublishArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// The messages
    #[arg(value_name = "MESSAGE", conflicts_with = "file")]
    messages: Vec<String>,
    /// Publish the lines of this file, - for the standard input
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Who publishes, for --sequence
    #[arg(long, value_name = "NAME", requires = "sequence")]
    producer: Option<String>,
    /// The number of the first message among those of the producer; the next has the next
    #[arg(long, value_name = "N", requires = "producer")]
    sequence: Option<u64>,
    /// Print JSON, one line a request: {"first", "last", "count", "repeated"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(args: &PublishArgs) -> anyhow::Result<Exit> {
    let topic = args.at.topic(&args.topic)?;
    if !args.messages.is_empty() {
        let topics = args.at.open()?;
        let messages: Vec<&[u8]> = args.messages.iter().map(String::as_bytes).collect();
        return Publisher::new(args, topic, &topics).all(&messages);
    }
    let path = args.file.as_deref().filter(|path| *path != Path::new("-"));
    let shown = path.map_or_else(|| "the standard input".to_owned(), |path| path.display().to_string());
    let lines: Box<dyn Read + Send> = match path {
        Some(path) => Box::new(File::open(path).with_context(|| format!("--file {shown}: cannot be read"))?),
        None => Box::new(std::io::stdin()),
    };
    // A topic that is not there is told before anybody has typed a line.
    let topics = args.at.open()?;
    topics.topic(&topic)?;
    let (send, lines_read) = sync_channel(REQUEST_LINES);
    std::thread::Builder::new()
        .name("lines".to_owned())
        .spawn(move || read_lines(lines, &send))
        .context("cannot start a thread")?;
    let publisher = Publisher::new(args, topic, &topics);
    publisher.lines(&lines_read).with_context(|| format!("lines of {shown}"))
}

/// Hands lines over, without what ends them, until there is no more or nobody wants them.
fn read_lines(from: impl Read, to: &SyncSender<std::io::Result<Vec<u8>>>) {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        let read = from.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line);
        let handed = match read {
            Ok(0) => return,
            Ok(_) if line.pop_if(|&mut last| last == b'\n').is_none() && line.len() as u64 > MAX_LINE_BYTES => {
                let why = format!("a line is longer than {MAX_LINE_BYTES} bytes: no message is");
                to.send(Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why)))
            }
            Ok(_) => to.send(Ok(line)),
            Err(error) => to.send(Err(error)),
        };
        if handed.is_err() {
            return;
        }
    }
}

struct Publisher<'a> {
    args: &'a PublishArgs,
    topic: TopicId,
    topics: &'a Topics,
    published: usize,
}

impl<'a> Publisher<'a> {
    fn new(args: &'a PublishArgs, topic: TopicId, topics: &'a Topics) -> Publisher<'a> {
        Publisher { args, topic, topics, published: 0 }
    }

    /// Publishes these messages in one request.
    fn all(mut self, messages: &[&[u8]]) -> anyhow::Result<Exit> {
        let published = self.publish(messages)?;
        match published.repeated {
            true => say(format_args!(
                "nothing was published: the producer had published all of it to topic `{}`",
                self.topic
            )),
            false => self.tell(),
        }
        Ok(Exit::Done)
    }

    fn lines(mut self, lines: &Receiver<std::io::Result<Vec<u8>>>) -> anyhow::Result<Exit> {
        if self.args.sequence.is_some() {
            let mut all = Vec::new();
            let mut bytes = 0;
            for line in lines {
                let line = line?;
                bytes += line.len();
                if bytes > SEQUENCE_BYTES {
                    bail!(
                        "more than {SEQUENCE_BYTES} bytes: a publication with --sequence is one request; part the file"
                    );
                }
                all.push(line);
            }
            if all.is_empty() {
                bail!("there is none: nothing to publish");
            }
            return self.all(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        // The first is waited for; what is there already goes with it.
        while let Ok(first) = lines.recv() {
            let mut request = vec![first?];
            let mut bytes = request[0].len();
            let mut broken = None;
            while request.len() < REQUEST_LINES && bytes < REQUEST_BYTES {
                match lines.try_recv() {
                    Ok(Ok(line)) => {
                        bytes += line.len();
                        request.push(line);
                    }
                    Ok(Err(error)) => {
                        broken = Some(error);
                        break;
                    }
                    Err(_) => break,
                }
            }
            let done = self.publish(&request.iter().map(Vec::as_slice).collect::<Vec<_>>());
            if done.is_err() || broken.is_some() {
                self.tell();
            }
            done?;
            if let Some(error) = broken {
                return Err(error.into());
            }
        }
        self.tell();
        Ok(Exit::Done)
    }

    fn publish(&mut self, messages: &[&[u8]]) -> anyhow::Result<Published> {
        let producer = self.args.producer.as_deref().zip(self.args.sequence);
        let published = self.topics.publish(&self.topic, messages, producer)?;
        if !published.repeated {
            self.published += published.count;
        }
        if self.args.json {
            let Published { first, last, count, repeated } = published;
            let told = json!({
                "first": first.to_string(), "last": last.to_string(), "count": count, "repeated": repeated
            });
            print(&told.to_string())?;
        }
        Ok(published)
    }

    fn tell(&self) {
        say(format_args!("{} published to topic `{}`", counted(self.published, "message"), self.topic));
    }
}
