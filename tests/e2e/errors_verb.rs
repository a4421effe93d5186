//! `campanile errors`: dead letters of saved runs are listed, shown, and written out to be mended and read again.

use crate::scene;
use campanile_tests::{Ended, Pipeline, Running, Scene};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const LINES: &[u8] =
    b"{\"id\": 1, \"v\": \"12\"}\n{\"id\": oops}\n{\"id\": 3, \"v\": \"twelve\"}\n{\"id\": 4, \"w\": \"\xff\"}\n";

/// Reads lines, and makes numbers of the field `v`.
fn casting() -> Pipeline {
    let schema = json!([{ "name": "id", "type": "long", "nullable": false }, { "name": "v", "type": "string" }]);
    Pipeline::default()
        .stage("in", "source File", json!({ "path": "${in}", "schema": schema }))
        .stage("cast", "transform Project", json!({ "cast": { "v": "long" } }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .join("in > cast > out")
}

fn run(scene: &Scene, input: &str) -> Ended {
    scene.run_with(&casting(), &["--data", "data", "--arg", &format!("in={input}")])
}

/// A run has kept two lines that are no records, and a record that is not to be cast.
fn kept() -> Scene {
    let scene = scene();
    scene.write("in.jsonl", LINES);
    run(&scene, "in.jsonl").code_is(0);
    scene
}

fn errors(scene: &Scene, words: &[&str]) -> Ended {
    scene.campanile(["errors"].iter().chain(words).chain(&["--data", "data"]))
}

fn listed(scene: &Scene, words: &[&str]) -> Vec<Value> {
    let ended = errors(scene, &[&["list", "--json"], words].concat());
    ended.code_is(0);
    ended.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The id of the letter of a stage, and of a line.
fn id(scene: &Scene, stage: &str, line: Option<u64>) -> String {
    let all = listed(scene, &["--stage", stage]);
    let found = all.iter().find(|letter| line.is_none_or(|line| letter["position"]["line"] == line));
    found.unwrap_or_else(|| panic!("{all:?}"))["id"].as_str().unwrap().to_owned()
}

#[test]
fn dead_letters_are_listed_and_shown_with_what_could_not_be_read() {
    let scene = kept();
    let run = scene.report().json()["runId"].as_str().unwrap().to_owned();
    assert_eq!(listed(&scene, &[]).len(), 3);
    assert_eq!(listed(&scene, &["test", "--run", &run, "--stage", "in"]).len(), 2);
    assert!(listed(&scene, &["--run", "another"]).is_empty());
    let table = errors(&scene, &["list", "--stage", "in"]).stdout();
    let broken = id(&scene, "in", Some(2));
    assert!([broken.as_str(), "in.jsonl:2", "field `id`"].iter().all(|word| table.contains(word)), "{table}");
    errors(&scene, &["list", "--limit", "1"]).says(&["2 more; --limit shows them"]);
    let shown = errors(&scene, &["show", "test", &broken]);
    shown.code_is(0);
    for words in ["stage     in", "raw       {\"id\": oops}", "in.jsonl:2"] {
        assert!(shown.stdout().contains(words), "{words}: {shown}");
    }
    let record = errors(&scene, &["show", "pipeline.json", &id(&scene, "cast", None), "--json"]).json();
    assert_eq!((&record["record"], &record["runId"]), (&json!({ "id": 3, "v": "twelve" }), &json!(run)));
    let none = errors(&scene, &["show", "test", "1-0"]);
    none.code_is(2);
    none.says(&["has no dead letter 1-0"]);
    errors(&scene, &["show", "test", "first"]).says(&["such as"]);
}

#[test]
fn lines_that_could_not_be_read_come_back_byte_for_byte_and_are_mended_and_read() {
    let scene = kept();
    let mixed = errors(&scene, &["replay", "test", "--all", "--to", "mend.jsonl"]);
    mixed.code_is(2);
    mixed.says(&["different shapes", "--stage", "`cast` (1 record)", "`in` (2 lines)"]);
    assert!(!scene.has("mend.jsonl"));
    let ended = errors(&scene, &["replay", "test", "--stage", "in", "--to", "mend.jsonl"]);
    ended.code_is(0);
    ended.says(&["2 dead letters written to mend.jsonl"]);
    let mend = std::fs::read(scene.path("mend.jsonl")).unwrap();
    assert_eq!(mend, b"{\"id\": oops}\n{\"id\": 4, \"w\": \"\xff\"}\n");
    assert_eq!(listed(&scene, &[]).len(), 3, "they stay where nothing else is said");

    scene.write("mended.jsonl", b"{\"id\": 2, \"v\": \"5\"}\n{\"id\": 4}\n");
    run(&scene, "mended.jsonl").code_is(0);
    assert_eq!(scene.lines("out.jsonl"), [json!({ "id": 2, "v": 5 }), json!({ "id": 4 })]);
    assert_eq!(listed(&scene, &[]).len(), 3, "the run before is not forgotten");
}

#[test]
fn what_is_written_to_a_file_can_leave_the_store() {
    let scene = kept();
    let stdout = errors(&scene, &["replay", "test", "--stage", "cast", "--to", "-", "--remove"]);
    stdout.code_is(2);
    stdout.says(&["--remove needs a file"]);
    let ended = errors(&scene, &["replay", "test", &id(&scene, "in", Some(2)), "--to", "one", "--remove"]);
    ended.code_is(0);
    ended.says(&["1 dead letter written to one, and removed from the store"]);
    assert_eq!(scene.read("one"), "{\"id\": oops}\n");
    assert_eq!(listed(&scene, &[]).len(), 2);
    let again = errors(&scene, &["replay", "test", "--stage", "cast", "--to", "one", "--remove"]);
    again.code_is(2);
    again.says(&["one: there is such a file already"]);
    assert_eq!((scene.read("one").as_str(), listed(&scene, &[]).len()), ("{\"id\": oops}\n", 2));
    let records = errors(&scene, &["replay", "test", "--stage", "cast", "--to", "-"]);
    assert_eq!(records.stdout(), "{\"id\":3,\"v\":\"twelve\"}\n");
    errors(&scene, &["replay", "test", "--stage", "cst", "--to", "-"]).says(&["did you mean `cast`?"]);
    errors(&scene, &["replay", "test", "--stage", "cast", "--to", "cast", "--remove"]).code_is(0);
    errors(&scene, &["replay", "test", "--stage", "in", "--to", "in", "--remove"]).code_is(0);
    errors(&scene, &["list"]).says(&["there are no dead letters"]);
    errors(&scene, &["replay", "test", "--all", "--to", "none"]).says(&["there is nothing to write"]);
    assert!(!scene.has("none"));
}

#[test]
fn a_run_that_goes_on_keeps_its_letters_to_itself() {
    let scene = scene().with(&["well_behaved"]);
    let pipeline = Pipeline::default()
        .stage("in", "source Endless", json!({ "reached": scene.text("reached") }))
        .stage("out", "sink Blackhole", json!({}))
        .join("in > out");
    let mut running = scene.start(&pipeline, &["--data", "data"]);
    running.until("a thousand records are taken", || scene.has("reached").then_some(()));
    let process = scene.read("data/pipelines/default/test/1/lock").trim().to_owned();
    for words in [&["list"][..], &["show", "test", "1-0"], &["replay", "test", "--all", "--to", "-"]] {
        let ended = errors(&scene, words);
        ended.code_is(1);
        ended.says(&[&format!("held by process {process}")]);
    }
    // Beside it the letters of another pipeline are there to be seen.
    scene.write("in.jsonl", LINES);
    let other = casting().json().replace("\"test\"", "\"other\"");
    scene.write("other.json", other);
    scene.campanile(["run", "other.json", "--data", "data", "--arg", "in=in.jsonl"]).code_is(0);
    let ended = errors(&scene, &["list"]);
    ended.code_is(0);
    ended.says(&["note: default/test/1 is held by process", "it is left out"]);
    assert!(ended.stdout().contains("in.jsonl:2"), "{ended}");
    running.signal("TERM");
    running.wait().code_is(130);
}

/// The first block of this kind in the guide.
fn block<'a>(guide: &'a str, kind: &str) -> &'a str {
    let begin = format!("```{kind}\n");
    let at = guide.find(&begin).unwrap_or_else(|| panic!("no block of {kind}")) + begin.len();
    guide[at..].split_once("```").unwrap().0
}

/// Whether a line is as it is shown: `…` stands for anything.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…').map(str::trim);
    let Some(mut rest) = line.trim().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || shown.ends_with('…')
}

