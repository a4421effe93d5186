//! `campanile alerts`: what waits for publishers, and what was set aside.

mod drop;
mod list;
mod replay;
mod show;

use super::Exit;
use super::excerpt::time;
use super::stores::{StoreArgs, hint, settled};
use crate::wiring::run_store::RunFolder;
use anyhow::bail;
use campanile_engine::outbox::{KeptAlert, KeptAlerts, Selection};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Show alerts that wait or were set aside, hand them back to publishers, drop them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Runs that are saved (with --data, and those that never end) keep alerts until they are published.
One that a publisher rejects, or nobody publishes any more, is set aside. These commands are for
runs that have ended: stop one first, and start it again behind that.

Examples:
  campanile alerts list                              of all runs
  campanile alerts list heart-rate --aside
  campanile alerts show heart-rate 'ID'
  campanile alerts replay heart-rate --all           the next run publishes them first
  campanile alerts drop heart-rate --all --to-file dropped.jsonl")]
pub(crate) enum AlertsVerb {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Replay(replay::ReplayArgs),
    Drop(drop::DropArgs),
}

/// The run whose alerts are meant.
#[derive(Debug, Args)]
struct OfRun {
    /// The pipeline: NAME, NAMESPACE/NAME, or its file
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    #[command(flatten)]
    store: StoreArgs,
}

/// Alerts of a run, by their ids or otherwise.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// The alerts
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Those of this publisher
    #[arg(long, value_name = "NAME")]
    publisher: Option<String>,
}

impl Which {
    fn selection(&self) -> Selection {
        let ids = (!self.ids.is_empty()).then(|| self.ids.iter().cloned().collect());
        Selection { ids, publisher: self.publisher.clone(), stage: None }
    }

    /// The alerts that were set aside, and are meant: how many, and of which publishers. An id that is none of them is an
    /// error.
    fn aside(&self, kept: &KeptAlerts<'_>) -> anyhow::Result<(u64, Vec<String>)> {
        let selection = self.selection();
        let (mut count, mut publishers) = (0, Vec::new());
        let mut missing: HashSet<&str> = self.ids.iter().map(String::as_str).collect();
        kept.aside(&mut |alert| {
            if selection.takes(&alert.publisher, &alert.alert) {
                count += 1;
                missing.remove(alert.alert.id.as_str());
                if !publishers.contains(&alert.publisher) {
                    publishers.push(alert.publisher);
                }
            }
            true
        })?;
        if let Some(missing) = self.ids.iter().find(|id| missing.contains(id.as_str())) {
            let mut waits = None;
            kept.waiting(&mut |alert| {
                if alert.alert.id == *missing {
                    waits = Some(alert.publisher);
                }
                waits.is_none()
            })?;
            match waits {
                Some(publisher) => bail!(
                    "alert {missing} was not set aside: it waits for `{publisher}`; what waits can be dropped only all \
                     together, with --publisher NAME --waiting"
                ),
                None => {
                    bail!("no alert {missing} was set aside; `campanile alerts list --aside` shows those that were")
                }
            }
        }
        Ok((count, publishers))
    }

    /// A publisher that nobody knows was mistyped.
    fn check_publisher(&self, known: &[String]) -> anyhow::Result<()> {
        match &self.publisher {
            Some(name) if !known.contains(name) => {
                bail!(
                    "no alert is of a publisher `{name}`{}",
                    hint(name, known.iter().map(String::as_str), "publishers")
                )
            }
            _ => Ok(()),
        }
    }
}

/// All publishers that alerts of a store wait for or were set aside for.
fn publishers(kept: &KeptAlerts<'_>) -> anyhow::Result<Vec<String>> {
    let mut known: Vec<String> = kept.cursors().iter().map(|cursor| cursor.publisher.clone()).collect();
    kept.aside(&mut |alert| {
        if !known.contains(&alert.publisher) {
            known.push(alert.publisher);
        }
        true
    })?;
    Ok(known)
}

pub(super) fn run(verb: AlertsVerb) -> anyhow::Result<Exit> {
    settled(match verb {
        AlertsVerb::List(args) => list::run(&args),
        AlertsVerb::Show(args) => show::run(&args),
        AlertsVerb::Replay(args) => replay::run(&args),
        AlertsVerb::Drop(args) => drop::run(&args),
    })
}

/// Everything that is known of an alert.
fn as_json(folder: &RunFolder, kept: &KeptAlert) -> Value {
    let alert = &kept.alert;
    let mut all = json!({
        "namespace": folder.namespace,
        "pipelineName": folder.pipeline,
        "instance": folder.instance,
        "state": state(kept),
        "publisher": kept.publisher,
        "since": time(kept.since_ms),
        "reason": kept.reason,
        "id": alert.id,
        "stageName": alert.stage,
        "payload": payload(kept),
        "time": time(alert.time_ms),
    });
    if let Ok(group_by) = serde_json::from_str::<Value>(&alert.group_by) {
        all["groupBy"] = group_by;
    }
    for (name, value) in more(kept) {
        all[name] = value;
    }
    all
}

fn payload(kept: &KeptAlert) -> Map<String, Value> {
    kept.alert.payload.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}

/// Further members of the envelope.
fn more(kept: &KeptAlert) -> Map<String, Value> {
    serde_json::from_str(&kept.alert.more).unwrap_or_default()
}

fn state(kept: &KeptAlert) -> &'static str {
    if kept.is_aside() { "aside" } else { "waiting" }
}

/// The alerts of a store.
fn kept(store: &dyn campanile_engine::store::Store) -> anyhow::Result<KeptAlerts<'_>> {
    Ok(KeptAlerts::new(store)?)
}
