//! `campanile schema`: what editors and other programs need to know of a pipeline file.

use super::output::print_json;
use super::{Exit, PluginFolders, kind_parser};
use crate::wiring;
use anyhow::bail;
use campanile_engine::library::{Artifact, Found, Registry};
use campanile_engine::spec;
use campanile_sdk::Kind;
use clap::{Args, Subcommand};

/// Print the JSON Schema of a pipeline file or of a plugin's properties
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  campanile schema pipeline > pipeline.schema.json
  campanile schema plugin File --kind source")]
pub(crate) enum SchemaVerb {
    /// The JSON Schema of a pipeline file
    Pipeline,
    /// The JSON Schema of a plugin's properties
    Plugin(PluginArgs),
}

/// A plugin by its name.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    /// The plugin's name, such as Threshold
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its kind, where several plugins have the name
    #[arg(long, value_parser = kind_parser())]
    pub(crate) kind: Option<Kind>,
    #[command(flatten)]
    pub(crate) folders: PluginFolders,
}

pub(super) fn run(verb: SchemaVerb) -> anyhow::Result<Exit> {
    match verb {
        SchemaVerb::Pipeline => print_json(&spec::json_schema())?,
        SchemaVerb::Plugin(args) => {
            let registry = wiring::registry(&args.folders)?;
            let found = args.find(&registry)?;
            let [one] = found.as_slice() else {
                let kinds: Vec<&str> = found.iter().map(|found| registry.manifest(*found).kind.as_str()).collect();
                bail!("`{}` is there as {}: say which with --kind", args.name, kinds.join(", "));
            };
            let schema = &registry.manifest(*one).schema;
            if schema.is_null() {
                bail!("{} `{}` says nothing of its properties", registry.manifest(*one).kind, args.name);
            }
            print_json(schema)?;
        }
    }
    Ok(Exit::Done)
}

impl PluginArgs {
    /// The plugins of this name, at least one, the newest of each kind.
    pub(super) fn find(&self, registry: &Registry) -> anyhow::Result<Vec<Found>> {
        let kinds = Kind::ALL.into_iter().filter(|kind| self.kind.is_none_or(|wanted| wanted == *kind));
        let found: Vec<Found> =
            kinds.filter_map(|kind| registry.find(kind, &self.name, &Artifact::default())).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let what = self.kind.map_or("plugin", Kind::as_str);
        let plugins = registry.plugins();
        let mut names: Vec<&str> = plugins.iter().map(|found| registry.manifest(*found).name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let message = format!("there is no {what} `{}`", self.name);
        if names.is_empty() {
            bail!("{message}: no plugin library was found, name a folder with --plugins or CAMPANILE_PLUGINS");
        }
        match spec::did_you_mean(&self.name, names, "plugins") {
            Some(hint) => bail!("{message} ({hint})"),
            None => bail!("{message}: `campanile plugins list` shows what there is"),
        }
    }
}
