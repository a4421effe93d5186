//! Runs a pipeline inside a program of one's own: plugins from a folder, a pipeline from a file, the report as JSON.
//!
//! `cargo run -p campanile-engine --example embed -- target/debug pipeline.json`

use campanile_engine::library::{CacheFolder, Registry, default_cache_folder};
use campanile_engine::spec::{self, Arguments};
use campanile_engine::{Plan, RunOptions, Status};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(plugins), Some(pipeline)) = (paths.next(), paths.next()) else {
        return Err("usage: embed PLUGIN-FOLDER PIPELINE-FILE".into());
    };
    let mut out = std::io::stdout().lock();

    // Libraries are read, not loaded: what cannot be used is told, and keeps no other from being used.
    let mut registry = Registry::new(CacheFolder::new(default_cache_folder()));
    for library in libraries(&plugins)? {
        if let Err(problem) = registry.add(&library) {
            writeln!(out, "skipped: {problem}")?;
        }
    }

    // What the pipeline's placeholders may see is the program's choice; here the environment, and no secrets.
    let arguments = Arguments::new().with("today", "2026-11-21").with_environment(|name| std::env::var(name).ok());
    let (plan, findings) = match spec::read(&pipeline, &arguments) {
        Ok(file) => Plan::new(file, &mut registry),
        Err(findings) => (None, findings),
    };
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    let Some(plan) = plan else { return Ok(ExitCode::from(2)) };

    // The options hold what ends the run from any thread, and who is told how it goes.
    let report = plan.run(RunOptions::default());
    writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(if report.status == Status::Completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The shared libraries in a folder.
fn libraries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == std::env::consts::DLL_EXTENSION));
    paths.sort();
    Ok(paths)
}
