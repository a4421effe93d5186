//! `campanile run`: a pipeline from its plan to its report.

mod progress;
mod table;

use super::output::{print_json, say, say_finding};
use super::planning::{Planned, plan, tell_of_libraries};
use super::{BackingArgs, Exit, PipelineArgs, PluginFolders, signals};
use crate::wiring::messaging::{Backing, StageMessaging};
use crate::wiring::run_store::{self, RunStore};
use crate::wiring::{self, Given, data_folder};
use anyhow::{Context, bail};
use campanile_engine::spec::parse_duration;
use campanile_engine::store::Store;
use campanile_engine::{Log, LogRecord, Notice, Plan, Report, RunOptions, Status, Stop};
use clap::Args;
use progress::ProgressLine;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Run a pipeline to its end
///
/// The pipeline is checked first; where it has mistakes they are told and nothing is opened. How the run goes is shown on
/// stderr, and at its end what each stage did.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  campanile run pipeline.json
  campanile run pipeline.json --arg limit=150 --arg input=today.jsonl
  campanile run pipeline.json --plugins ./target/release
  campanile run pipeline.json --dry-run 1000       try it on the first records, write nothing
  campanile run pipeline.json --quiet --report -   the report as JSON on stdout
  campanile run pipeline.json --messaging http://127.0.0.1:8090     its topics are with a server
  campanile run pipeline.json --data ./data        alerts survive a crash, and the run can be resumed
  campanile run pipeline.json --data ./data --resume

A pipeline that never ends (a source with \"follow\") is saved on the way, and goes on where it was whenever it is started. Any
other is so with --data, and goes on with --resume. What a run kept lies in pipelines/NAMESPACE/NAME/INSTANCE of the folder.

Ctrl-C or SIGTERM: sources end, what was read is finished. A second one ends the process at once. SIGUSR1: sources wait;
SIGUSR2: they go on.

Exit codes: 0 completed, or a run that never ends was stopped; 1 failed, 2 the pipeline or the command line is wrong, 130
stopped.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    folders: PluginFolders,
    /// Write the report as JSON to this file, or with - to stdout
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// How many threads a chain of stages may use, where all its plugins can; over the pipeline's own `parallelism`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    parallelism: Option<u32>,
    /// Read only the first N records, and write and publish nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    dry_run: Option<u64>,
    /// Go on where the run before was stopped, failed or crashed
    #[arg(long, conflicts_with = "dry_run")]
    resume: bool,
    /// Tells several runs of one pipeline apart: each keeps what is its own
    #[arg(long, value_name = "NAME", default_value = "1", value_parser = instance)]
    instance: String,
    /// How long one call of a plugin may take before the run fails, such as 60s; over the pipeline's own `callTimeout`
    #[arg(long, value_name = "TIME", value_parser = duration)]
    call_timeout: Option<Duration>,
    /// No progress and no table: only what is wrong
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    /// Show messages of stages as they come, -vv those for finding faults too
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(flatten, next_help_heading = "Messages of stages that use topics")]
    backing: BackingArgs,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a length of time such as 500ms, 60s, 5m or 2h".to_owned())
}

/// The name of an instance is that of a folder.
fn instance(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match text.chars().all(is_name) && (1..=64).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("write letters, digits, `-` and `_`, 64 of them at most".to_owned()),
    }
}

pub(super) fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let stop = Arc::new(Stop::default());
    install_signals(&stop)?;
    check_report(args.report.as_deref())?;
    let given = Given::new(&args.pipeline)?;
    let messaging = StageMessaging::new(Backing::of(&args.backing)?);
    let mut registry = wiring::registry(&args.folders)?;
    let mut file = match given.read_with(&args.pipeline.file, &mut registry) {
        Ok(file) => file,
        Err(findings) => {
            tell_of_libraries(&registry, &findings);
            findings.iter().for_each(say_finding);
            return Ok(Exit::Wrong);
        }
    };
    // What is said for this one run counts for more than what is written in the file.
    file.spec.call_timeout = args.call_timeout.or(file.spec.call_timeout);
    let deadline = file.spec.call_timeout.unwrap_or(RunOptions::CALL_DEADLINE);
    let plan = match plan(file, registry, deadline, &stop)? {
        Planned::Done(plan, findings) => {
            findings.iter().for_each(say_finding);
            match plan {
                Some(plan) => plan,
                None => return Ok(Exit::Wrong),
            }
        }
        Planned::NotReturned => return Ok(Exit::Failed),
        Planned::Stopped => return Ok(Exit::Interrupted),
    };
    let store = open_store(&plan, &args)?;
    let live = plan.is_live();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let report = execute(*plan, &args, given, &messaging, stop, store, &notices);
    tell(&report, &args, &notices.lock().unwrap_or_else(PoisonError::into_inner));
    if let Err(error) = keep_report(&report, args.report.as_deref()) {
        // The command line was right, and whoever waits for the report must not take an old one for it.
        say(format_args!("error: {error:#}"));
        return Ok(Exit::Failed);
    }
    Ok(match report.status {
        Status::Completed => Exit::Done,
        Status::Failed => Exit::Failed,
        // Whoever stops a run that never ends got what they wanted.
        Status::Killed if live => Exit::Done,
        Status::Killed => Exit::Interrupted,
    })
}

