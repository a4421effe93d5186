//! `campanile errors`: the dead letters of runs.

mod list;
mod replay;
mod show;

use super::Exit;
use super::excerpt::time;
use super::stores::{StoreArgs, settled};
use crate::wiring::run_store::RunFolder;
use campanile_engine::letters::{Letter, short_id};
use campanile_engine::store::MessageId;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Show error records that no stage took, and write them out to be mended and read again
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Runs that are saved (with --data, and those that never end) keep their dead letters, unless the
pipeline names a file for them (deadLetters.path). These commands are for runs that have ended: stop
one first, and start it again behind that.

Examples:
  campanile errors list                                of all runs
  campanile errors list heart-rate --stage readings
  campanile errors show heart-rate 19aa7c3f1d2-0
  campanile errors replay heart-rate --all --to mend.jsonl --remove")]
pub(crate) enum ErrorsVerb {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Replay(replay::ReplayArgs),
}

/// The run whose dead letters are meant.
#[derive(Debug, Args)]
struct OfRun {
    /// The pipeline: NAME, NAMESPACE/NAME, or its file
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(verb: ErrorsVerb) -> anyhow::Result<Exit> {
    settled(match verb {
        ErrorsVerb::List(args) => list::run(&args),
        ErrorsVerb::Show(args) => show::run(&args),
        ErrorsVerb::Replay(args) => replay::run(&args),
    })
}

/// An id as `errors list` shows it, or with all its digits.
fn id(text: &str) -> Result<MessageId, String> {
    campanile_engine::letters::parse_id(text).ok_or_else(|| {
        "write the id of a dead letter as `campanile errors list` shows it, such as 19aa7c3f1d2-0".to_owned()
    })
}

/// Everything that is known of a letter.
fn as_json(folder: &RunFolder, letter: &Letter) -> Value {
    let mut all = json!({
        "id": short_id(letter.id),
        "namespace": folder.namespace,
        "pipelineName": folder.pipeline,
        "instance": folder.instance,
        "time": time(letter.time_ms()),
    });
    for (name, value) in letter.json.as_object().into_iter().flatten().filter(|(name, _)| *name != "timeMs") {
        all[name] = value.clone();
    }
    all
}
