//! `campanile tokens`: who may use the server of a data folder.

use super::output::{print, print_json, say, table};
use super::{DataFolder, Exit};
use crate::wiring::data_folder;
use anyhow::{Context, bail};
use campanile_server::auth::{Error, Grant, Right, Token, Tokens};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Make, list and revoke the tokens that `serve` takes
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A server that runs takes them at once; it need not be started again.

Examples:
  campanile tokens create grafana --right read
  campanile tokens create sensors --right publish --namespace plant_1 --out sensors.token
  campanile tokens revoke grafana")]
pub(crate) enum TokensVerb {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make a token
///
/// What is to be sent is printed on stdout, or written to a file: this once, it is kept nowhere.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What it is called here: letters, digits, `_`, `-`, `.` and `@`
    #[arg(value_name = "NAME")]
    name: String,
    /// What it allows: to read, to publish, or both and to change topics; may be given again
    #[arg(long = "right", value_name = "RIGHT", required = true, value_parser = right_parser())]
    rights: Vec<Right>,
    /// In which namespace, * for all of them; may be given again
    #[arg(long = "namespace", short, value_name = "NAME", default_value = "default")]
    namespaces: Vec<String>,
    /// Write the token to this new file, which only this user can read
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    data: DataFolder,
}

/// List tokens by their names
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON: [{"name", "rights": [{"namespace", "right"}], "created"}]
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataFolder,
}

/// Revoke a token
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Its name, as `tokens list` shows it
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    data: DataFolder,
}

fn right_parser() -> impl TypedValueParser<Value = Right> {
    PossibleValuesParser::new(["read", "publish", "admin"]).try_map(|word| word.parse::<Right>())
}

pub(super) fn run(verb: TokensVerb) -> anyhow::Result<Exit> {
    let done = match verb {
        TokensVerb::Create(args) => create(&args),
        TokensVerb::List(args) => list(&args),
        TokensVerb::Revoke(args) => revoke(&args),
    };
    done.or_else(|error| match error.downcast_ref::<Error>() {
        // The command line is wrong.
        None | Some(Error::Invalid(_)) => Err(error),
        Some(_) => {
            say(format_args!("error: {error:#}"));
            Ok(Exit::Failed)
        }
    })
}

fn tokens(data: &DataFolder) -> anyhow::Result<(PathBuf, Tokens)> {
    let folder = data_folder(data.data.clone())?;
    let tokens = Tokens::of(&folder);
    Ok((folder, tokens))
}

fn create(args: &CreateArgs) -> anyhow::Result<Exit> {
    let (folder, tokens) = tokens(&args.data)?;
    let grant = |namespace: &String, right: &Right| Grant { namespace: namespace.clone(), right: *right };
    let grants: Vec<Grant> = args
        .namespaces
        .iter()
        .flat_map(|namespace| args.rights.iter().map(move |right| grant(namespace, right)))
        .collect();
    let Some(path) = &args.out else {
        let secret = tokens.create(&args.name, &grants)?;
        say(format_args!("token `{}` of {}, shown this once:", args.name, folder.display()));
        print(&secret)?;
        return Ok(Exit::Done);
    };
    // The file first: a token that cannot be kept is not made.
    let shown = path.display();
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = new.with_context(|| format!("--out {shown}: no new file can be made there"))?;
    let kept = tokens.create(&args.name, &grants).map_err(anyhow::Error::from).and_then(|secret| {
        file.write_all(format!("{secret}\n").as_bytes()).and_then(|()| file.sync_all()).with_context(|| {
            format!("--out {shown}: cannot be written; revoke token `{}`, which nobody has", args.name)
        })
    });
    if kept.is_err() {
        remove(path);
    }
    kept?;
    say(format_args!("token `{}` of {} is in {shown}", args.name, folder.display()));
    Ok(Exit::Done)
}

/// An empty file is of no use; where it stays it does no harm.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let (folder, tokens) = tokens(&args.data)?;
    let tokens = tokens.list()?;
    if args.json {
        let as_json = |token: &Token| json!({ "name": token.name, "rights": token.rights, "created": token.created });
        print_json(&tokens.iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    if tokens.is_empty() {
        say(format_args!("{} has no tokens; `campanile tokens create` makes one", folder.display()));
        return Ok(Exit::Done);
    }
    let mut rows = table(["token", "rights", "made"]);
    for token in &tokens {
        let rights = token.rights.iter().map(|grant| format!("{} in {}", grant.right, grant.namespace));
        rows.add_row([token.name.as_str(), &rights.collect::<Vec<_>>().join(", "), &token.created]);
    }
    print(&rows.to_string())?;
    Ok(Exit::Done)
}

fn revoke(args: &RevokeArgs) -> anyhow::Result<Exit> {
    let (folder, tokens) = tokens(&args.data)?;
    if !tokens.revoke(&args.name)? {
        bail!(
            "there is no token `{}` in {}: `campanile tokens list` shows those that are there",
            args.name,
            folder.display()
        );
    }
    say(format_args!("token `{}` of {} is revoked", args.name, folder.display()));
    Ok(Exit::Done)
}