/// A command line as somebody types it, all that it says on stdout.
fn shell(scene: &Scene, line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.current_dir(scene.path("")).args(["-c", &format!("{{ {line} ; }} 2>&1")]);
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", scene.text("bin")));
    for (name, value) in scene.command([""; 0]).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn the_guide_shows_what_happens() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/guides/dead-letters.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let scene = scene();
    scene.write("pipeline.json", block(&guide, "json"));
    scene.write("readings.jsonl", block(&guide, "jsonl"));
    let consoles = guide.split("```console\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let mut commands = 0;
    for console in consoles {
        for step in console.split("$ ").skip(1) {
            let (line, shown) = step.split_once('\n').unwrap();
            let ended = Running::start(shell(&scene, line)).wait();
            ended.code_is(0);
            let said = ended.stdout();
            let shown: Vec<&str> = shown.lines().collect();
            let mut said: Vec<&str> = said.lines().collect();
            // A line of its own that stands for the rest.
            if shown.last() == Some(&"…") {
                said.truncate(shown.len());
            }
            assert_eq!(said.len(), shown.len(), "{line}: {ended}");
            for (said, shown) in said.iter().zip(&shown) {
                assert!(is_as_shown(said, shown), "{line}: {shown:?} is shown, {said:?} is said\n{ended}");
            }
            commands += 1;
        }
    }
    assert_eq!(commands, 8);
}
