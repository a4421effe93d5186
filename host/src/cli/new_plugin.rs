//! `campanile new plugin`: a crate that builds, passes its own test and runs in a pipeline, to go on from.

mod name;
mod template;

use super::output::print;
use super::{Exit, kind_parser};
use anyhow::{Context, bail};
use campanile_sdk::Kind;
use clap::Args;
use name::PluginName;
use std::path::{Path, PathBuf};

/// Write a crate with a small working plugin and its test
///
/// The crate stands alone: it needs a Rust compiler and the SDK, and no part of Campanile else. It holds a pipeline to try
/// the plugin in.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  campanile new plugin --kind transform TooFast
  campanile new plugin --kind source sea-level --path plugins --sdk ../campanile/sdk

Writes TooFast into the folder too-fast: Cargo.toml, src/lib.rs, pipeline.json, and plugin/ with what hosts show of it.")]
pub(crate) struct NewPluginArgs {
    /// The plugin's name, as pipelines will say it; the folder has its words with hyphens between
    #[arg(value_name = "NAME")]
    name: String,
    /// What the plugin does in a pipeline
    #[arg(long, value_parser = kind_parser())]
    kind: Kind,
    /// The folder in which that of the crate is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    path: PathBuf,
    /// Depend on the SDK in this checkout of Campanile; without it on that of the checkout that this program was built from, or
    /// else on the published one
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

pub(super) fn run(args: &NewPluginArgs) -> anyhow::Result<Exit> {
    let name = PluginName::parse(&args.name)?;
    let sdk = match args.sdk.as_deref() {
        Some(path) => Some(checkout(path)?),
        // The checkout that this program was built from, where it is still there.
        None => checkout(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).ok(),
    };
    // Without a `./` in front where that says nothing.
    let folder = if args.path == Path::new(".") { PathBuf::from(&name.folder) } else { args.path.join(&name.folder) };
    if folder.symlink_metadata().is_ok() {
        bail!("{} is there already: choose another name, or another folder with --path", folder.display());
    }
    for (path, text) in template::files(args.kind, &name, sdk.as_deref()) {
        write(&folder.join(path), &text)?;
    }
    let (kind, plugin, folder) = (args.kind, &name.plugin, folder.display().to_string());
    print(&format!(
        "{kind} {plugin} is in {folder}; next:\n  cd {}\n  cargo test\n  cargo build\n  campanile run pipeline.json",
        quoted(&folder)
    ))?;
    Ok(Exit::Done)
}

/// Writes a file that is not there.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = made
        .and_then(|()| std::fs::File::create_new(path))
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// The folder of the SDK, given itself or the checkout that it is in.
fn checkout(path: &Path) -> anyhow::Result<PathBuf> {
    let is_sdk = |folder: &PathBuf| {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"));
        manifest.is_ok_and(|manifest| manifest.contains("name = \"campanile-sdk\""))
    };
    let found = [path.to_owned(), path.join("sdk")].into_iter().find(is_sdk);
    let found = found.and_then(|folder| folder.canonicalize().ok());
    found.with_context(|| {
        format!("--sdk {}: campanile-sdk is not there: name the folder `sdk` of a checkout", path.display())
    })
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '~');
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_found_in_its_checkout() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert_eq!(checkout(&root).unwrap(), checkout(&root.join("sdk")).unwrap());
        assert!(checkout(&root.join("host")).is_err());
    }

    #[test]
    fn paths_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("./a-b/c_d"), "./a-b/c_d");
        assert_eq!(quoted("my plugins/it's"), r"'my plugins/it'\''s'");
    }
}
