//! Messaging of a program that embeds the engine: the bundled TMS plugins over topics in memory.

use crate::scene;
use campanile_engine::library::{CacheFolder, Registry};
use campanile_engine::messaging::{InMemoryMessaging, Messaging, OpenMessaging};
use campanile_engine::spec::{self, Arguments};
use campanile_engine::store::{InMemoryStore, Store};
use campanile_engine::{Plan, Report, RunOptions, Status, Stop};
use campanile_tests::Scene;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A host of one pipeline, with topics in memory.
struct Host {
    scene: Scene,
    messaging: Arc<InMemoryMessaging>,
    opened: Arc<AtomicU32>,
}

impl Host {
    fn new(topics: &[&str]) -> Host {
        let messaging = Arc::new(InMemoryMessaging::default());
        topics.iter().for_each(|topic| messaging.add_topic("default", topic));
        Host { scene: scene(), messaging, opened: Arc::default() }
    }

    fn options(&self) -> RunOptions {
        let (messaging, opened) = (Arc::clone(&self.messaging), Arc::clone(&self.opened));
        let open: OpenMessaging = Arc::new(move || {
            opened.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::clone(&messaging) as Arc<dyn Messaging>)
        });
        RunOptions { messaging: Some(open), ..RunOptions::default() }
    }

    fn run(&self, pipeline: &Value, options: RunOptions) -> Report {
        let path = self.scene.write("pipeline.json", pipeline.to_string());
        let mut registry = Registry::new(CacheFolder::new(self.scene.path("libraries")));
        for library in ["file", "threshold", "tms", "blackhole"] {
            registry.add(&self.scene.built(&format!("campanile_{library}"))).unwrap();
        }
        let file = spec::read(&path, &Arguments::new()).unwrap();
        let (plan, findings) = Plan::new(file, &mut registry);
        plan.unwrap_or_else(|| panic!("{findings:?}")).run(options)
    }

    fn opened(&self) -> u32 {
        self.opened.load(Ordering::SeqCst)
    }
}

fn metric(report: &Report, stage: &str, name: &str) -> Value {
    let found = report.stages.iter().find(|(other, _)| other == stage);
    found.map(|(_, stage)| stage.metrics[name].clone()).unwrap_or_default()
}

fn stage(name: &str, kind: &str, plugin: &str, properties: Value) -> Value {
    json!({ "name": name, "plugin": { "name": plugin, "type": kind, "properties": properties } })
}

fn pipeline(stages: Vec<Value>, connections: &[(&str, &str)]) -> Value {
    let connections: Vec<Value> = connections.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
    json!({ "name": "embedded", "stages": stages, "connections": connections })
}

/// Numbers from a file into a topic, with an alert for each that is above 2.
fn to_topics(more: Value) -> Value {
    let mut bell = json!({ "topic": "alerts" });
    bell.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    pipeline(
        vec![
            stage("in", "source", "File", json!({ "path": "in.jsonl" })),
            stage("high", "transform", "Threshold", json!({ "field": "n", "above": 2, "payload": ["n"] })),
            stage("kept", "sink", "TMS", json!({ "topic": "numbers", "autoCreateTopic": true })),
            stage("bell", "alertpublisher", "TMS", bell),
        ],
        &[("in", "high"), ("high", "kept"), ("high", "bell")],
    )
}

fn numbers(scene: &Scene, n: u32) {
    scene.write("in.jsonl", (0..n).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>());
}

#[test]
fn alerts_and_records_go_to_topics_and_come_back() {
    let host = Host::new(&["alerts"]);
    numbers(&host.scene, 5);
    let report = host.run(&to_topics(json!({ "format": "cdap" })), host.options());
    assert_eq!(report.status, Status::Completed, "{report:?}");
    let alerts = [3, 4].map(|n| format!("{{\"stageName\":\"high\",\"payload\":{{\"n\":\"{n}\"}}}}"));
    assert_eq!(host.messaging.texts("default", "alerts"), alerts);
    assert_eq!(host.messaging.texts("default", "numbers"), [0, 1, 2, 3, 4].map(|n| format!("{{\"n\":{n}}}")));
    assert_eq!(metric(&report, "bell", "alerts.published"), json!(2));
    assert_eq!(host.opened(), 1);

    let schema = json!([{ "name": "n", "type": "long", "nullable": false }]);
    host.messaging.add("default", "numbers", &["no number"]);
    let back = pipeline(
        vec![
            stage("in", "source", "TMS", json!({ "topic": "numbers", "format": "jsonl", "schema": schema })),
            stage("out", "sink", "File", json!({ "path": "out.jsonl" })),
        ],
        &[("in", "out")],
    );
    let report = host.run(&back, host.options());
    assert_eq!(report.status, Status::Completed, "{report:?}");
    assert_eq!(host.scene.lines("out.jsonl"), [0, 1, 2, 3, 4].map(|n| json!({ "n": n })));
    assert_eq!(metric(&report, "in", "records.error"), json!(1));
    let id = host.messaging.ids("default", "numbers")[5];
    let told = "1 error record that no stage takes: default:numbers";
    let problem = &report.problems[0].message;
    assert!(problem.starts_with(told) && problem.contains(&id.to_string()), "{problem}");
}

