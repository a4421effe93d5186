//! All plugins in one table.

use super::ListArgs;
use crate::cli::Exit;
use crate::cli::output::{print, print_json, say, say_problem, table};
use crate::wiring;
use campanile_engine::library::{LibraryProblem, Registry};
use serde_json::{Value, json};

pub(super) fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let registry = wiring::registry(&args.folders)?;
    if args.json {
        let problems: Vec<Value> = registry.problems().iter().map(problem).collect();
        print_json(&json!({ "plugins": plugins(&registry), "problems": problems }))?;
        return Ok(Exit::Done);
    }
    let mut table = table(["name", "kind", "version", "alerts", "errors", "library"]);
    for found in registry.plugins() {
        let plugin = registry.manifest(found);
        let file = &registry.entry(found).file;
        table.add_row([
            plugin.name.as_str(),
            plugin.kind.as_str(),
            &file.manifest.version,
            word(plugin.emits_alerts()),
            word(plugin.emits_errors()),
            &file.path.display().to_string(),
        ]);
    }
    if table.row_count() == 0 {
        say("no plugin was found: name a folder of libraries with --plugins or CAMPANILE_PLUGINS");
    } else {
        print(&table.trim_fmt())?;
    }
    registry.problems().iter().for_each(say_problem);
    Ok(Exit::Done)
}

fn plugins(registry: &Registry) -> Vec<Value> {
    let plugin = |found| {
        let (plugin, file) = (registry.manifest(found), &registry.entry(found).file);
        json!({
            "name": plugin.name,
            "kind": plugin.kind,
            "version": file.manifest.version,
            "alerts": plugin.emits_alerts(),
            "errors": plugin.emits_errors(),
            "library": file.path,
        })
    };
    registry.plugins().into_iter().map(plugin).collect()
}

/// A library that cannot be used.
pub(super) fn problem(problem: &LibraryProblem) -> Value {
    json!({ "library": problem.path, "message": problem.message, "hint": problem.hint, "detail": problem.detail })
}

/// What a widget says, or does not.
pub(super) fn word(said: Option<bool>) -> &'static str {
    match said {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}
