//! The main job as one would write it by hand, for one thread: read JSON lines, raise an alert for each heartbeat above the
//! limit, group the alerts by user, write every record, and write the groups at the end.
//!
//! It is written to be fast: one buffer for lines, texts borrowed from it, whole buffers to the file. And it may assume what
//! a pipeline may not: no text holds an escape, and no record is broken.

use crate::answer::{COUNT, MEAN};
use crate::cpu::{Meter, Spent};
use crate::records::LIMIT;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::str::FromStr;

const BUFFER_BYTES: usize = 256 * 1024;

/// The crate that reads and writes the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Serde,
    Sonic,
}

impl FromStr for Anchor {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Anchor> {
        match name {
            "serde" => Ok(Anchor::Serde),
            "sonic" => Ok(Anchor::Sonic),
            _ => bail!("no anchor `{name}`: it is serde or sonic"),
        }
    }
}

impl Anchor {
    /// Does the job, and tells what it cost.
    pub(crate) fn run(self, input: &Path, output: &Path, alerts: &Path) -> Result<Spent> {
        let meter = Meter::start()?;
        match self {
            Anchor::Serde => job(input, output, alerts, read_serde, write_serde)?,
            Anchor::Sonic => job(input, output, alerts, read_sonic, write_sonic)?,
        }
        meter.stop()
    }
}

#[derive(Deserialize, Serialize)]
struct Record<'a> {
    ts: i64,
    userid: &'a str,
    name: &'a str,
    heartbeat: f64,
    device: &'a str,
    lat: f64,
    lon: f64,
}

struct Group {
    userid: String,
    alerts: u64,
    sum: f64,
}

/// Groups in order of first appearance.
#[derive(Default)]
struct Groups {
    places: HashMap<String, usize>,
    groups: Vec<Group>,
}

impl Groups {
    fn add(&mut self, userid: &str, heartbeat: f64) {
        let place = match self.places.get(userid) {
            Some(&place) => place,
            None => {
                self.places.insert(userid.to_owned(), self.groups.len());
                self.groups.push(Group { userid: userid.to_owned(), alerts: 0, sum: 0.0 });
                self.groups.len() - 1
            }
        };
        let group = &mut self.groups[place];
        group.alerts += 1;
        group.sum += heartbeat;
    }

    fn write(&self, path: &Path) -> Result<()> {
        let mut out = BufWriter::new(create(path)?);
        for Group { userid, alerts, sum } in &self.groups {
            let mean = sum / *alerts as f64;
            writeln!(
                out,
                "{{\"stageName\":\"too-fast\",\"payload\":{{\"userid\":\"{userid}\",\"{COUNT}\":\"{alerts}\",\"{MEAN}\":\"{mean}\"}}}}"
            )?;
        }
        Ok(out.flush()?)
    }
}

/// The loop; the compiler makes one of its own for each crate.
fn job(
    input: &Path,
    output: &Path,
    alerts: &Path,
    read: impl for<'a> Fn(&'a [u8]) -> Result<Record<'a>>,
    write: impl Fn(&mut Vec<u8>, &Record<'_>) -> Result<()>,
) -> Result<()> {
    let file = File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut out = create(output)?;
    let mut written = Vec::with_capacity(BUFFER_BYTES + 1024);
    let mut groups = Groups::default();
    let mut line = Vec::with_capacity(1024);
    while lines.read_until(b'\n', &mut line)? > 0 {
        let record = read(&line)?;
        if record.heartbeat > LIMIT {
            groups.add(record.userid, record.heartbeat);
        }
        write(&mut written, &record)?;
        written.push(b'\n');
        if written.len() >= BUFFER_BYTES {
            out.write_all(&written)?;
            written.clear();
        }
        line.clear();
    }
    out.write_all(&written)?;
    groups.write(alerts)
}

fn read_serde(line: &[u8]) -> Result<Record<'_>> {
    Ok(serde_json::from_slice(line)?)
}

fn write_serde(out: &mut Vec<u8>, record: &Record<'_>) -> Result<()> {
    Ok(serde_json::to_writer(out, record)?)
}

fn read_sonic(line: &[u8]) -> Result<Record<'_>> {
    Ok(sonic_rs::from_slice(line)?)
}

fn write_sonic(out: &mut Vec<u8>, record: &Record<'_>) -> Result<()> {
    Ok(sonic_rs::to_writer(out, record)?)
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot create {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Answer, check_same};
    use crate::records::{FEW, STORM, generate};

    #[test]
    fn both_anchors_find_the_answer_and_copy_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let [input, output, alerts] = ["in", "out", "alerts"].map(|name| folder.path().join(name));
        for alerting in [FEW, STORM] {
            let truth = generate(&input, 20_000, alerting).unwrap();
            for anchor in [Anchor::Serde, Anchor::Sonic] {
                anchor.run(&input, &output, &alerts).unwrap();
                assert_eq!(Answer::found(&output, &alerts).unwrap(), truth, "{anchor:?}");
                check_same(&input, &output).unwrap();
            }
        }
    }

    #[test]
    fn a_broken_record_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let [input, output, alerts] = ["in", "out", "alerts"].map(|name| folder.path().join(name));
        std::fs::write(&input, "{\"ts\":1}\n").unwrap();
        assert!(Anchor::Serde.run(&input, &output, &alerts).is_err());
        assert!(Anchor::Sonic.run(&input, &output, &alerts).is_err());
    }
}
