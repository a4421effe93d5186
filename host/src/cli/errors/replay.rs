//! `campanile errors replay`.

use super::OfRun;
use crate::cli::Exit;
use crate::cli::export::{Export, write_line};
use crate::cli::output::{Unprinted, counted, say};
use crate::cli::stores::{hint, open};
use anyhow::bail;
use campanile_engine::letters::{KeptLetters, Letter, short_id};
use campanile_engine::store::MessageId;
use clap::Args;
use std::collections::{BTreeMap, HashSet};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Write dead letters out, to be mended and read again
///
/// What a source could not read is written as it was, byte for byte, a line each (LF is added where it has none); the records
/// of other stages as JSON lines.
#[derive(Debug, Args)]
#[command(
    override_usage = "campanile errors replay [OPTIONS] --to <FILE> <PIPELINE> <ID...|--all|--stage <NAME>>",
    after_help = "\
Examples:
  campanile errors replay heart-rate --all --to mend.jsonl
  campanile errors replay heart-rate 19aa7c3f1d2-0 --to -
  campanile errors replay heart-rate --stage readings --to mend.jsonl --remove

What is kept of a line that is longer than its source allows is only its beginning."
)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    run: OfRun,
    #[command(flatten)]
    which: Which,
    /// Write to this new file, or with - to stdout
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Remove them from the store once they are in the file and on the disk
    #[arg(long)]
    remove: bool,
}

/// Letters of a run.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// The letters, as `errors list` shows their ids
    #[arg(value_name = "ID", value_parser = super::id)]
    ids: Vec<MessageId>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Those of this stage
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
}

/// What the letters of a stage hold.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    raw: usize,
    records: usize,
    neither: usize,
}

impl Which {
    /// What is meant, stage by stage. An id or a stage that is not there is an error.
    fn look(&self, letters: &KeptLetters<'_>) -> anyhow::Result<BTreeMap<String, Held>> {
        let mut stages: BTreeMap<String, Held> = BTreeMap::new();
        let mut missing: HashSet<MessageId> = self.ids.iter().copied().collect();
        let mut known = Vec::new();
        letters.each(&mut |letter| {
            missing.remove(&letter.id);
            if !known.iter().any(|stage| stage == letter.stage()) {
                known.push(letter.stage().to_owned());
            }
            if self.takes(&letter) {
                let held = stages.entry(letter.stage().to_owned()).or_default();
                match (letter.raw(), letter.record()) {
                    (Some(_), _) => held.raw += 1,
                    (None, Some(_)) => held.records += 1,
                    (None, None) => held.neither += 1,
                }
            }
            true
        })?;
        if let Some(id) = self.ids.iter().find(|id| missing.contains(id)) {
            bail!("there is no dead letter {}; `campanile errors list` shows those that are there", short_id(*id));
        }
        match &self.stage {
            Some(stage) if !known.contains(stage) && !known.is_empty() => {
                bail!("no dead letter is of stage `{stage}`{}", hint(stage, known.iter().map(String::as_str), "stages"))
            }
            _ => Ok(stages),
        }
    }

    fn takes(&self, letter: &Letter) -> bool {
        (self.ids.is_empty() || self.ids.contains(&letter.id))
            && self.stage.as_deref().is_none_or(|stage| stage == letter.stage())
    }
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let to_stdout = args.to == Path::new("-");
    if to_stdout && args.remove {
        bail!("--remove needs a file behind --to: what is on stdout is not known to be kept");
    }
    let chosen = args.run.store.choose(Some(&args.run.pipeline))?;
    let folder = chosen.only()?;
    let store = open(folder)?;
    let letters = KeptLetters::new(&store);
    let stages = args.which.look(&letters)?;
    let sum = |of: fn(&Held) -> usize| stages.values().map(of).sum::<usize>();
    let (raw, records, neither) = (sum(|held| held.raw), sum(|held| held.records), sum(|held| held.neither));
    if stages.len() > 1 && raw > 0 && records > 0 {
        let names: Vec<String> = stages.iter().map(|(stage, held)| format!("`{stage}` {held}")).collect();
        bail!(
            "lines that could not be read and records are of different shapes: choose one with --stage; there are {}",
            names.join(", ")
        );
    }
    if neither > 0 {
        let letters = counted(neither, "dead letter");
        say(format_args!("{letters} hold neither a record nor what could not be read: left out"));
    }
    if raw + records == 0 {
        say(format_args!("{folder}: there is nothing to write"));
        return Ok(Exit::Done);
    }
    let written = if to_stdout {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let written = write(&letters, &args.which, &mut |line| match write_line(&mut out, line) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Unprinted(error).into()),
            done => Ok(done.is_ok()),
        })?;
        match out.flush() {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(Unprinted(error).into()),
            _ => written,
        }
    } else {
        let mut export = Export::new(&args.to)?;
        let written = write(&letters, &args.which, &mut |line| export.line(line).map(|()| true))?;
        export.finish()?;
        written
    };
    if args.remove {
        letters.remove(&written)?;
        store.clean()?;
    }
    let letters = counted(written.len(), "dead letter");
    let gone = if args.remove { ", and removed from the store" } else { "" };
    say(format_args!(
        "{folder}: {letters} written to {}{gone}",
        if to_stdout { "stdout".into() } else { args.to.display().to_string() }
    ));
    Ok(Exit::Done)
}

/// Writes what the letters hold that are meant, and answers which they are. `line` answers whether to go on.
fn write(
    letters: &KeptLetters<'_>,
    which: &Which,
    line: &mut dyn FnMut(&[u8]) -> anyhow::Result<bool>,
) -> anyhow::Result<HashSet<MessageId>> {
    let mut written = HashSet::new();
    let mut failed = None;
    letters.each(&mut |letter| {
        if !which.takes(&letter) {
            return true;
        }
        let held = letter.raw().or_else(|| letter.record().map(|record| record.to_string().into_bytes()));
        let Some(held) = held else { return true };
        match line(&held) {
            Ok(go_on) => {
                written.insert(letter.id);
                go_on
            }
            Err(error) => {
                failed = Some(error);
                false
            }
        }
    })?;
    failed.map_or(Ok(written), Err)
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = (self.raw > 0).then(|| counted(self.raw, "line"));
        let records = (self.records > 0).then(|| counted(self.records, "record"));
        let both: Vec<String> = [lines, records].into_iter().flatten().collect();
        write!(f, "({})", both.join(", "))
    }
}
