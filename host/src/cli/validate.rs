//! `campanile validate`: every mistake in a pipeline at once, and nothing opened.

use super::output::{counted, print_json, say, say_finding};
use super::planning::{Planned, plan, tell_of_libraries};
use super::{Exit, PipelineArgs, PluginFolders};
use crate::wiring::{self, Given};
use campanile_engine::{RunOptions, Stop};
use campanile_sdk::Finding;
use clap::Args;
use serde_json::{Value, json};

/// Tell all mistakes in a pipeline, and run nothing
///
/// Reads the file, looks for its plugins, and asks each whether its properties and its input will do. Nothing that the
/// pipeline names is opened, read or written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  campanile validate pipeline.json
  campanile validate pipeline.yaml --arg limit=150
  campanile validate pipeline.json --json      [{\"path\", \"message\", \"hint\", \"severity\"}] on stdout

Exit code 0: no mistakes, or warnings only; 2: there are errors.")]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    folders: PluginFolders,
    /// Print the findings as JSON on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ValidateArgs) -> anyhow::Result<Exit> {
    let given = Given::new(&args.pipeline)?;
    let mut registry = wiring::registry(&args.folders)?;
    let file = match given.read_with(&args.pipeline.file, &mut registry) {
        Ok(file) => file,
        Err(findings) => {
            tell_of_libraries(&registry, &findings);
            return tell(args, &args.pipeline.file.display().to_string(), &findings);
        }
    };
    let deadline = file.spec.call_timeout.unwrap_or(RunOptions::CALL_DEADLINE);
    let name = file.spec.name.clone();
    let shape =
        format!("{}, {}", counted(file.spec.stages.len(), "stage"), counted(file.spec.connections.len(), "connection"));
    match plan(file, registry, deadline, &Stop::default())? {
        Planned::Done(Some(_), findings) => {
            let exit = tell(args, &name, &findings)?;
            say(format_args!("pipeline `{name}` is valid: {shape}"));
            Ok(exit)
        }
        Planned::Done(None, findings) => tell(args, &name, &findings),
        Planned::NotReturned => Ok(Exit::Failed),
        Planned::Stopped => Ok(Exit::Interrupted),
    }
}

/// Tells the findings, in the form that was asked for.
fn tell(args: &ValidateArgs, pipeline: &str, findings: &[Finding]) -> anyhow::Result<Exit> {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    if args.json {
        print_json(&findings.iter().map(as_json).collect::<Vec<_>>())?;
    } else {
        findings.iter().for_each(say_finding);
    }
    if errors == 0 {
        return Ok(Exit::Done);
    }
    say(format_args!("pipeline `{pipeline}` cannot run: {}", counted(errors, "error")));
    Ok(Exit::Wrong)
}

/// A finding with all four members, whether it has a hint or not.
fn as_json(finding: &Finding) -> Value {
    json!({
        "path": finding.path,
        "message": finding.message,
        "hint": finding.hint,
        "severity": finding.severity,
    })
}
