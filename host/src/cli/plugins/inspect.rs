//! A library's manifest, read from its file.

use super::InspectArgs;
use super::doc::properties;
use super::list::{problem, word};
use crate::cli::Exit;
use crate::cli::output::{print, print_json, say_problem};
use campanile_engine::library::{CacheFolder, LibraryFile, LibraryProblem, Registry, default_cache_folder};
use campanile_sdk::Manifest;
use serde_json::json;
use std::fmt::Write;

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let file = match LibraryFile::read(&args.path) {
        Ok(file) => file,
        Err(problem) => anyhow::bail!("{problem}"),
    };
    // Adding it does what is done before loading, and no more.
    let refused: Option<LibraryProblem> = Registry::new(CacheFolder::new(default_cache_folder())).add(&args.path).err();
    if args.json {
        let mut json = serde_json::to_value(&file.manifest)?;
        json["path"] = json!(file.path);
        json["problem"] = refused.as_ref().map(problem).into();
        print_json(&json)?;
        return Ok(Exit::Done);
    }
    print(&shown(&file.manifest))?;
    if let Some(problem) = refused {
        say_problem(&problem);
    }
    Ok(Exit::Done)
}

fn shown(manifest: &Manifest) -> String {
    let build = &manifest.build;
    let mut out = format!("{} {}\n", manifest.library, manifest.version);
    let features = build.features.join(", ");
    let facts = [
        ("sdk", build.sdk.as_str()),
        ("abi revision", &build.abi.to_string()),
        ("compiler", &build.rustc),
        ("target", &build.target),
        ("features", &features),
        ("panic", &build.panic),
        ("profile", &build.profile),
    ];
    for (name, fact) in facts {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "  {name:<14}{fact}");
    }
    for plugin in &manifest.plugins {
        let (alerts, errors) = (word(plugin.emits_alerts()), word(plugin.emits_errors()));
        let _ = write!(out, "\n{} {} (alerts: {alerts}, errors: {errors})\n", plugin.kind, plugin.name);
        match properties(&plugin.schema) {
            Some(table) => out.push_str(&format!("{table}\n")),
            None => out.push_str(" no properties\n"),
        }
    }
    out
}
