//! `campanile alerts replay`.

use super::{OfRun, Which, kept, publishers};
use crate::cli::Exit;
use crate::cli::output::{counted, say};
use crate::cli::stores::{hint, open};
use anyhow::bail;
use clap::Args;

/// Hand alerts that were set aside back to their publishers
///
/// Each goes back into the outbox, behind what waits there, with the id that it has, and for the publisher alone that could
/// not publish it. The next run of the pipeline publishes what is in the outbox before anything else.
#[derive(Debug, Args)]
#[command(
    override_usage = "campanile alerts replay [OPTIONS] <PIPELINE> <ID...|--all|--publisher <NAME>>",
    after_help = "\
Examples:
  campanile alerts replay heart-rate 'ID' 'ID'
  campanile alerts replay heart-rate --publisher bell
  campanile alerts replay heart-rate --all --to mail     where the publisher of then is gone

Up to 32 MiB of alerts that were set aside it happens in one atomic step; beyond that in several,
each whole by itself."
)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    run: OfRun,
    #[command(flatten)]
    which: Which,
    /// Hand them to this publisher in place of their own
    #[arg(long, value_name = "PUBLISHER")]
    to: Option<String>,
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let chosen = args.run.store.choose(Some(&args.run.pipeline))?;
    let folder = chosen.only()?;
    let store = open(folder)?;
    let alerts = kept(&store)?;
    args.which.check_publisher(&publishers(&alerts)?)?;
    let (count, of) = args.which.aside(&alerts)?;
    if count == 0 {
        say(format_args!("{folder}: no alerts were set aside that are meant: nothing is done"));
        return Ok(Exit::Done);
    }
    let of = args.to.clone().map_or(of, |to| vec![to]);
    // A file tells best who will be there; without it, whoever was there when the pipeline ran last.
    let known = chosen.publishers.clone();
    let known = known.unwrap_or_else(|| alerts.cursors().iter().map(|cursor| cursor.publisher.clone()).collect());
    if let Some(gone) = of.iter().find(|name| !known.contains(name)) {
        let there = hint(gone, known.iter().map(String::as_str), "publishers");
        match args.to {
            Some(_) => bail!("--to {gone}: {folder} has no such publisher{there}"),
            None => {
                bail!("publisher `{gone}` is not there any more: --to PUBLISHER hands its alerts to another{there}")
            }
        }
    }
    let replayed = alerts.replay(&args.which.selection(), args.to.as_deref())?;
    store.clean()?;
    let names: Vec<String> = of.iter().map(|name| format!("`{name}`")).collect();
    let wait = if replayed == 1 { "waits" } else { "wait" };
    let alerts = counted(usize::try_from(replayed).unwrap_or(usize::MAX), "alert");
    let them = if replayed == 1 { "it" } else { "them" };
    say(format_args!(
        "{alerts} {wait} again for {}: the next run of {folder} publishes {them} first",
        names.join(", ")
    ));
    Ok(Exit::Done)
}
