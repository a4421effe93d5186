//! Measures Campanile against hand-written loops.
//!
//! Without arguments: the tables of the boundary and of the main job. `messaging`: the store of TMS. `durable`: runs
//! that are saved on the way. `kafka BROKERS`: alerts to Kafka. `generate N PATH [--storm]` writes records; `anchor serde|sonic IN OUT ALERTS` does the main job by hand over them;
//! `spend PROGRAM …` runs any program and tells what it cost.

mod anchor;
mod answer;
mod boundary;
mod cpu;
mod durable;
mod kafka;
mod main_job;
mod messaging;
mod peers;
mod random;
mod records;
// The plugin's own source, linked in.
#[path = "../../../plugins/threshold/src/condition.rs"]
mod condition;
#[path = "../../../plugins/threshold/src/selection.rs"]
mod selection;
#[path = "../../../plugins/threshold/src/threshold.rs"]
mod threshold;

use anchor::Anchor;
use answer::{Answer, check_same};
use anyhow::{Context, Result, bail, ensure};
use cpu::Spent;
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many records the main job goes through where nothing is said.
const RECORDS: u64 = 2_000_000;

const USAGE: &str = "usage:
  campanile-bench                      the boundary and the main job, after `cargo build --release`
  campanile-bench generate N PATH [--storm]
  campanile-bench anchor serde|sonic IN OUT ALERTS
  campanile-bench spend PROGRAM [ARGUMENT]...
  campanile-bench loop serde|sonic IN OUT ALERTS
  campanile-bench boundary [LIBRARY]
  campanile-bench main-job [N FOLDER]
  campanile-bench messaging [FOLDER]   the store of TMS, in a folder on a real disk
  campanile-bench durable FOLDER [latency|saves|windows|groups|storm [SECONDS]]
  campanile-bench peers [FOLDER]       TMS over HTTP beside redis-server and nats-server (or $NATS_SERVER)
  campanile-bench kafka BROKERS        alerts to Kafka beside rdkafka by hand";

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => {
            boundary::measure(&beside("libcampanile_threshold.so")?)?;
            say(format_args!(""))?;
            main_job::measure(RECORDS, &env::temp_dir())
        }
        ["generate", count, path] => generate(count, Path::new(path), records::FEW),
        ["generate", count, path, "--storm"] => generate(count, Path::new(path), records::STORM),
        ["anchor", name, input, output, alerts] => anchor(name, Path::new(input), Path::new(output), Path::new(alerts)),
        ["spend", program, ref arguments @ ..] => spend(Command::new(program).args(arguments)),
        ["loop", name, input, output, alerts] => {
            name.parse::<Anchor>()?.run(Path::new(input), Path::new(output), Path::new(alerts)).map(drop)
        }
        ["main-job"] => main_job::measure(RECORDS, &env::temp_dir()),
        ["main-job", count, folder] => main_job::measure(count.parse()?, Path::new(folder)),
        ["boundary"] => boundary::measure(&beside("libcampanile_threshold.so")?),
        ["boundary", library] => boundary::measure(Path::new(library)),
        ["messaging"] => messaging::measure(&env::temp_dir()),
        ["messaging", folder] => messaging::measure(Path::new(folder)),
        ["durable", folder] => durable::measure(Path::new(folder), None, None),
        ["durable", folder, part] => durable::measure(Path::new(folder), Some(part), None),
        ["durable", folder, part, seconds] => durable::measure(Path::new(folder), Some(part), Some(seconds.parse()?)),
        ["peers"] => peers::measure(&env::temp_dir()),
        ["peers", folder] => peers::measure(Path::new(folder)),
        ["kafka", brokers] => kafka::measure(brokers, &beside("libcampanile_kafka.so")?),
        _ => bail!(USAGE),
    }
}

/// A file that cargo puts beside this program.
fn beside(name: &str) -> Result<PathBuf> {
    Ok(env::current_exe()?.parent().context("the program is in no folder")?.join(name))
}

fn generate(count: &str, path: &Path, alerting: f64) -> Result<()> {
    let count = count.parse().with_context(|| format!("`{count}` is no number of records"))?;
    let Answer { records, alerts, groups, .. } = records::generate(path, count, alerting)?;
    say(format_args!("{records} records, {alerts} above the limit, {groups} users with alerts"))
}

fn anchor(name: &str, input: &Path, output: &Path, alerts: &Path) -> Result<()> {
    let truth = Answer::beside(input)?;
    let spent = name.parse::<Anchor>()?.run(input, output, alerts)?;
    let peak = cpu::peak_of_self()?;
    let found = Answer::found(output, alerts)?;
    ensure!(found == truth, "the answer is {found:?}, and should be {truth:?}");
    check_same(input, output)?;
    say(format_args!(
        "{name}: {} records, {:.2} M records a CPU second; {}",
        found.records,
        found.records as f64 / spent.cpu_seconds() / 1e6,
        cost(spent, peak),
    ))
}

fn spend(command: &mut Command) -> Result<()> {
    let (spent, peak) = cpu::run(command)?;
    say(format_args!("{}", cost(spent, peak)))
}

fn cost(spent: Spent, peak: u64) -> String {
    format!(
        "{:.2} CPU seconds ({:.2} user, {:.2} system) in {:.2} s, {:.1} MiB at most",
        spent.cpu_seconds(),
        spent.user.as_secs_f64(),
        spent.system.as_secs_f64(),
        spent.wall.as_secs_f64(),
        peak as f64 / f64::from(1 << 20),
    )
}

fn say(line: std::fmt::Arguments<'_>) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
