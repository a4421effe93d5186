//! What is printed: data for machines and what was asked for on stdout, words for people on stderr.

use anyhow::Context;
use campanile_engine::library::LibraryProblem;
use campanile_sdk::{Finding, Severity};
use comfy_table::{Table, presets};
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Prints a line for people. There is nobody to tell where that fails.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints what was asked for. Whoever reads it may have had enough (`| head`): that is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end)).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Unprinted(error).into()),
        _ => Ok(()),
    }
}

/// What was asked for could not be printed: no mistake of the command line.
#[derive(Debug)]
pub(crate) struct Unprinted(pub(crate) std::io::Error);

impl Display for Unprinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to stdout: {}", self.0)
    }
}

impl std::error::Error for Unprinted {}

/// Prints JSON that was asked for.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value).context("cannot be written as JSON")?)
}

/// A finding as a line for people.
pub(crate) fn say_finding(finding: &Finding) {
    let weight = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    say(format_args!("{weight}: {finding}"));
}

/// A library that cannot be used, as lines for people.
pub(crate) fn say_problem(problem: &LibraryProblem) {
    say(format_args!("warning: {problem}"));
    if let Some(detail) = &problem.detail {
        for line in detail.lines() {
            say(format_args!("    {line}"));
        }
    }
}

/// A table with these columns.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// `1 stage`, `2 stages`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
