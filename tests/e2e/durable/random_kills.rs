//! Runs that are killed at random moments, again and again: what is there at the end is what an undisturbed run leaves.
//!
//! `CAMPANILE_CRASH_ROUNDS` is how often (40), `CAMPANILE_CRASH_SEED` repeats what went wrong.

use super::{DATA, append, count_so_far, distinct, lines_so_far, stop};
use crate::scene;
use campanile_tests::{Pipeline, Running, Scene};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

/// How often a run is killed where nothing is said.
const ROUNDS: u64 = 40;
/// The time of the first record: milliseconds since 1970.
const BEGINNING_MS: u64 = 1_700_000_000_000;
/// Milliseconds from record to record.
const STEP_MS: u64 = 10;
/// The length of a window.
const WINDOW_MS: u64 = 10_000;
/// Users, each a group of its own.
const USERS: u64 = 7;
/// One line in so many is broken.
const BROKEN_EVERY: u64 = 97;
/// What is above raises an alert.
const LIMIT: u64 = 170;

/// What has not come after so long without anything new does not come.
pub(super) const QUIET: Duration = Duration::from_secs(15);

/// splitmix64.
pub(super) struct Random(u64);

impl Random {
    /// From the environment, or anew; said, so that it can be repeated.
    pub(super) fn new(test: &str) -> Random {
        let given = std::env::var("CAMPANILE_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed: u64 = given.unwrap_or_else(|| {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one(test)
        });
        let _ = writeln!(std::io::stderr(), "{test}: CAMPANILE_CRASH_SEED={seed}");
        Random(seed)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// How often runs are killed.
pub(super) fn rounds() -> u64 {
    std::env::var("CAMPANILE_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// Lets a run go on for so long.
pub(super) fn for_ms(running: &mut Running, ms: u64) {
    let until = Instant::now() + Duration::from_millis(ms);
    running.until("a moment passes", || (Instant::now() >= until).then_some(()));
}

fn schema() -> Value {
    json!([
        { "name": "f", "type": "string" }, { "name": "n", "type": "long" }, { "name": "t", "type": "long" },
        { "name": "u", "type": "string" }, { "name": "hb", "type": "double" },
    ])
}

/// The values that a line is made of.
fn heartbeat(n: u64) -> u64 {
    100 + n * 7 % 100
}

fn user(n: u64) -> u64 {
    n * 3 % USERS
}

fn is_broken(n: u64) -> bool {
    n % BROKEN_EVERY == BROKEN_EVERY - 1
}

fn line(file: &str, n: u64) -> String {
    if is_broken(n) {
        return format!("{{\"f\":\"{file}\",\"n\":{n},oops\n");
    }
    let t = BEGINNING_MS + n * STEP_MS;
    format!("{}\n", json!({ "f": file, "n": n, "t": t, "u": format!("u{}", user(n)), "hb": heartbeat(n) }))
}

fn windowed() -> Value {
    json!({
        "groupBy": ["u"], "window": "10s", "timeField": "t",
        "aggregates": [{ "name": "n", "function": "count" }, { "name": "sum", "function": "sum", "field": "hb" }],
    })
}

/// What the windows of files with so many lines each hold: by user and window, count and sum.
fn expected_windows(lines: &[u64]) -> BTreeMap<(String, u64), (u64, u64)> {
    let mut windows: BTreeMap<(String, u64), (u64, u64)> = BTreeMap::new();
    for &lines in lines {
        for n in (0..lines).filter(|&n| !is_broken(n) && heartbeat(n) > LIMIT) {
            let window = (BEGINNING_MS + n * STEP_MS) / WINDOW_MS;
            let (count, sum) = windows.entry((format!("u{}", user(n)), window)).or_default();
            *count += 1;
            *sum += heartbeat(n);
        }
    }
    windows
}

/// The same of alerts.
fn windows_of(alerts: &[(Value, u64)]) -> BTreeMap<(String, u64), (u64, u64)> {
    let mut windows = BTreeMap::new();
    for (alert, _) in alerts {
        assert_eq!((&alert["partial"], &alert["late"]), (&Value::Null, &Value::Null), "{alert}");
        let payload = &alert["payload"];
        let whole = |name: &str| payload[name].as_str().unwrap().parse::<u64>().unwrap();
        let key = (payload["u"].as_str().unwrap().to_owned(), window_of(alert));
        let before = windows.insert(key, (whole("n"), whole("sum")));
        assert_eq!(before, None, "a group of a window is in two alerts: {alert}");
    }
    windows
}

/// The number of an alert's window, from the texts of its start and end.
fn window_of(alert: &Value) -> u64 {
    let text = alert["windowStart"].as_str().unwrap();
    let part = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
    // All of it lies on 2023-11-14 and the days behind.
    let days = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][part(5..7) as usize - 1] + part(8..10) - 1;
    let days = days + 19_358 + 365 * (part(0..4) - 2023);
    (((days * 24 + part(11..13)) * 60 + part(14..16)) * 60 + part(17..19)) * 1_000 / WINDOW_MS
}

/// Records of a sink: those of each file in their order, each once.
#[track_caller]
fn records_are_whole(records: &[Value], files: &[(String, u64)]) {
    let mut by_file: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for record in records {
        by_file.entry(record["f"].as_str().unwrap()).or_default().push(record["n"].as_u64().unwrap());
    }
    for (file, lines) in files {
        let expected: Vec<u64> = (0..*lines).filter(|&n| !is_broken(n)).collect();
        let there = by_file.remove(file.as_str()).unwrap_or_default();
        let first = there.iter().zip(&expected).position(|(there, expected)| there != expected);
        assert!(there == expected, "{file}: {} records, {} expected, other at {first:?}", there.len(), expected.len());
    }
    assert!(by_file.is_empty(), "{by_file:?}");
}

/// Lines that cannot be read are in the dead letters, each once.
#[track_caller]
fn letters_are_whole(letters: &[Value], files: &[(String, u64)]) {
    let mut there: Vec<String> = letters.iter().map(|letter| letter["raw"].as_str().unwrap().to_owned()).collect();
    let broken = |(file, lines): &(String, u64)| {
        let file = file.clone();
        (0..*lines).filter(|&n| is_broken(n)).map(move |n| line(&file, n).trim_end().to_owned())
    };
    let mut expected: Vec<String> = files.iter().flat_map(broken).collect();
    there.sort();
    expected.sort();
    assert!(there == expected, "{} letters, {} broken lines", there.len(), expected.len());
}

/// The records of compressed files, and of others that a pattern names.
fn read_back(scene: &Scene, path: &str, properties: Value) -> Vec<Value> {
    let mut all = json!({ "path": path });
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let pipeline = Pipeline::new("back")
        .stage("in", "source File", all)
        .stage("out", "sink File", json!({ "path": "back.jsonl" }))
        .join("in > out");
    scene.write("back.json", pipeline.json());
    scene.campanile(["run", "back.json"]).code_is(0);
    scene.lines("back.jsonl")
}

// ---- a run that never ends

/// A file that is written while the run reads it.
struct Log {
    name: String,
    lines: u64,
    /// The rest of a line that was begun.
    rest: String,
    rotated: u64,
}

impl Log {
    fn new(name: &str) -> Log {
        Log { name: name.to_owned(), lines: 0, rest: String::new(), rotated: 0 }
    }

    fn write(&mut self, scene: &Scene, random: &mut Random, lines: u64) {
        let mut text = std::mem::take(&mut self.rest);
        for n in self.lines..self.lines + lines {
            text.push_str(&line(&self.name, n));
        }
        self.lines += lines;
        if random.below(3) == 0 {
            // The last line comes in two pieces.
            self.rest = text.split_off(text.len() - 1 - random.below(20) as usize);
        }
        append(scene, &format!("{}.log", self.name), &text);
    }

    fn rotate(&mut self, scene: &Scene) {
        if !self.rest.is_empty() || !scene.has(&format!("{}.log", self.name)) {
            return;
        }
        self.rotated += 1;
        let path = |name: String| scene.path(name);
        fs::rename(path(format!("{}.log", self.name)), path(format!("{}.log.{}", self.name, self.rotated))).unwrap();
    }

    /// A record long after all others closes their windows.
    fn end(&mut self, scene: &Scene) {
        let t = BEGINNING_MS + self.lines * STEP_MS + 10 * WINDOW_MS;
        let rest = std::mem::take(&mut self.rest);
        let last = json!({ "f": "end", "n": 0, "t": t, "u": "end", "hb": 0 });
        append(scene, &format!("{}.log", self.name), &format!("{rest}{last}\n"));
    }
}

/// Two files to windows and two sinks, a third to alerts of their own.
fn live(parallelism: u64) -> Pipeline {
    Pipeline::default()
        .set("parallelism", parallelism)
        .set("saves", json!({ "interval": "100ms" }))
        .set("deadLetters", json!({ "path": "errors.jsonl" }))
        .stage("in", "source File", json!({ "path": "in-?.log", "schema": schema(), "follow": true }))
        .stage("limit", "transform Threshold", json!({ "field": "hb", "above": LIMIT, "payload": ["u", "hb"] }))
        .with("alerts", windowed())
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("zipped", "sink File", json!({ "path": "out.jsonl.gz" }))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .stage("other", "source File", json!({ "path": "other.log", "schema": schema(), "follow": true }))
        .stage("each", "transform Threshold", json!({ "field": "hb", "above": LIMIT, "payload": ["n"] }))
        .stage("gone", "sink Blackhole", json!({}))
        .stage("ring", "alertpublisher File", json!({ "path": "rings.jsonl" }))
        .join("in > limit > out")
        .join("limit > zipped")
        .join("limit > bell")
        .join("other > each > gone")
        .join("each > ring")
}

fn killed_live_runs_leave_what_an_undisturbed_one_does(test: &str, parallelism: u64) {
    let mut random = Random::new(test);
    let scene = scene();
    let pipeline = live(parallelism);
    let mut logs = [Log::new("in-a"), Log::new("in-b"), Log::new("other")];
    logs.iter_mut().for_each(|log| log.write(&scene, &mut random, 100));
    // A file that is rotated before it was ever seen is no file of the run.
    let mut running = scene.start(&pipeline, &DATA);
    running.until("the files are seen", || (count_so_far(&scene, "out.jsonl") > 190).then_some(()));
    stop(running);
    for _ in 0..rounds() {
        if random.below(4) == 0 {
            logs[random.below(3) as usize].rotate(&scene);
        }
        logs.iter_mut().for_each(|log| log.write(&scene, &mut random, 600));
        let mut running = scene.start(&pipeline, &DATA);
        if random.below(4) > 0 {
            let before = count_so_far(&scene, "out.jsonl");
            running.until("it goes on", || (count_so_far(&scene, "out.jsonl") != before).then_some(()));
        }
        for _ in 0..random.below(3) {
            if random.below(3) == 0 {
                logs[random.below(3) as usize].rotate(&scene);
            }
            logs.iter_mut().for_each(|log| log.write(&scene, &mut random, 200));
            for_ms(&mut running, random.below(80));
        }
        for_ms(&mut running, random.below(120));
        running.kill().was_killed();
    }
    logs.iter_mut().for_each(|log| log.end(&scene));
    let files: Vec<(String, u64)> = logs.iter().map(|log| (log.name.clone(), log.lines)).collect();
    let expected = expected_windows(&[files[0].1, files[1].1]);
    let others: BTreeSet<u64> = (0..files[2].1).filter(|&n| !is_broken(n) && heartbeat(n) > LIMIT).collect();
    let records: usize = files[..2].iter().map(|(_, lines)| (0..*lines).filter(|&n| !is_broken(n)).count()).sum();
    let broken: usize = files.iter().map(|(_, lines)| (0..*lines).filter(|&n| is_broken(n)).count()).sum();

    let mut running = scene.start(&pipeline, &DATA);
    let counts = || {
        let alerts = ["alerts.jsonl", "rings.jsonl"].map(|name| distinct(&lines_so_far(&scene, name)).len());
        (count_so_far(&scene, "out.jsonl"), count_so_far(&scene, "errors.jsonl"), alerts)
    };
    let mut last = (counts(), Instant::now());
    running.until("everything is read and published", || {
        let now = counts();
        let (records_there, letters, [windows, rings]) = now;
        let read = records_there >= records + 2 && letters >= broken;
        let done = read && windows >= expected.len() && rings >= others.len();
        if last.0 != now {
            last = (now, Instant::now());
        }
        // What lacks is told below.
        (done || last.1.elapsed() > QUIET).then_some(())
    });
    stop(running);

    let without_end = |records: Vec<Value>| -> Vec<Value> {
        let all = records.len();
        let records: Vec<Value> = records.into_iter().filter(|record| record["f"] != "end").collect();
        assert_eq!(all - records.len(), 2, "the last record of each file is there once");
        records
    };
    records_are_whole(&without_end(scene.lines("out.jsonl")), &files[..2]);
    let zipped = read_back(&scene, "out.jsonl.gz", json!({ "schema": schema() }));
    records_are_whole(&without_end(zipped), &files[..2]);
    letters_are_whole(&scene.lines("errors.jsonl"), &files);
    let alerts = distinct(&scene.lines("alerts.jsonl"));
    assert_eq!(windows_of(&alerts), expected);
    let rings = distinct(&scene.lines("rings.jsonl"));
    let rung: BTreeSet<u64> = rings.iter().map(|(alert, _)| super::number(alert)).collect();
    assert_eq!((rings.len(), rung), (others.len(), others), "each record is in one alert");
    let runs: BTreeSet<&str> = alerts.iter().chain(&rings).map(|(alert, _)| alert["runId"].as_str().unwrap()).collect();
    assert_eq!(runs.len(), 1, "it is one run that went on: {runs:?}");
}

#[test]
fn a_live_run_killed_at_random_leaves_what_an_undisturbed_one_does() {
    killed_live_runs_leave_what_an_undisturbed_one_does("live", 1);
}

#[test]
fn a_live_run_with_parallel_chains_killed_at_random_leaves_what_an_undisturbed_one_does() {
    killed_live_runs_leave_what_an_undisturbed_one_does("live and parallel", 2);
}

// ---- a run that ends

/// Lines of a file that is read for a while.
const LONG_LINES: u64 = 80_000;
/// Lines of each file of a bounded run.
const BOUNDED_LINES: u64 = 12_000;

fn bounded(parallelism: u64) -> Pipeline {
    Pipeline::default()
        .set("parallelism", parallelism)
        .set("batch", json!({ "rows": 64 }))
        .set("saves", json!({ "interval": "100ms" }))
        .set("deadLetters", json!({ "path": "errors.jsonl" }))
        .stage("in", "source File", json!({ "path": "in-?.log", "schema": schema() }))
        .stage("limit", "transform Threshold", json!({ "field": "hb", "above": LIMIT, "payload": ["u", "hb"] }))
        .with("alerts", windowed())
        .stage("lines", "sink File", json!({ "path": "out.jsonl" }))
        .stage("table", "sink File", json!({ "path": "out.csv", "format": "csv" }))
        .stage("zipped", "sink File", json!({ "path": "out.jsonl.zst" }))
        .stage("parts", "sink File", json!({ "path": "out.parquet", "format": "parquet" }))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > limit > lines")
        .join("limit > table")
        .join("limit > zipped")
        .join("limit > parts")
        .join("limit > bell")
}

fn bounded_scene() -> (Scene, Vec<(String, u64)>) {
    let scene = scene();
    let files = ["in-a", "in-b", "in-c"].map(|name| (name.to_owned(), BOUNDED_LINES));
    for (name, lines) in &files {
        scene.write(&format!("{name}.log"), (0..*lines).map(|n| line(name, n)).collect::<String>());
    }
    (scene, files.to_vec())
}

fn bounded_is_whole(scene: &Scene, files: &[(String, u64)]) {
    records_are_whole(&scene.lines("out.jsonl"), files);
    records_are_whole(&read_back(scene, "out.csv", json!({ "schema": schema(), "format": "csv" })), files);
    records_are_whole(&read_back(scene, "out.jsonl.zst", json!({ "schema": schema() })), files);
    records_are_whole(&read_back(scene, "out-*.parquet", json!({ "format": "parquet" })), files);
    letters_are_whole(&scene.lines("errors.jsonl"), files);
    let lines: Vec<u64> = files.iter().map(|(_, lines)| *lines).collect();
    assert_eq!(windows_of(&distinct(&scene.lines("alerts.jsonl"))), expected_windows(&lines));
}

fn killed_bounded_runs_leave_what_an_undisturbed_one_does(test: &str, parallelism: u64) {
    let mut random = Random::new(test);
    let pipeline = bounded(parallelism);
    let resume = [&DATA[..], &["--resume"]].concat();
    let (mut scene, mut files) = bounded_scene();
    let mut begun = false;
    let mut left = rounds();
    while left > 0 {
        let mut running = scene.start(&pipeline, if begun { &resume } else { &DATA });
        begun = true;
        if random.below(4) > 0 {
            let before = count_so_far(&scene, "out.jsonl.part");
            let progress = || count_so_far(&scene, "out.jsonl.part") != before || scene.has("out.jsonl");
            running.until("it goes on", || progress().then_some(()));
        }
        let until = Instant::now() + Duration::from_millis(random.below(250));
        while Instant::now() < until && !running.has_ended() && !scene.has("out.jsonl") {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if !scene.has("out.jsonl") {
            running.kill().was_killed();
            left -= 1;
            continue;
        }
        // It is at its end: it is killed there now and then, and goes on.
        let killed = random.below(2) == 0;
        let ended = if killed { running.kill() } else { running.wait() };
        if killed {
            left -= 1;
            let ended = scene.start(&pipeline, &resume).wait();
            ended.code_is(0);
            if !ended.stderr().contains("there is no run to go on with") {
                bounded_is_whole(&scene, &files);
            }
        } else {
            ended.code_is(0);
            bounded_is_whole(&scene, &files);
        }
        (scene, files) = bounded_scene();
        begun = false;
    }
    scene.start(&pipeline, if begun { &resume } else { &DATA }).wait().code_is(0);
    bounded_is_whole(&scene, &files);
}

#[test]
fn a_bounded_run_killed_at_random_and_resumed_leaves_what_an_undisturbed_one_does() {
    killed_bounded_runs_leave_what_an_undisturbed_one_does("bounded", 1);
}

#[test]
fn a_bounded_run_with_parallel_chains_killed_at_random_leaves_what_an_undisturbed_one_does() {
    killed_bounded_runs_leave_what_an_undisturbed_one_does("bounded and parallel", 2);
}

/// A sink that is fed by a source that has ended and by one that goes on: what the one read before a save point must be in
/// the sink then, whatever the other does.
#[test]
fn a_source_that_has_ended_takes_nothing_from_the_one_beside_it() {
    let mut random = Random::new("ended");
    let scene = scene();
    let pipeline = Pipeline::default()
        .set("batch", json!({ "rows": 16 }))
        .set("saves", json!({ "interval": "100ms" }))
        .stage("short", "source File", json!({ "path": "short.log", "schema": schema() }))
        .stage("long", "source File", json!({ "path": "long.log", "schema": schema() }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .join("short > out")
        .join("long > out");
    let files = [("short".to_owned(), 10), ("long".to_owned(), LONG_LINES)];
    for (name, lines) in &files {
        scene.write(&format!("{name}.log"), (0..*lines).map(|n| line(name, n)).collect::<String>());
    }
    let resume = [&DATA[..], &["--resume"]].concat();
    for round in 0..rounds().div_ceil(4) {
        let mut running = scene.start(&pipeline, if round > 0 { &resume } else { &DATA });
        let before = count_so_far(&scene, "out.jsonl.part");
        let progress = || count_so_far(&scene, "out.jsonl.part") != before || scene.has("out.jsonl");
        running.until("it goes on", || progress().then_some(()));
        let until = Instant::now() + Duration::from_millis(120 + random.below(120));
        while Instant::now() < until && !running.has_ended() && !scene.has("out.jsonl") {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if scene.has("out.jsonl") {
            running.wait().code_is(0);
            records_are_whole(&scene.lines("out.jsonl"), &files);
            return;
        }
        running.kill().was_killed();
    }
    scene.start(&pipeline, &resume).wait().code_is(0);
    records_are_whole(&scene.lines("out.jsonl"), &files);
}
