//! `campanile topics`: what each verb prints and leaves, and what it says of mistakes.

use super::{done, payloads, with_topic};
use crate::scene;
use campanile_tests::{Running, Scene};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::process::{Command, Stdio};

fn publish(scene: &Scene, messages: &[&str]) {
    let mut args = vec!["topics", "publish", "alerts", "--data", "data"];
    args.extend(messages);
    done(scene, &args);
}

fn fetch(scene: &Scene, args: &[&str]) -> String {
    let mut all = vec!["topics", "fetch", "alerts", "--data", "data"];
    all.extend(args);
    done(scene, &all).stdout()
}

/// Messages as JSON.
fn objects(scene: &Scene) -> Vec<Value> {
    fetch(scene, &["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn topics_are_made_shown_changed_and_deleted() {
    let scene = scene();
    let topics = |args: &[&str]| done(&scene, &[&["topics"], args, &["--data", "data"]].concat());
    topics(&["create", "b"]);
    topics(&["create", "a-1", "--ttl", "90s"]);
    topics(&["create", "elsewhere", "--namespace", "plant_1"]);
    let listed = topics(&["list", "--json"]).json();
    assert_eq!(
        listed,
        json!([
            { "namespace": "default", "name": "a-1", "ttl": 90, "generation": 1 },
            { "namespace": "default", "name": "b", "ttl": 604_800, "generation": 1 },
        ])
    );
    let table = topics(&["list"]);
    assert!(
        table.stdout().contains("a-1") && table.stdout().contains("90 s") && table.stdout().contains("7 d"),
        "{table}"
    );
    topics(&["update", "b", "--ttl", "1h"]);
    assert_eq!(topics(&["describe", "b", "--json"]).json()["ttl"], 3_600);
    assert!(topics(&["describe", "b"]).stdout().contains("kept for    1 h"));
    topics(&["delete", "b"]);
    topics(&["create", "b"]);
    assert_eq!(topics(&["describe", "b", "--json"]).json()["generation"], 2);
    assert_eq!(topics(&["list", "-n", "nothing_here"]).stdout(), "");
}

#[test]
fn mistakes_are_told() {
    let scene = with_topic();
    for (code, args, words) in [
        (1, &["fetch", "nope"][..], &["Topic default:nope does not exist.", "topics list", "topics create"][..]),
        (1, &["publish", "nope", "x"], &["Topic default:nope does not exist."]),
        (1, &["describe", "nope"], &["Topic default:nope does not exist."]),
        (1, &["update", "nope", "--ttl", "5"], &["Topic default:nope does not exist."]),
        (1, &["delete", "nope"], &["Topic default:nope does not exist."]),
        (1, &["create", "alerts"], &["Topic default:alerts already exists.", "topics update"]),
        (2, &["create", "a/b"], &["Invalid topic ID: a/b."]),
        (2, &["list", "-n", "a-b"], &["Invalid namespace ID: a-b."]),
        (2, &["create", "x", "--ttl", "0"], &["2147483647"]),
        (2, &["create", "x", "--ttl", "abc"], &["2147483647"]),
        (2, &["fetch", "alerts", "--from", "yesterday"], &["start, end, a time"]),
        (2, &["fetch", "alerts", "--after", "12"], &["40 hexadecimal digits"]),
        (2, &["fetch", "alerts", "--limit", "0"], &["--limit"]),
        (2, &["publish", "alerts", "x", "--producer", "p"], &["--sequence"]),
        (2, &["publish", "alerts", "--file", "no-such-file"], &["--file no-such-file"]),
        (2, &["list", "--messaging", "ftp://example.com"], &["http:// or https://"]),
        (1, &["list", "--messaging", "http://127.0.0.1:9"], &["http://127.0.0.1:9 does not answer"]),
    ] {
        let ended = scene.campanile(["topics"].iter().chain(args).chain(&["--data", "data"]));
        ended.code_is(code);
        ended.says(words);
        assert_eq!(ended.stdout(), "", "{ended}");
    }
}

#[test]
fn a_folder_that_was_mistyped_is_not_made() {
    let scene = scene();
    let id = "0".repeat(40);
    for args in [
        &["list"][..],
        &["describe", "alerts"],
        &["fetch", "alerts", "--after", &id, "--follow"],
        &["publish", "alerts", "x"],
        &["delete", "alerts"],
    ] {
        let ended = scene.campanile(["topics"].iter().chain(args).chain(&["--data", "dta"]));
        ended.code_is(2);
        ended.says(&["dta/messaging: there is no such folder of messages"]);
    }
    assert!(scene.names().is_empty(), "{:?}", scene.names());
}

#[test]
fn a_folder_of_something_else_stays_as_it_is() {
    let scene = scene();
    fs::create_dir(scene.path("notes")).unwrap();
    scene.write("notes/VERSION.txt", "1");
    let ended = scene.campanile(["topics", "list", "--messaging", "notes"]);
    ended.code_is(2);
    ended.says(&["notes: there is no such folder of messages"]);
    assert_eq!(fs::read_dir(scene.path("notes")).unwrap().count(), 1);
    let ended = scene.campanile(["topics", "list", "--messaging", "notes/VERSION.txt"]);
    ended.code_is(2);
    ended.says(&["notes/VERSION.txt: it is no folder"]);
}

#[test]
fn messages_come_from_the_command_line_and_from_lines() {
    let scene = with_topic();
    publish(&scene, &["one", "two\nlines"]);
    scene.write("lines.txt", "from a file\n\nthe last has no end");
    publish(&scene, &["--file", "lines.txt"]);
    let mut command = scene.command(["topics", "publish", "alerts", "--data", "data", "--json"]);
    command.stdin(Stdio::from(File::open(scene.write("input.txt", "from stdin\n")).unwrap()));
    let ended = Running::start_with_input(command).wait();
    ended.code_is(0);
    ended.says(&["1 message published to topic `default:alerts`"]);
    let told = ended.json();
    assert_eq!((&told["count"], &told["repeated"]), (&json!(1), &json!(false)));
    let all = objects(&scene);
    let texts: Vec<&str> = all.iter().filter_map(|message| message["payload"].as_str()).collect();
    assert_eq!(texts, ["one", "two\nlines", "from a file", "", "the last has no end", "from stdin"]);
    assert_eq!(all[5]["id"], told["last"]);
}

#[test]
fn lines_are_published_as_they_come() {
    let scene = with_topic();
    let mut publisher = scene.command(["topics", "publish", "alerts", "--data", "data"]);
    publisher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut publisher = publisher.spawn().unwrap();
    let mut input = publisher.stdin.take().unwrap();
    let mut follower = Running::start(scene.command(["topics", "fetch", "alerts", "--follow", "--data", "data"]));
    for line in ["first", "second"] {
        std::io::Write::write_all(&mut input, format!("{line}\n").as_bytes()).unwrap();
        // Its input goes on.
        follower.says(line, |out, _| out.contains(line).then_some(()));
    }
    drop(input);
    assert!(publisher.wait().unwrap().success());
    follower.signal("INT");
    follower.wait().code_is(130);
}

#[test]
fn many_lines_keep_their_order() {
    let scene = with_topic();
    let lines: Vec<String> = (0..5_000).map(|n| format!("line {n}")).collect();
    scene.write("lines.txt", lines.join("\n"));
    publish(&scene, &["--file", "lines.txt"]);
    assert!(payloads(&scene, "alerts") == lines);
}

#[test]
fn a_publication_with_a_sequence_has_one_effect() {
    let scene = with_topic();
    scene.write("today.txt", "a\nb\n");
    let args = [
        "topics",
        "publish",
        "alerts",
        "--file",
        "today.txt",
        "--producer",
        "daily",
        "--sequence",
        "7",
        "--data",
        "data",
    ];
    done(&scene, &args).says(&["2 messages published"]);
    done(&scene, &args).says(&["nothing was published"]);
    assert_eq!(payloads(&scene, "alerts"), ["a", "b"]);
}

#[test]
fn reading_begins_where_it_is_told() {
    let scene = with_topic();
    for message in ["a", "b", "c"] {
        publish(&scene, &[message]);
    }
    let all = objects(&scene);
    let id = |n: usize| all[n]["id"].as_str().unwrap();
    let time = |n: usize| all[n]["time"].as_str().unwrap();
    assert_eq!(fetch(&scene, &["--from", "start", "--limit", "2"]), "a\nb\n");
    assert_eq!(fetch(&scene, &["--from", id(1)]), "b\nc\n");
    assert_eq!(fetch(&scene, &["--after", id(1)]), "c\n");
    assert_eq!(fetch(&scene, &["--from", time(2)]), "c\n");
    assert_eq!(fetch(&scene, &["--from", "0"]), "a\nb\nc\n");
    assert_eq!(fetch(&scene, &["--from", "end"]), "");
    assert_eq!(fetch(&scene, &["--from", "2999-01-01T00:00:00Z"]), "");
    assert_eq!(fetch(&scene, &["--ids", "--limit", "1"]), format!("{} {} a\n", id(0), time(0)));
}

#[test]
fn bytes_that_are_no_text_are_printed_as_base64_and_that_is_said() {
    let scene = with_topic();
    scene.write("bytes", b"\xff\xfe");
    publish(&scene, &["--file", "bytes"]);
    let ended = done(&scene, &["topics", "fetch", "alerts", "--data", "data"]);
    assert_eq!(ended.stdout(), "//4=\n");
    ended.says(&["1 message of bytes that are no text", "base64"]);
    assert_eq!(objects(&scene)[0]["payloadBase64"], "//4=");
}

#[test]
fn a_follower_ends_at_its_limit_and_on_signals() {
    let scene = with_topic();
    publish(&scene, &["old"]);
    let args = ["topics", "fetch", "alerts", "--data", "data", "--follow"];
    let mut limited = Running::start(scene.command(args.iter().chain(&["--limit", "2"])));
    limited.says("what is there is shown", |out, _| out.contains("old").then_some(()));
    // Through the socket of the follower, which owns the folder.
    publish(&scene, &["new", "newer"]);
    let ended = limited.wait();
    ended.code_is(0);
    assert_eq!(ended.stdout(), "old\nnew\n");
    for signal in ["INT", "TERM"] {
        let mut follower = Running::start(scene.command(args));
        follower.says("all is shown", |out, _| out.contains("newer").then_some(()));
        follower.signal(signal);
        follower.wait().code_is(130);
    }
}

#[test]
fn a_follower_is_told_that_its_topic_is_deleted() {
    let scene = with_topic();
    publish(&scene, &["old"]);
    let mut follower = Running::start(scene.command(["topics", "fetch", "alerts", "--data", "data", "--follow"]));
    follower.says("what is there is shown", |out, _| out.contains("old").then_some(()));
    done(&scene, &["topics", "delete", "alerts", "--data", "data"]);
    let ended = follower.wait();
    ended.code_is(1);
    ended.says(&["Topic default:alerts does not exist."]);
}

#[test]
fn whoever_reads_may_have_had_enough() {
    let scene = with_topic();
    let line = "x".repeat(1_000);
    scene.write("lines.txt", format!("{line}\n").repeat(2_000));
    publish(&scene, &["--file", "lines.txt"]);
    let campanile = scene.command(["topics", "fetch", "alerts", "--data", "data"]);
    let mut shell = Command::new("bash");
    shell
        .args(["-c", "set -o pipefail; \"$0\" \"$@\" | head -n 1"])
        .arg(campanile.get_program())
        .args(campanile.get_args());
    shell.current_dir(scene.path(""));
    let ended = Running::start(shell).wait();
    ended.code_is(0);
    assert_eq!((ended.stdout(), ended.stderr()), (format!("{line}\n"), String::new()));
}
