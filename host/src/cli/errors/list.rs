//! `campanile errors list`.

use super::as_json;
use crate::cli::Exit;
use crate::cli::excerpt::{excerpt, time};
use crate::cli::output::{print, say, table};
use crate::cli::stores::{StoreArgs, each};
use crate::wiring::run_store::{RunFolder, RunStore};
use campanile_engine::letters::{KeptLetters, Letter, short_id};
use clap::Args;

/// JSON is printed in pieces of about so many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// List dead letters, the oldest first
#[derive(Debug, Args)]
#[command(after_help = "\
A run that another process holds is named with its process and left out; where it is the only one
that is asked for the exit code is 1.")]
pub(crate) struct ListArgs {
    /// The pipeline: NAME, NAMESPACE/NAME, or its file. Else all that keep something
    #[arg(value_name = "PIPELINE")]
    pipeline: Option<String>,
    /// Only those of this stage
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Only those of the run with this id
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Show no more than this; how many more there are is told
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
    /// Print JSON, one object a line, with everything: record, raw bytes, position
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let chosen = args.store.choose(args.pipeline.as_deref())?;
    let mut listing = Listing { args, left: args.limit, more: 0, failed: None };
    each(&chosen, |folder, store| listing.add(folder, store, chosen.folders.len() > 1))?;
    if listing.left == args.limit && listing.more == 0 {
        say("there are no dead letters");
    }
    if listing.more > 0 {
        say(format_args!("{} more; --limit shows them", listing.more));
    }
    Ok(Exit::Done)
}

struct Listing<'a> {
    args: &'a ListArgs,
    /// Letters that may still be shown.
    left: u64,
    more: u64,
    failed: Option<anyhow::Error>,
}

impl Listing<'_> {
    fn add(&mut self, folder: &RunFolder, store: &RunStore, is_named: bool) -> anyhow::Result<()> {
        let mut rows = table(["id", "time", "stage", "code", "message", "place"]);
        let mut json = String::new();
        let mut any = false;
        KeptLetters::new(store).each(&mut |letter| {
            let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
            if !is(&self.args.stage, letter.stage()) || !is(&self.args.run, letter.run()) {
                return true;
            }
            if self.left == 0 {
                self.more += 1;
                return true;
            }
            self.left -= 1;
            if !self.args.json {
                any = true;
                rows.add_row(row(&letter));
                return true;
            }
            json.push_str(&as_json(folder, &letter).to_string());
            json.push('\n');
            if json.len() >= PIECE_BYTES {
                self.failed = print(&std::mem::take(&mut json)).err();
            }
            self.failed.is_none()
        })?;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if !json.is_empty() {
            print(&json)?;
        }
        if any {
            let title = if is_named { format!("{folder}\n") } else { String::new() };
            print(&format!("{title}{}", rows.trim_fmt()))?;
        }
        Ok(())
    }
}

fn row(letter: &Letter) -> [String; 6] {
    [
        short_id(letter.id),
        time(letter.time_ms()),
        excerpt(letter.stage()),
        letter.code().to_string(),
        excerpt(letter.message()),
        excerpt(&letter.place()),
    ]
}