#[test]
fn a_topic_that_is_followed_is_read_until_the_run_is_stopped() {
    let host = Host::new(&["t"]);
    let (stop, messaging) = (Arc::new(Stop::default()), Arc::clone(&host.messaging));
    let options = {
        let stopping = Arc::clone(&stop);
        let mut published = 0;
        let progress = move |progress: &campanile_engine::Progress| {
            let read = progress.stages[0].metrics.get("records.out").copied().unwrap_or_default();
            match (published, read as u32) {
                (3.., 3..) => stopping.stop(),
                (before, read) if before == read && before < 3 => {
                    published += 1;
                    messaging.add("default", "t", &[published.to_string()]);
                }
                _ => {}
            }
        };
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        RunOptions { stop, progress: Some(Box::new(progress)), store: Some(store), ..host.options() }
    };
    let following = pipeline(
        vec![
            stage("in", "source", "TMS", json!({ "topic": "t", "follow": true })),
            stage("out", "sink", "Blackhole", json!({})),
        ],
        &[("in", "out")],
    );
    let report = host.run(&following, options);
    assert_eq!(report.status, Status::Killed, "{report:?}");
    assert_eq!(metric(&report, "out", "records.in"), json!(3));
}

#[test]
fn what_keeps_a_run_with_topics_from_starting_is_told() {
    let host = Host::new(&[]);
    numbers(&host.scene, 5);
    let report = host.run(&to_topics(json!({})), host.options());
    assert_eq!(report.status, Status::Failed);
    assert_eq!(report.problems[0].stage, "bell");
    let expected = "there is no topic `default:alerts`: create it first";
    assert!(report.problems[0].message.starts_with(expected), "{report:?}");

    let report = host.run(&to_topics(json!({})), RunOptions::default());
    assert!(report.problems[0].message.starts_with("this host has no messaging"), "{report:?}");

    host.messaging.set_unreachable(true);
    let report = host.run(&to_topics(json!({})), host.options());
    assert_eq!(report.status, Status::Failed);
    assert!(report.problems[0].message.contains("the messaging service does not answer"), "{report:?}");
}

#[test]
fn a_pipeline_without_topics_opens_no_messaging() {
    let host = Host::new(&[]);
    numbers(&host.scene, 5);
    let plain = pipeline(
        vec![
            stage("in", "source", "File", json!({ "path": "in.jsonl" })),
            stage("out", "sink", "Blackhole", json!({})),
        ],
        &[("in", "out")],
    );
    assert_eq!(host.run(&plain, host.options()).status, Status::Completed);
    assert_eq!(host.opened(), 0);
}

#[test]
fn the_rate_of_a_publisher_is_kept_by_the_host() {
    let host = Host::new(&["alerts"]);
    numbers(&host.scene, 8);
    // Two alerts at once, then two a second: three more take more than a second.
    let begun = std::time::Instant::now();
    let report = host.run(&to_topics(json!({ "maxAlertsPerSecond": 2 })), host.options());
    assert_eq!(metric(&report, "bell", "alerts.published"), json!(5), "{report:?}");
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1));
}

#[test]
fn alerts_wait_for_a_service_that_goes_away() {
    let host = Host::new(&["alerts"]);
    numbers(&host.scene, 5);
    let messaging = Arc::clone(&host.messaging);
    // The publisher has found its topic.
    messaging.become_unreachable_after(1);
    let mut pipeline = to_topics(json!({}));
    pipeline["stages"][2] = stage("kept", "sink", "Blackhole", json!({}));
    let progress = move |progress: &campanile_engine::Progress| {
        let bell = progress.stages.iter().find(|stage| stage.name == "bell").unwrap();
        if bell.metrics.get("alerts.waiting").is_some_and(|waiting| *waiting > 0.0) {
            messaging.set_unreachable(false);
        }
    };
    let options = RunOptions { progress: Some(Box::new(progress)), ..host.options() };
    let report = host.run(&pipeline, options);
    assert_eq!(report.status, Status::Completed, "{report:?}");
    assert_eq!(host.messaging.texts("default", "alerts").len(), 2);
}
