//! Pipelines of the test's plugins, and how they are run.

use crate::plugins::registry;
use crate::world::{DEADLINE, World};
use campanile_engine::spec::{self, Arguments, Format};
use campanile_engine::store::{InMemoryStore, Store};
use campanile_engine::{Plan, Report, RunOptions, Status, Stop};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// A pipeline in the making.
#[derive(Clone)]
pub(crate) struct Pipeline {
    stages: Vec<Value>,
    connections: Vec<Value>,
    more: Value,
    by_own_clock: bool,
}

impl Pipeline {
    /// One that is saved as often as can be.
    pub(crate) fn new() -> Pipeline {
        let more = json!({ "name": "test", "saves": { "interval": "1ms" }, "batch": { "rows": 4 } });
        Pipeline { stages: Vec::new(), connections: Vec::new(), more, by_own_clock: false }
    }

    /// With a stage.
    pub(crate) fn stage(mut self, name: &str, kind: &str, plugin: &str, properties: Value) -> Pipeline {
        let mut properties = properties;
        if matches!(plugin, "Records" | "Followed" | "Lines" | "Bell") {
            properties["name"] = name.into();
        }
        let plugin = json!({ "name": plugin, "type": kind, "properties": properties });
        self.stages.push(json!({ "name": name, "plugin": plugin }));
        self
    }

    /// A slow source, so that there are save points while it is read.
    pub(crate) fn source(self, name: &str) -> Pipeline {
        self.stage(name, "source", "Records", json!({ "slow": true }))
    }

    pub(crate) fn transform(self, name: &str, plugin: &str, properties: Value) -> Pipeline {
        self.stage(name, "transform", plugin, properties)
    }

    pub(crate) fn sink(self, name: &str) -> Pipeline {
        self.stage(name, "sink", "Lines", json!({}))
    }

    pub(crate) fn bell(self, name: &str) -> Pipeline {
        self.stage(name, "alertpublisher", "Bell", json!({}))
    }

    /// Sets a member of the last stage.
    pub(crate) fn with(mut self, member: &str, value: Value) -> Pipeline {
        self.stages.last_mut().unwrap()[member] = value;
        self
    }

    /// Sets a member of the pipeline.
    pub(crate) fn set(mut self, member: &str, value: Value) -> Pipeline {
        self.more[member] = value;
        self
    }

    /// Joins stages in a row.
    pub(crate) fn join(mut self, names: &[&str]) -> Pipeline {
        let pairs = names.windows(2).map(|pair| json!({ "from": pair[0], "to": pair[1] }));
        self.connections.extend(pairs);
        self
    }

    /// It goes by the world's clock.
    pub(crate) fn by_own_clock(mut self) -> Pipeline {
        self.by_own_clock = true;
        self
    }

    pub(crate) fn plan(&self, world: &World) -> Plan {
        let mut text = self.more.clone();
        let mut stages = self.stages.clone();
        for stage in &mut stages {
            let properties = &mut stage["plugin"]["properties"];
            if properties.get("name").is_some() {
                properties["world"] = world.name().into();
            }
        }
        text["stages"] = stages.into();
        text["connections"] = self.connections.clone().into();
        let file = spec::read_text(&text.to_string(), Format::Json, Path::new("."), &Arguments::new());
        let (plan, findings) = Plan::new(file.unwrap(), &mut registry());
        plan.unwrap_or_else(|| panic!("{findings:?}"))
    }

    /// How it is run.
    pub(crate) fn options(&self, world: &Arc<World>, store: &InMemoryStore) -> RunOptions {
        let store: Arc<dyn Store> = Arc::new(store.clone());
        let of_world = Arc::clone(world);
        RunOptions {
            run_id: Some("run".to_owned()),
            store: Some(store),
            resume: true,
            save_gap: Duration::ZERO,
            retry_for: Duration::from_secs(10),
            clock: self.by_own_clock.then(|| {
                let clock: campanile_engine::Clock = Arc::new(move || of_world.clock.load(Ordering::SeqCst));
                clock
            }),
            ..RunOptions::default()
        }
    }

    /// Runs it on what a store has.
    pub(crate) fn run(&self, world: &Arc<World>, store: &InMemoryStore) -> Report {
        self.plan(world).run(self.options(world, store))
    }

    /// Runs it on a thread of its own.
    pub(crate) fn begin(&self, world: &Arc<World>, options: RunOptions) -> Running {
        let (done, report) = sync_channel(1);
        let stop = Arc::clone(&options.stop);
        let plan = self.plan(world);
        std::thread::spawn(move || done.send(plan.run(options)).is_ok());
        Running { stop, report }
    }

    /// Runs it to its end.
    pub(crate) fn completes(&self, world: &Arc<World>, store: &InMemoryStore) -> Report {
        let report = self.run(world, store);
        assert_eq!(report.status, Status::Completed, "{:?}", report.problems);
        report
    }
}

/// A run on a thread of its own.
pub(crate) struct Running {
    pub(crate) stop: Arc<Stop>,
    report: Receiver<Report>,
}

impl Running {
    /// Waits for its end, which must come.
    pub(crate) fn ends(self) -> Report {
        self.report.recv_timeout(DEADLINE).expect("the run ends")
    }

    /// Stops it and waits for its end.
    pub(crate) fn stops(self) -> Report {
        self.stop.stop();
        self.ends()
    }
}

/// The counters of a report that do not depend on how a run went.
pub(crate) fn counters(report: &Report) -> Vec<(String, String, u64)> {
    let names = ["records.in", "records.out", "records.error", "records.alert", "alerts.groups", "alerts.published"];
    let late = ["alerts.late", "alerts.invalid", "alerts.withheld", "alerts.rejected", "alerts.waiting"];
    let stages = report.stages.iter().map(|(stage, _)| stage);
    let all = stages.flat_map(|stage| names.iter().chain(&late).map(move |name| (stage, *name)));
    all.map(|(stage, name)| (stage.clone(), name.to_owned(), report.metric(stage, name))).collect()
}
