//! The main job: JSON lines in, a threshold, JSON lines out, alerts grouped by user; by the real binary, its four libraries
//! loaded, beside the loops written by hand. Each is a process of its own, measured by what the system says it spent.

use crate::answer::{Answer, check_same};
use crate::{cpu, records};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Each program runs so often, in turns; the median counts.
const REPEATS: usize = 5;
/// Runs of ten lines, to see what starting costs.
const SHORT_REPEATS: usize = 20;

/// Where things are measured: a folder of its own, which is removed at the end.
struct Place {
    folder: PathBuf,
    campanile: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind is a folder under the system's temporary one.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// One program's figures, a run each.
#[derive(Default)]
struct Figures {
    cpu_seconds: Vec<f64>,
    wall_seconds: Vec<f64>,
    peak: u64,
}

impl Figures {
    fn median(values: &[f64]) -> f64 {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Millions of records a CPU second.
    fn speed(&self, records: u64) -> f64 {
        records as f64 / Figures::median(&self.cpu_seconds) / 1e6
    }
}

pub(crate) fn measure(count: u64, folder: &Path) -> Result<()> {
    let campanile = crate::beside("campanile")?;
    ensure!(campanile.is_file(), "{} is not there: build it first, with --release", campanile.display());
    let place = Place { folder: folder.join(format!("campanile-bench-{}", std::process::id())), campanile };
    fs::create_dir_all(&place.folder)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{count} records; medians of {REPEATS} runs in turns; files in {}", folder.display())?;
    writeln!(out, "| alerts | program | M records/CPU s | to serde_json | to sonic-rs | wall s | peak MiB |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let few = compare(&place, &mut out, "1 %", count, records::FEW)?;
    let storm = compare(&place, &mut out, "all", count, records::STORM)?;
    writeln!(out, "\nalert storm to 1 %: {:.2}", storm / few)?;
    let memory = [count / 4, count].map(|n| peak_of(&place, n));
    let [quarter, whole] = memory;
    writeln!(out, "peak memory: {:.1} MiB for {} records, {:.1} MiB for {count}", quarter?, count / 4, whole?)?;
    start(&place, &mut out)
}

fn compare(place: &Place, out: &mut impl Write, name: &str, count: u64, alerting: f64) -> Result<f64> {
    let input = place.folder.join("readings.jsonl");
    let truth = records::generate(&input, count, alerting)?;
    let mut figures = [Figures::default(), Figures::default(), Figures::default()];
    for _ in 0..REPEATS {
        for (number, figures) in figures.iter_mut().enumerate() {
            let (output, alerts) = (place.folder.join("out.jsonl"), place.folder.join("alerts.jsonl"));
            for old in [&output, &alerts] {
                let _ = fs::remove_file(old);
            }
            let mut command = match number {
                0 => anchor("serde", &input, &output, &alerts)?,
                1 => anchor("sonic", &input, &output, &alerts)?,
                _ => campanile(place, &input, &output, &alerts)?,
            };
            let (spent, peak) = cpu::run(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
            let found = Answer::found(&output, &alerts)?;
            ensure!(found == truth, "the answer is {found:?}, and should be {truth:?}");
            check_same(&input, &output)?;
            figures.cpu_seconds.push(spent.cpu_seconds());
            figures.wall_seconds.push(spent.wall.as_secs_f64());
            figures.peak = figures.peak.max(peak);
        }
    }
    let speeds = [0, 1, 2].map(|number: usize| figures[number].speed(count));
    for (number, program) in ["typed serde_json, by hand", "typed sonic-rs, by hand", "campanile"].iter().enumerate() {
        writeln!(
            out,
            "| {name} | {program} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} |",
            speeds[number],
            speeds[number] / speeds[0],
            speeds[number] / speeds[1],
            Figures::median(&figures[number].wall_seconds),
            figures[number].peak as f64 / f64::from(1 << 20),
        )?;
    }
    Ok(speeds[2])
}

/// The loop by hand, as a process of its own that only does the job.
fn anchor(name: &str, input: &Path, output: &Path, alerts: &Path) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["loop", name]).args([input, output, alerts]);
    Ok(command)
}

fn campanile(place: &Place, input: &Path, output: &Path, alerts: &Path) -> Result<Command> {
    let field = |name: &str, data_type: &str| json!({ "name": name, "type": data_type, "nullable": false });
    let schema = [
        field("ts", "long"),
        field("userid", "string"),
        field("name", "string"),
        field("heartbeat", "double"),
        field("device", "string"),
        field("lat", "double"),
        field("lon", "double"),
    ];
    let file = |name: &str, kind: &str, properties: serde_json::Value| json!({ "name": name, "plugin": { "name": "File", "type": kind, "properties": properties } });
    let pipeline = json!({
        "name": "main-job",
        "stages": [
            file("readings", "source", json!({ "path": input, "format": "jsonl", "schema": schema })),
            {
                "name": "too-fast",
                "plugin": { "name": "Threshold", "type": "transform", "properties": {
                    "field": "heartbeat", "above": records::LIMIT, "payload": ["userid", "heartbeat"] } },
                "alerts": { "groupBy": ["userid"], "aggregates": [
                    { "name": crate::answer::COUNT, "function": "count" },
                    { "name": crate::answer::MEAN, "function": "mean", "field": "heartbeat" } ] },
            },
            file("kept", "sink", json!({ "path": output, "format": "jsonl" })),
            file("bell", "alertpublisher", json!({ "path": alerts, "format": "cdap" })),
        ],
        "connections": [
            { "from": "readings", "to": "too-fast" }, { "from": "too-fast", "to": "kept" },
            { "from": "too-fast", "to": "bell" },
        ],
    });
    let path = place.folder.join("pipeline.json");
    fs::write(&path, pipeline.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = Command::new(&place.campanile);
    command.arg("run").arg(path);
    Ok(command)
}

fn peak_of(place: &Place, count: u64) -> Result<f64> {
    let input = place.folder.join("readings.jsonl");
    records::generate(&input, count, records::STORM)?;
    let (output, alerts) = (place.folder.join("out.jsonl"), place.folder.join("alerts.jsonl"));
    let mut command = campanile(place, &input, &output, &alerts)?;
    let (_, peak) = cpu::run(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    Ok(peak as f64 / f64::from(1 << 20))
}

/// Ten lines: the whole process.
fn start(place: &Place, out: &mut impl Write) -> Result<()> {
    let input = place.folder.join("readings.jsonl");
    records::generate(&input, 10, records::FEW)?;
    let (output, alerts) = (place.folder.join("out.jsonl"), place.folder.join("alerts.jsonl"));
    let mut milliseconds = Vec::new();
    for _ in 0..SHORT_REPEATS {
        let mut command = campanile(place, &input, &output, &alerts)?;
        let (spent, _) = cpu::run(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        milliseconds.push(spent.wall.as_secs_f64() * 1e3);
    }
    writeln!(
        out,
        "ten lines, the whole process: {:.1} ms (median of {SHORT_REPEATS})",
        Figures::median(&milliseconds)
    )?;
    Ok(())
}
