//! `campanile alerts drop`.

use super::{OfRun, Which, as_json, kept, publishers};
use crate::cli::Exit;
use crate::cli::export::Export;
use crate::cli::output::{counted, say};
use crate::cli::stores::open;
use campanile_engine::outbox::KeptAlert;
use clap::Args;
use std::path::PathBuf;

/// Drop alerts that were set aside, or wait
///
/// What is dropped is gone; --to-file keeps it elsewhere, and it is on the disk before anything is dropped.
#[derive(Debug, Args)]
#[command(
    override_usage = "campanile alerts drop [OPTIONS] <PIPELINE> <ID...|--all|--publisher <NAME>>",
    after_help = "\
Examples:
  campanile alerts drop heart-rate 'ID'
  campanile alerts drop heart-rate --all --to-file dropped.jsonl
  campanile alerts drop heart-rate --publisher bell --waiting     also what waits for it"
)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    run: OfRun,
    #[command(flatten)]
    which: Which,
    /// Drop also what waits: all that waits for the publisher, or with --all for every one
    #[arg(long, conflicts_with = "ids")]
    waiting: bool,
    /// Keep what is dropped in this new file, JSON lines as `alerts list --json` prints them
    #[arg(long, value_name = "FILE")]
    to_file: Option<PathBuf>,
}

pub(super) fn run(args: &DropArgs) -> anyhow::Result<Exit> {
    let chosen = args.run.store.choose(Some(&args.run.pipeline))?;
    let folder = chosen.only()?;
    let store = open(folder)?;
    let mut alerts = kept(&store)?;
    args.which.check_publisher(&publishers(&alerts)?)?;
    let (count, _) = args.which.aside(&alerts)?;
    let selection = args.which.selection();
    if let Some(path) = &args.to_file {
        let mut export = Export::new(path)?;
        let mut failed = None;
        let mut keep = |kept: KeptAlert| {
            if failed.is_none() && selection.takes(&kept.publisher, &kept.alert) {
                failed = export.line(as_json(folder, &kept).to_string().as_bytes()).err();
            }
            failed.is_none()
        };
        alerts.aside(&mut keep)?;
        if args.waiting {
            alerts.waiting(&mut keep)?;
        }
        failed.map_or(Ok(()), Err)?;
        export.finish()?;
    }
    let mut dropped = 0;
    if count > 0 {
        dropped += alerts.drop_aside(&selection)?;
    }
    if args.waiting {
        dropped += alerts.drop_waiting(args.which.publisher.as_deref())?;
    }
    store.clean()?;
    let dropped = counted(usize::try_from(dropped).unwrap_or(usize::MAX), "alert");
    match &args.to_file {
        Some(path) => say(format_args!("{folder}: {dropped} dropped, and kept in {}", path.display())),
        None => say(format_args!("{folder}: {dropped} dropped")),
    }
    Ok(Exit::Done)
}
