//! A pipeline: heartbeats, a threshold, a publisher; and a run of it.

use crate::cpu::{self, Spent};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is run.
pub(super) struct Job<'a> {
    pub(super) folder: &'a Path,
    /// The properties of the source.
    pub(super) beat: Value,
    /// A heartbeat above it is an alert.
    pub(super) above: f64,
    /// What an alert carries.
    pub(super) payload: &'static [&'static str],
    /// How alerts are grouped.
    pub(super) alerts: Option<Value>,
    /// What stands beside the plugin of the publisher's stage.
    pub(super) publisher: Value,
    /// Records of which alerts are not measured.
    pub(super) skip: u64,
    pub(super) saves: Option<Value>,
    /// Whether the run keeps anything.
    pub(super) durable: bool,
    pub(super) resume: bool,
}

/// What the publisher has seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    pub(super) alerts: u64,
    /// The sum of what the groups counted.
    pub(super) grouped: u64,
    /// Numbers of the first and the last record.
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) out_of_order: u64,
    /// From when the first record was due until the last alert came.
    pub(super) took_ns: u64,
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}

/// What a run did.
pub(super) struct Done {
    pub(super) spent: Spent,
    pub(super) seen: Seen,
    report: Value,
}

impl Done {
    pub(super) fn metric(&self, stage: &str, name: &str) -> u64 {
        self.report["stages"][stage]["metrics"][name].as_u64().unwrap_or_default()
    }
}

impl<'a> Job<'a> {
    /// Every heartbeat is an alert, published on its own, and nothing is kept.
    pub(super) fn new(folder: &'a Path, beat: Value) -> Job<'a> {
        Job {
            folder,
            beat,
            above: 0.0,
            payload: &["userid", "heartbeat", "n", "due"],
            alerts: None,
            publisher: json!({}),
            skip: 0,
            saves: None,
            durable: true,
            resume: false,
        }
    }

    /// Every heartbeat is an alert, grouped by user, with two aggregates.
    pub(super) fn grouped(folder: &'a Path, beat: Value) -> Job<'a> {
        let alerts = json!({ "groupBy": ["userid"], "aggregates": [
            { "name": crate::answer::COUNT, "function": "count" },
            { "name": crate::answer::MEAN, "function": "mean", "field": "heartbeat" } ] });
        Job { payload: &["userid", "heartbeat"], alerts: Some(alerts), ..Job::new(folder, beat) }
    }

    fn pipeline(&self) -> Value {
        let stage = |name: &str, kind: &str, plugin: &str, properties: Value| json!({ "name": name, "plugin": { "name": plugin, "type": kind, "properties": properties } });
        let mut high = stage(
            "high",
            "transform",
            "Threshold",
            json!({ "field": "heartbeat", "above": self.above, "payload": self.payload }),
        );
        if let Some(alerts) = &self.alerts {
            high["alerts"] = alerts.clone();
        }
        let mut bell = stage(
            "bell",
            "alertpublisher",
            "Bell",
            json!({ "path": self.folder.join("seen.json"), "skip": self.skip }),
        );
        for (key, value) in self.publisher.as_object().into_iter().flatten() {
            bell[key] = value.clone();
        }
        let mut pipeline = json!({
            "name": "durable",
            "stages": [
                stage("beat", "source", "Beat", self.beat.clone()), high,
                stage("nowhere", "sink", "Blackhole", json!({})), bell,
            ],
            "connections": [
                { "from": "beat", "to": "high" }, { "from": "high", "to": "nowhere" }, { "from": "high", "to": "bell" },
            ],
        });
        if let Some(saves) = &self.saves {
            pipeline["saves"] = saves.clone();
        }
        pipeline
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What runs it, with nothing left of runs before.
    pub(super) fn command(&self) -> Result<Command> {
        let campanile = crate::beside("campanile")?;
        ensure!(campanile.is_file(), "{} is not there: build it first", campanile.display());
        if !self.resume && self.data().exists() {
            fs::remove_dir_all(self.data())?;
        }
        let path = self.folder.join("pipeline.json");
        fs::write(&path, self.pipeline().to_string()).with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = Command::new(campanile);
        command.arg("run").arg(&path).arg("--quiet").arg("--report").arg(self.folder.join("report.json"));
        if self.durable {
            command.arg("--data").arg(self.data());
        }
        if self.resume {
            command.arg("--resume");
        }
        command.stdout(Stdio::null()).stderr(File::create(self.folder.join("said"))?);
        Ok(command)
    }

    /// Runs it to its end.
    pub(super) fn run(&self) -> Result<Done> {
        let (spent, _) = cpu::run(&mut self.command()?).with_context(|| self.said())?;
        self.done(spent)
    }

    /// What a run that has ended did.
    pub(super) fn done(&self, spent: Spent) -> Result<Done> {
        let read = |name: &str| -> Result<Value> {
            let path = self.folder.join(name);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(serde_json::from_str(&text)?)
        };
        Ok(Done { spent, seen: serde_json::from_value(read("seen.json")?)?, report: read("report.json")? })
    }

    /// What the run told a person.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.folder.join("said")).unwrap_or_default()
    }
}

/// Resident memory of a process and its largest so far, in bytes.
pub(super) fn memory(pid: u32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("memory is known on Linux alone")?;
    let of = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        let kib: u64 = line.split_whitespace().next().context("no number")?.parse()?;
        Ok(kib * 1024)
    };
    Ok((of("VmRSS:")?, of("VmHWM:")?))
}

pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
