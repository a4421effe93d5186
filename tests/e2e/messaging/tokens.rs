//! `campanile tokens`, and what each right allows over HTTP.

use super::service::Service;
use super::{done, with_topic};
use crate::scene;
use campanile_tests::{Running, Scene};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

/// Makes a token, and returns what is to be sent.
fn create(scene: &Scene, name: &str, right: &str, namespace: &str) -> String {
    let made = done(scene, &["tokens", "create", name, "--right", right, "-n", namespace, "--data", "data"]);
    made.stdout().trim().to_owned()
}

/// Whether a command over HTTP is allowed with this token.
fn allowed(scene: &Scene, service: &Service, token: &str, args: &[&str]) -> bool {
    let mut command = scene.command(["topics"].iter().chain(args).chain(&["--messaging", &service.url]));
    command.env("CAMPANILE_TOKEN", token);
    let ended = Running::start(command).wait();
    if ended.stdout().is_empty() && ended.stderr().contains("token") {
        ended.code_is(1);
        return false;
    }
    ended.code_is(0);
    true
}

#[test]
fn each_right_allows_what_it_says() {
    let scene = with_topic();
    done(&scene, &["topics", "create", "others", "-n", "other", "--data", "data"]);
    let service = Service::start(&scene, &[]);
    let tokens = ["read", "publish", "admin"].map(|right| create(&scene, right, right, "default"));
    let everywhere = create(&scene, "everywhere", "publish", "*");
    let may = |token: &str, args: &[&str]| allowed(&scene, &service, token, args);
    let [read, publish, admin] = &tokens;
    for (args, expected) in [
        (&["fetch", "alerts"][..], [true, true, true, true]),
        (&["publish", "alerts", "x"], [false, true, true, true]),
        (&["publish", "others", "x", "-n", "other"], [false, false, false, true]),
        (&["update", "alerts", "--ttl", "1d"], [false, false, true, false]),
        (&["delete", "others", "-n", "other"], [false, false, false, false]),
    ] {
        let found = [read, publish, admin, &everywhere].map(|token| may(token, args));
        assert_eq!(found, expected, "{args:?}");
    }
    // One that is revoked is refused at once.
    assert!(may(publish, &["publish", "alerts", "x"]));
    done(&scene, &["tokens", "revoke", "publish", "--data", "data"]);
    assert!(!may(publish, &["publish", "alerts", "x"]));
}

#[test]
fn a_token_for_this_machine_is_found_in_the_data_folder_and_sent_nowhere_else() {
    let scene = with_topic();
    let service = Service::start(&scene, &[]);
    let publish = ["topics", "publish", "alerts", "x", "--messaging", &service.url];
    let without = scene.campanile(publish);
    without.code_is(1);
    without.says(&["this needs a token", "--token-file"]);
    done(&scene, &[&publish[..], &["--data", "data"]].concat());
    done(&scene, &[&publish[..], &["--token-file", "data/token"]].concat());
    let missing = scene.campanile([&publish[..], &["--token-file", "no-such-file"]].concat());
    missing.code_is(2);
    missing.says(&["--token-file no-such-file"]);
}

#[test]
fn a_token_is_shown_once() {
    let scene = scene();
    let made =
        done(&scene, &["tokens", "create", "grafana", "--right", "read", "--right", "publish", "--data", "data"]);
    assert!(made.stdout().starts_with("cmpn_") && made.stdout().trim().len() > 40, "{made}");
    assert_eq!(made.stdout().lines().count(), 1);
    let listed = done(&scene, &["tokens", "list", "--data", "data", "--json"]).json();
    let rights = json!([{ "namespace": "default", "right": "read" }, { "namespace": "default", "right": "publish" }]);
    assert_eq!((&listed[0]["name"], &listed[0]["rights"]), (&json!("grafana"), &rights));
    let kept = scene.read("data/tokens.json");
    assert!(!kept.contains(made.stdout().trim()), "the file holds its hash alone");
    assert!(!done(&scene, &["tokens", "list", "--data", "data"]).stdout().contains("cmpn_"));
}

#[test]
fn a_token_is_written_to_a_new_file_of_ones_own() {
    let scene = scene();
    let create = ["tokens", "create", "sensors", "--right", "publish", "--data", "data", "--out", "sensors.token"];
    assert_eq!(done(&scene, &create).stdout(), "");
    let mode = std::fs::metadata(scene.path("sensors.token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(scene.read("sensors.token").starts_with("cmpn_"));
    let again =
        scene.campanile(["tokens", "create", "more", "--right", "read", "--data", "data", "--out", "sensors.token"]);
    again.code_is(2);
    again.says(&["--out sensors.token"]);
    let taken =
        scene.campanile(["tokens", "create", "sensors", "--right", "read", "--data", "data", "--out", "x.token"]);
    taken.code_is(2);
    taken.says(&["there is a token `sensors` already"]);
    assert!(!scene.has("x.token"));
}

#[test]
fn what_makes_no_token_is_told() {
    let scene = scene();
    for (args, words) in [
        (&["create", "a b", "--right", "read"][..], "no name for a token"),
        (&["create", "x"], "--right"),
        (&["create", "x", "--right", "everything"], "publish"),
        (&["create", "x", "--right", "read", "-n", "a/b"], "no namespace"),
        (&["revoke", "nobody"], "there is no token `nobody`"),
    ] {
        let ended = scene.campanile(["tokens"].iter().chain(args).chain(&["--data", "data"]));
        ended.code_is(2);
        ended.says(&[words]);
    }
    scene.write("data/tokens.json", "broken");
    let broken = scene.campanile(["tokens", "list", "--data", "data"]);
    broken.code_is(1);
    broken.says(&["data/tokens.json"]);
}
