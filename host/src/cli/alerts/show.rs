//! `campanile alerts show`.

use super::{OfRun, as_json, kept, more, state};
use crate::cli::Exit;
use crate::cli::excerpt::{line, time};
use crate::cli::output::{print, print_json};
use crate::cli::stores::open;
use anyhow::bail;
use campanile_engine::outbox::KeptAlert;
use clap::Args;
use std::fmt::Write;

/// Show an alert: payload, envelope, publisher, reason
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    run: OfRun,
    /// The alert
    #[arg(value_name = "ID")]
    id: String,
    /// Print JSON: a list, with the alert once for each of its publishers
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ShowArgs) -> anyhow::Result<Exit> {
    let chosen = args.run.store.choose(Some(&args.run.pipeline))?;
    let folder = chosen.only()?;
    let store = open(folder)?;
    let alerts = kept(&store)?;
    let mut found = Vec::new();
    let mut look = |kept: KeptAlert| {
        if kept.alert.id == args.id {
            found.push(kept);
        }
        true
    };
    alerts.aside(&mut look)?;
    alerts.waiting(&mut look)?;
    if found.is_empty() {
        bail!("{folder} has no alert {}; `campanile alerts list` shows those that are there", args.id);
    }
    if args.json {
        print_json(&found.iter().map(|kept| as_json(folder, kept)).collect::<Vec<_>>())?;
    } else {
        print(&found.iter().map(text).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(Exit::Done)
}

fn text(kept: &KeptAlert) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name:<12}{}", line(value));
    };
    let alert = &kept.alert;
    add("id", &alert.id);
    add("stage", &alert.stage);
    add("publisher", &kept.publisher);
    add("state", if kept.is_aside() { "set aside" } else { state(kept) });
    add("since", &time(kept.since_ms));
    if let Some(reason) = &kept.reason {
        add("reason", reason);
    }
    add("time", &time(alert.time_ms));
    if !alert.group_by.is_empty() {
        add("groupBy", &alert.group_by);
    }
    for (name, value) in more(kept) {
        add(&name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    add("payload", "");
    let width = alert.payload.iter().map(|(key, _)| key.chars().count()).max().unwrap_or_default() + 2;
    for (key, value) in &alert.payload {
        let _ = writeln!(text, "  {:<width$}{}", line(key), line(value));
    }
    text
}
