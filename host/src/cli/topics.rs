//! `campanile topics`: what topics there are, and what is in them.

mod fetch;
mod publish;

use super::output::{print, print_json, say, table};
use super::{BackingArgs, Exit};
use crate::wiring::messaging::{Backing, Topics};
use anyhow::{Context, bail};
use campanile_engine::spec::parse_duration;
use campanile_messaging::{Topic, TopicId};
use campanile_server::client::Error;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::Path;

/// Show, change and read topics of the messaging service
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Where topics are: in the data folder (--data), in another folder or with a server (--messaging).
A folder that another process has open is used through that process.

Examples:
  campanile topics create alerts --ttl 30d
  campanile topics publish alerts 'too fast'
  campanile topics fetch alerts --follow
  campanile topics list --messaging http://127.0.0.1:8090")]
pub(crate) enum TopicsVerb {
    List(ListArgs),
    Create(CreateArgs),
    Describe(DescribeArgs),
    Update(UpdateArgs),
    Delete(DeleteArgs),
    Publish(publish::PublishArgs),
    Fetch(fetch::FetchArgs),
}

/// The namespace, and where it is.
#[derive(Debug, Args)]
struct At {
    /// The namespace of the topic
    #[arg(long, short, value_name = "NAME", default_value = "default")]
    namespace: String,
    #[command(flatten, next_help_heading = "Where topics are")]
    backing: BackingArgs,
}

impl At {
    /// Opens a place that is there: one that was mistyped is not made.
    fn open(&self) -> anyhow::Result<Topics> {
        let backing = Backing::of(&self.backing)?;
        if let Backing::Folder(folder) = &backing
            && !holds_messages(folder)?
        {
            bail!(
                "{}: there is no such folder of messages; `campanile topics create` makes one, --data and --messaging name others",
                folder.display()
            );
        }
        Ok(backing.open()?)
    }

    /// Opens a place, and makes it where it is not there.
    fn open_or_make(&self) -> anyhow::Result<Topics> {
        Ok(Backing::of(&self.backing)?.open()?)
    }

    fn topic(&self, name: &str) -> anyhow::Result<TopicId> {
        Ok(TopicId::new(&self.namespace, name).map_err(Error::from)?)
    }
}

/// Whether this is a folder of messages: any other stays as it is.
fn holds_messages(folder: &Path) -> anyhow::Result<bool> {
    // What is made first, and what is there in each that was made.
    for name in ["lock", "version"] {
        let file = folder.join(name);
        match file.try_exists() {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) if error.kind() == ErrorKind::NotADirectory => bail!("{}: it is no folder", folder.display()),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be looked at", file.display())),
        }
    }
    Ok(false)
}

/// List the topics of a namespace
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON: [{"namespace", "name", "ttl", "generation"}]
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// Create a topic
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The topic: letters, digits, `_` and `-`
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// How long messages are kept: seconds, or a length of time such as 12h or 30d. Else seven days
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<u32>,
    #[command(flatten)]
    at: At,
}

/// Show a topic
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// Print JSON: {"namespace", "name", "ttl", "generation"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// Change how long messages are kept
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// How long messages are kept: seconds, or a length of time such as 12h or 30d
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: u32,
    #[command(flatten)]
    at: At,
}

/// Delete a topic with its messages
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    #[command(flatten)]
    at: At,
}

/// Seconds that messages are kept.
fn ttl(text: &str) -> Result<u32, String> {
    let seconds = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u64>().ok(),
        // What is less than a second is none.
        false => parse_duration(text).filter(|time| time.subsec_millis() == 0).map(|time| time.as_secs()),
    };
    // The most that the service's other clients can say.
    let seconds = seconds.filter(|seconds| (1..=u64::from(u32::MAX >> 1)).contains(seconds));
    seconds.and_then(|seconds| u32::try_from(seconds).ok()).ok_or_else(|| {
        "write whole seconds from 1 to 2147483647, such as 3600, or a length of time such as 90s, 12h or 30d".to_owned()
    })
}

