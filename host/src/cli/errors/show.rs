//! `campanile errors show`.

use super::{OfRun, as_json};
use crate::cli::Exit;
use crate::cli::excerpt::{line, time};
use crate::cli::output::{print, print_json};
use crate::cli::stores::open;
use anyhow::bail;
use campanile_engine::letters::{KeptLetters, Letter, short_id};
use campanile_engine::store::MessageId;
use clap::Args;
use std::fmt::Write;

/// Show a dead letter: the record or the bytes that could not be read, the reason, the place
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    run: OfRun,
    /// The letter, as `errors list` shows its id
    #[arg(value_name = "ID", value_parser = super::id)]
    id: MessageId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ShowArgs) -> anyhow::Result<Exit> {
    let chosen = args.run.store.choose(Some(&args.run.pipeline))?;
    let folder = chosen.only()?;
    let store = open(folder)?;
    let mut found = None;
    KeptLetters::new(&store).each(&mut |letter| {
        if letter.id == args.id {
            found = Some(letter);
        }
        found.is_none()
    })?;
    let Some(letter) = found else {
        bail!("{folder} has no dead letter {}; `campanile errors list` shows those that are there", short_id(args.id));
    };
    if args.json {
        print_json(&as_json(folder, &letter))?;
    } else {
        print(&text(&letter))?;
    }
    Ok(Exit::Done)
}

fn text(letter: &Letter) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{name:<10}{}", line(value));
        }
    };
    add("id", &short_id(letter.id));
    add("run", letter.run());
    add("time", &time(letter.time_ms()));
    add("stage", letter.stage());
    add("code", &letter.code().to_string());
    add("message", letter.message());
    add("place", &letter.place());
    if let Some(record) = letter.record() {
        add("record", &record.to_string());
    }
    if let Some(raw) = letter.json["raw"].as_str() {
        add(if letter.json["rawEncoding"] == "base64" { "base64" } else { "raw" }, raw);
    }
    text
}
