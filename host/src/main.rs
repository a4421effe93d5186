//! Runs, checks and draws pipelines, and shows what plugins there are.

mod cli;
mod wiring;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything of a plugin is loaded: what takes the process down is to name the stage.
    campanile_abi::last_words::install();
    let outcome = match cli::Cli::try_parse() {
        Ok(cli) => cli.dispatch(),
        Err(said) => {
            // Help and version are asked for; all else is a mistake, which clap prints on stderr.
            let code = if said.use_stderr() { cli::Exit::Wrong } else { cli::Exit::Done };
            let _ = said.print();
            Ok(code)
        }
    };
    outcome
        .unwrap_or_else(|error| {
            cli::output::say(format_args!("error: {error:#}"));
            if error.is::<cli::output::Unprinted>() { cli::Exit::Failed } else { cli::Exit::Wrong }
        })
        .into()
}