pub(super) fn run(verb: TopicsVerb) -> anyhow::Result<Exit> {
    let done = match verb {
        TopicsVerb::List(args) => list(&args),
        TopicsVerb::Create(args) => create(&args),
        TopicsVerb::Describe(args) => describe(&args),
        TopicsVerb::Update(args) => update(&args),
        TopicsVerb::Delete(args) => delete(&args),
        TopicsVerb::Publish(args) => publish::run(&args),
        TopicsVerb::Fetch(args) => fetch::run(&args),
    };
    done.or_else(|error| match error.downcast_ref::<Error>() {
        // The command line is wrong.
        None | Some(Error::Invalid(_)) => Err(error),
        Some(reason) => {
            say(format_args!("error: {error:#}{}", hint(reason)));
            Ok(Exit::Failed)
        }
    })
}

/// What to do about an error.
fn hint(error: &Error) -> &'static str {
    match error {
        Error::TopicNotFound(_) => {
            " `campanile topics list` shows those that are there, `campanile topics create` makes one"
        }
        Error::TopicExists(_) => " `campanile topics update` changes how long its messages are kept",
        Error::Refused(_) => {
            "; this command takes one from --token-file, from CAMPANILE_TOKEN, or, for a server on this machine, from the data folder"
        }
        _ => "",
    }
}

fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let topics = args.at.open()?.topics(&args.at.namespace)?;
    if args.json {
        print_json(&topics.iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    if topics.is_empty() {
        say(format_args!("namespace `{}` has no topics", args.at.namespace));
        return Ok(Exit::Done);
    }
    let mut rows = table(["topic", "kept for", "generation"]);
    for topic in &topics {
        rows.add_row([topic.id.name(), &kept_for(topic), &topic.generation.to_string()]);
    }
    print(&rows.to_string())?;
    Ok(Exit::Done)
}

fn create(args: &CreateArgs) -> anyhow::Result<Exit> {
    let topic = args.at.topic(&args.topic)?;
    args.at.open_or_make()?.create_topic(&topic, args.ttl)?;
    say(format_args!("topic `{topic}` is there"));
    Ok(Exit::Done)
}

fn describe(args: &DescribeArgs) -> anyhow::Result<Exit> {
    let topic = args.at.open()?.topic(&args.at.topic(&args.topic)?)?;
    if args.json {
        print_json(&as_json(&topic))?;
    } else {
        let (id, generation) = (&topic.id, topic.generation);
        print(&format!(
            "topic       {}\nnamespace   {}\nkept for    {}\ngeneration  {generation}",
            id.name(),
            id.namespace(),
            kept_for(&topic)
        ))?;
    }
    Ok(Exit::Done)
}

fn update(args: &UpdateArgs) -> anyhow::Result<Exit> {
    let topic = args.at.topic(&args.topic)?;
    args.at.open()?.update_topic(&topic, Some(args.ttl))?;
    say(format_args!("topic `{topic}` keeps messages for {}", seconds(args.ttl)));
    Ok(Exit::Done)
}

fn delete(args: &DeleteArgs) -> anyhow::Result<Exit> {
    let topic = args.at.topic(&args.topic)?;
    args.at.open()?.delete_topic(&topic)?;
    say(format_args!("topic `{topic}` is gone, and its messages"));
    Ok(Exit::Done)
}

fn as_json(topic: &Topic) -> Value {
    json!({
        "namespace": topic.id.namespace(),
        "name": topic.id.name(),
        "ttl": topic.ttl_secs,
        "generation": topic.generation,
    })
}

fn kept_for(topic: &Topic) -> String {
    topic.ttl_secs.map_or_else(|| "ever".to_owned(), seconds)
}

/// Seconds as people say them.
fn seconds(seconds: u32) -> String {
    match seconds {
        days if days % 86_400 == 0 => format!("{} d", days / 86_400),
        hours if hours % 3_600 == 0 => format!("{} h", hours / 3_600),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_are_whole_seconds() {
        for (text, expected) in
            [("5", 5), ("1000ms", 1), ("12h", 43_200), ("30d", 2_592_000), ("2147483647", 2_147_483_647)]
        {
            assert_eq!(ttl(text), Ok(expected), "{text}");
        }
        for wrong in
            ["0", "-1", "abc", "", "1500ms", "500ms", "2147483648", "99999999999999999999", "1.5h", "999999999d"]
        {
            assert!(ttl(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_told_in_the_largest_unit_that_fits() {
        assert_eq!([604_800, 7_200, 90].map(seconds), ["7 d", "2 h", "90 s"]);
    }
}
