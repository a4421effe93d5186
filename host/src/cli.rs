//! The command line: what can be said, and who does it.

mod alerts;
mod backing;
mod errors;
mod excerpt;
mod export;
mod graph;
mod new_plugin;
pub(crate) mod output;
mod planning;
mod plugins;
mod run;
mod schema;
mod serve;
mod signals;
mod size;
mod stores;
mod tokens;
mod topics;
mod validate;

pub(crate) use backing::{BackingArgs, DataFolder};

use campanile_sdk::Kind;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (ABI revision {})", env!("CARGO_PKG_VERSION"), campanile_abi::ABI_REVISION));

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done,
    /// The run failed, or what was asked could not be done.
    Failed,
    /// The pipeline or the command line is wrong.
    Wrong,
    /// Somebody stopped it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Wrong => 2,
            Exit::Interrupted => 130,
        })
    }
}

/// Runs data pipelines that ring when something uncommon passes by.
///
/// A pipeline is a file, JSON or YAML, of stages joined by connections. Each stage is a plugin with properties: a source
/// reads records, transforms change them, sinks write them, and any of them may raise alerts, which alert publishers take
/// to whoever should hear of it.
#[derive(Debug, Parser)]
#[command(
    name = "campanile",
    version = VERSION.as_str(),
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "\
Examples:
  campanile plugins list                     what stages can be made of
  campanile plugins doc Threshold            what a plugin does and understands
  campanile validate pipeline.json           every mistake in a pipeline, at once
  campanile run pipeline.json                run it
  campanile new plugin --kind transform TooFast
  campanile alerts list                      what waits for publishers, or was set aside
  campanile topics fetch alerts --follow     what comes to a topic
  campanile serve                            topics over HTTP, for others

Exit codes:
  0    done
  1    the run failed, or what was asked could not be done
  2    the pipeline or the command line is wrong
  130  interrupted"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::RunArgs),
    Validate(validate::ValidateArgs),
    Graph(graph::GraphArgs),
    #[command(subcommand)]
    Alerts(alerts::AlertsVerb),
    #[command(subcommand)]
    Errors(errors::ErrorsVerb),
    #[command(subcommand)]
    Plugins(plugins::PluginsVerb),
    #[command(subcommand)]
    Schema(schema::SchemaVerb),
    #[command(subcommand)]
    Topics(topics::TopicsVerb),
    #[command(subcommand)]
    Tokens(tokens::TokensVerb),
    Serve(serve::ServeArgs),
    /// Begin something new
    #[command(subcommand)]
    New(NewVerb),
}

#[derive(Debug, Subcommand)]
enum NewVerb {
    Plugin(new_plugin::NewPluginArgs),
}

impl Cli {
    /// Does what was asked for. An error is a mistake of the command line or of what it names.
    pub(crate) fn dispatch(self) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Run(args) => run::run(args),
            Verb::Validate(args) => validate::run(&args),
            Verb::Graph(args) => graph::run(&args),
            Verb::Alerts(verb) => alerts::run(verb),
            Verb::Errors(verb) => errors::run(verb),
            Verb::Plugins(verb) => plugins::run(verb),
            Verb::Schema(verb) => schema::run(verb),
            Verb::Topics(verb) => topics::run(verb),
            Verb::Tokens(verb) => tokens::run(verb),
            Verb::Serve(args) => serve::run(&args),
            Verb::New(NewVerb::Plugin(args)) => new_plugin::run(&args),
        }
    }
}

/// A pipeline and what fills its placeholders.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    /// The pipeline: JSON, or YAML where the name ends in .yaml or .yml
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Replace ${KEY} in the pipeline by VALUE; may be given again, the last of a key wins
    #[arg(long = "arg", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) arguments: Vec<(String, String)>,
    /// Take arguments from a JSON object; those of --arg win
    #[arg(long, value_name = "FILE")]
    pub(crate) args_file: Option<PathBuf>,
    /// Take ${secret(NAME)} from the file NAME in this folder, or else from the variable CAMPANILE_SECRET_NAME
    #[arg(long, value_name = "DIR")]
    pub(crate) secrets: Option<PathBuf>,
}

/// Where plugin libraries are looked for.
#[derive(Debug, Args)]
pub(crate) struct PluginFolders {
    /// A folder of plugin libraries; may be given again. Behind these come those in CAMPANILE_PLUGINS, the folder of this
    /// program, and ../lib/campanile beside it
    #[arg(long = "plugins", value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// A kind of plugin on the command line.
fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::as_str))
        .try_map(|word| Kind::parse(&word).ok_or_else(|| format!("there is no kind `{word}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_table_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_argument_has_a_key_and_a_value() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(key_value("a="), Ok(("a".to_owned(), String::new())));
        assert!(key_value("a").is_err() && key_value("=b").is_err());
    }
}
