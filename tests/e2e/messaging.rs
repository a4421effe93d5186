//! Topics: what runs publish and read, whoever owns the folder, and what happens when an owner goes.

mod acceptance;
mod avro;
mod pipelines;
mod service;
mod serving;
mod takeover;
mod tokens;
mod topics;
mod with_server;

use crate::scene;
use campanile_tests::{Ended, Scene};
use serde_json::{Value, json};

/// Runs a command that has to end with 0.
#[track_caller]
fn done(scene: &Scene, args: &[&str]) -> Ended {
    let ended = scene.campanile(args);
    ended.code_is(0);
    ended
}

/// A scene with a topic `alerts` in the folder `data`.
fn with_topic() -> Scene {
    let scene = scene();
    done(&scene, &["topics", "create", "alerts", "--data", "data"]);
    scene
}

/// The payloads of a topic of the folder `data`.
#[track_caller]
fn payloads(scene: &Scene, topic: &str) -> Vec<String> {
    done(scene, &["topics", "fetch", topic, "--data", "data"]).stdout().lines().map(str::to_owned).collect()
}

/// Stage and payload of alerts, one JSON object a line, by their stage.
fn alerts(lines: &str) -> Vec<Value> {
    let bare = |line: &str| {
        let alert: Value = serde_json::from_str(line).unwrap();
        json!({ "stageName": alert["stageName"], "payload": alert["payload"] })
    };
    let mut alerts: Vec<Value> = lines.lines().map(bare).collect();
    alerts.sort_by_key(|alert| alert["stageName"].to_string());
    alerts
}