/// What the run keeps, where it keeps something.
fn open_store(plan: &Plan, args: &RunArgs) -> anyhow::Result<Option<Arc<RunStore>>> {
    let wanted = plan.is_live() || args.backing.data.is_some() || args.resume;
    if args.dry_run.is_some() || !wanted {
        return Ok(None);
    }
    let data = data_folder(args.backing.data.clone())?;
    let spec = plan.spec();
    let folder = run_store::folder_in(&data, &spec.namespace, &spec.name, &args.instance);
    RunStore::open(&folder).map(Arc::new).map(Some)
}

fn install_signals(stop: &Arc<Stop>) -> anyhow::Result<()> {
    let stopped = Arc::clone(stop);
    signals::install(move || {
        stopped.stop();
        say("stopping: sources end, what was read is finished; once more ends at once");
    })?;
    let stop = Arc::clone(stop);
    signals::install_wait(move |wait| {
        if wait {
            stop.suspend();
            say("suspended: sources wait until SIGUSR2");
        } else {
            stop.resume();
            say("resumed: sources go on");
        }
    })
}

fn execute(
    plan: Plan,
    args: &RunArgs,
    given: Given,
    messaging: &StageMessaging,
    stop: Arc<Stop>,
    store: Option<Arc<RunStore>>,
    notices: &Arc<Mutex<Vec<String>>>,
) -> Report {
    let line = (!args.quiet && std::io::stderr().is_terminal()).then(|| ProgressLine::new(plan.spec()));
    let vault = given.vault;
    let options = RunOptions {
        parallelism: args.parallelism,
        dry_run: args.dry_run,
        arguments: given.arguments,
        stop,
        secrets: Some(Arc::new(move |name| vault.bytes(name).ok().flatten())),
        messaging: Some(messaging.opener()),
        store: store.map(|store| store as Arc<dyn Store>),
        resume: args.resume,
        notice: Some(notice(line.clone(), Arc::clone(notices))),
        log: log(args.verbose, line.clone()),
        progress: line.clone().map(|line| line.shower()),
        ..RunOptions::default()
    };
    let report = plan.run(options);
    messaging.close();
    if let Some(line) = line {
        line.clear();
    }
    report
}

/// Shows what a person should know at once.
fn notice(line: Option<ProgressLine>, notices: Arc<Mutex<Vec<String>>>) -> Notice {
    Arc::new(move |message| {
        notices.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned());
        let text = format!("note: {message}");
        match &line {
            Some(line) => line.aside(&text),
            None => say(text),
        }
    })
}

/// Shows messages of stages; without `-v` what is wrong stands among the problems at the end.
fn log(verbose: u8, line: Option<ProgressLine>) -> Option<Log> {
    let level = match verbose {
        0 => return None,
        1 => 3,
        2 => 4,
        _ => 5,
    };
    let keep = move |record: &LogRecord<'_>| {
        let weight = ["", "error", "warning", "info", "debug"].get(record.level as usize).unwrap_or(&"trace");
        let space = if record.fields.is_empty() { "" } else { " " };
        let text = format!("{weight}: stage `{}`: {}{space}{}", record.stage, record.message, record.fields);
        match &line {
            Some(line) => line.aside(&text),
            None => say(text),
        }
    };
    Some(Log { level, keep: Arc::new(keep) })
}

/// What stages did, and what a person should know; but for notices that were shown when they came.
fn tell(report: &Report, args: &RunArgs, shown: &[String]) {
    if !args.quiet {
        say(table::of_stages(report));
        if args.dry_run.is_some() {
            say("dry run: nothing was written, nothing was published");
        }
    }
    for (index, problem) in report.problems.iter().enumerate() {
        if problem.stage.is_empty() && shown.contains(&problem.message) {
            continue;
        }
        // Of a failed run the reason comes first.
        let weight = if index == 0 && report.status == Status::Failed { "error" } else { "warning" };
        match problem.stage.as_str() {
            "" => say(format_args!("{weight}: {}", problem.message)),
            stage => say(format_args!("{weight}: stage `{stage}`: {}", problem.message)),
        }
    }
    if !args.quiet {
        let took = Duration::from_millis(u64::try_from(report.ended_ms - report.started_ms).unwrap_or_default());
        let (name, status, id) = (&report.pipeline_name, report.status, &report.run_id);
        say(format_args!("pipeline `{name}` {status} in {:.1} s (run {id})", took.as_secs_f64()));
    }
}

/// A report that cannot be kept is told of before anything runs.
fn check_report(to: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = to.filter(|path| *path != Path::new("-")) else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || !folder.is_dir() {
        bail!("--report {}: name a file in a folder that exists, or - for stdout", path.display());
    }
    Ok(())
}

fn keep_report(report: &Report, to: Option<&Path>) -> anyhow::Result<()> {
    match to {
        None => Ok(()),
        Some(path) if path == Path::new("-") => print_json(report),
        Some(path) => {
            let mut json = serde_json::to_vec_pretty(report).context("the report cannot be written as JSON")?;
            json.push(b'\n');
            std::fs::write(path, json).with_context(|| format!("the report cannot be written to {}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert!(duration("60").is_err());
    }

    #[test]
    fn a_report_needs_a_folder() {
        assert!(check_report(None).is_ok());
        assert!(check_report(Some(Path::new("-"))).is_ok());
        assert!(check_report(Some(Path::new("report.json"))).is_ok());
        assert!(check_report(Some(Path::new("no-such-folder/report.json"))).is_err());
        assert!(check_report(Some(Path::new("."))).is_err());
    }
}
