//! `campanile plugins`: what stages can be made of.

mod doc;
mod inspect;
mod list;

use super::schema::PluginArgs;
use super::{Exit, PluginFolders};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Show the plugins that are there
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  campanile plugins list --plugins ./target/release
  campanile plugins doc File --kind source
  campanile plugins inspect ./libmine.so          what a library says of itself, without loading it")]
pub(crate) enum PluginsVerb {
    /// All plugins, which of them can alert, and the libraries that cannot be used
    List(ListArgs),
    /// What a library says of itself; not a line of it runs
    Inspect(InspectArgs),
    /// What a plugin is for, and the properties that it understands
    Doc(PluginArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    folders: PluginFolders,
    /// Print JSON: {"plugins": [...], "problems": [...]}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The library
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: PluginsVerb) -> anyhow::Result<Exit> {
    match verb {
        PluginsVerb::List(args) => list::run(&args),
        PluginsVerb::Inspect(args) => inspect::run(&args),
        PluginsVerb::Doc(args) => doc::run(&args),
    }
}
