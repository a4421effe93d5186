//! `campanile alerts list`.

use super::{as_json, kept, publishers, state};
use crate::cli::Exit;
use crate::cli::excerpt::{excerpt, line, time};
use crate::cli::output::{print, say, table};
use crate::cli::stores::{StoreArgs, each, hint};
use crate::wiring::run_store::{RunFolder, RunStore};
use anyhow::bail;
use campanile_engine::outbox::{KeptAlert, Selection};
use clap::Args;

/// JSON is printed in pieces of about so many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// List alerts that wait for publishers, and those that were set aside
#[derive(Debug, Args)]
#[command(after_help = "\
Those that were set aside come first. An alert that several publishers shall publish stands once for
each.

A run that another process holds is named with its process and left out; where it is the only one
that is asked for the exit code is 1.")]
pub(crate) struct ListArgs {
    /// The pipeline: NAME, NAMESPACE/NAME, or its file. Else all that keep something
    #[arg(value_name = "PIPELINE")]
    pipeline: Option<String>,
    /// Only alerts that wait
    #[arg(long, conflicts_with = "aside")]
    waiting: bool,
    /// Only alerts that were set aside
    #[arg(long)]
    aside: bool,
    /// Only those of this publisher
    #[arg(long, value_name = "NAME")]
    publisher: Option<String>,
    /// Only those that this stage emitted
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Show no more alerts than this; how many more there are is told
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
    /// Print JSON, one object a line, with everything: payload, envelope, publisher, reason
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let chosen = args.store.choose(args.pipeline.as_deref())?;
    let mut listing = Listing { args, left: args.limit, more: 0, found: 0, known: Vec::new(), failed: None };
    each(&chosen, |folder, store| listing.add(folder, store, chosen.folders.len() > 1))?;
    match (listing.found, &args.publisher) {
        (0, Some(name)) if !listing.known.contains(name) => {
            let known = listing.known.iter().map(String::as_str);
            bail!("no alert is of a publisher `{name}`{}", hint(name, known, "publishers"))
        }
        (0, _) => say(match (args.waiting, args.aside) {
            (true, _) => "no alerts wait",
            (_, true) => "no alerts were set aside",
            _ => "no alerts wait, and none were set aside",
        }),
        _ => {}
    }
    if listing.more > 0 {
        say(format_args!("{} more; --limit shows them", listing.more));
    }
    Ok(Exit::Done)
}

struct Listing<'a> {
    args: &'a ListArgs,
    /// Alerts that may still be shown.
    left: u64,
    more: u64,
    found: u64,
    known: Vec<String>,
    failed: Option<anyhow::Error>,
}

impl Listing<'_> {
    fn add(&mut self, folder: &RunFolder, store: &RunStore, is_named: bool) -> anyhow::Result<()> {
        let kept = kept(store)?;
        if self.args.publisher.is_some() {
            self.known.extend(publishers(&kept)?);
        }
        let (publisher, stage) = (self.args.publisher.clone(), self.args.stage.clone());
        let selection = Selection { ids: None, publisher, stage };
        let mut rows = table(["id", "stage", "publisher", "", "since", "reason"]);
        let mut json = String::new();
        let mut any = false;
        let mut add = |alert: KeptAlert| {
            if self.failed.is_some() || !selection.takes(&alert.publisher, &alert.alert) {
                return self.failed.is_none();
            }
            self.found += 1;
            if self.left == 0 {
                self.more += 1;
                return true;
            }
            self.left -= 1;
            if !self.args.json {
                any = true;
                rows.add_row(row(&alert));
                return true;
            }
            json.push_str(&as_json(folder, &alert).to_string());
            json.push('\n');
            if json.len() >= PIECE_BYTES {
                self.failed = print(&std::mem::take(&mut json)).err();
            }
            self.failed.is_none()
        };
        if !self.args.waiting {
            kept.aside(&mut add)?;
        }
        if !self.args.aside {
            kept.waiting(&mut add)?;
        }
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

fn row(kept: &KeptAlert) -> [String; 6] {
    [
        line(&kept.alert.id),
        excerpt(&kept.alert.stage),
        excerpt(&kept.publisher),
        if kept.is_aside() { "set aside".to_owned() } else { state(kept).to_owned() },
        time(kept.since_ms),
        excerpt(kept.reason.as_deref().unwrap_or_default()),
    ]
}
