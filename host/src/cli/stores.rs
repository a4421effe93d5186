//! Which stores of runs a command is about.

use super::output::say;
use super::{DataFolder, Exit};
use crate::wiring::data_folder;
use crate::wiring::run_store::{self, Opened, RunFolder, RunStore};
use anyhow::{anyhow, bail};
use campanile_engine::spec;
use campanile_engine::store::{Store, StoreError};
use campanile_messaging::{Error, Owner};
use clap::Args;
use serde_json::Value;
use std::fmt;
use std::io::Error as Io;
use std::path::Path;

/// Which of several runs of a pipeline, and where they keep what is theirs.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The run with this --instance
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// The stores that are meant.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) folders: Vec<RunFolder>,
    /// The publishers of the pipeline's file, where one was named and all of them stand in it by their names.
    pub(crate) publishers: Option<Vec<String>>,
}

/// A pipeline on the command line.
struct Named {
    namespace: Option<String>,
    name: String,
    publishers: Option<Vec<String>>,
}

impl StoreArgs {
    /// The stores of a pipeline (NAME, NAMESPACE/NAME or its file), or all there are.
    pub(crate) fn choose(&self, pipeline: Option<&str>) -> anyhow::Result<Chosen> {
        let data = data_folder(self.data.data.clone())?;
        let all = run_store::folders_in(&data)?;
        if all.is_empty() {
            bail!(
                "{}: no run keeps anything below this folder; runs with --data do, and those that never end; --data names \
                 another folder",
                data.display()
            );
        }
        let named = pipeline.map(|pipeline| named(pipeline, &all)).transpose()?;
        let is_meant = |folder: &&RunFolder| named.as_ref().is_none_or(|named| named.is(folder));
        let of_pipeline: Vec<RunFolder> = all.iter().filter(is_meant).cloned().collect();
        if let (Some(named), true) = (&named, of_pipeline.is_empty()) {
            bail!("no run of pipeline `{named}` keeps anything below {}{}", data.display(), named.hint(&all));
        }
        let is_meant = |folder: &&RunFolder| self.instance.as_ref().is_none_or(|wanted| *wanted == folder.instance);
        let folders: Vec<RunFolder> = of_pipeline.iter().filter(is_meant).cloned().collect();
        if let (Some(instance), true) = (&self.instance, folders.is_empty()) {
            let instances = of_pipeline.iter().map(|folder| folder.instance.as_str());
            bail!("no run with --instance {instance} keeps anything there{}", hint(instance, instances, "instances"));
        }
        Ok(Chosen { folders, publishers: named.and_then(|named| named.publishers) })
    }
}

impl Chosen {
    /// The only store that is meant.
    pub(crate) fn only(&self) -> anyhow::Result<&RunFolder> {
        match self.folders.as_slice() {
            [only] => Ok(only),
            several => {
                let names: Vec<String> = several.iter().map(RunFolder::to_string).collect();
                bail!(
                    "several runs keep something under this name: {}; write NAMESPACE/NAME, and --instance for one of them",
                    names.join(", ")
                )
            }
        }
    }
}

/// Opens the store of a run that has ended.
pub(crate) fn open(folder: &RunFolder) -> anyhow::Result<RunStore> {
    match RunStore::open_existing(folder)? {
        Opened::Store(store) => {
            // The next run does not find it any more.
            if let Some(mended) = store.mended() {
                say(format_args!("note: {folder}: {mended}"));
            }
            Ok(store)
        }
        Opened::Held(owner) => Err(Held::new(folder, &owner).into()),
    }
}

/// A process has the store open.
#[derive(Debug)]
pub(crate) struct Held {
    run: String,
    process: Option<u32>,
}

impl Held {
    fn new(folder: &RunFolder, owner: &Owner) -> Held {
        Held { run: folder.to_string(), process: owner.process }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how =
            "stop it first; started again it goes on where it was (with --resume, if it is one that ends by itself)";
        match self.process {
            Some(process) => write!(f, "{} is held by process {process}: {how}", self.run),
            None => write!(f, "{} is held by another process: {how}", self.run),
        }
    }
}

impl std::error::Error for Held {}

/// Does something with each of the stores; those that are held are named and left out.
pub(crate) fn each(
    chosen: &Chosen,
    mut with: impl FnMut(&RunFolder, &RunStore) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for folder in &chosen.folders {
        match open(folder) {
            Ok(store) => with(folder, &store)?,
            // Where it is the only one there is nothing else to tell.
            Err(error) if error.is::<Held>() && chosen.folders.len() > 1 => {
                say(format_args!("note: {error}; it is left out"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What the command line did not cause is no mistake of it.
pub(crate) fn settled(done: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let is_of_store = |error: &anyhow::Error| {
        let mut causes = error.chain();
        causes.any(|cause| cause.is::<Held>() || cause.is::<StoreError>() || cause.is::<Error>() || cause.is::<Io>())
    };
    done.or_else(|error| match is_of_store(&error) {
        true => {
            say(format_args!("error: {error:#}"));
            Ok(Exit::Failed)
        }
        false => Err(error),
    })
}

impl Named {
    fn is(&self, folder: &RunFolder) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == folder.namespace) && self.name == folder.pipeline
    }

    fn hint(&self, all: &[RunFolder]) -> String {
        let mut known: Vec<String> = match self.namespace {
            Some(_) => all.iter().map(|folder| format!("{}/{}", folder.namespace, folder.pipeline)).collect(),
            None => all.iter().map(|folder| folder.pipeline.clone()).collect(),
        };
        known.dedup();
        hint(&self.to_string(), known.iter().map(String::as_str), "pipelines")
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What was probably meant, behind a message.
pub(crate) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone, noun: &str) -> String {
    spec::did_you_mean(word, known, noun).map_or_else(String::new, |hint| format!("; {hint}"))
}

/// What a word on the command line names. A name that runs have goes before a file.
fn named(text: &str, all: &[RunFolder]) -> anyhow::Result<Named> {
    let is_name =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let name = match text.split_once('/') {
        None if is_name(text) => Some(Named { namespace: None, name: text.to_owned(), publishers: None }),
        Some((namespace, name)) if is_name(namespace) && is_name(name) => {
            Some(Named { namespace: Some(namespace.to_owned()), name: name.to_owned(), publishers: None })
        }
        _ => None,
    };
    match name {
        Some(name) if all.iter().any(|folder| name.is(folder)) || !Path::new(text).is_file() => Ok(name),
        _ => of_file(Path::new(text)),
    }
}

/// The pipeline of a file.
fn of_file(path: &Path) -> anyhow::Result<Named> {
    let shown = path.display();
    let written = spec::read_as_written(path).map_err(|finding| anyhow!("{finding}"))?;
    let text = |value: &Value| value.as_str().filter(|text| !text.contains("${")).map(str::to_owned);
    let (Some(name), Some(namespace)) =
        (text(&written["name"]), written.get("namespace").map_or_else(|| Some("default".to_owned()), text))
    else {
        bail!(
            "{shown}: its name or namespace is missing or has a placeholder: write NAMESPACE/NAME in place of the file"
        );
    };
    let stages = written["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let publishers = stages.iter().filter(|stage| stage["plugin"]["type"] == "alertpublisher");
    let publishers = publishers.map(|stage| text(&stage["name"])).collect();
    Ok(Named { namespace: Some(namespace), name, publishers })
}

#[cfg(test)]
mod tests;
