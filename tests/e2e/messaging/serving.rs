//! `campanile serve`: how it starts, what it refuses, how it ends.

use super::service::Service;
use super::{done, payloads, with_topic};
use crate::scene;
use campanile_tests::Scene;
use std::os::unix::fs::PermissionsExt;

fn mode(scene: &Scene, name: &str) -> u32 {
    std::fs::metadata(scene.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_server_tells_where_it_listens_and_where_the_token_is_and_ends_with_0() {
    let scene = scene();
    let mut service = Service::start(&scene, &[]);
    service.until_says("29 topics in namespace `system`");
    service.until_says("made the first token: it is in data/token");
    assert_eq!((mode(&scene, "data/token"), mode(&scene, "data/messaging/socket")), (0o600, 0o600));
    let answer = service.answer("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let ended = service.stop();
    ended.code_is(0);
    ended.says(&["stopping", "stopped"]);
    assert_eq!(ended.stdout(), "");
    assert!(!scene.has("data/messaging/socket"));
    // Each line is an event, with its time.
    for line in ended.stderr().lines() {
        assert!(line.as_bytes()[4] == b'-' && line.as_bytes()[10] == b'T' && line.contains("Z "), "{line}");
    }
    let again = Service::start(&scene, &[]).stop();
    again.says(&["the first token is in data/token"]);
    assert!(!again.stderr().contains("29 topics"), "{again}");
}

#[test]
fn system_topics_are_there_and_closed_over_http() {
    let scene = scene();
    let service = Service::start(&scene, &["--no-auth"]);
    let listed = done(&scene, &["topics", "list", "-n", "system", "--messaging", &service.url, "--json"]).json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|topic| topic["name"].as_str()).collect();
    assert_eq!(names.len(), 29);
    for name in ["audit", "metrics0", "metrics9", "logs9", "preview", "previewlog0", "programstatusrecordevent"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let args = ["topics", "publish", "audit", "x", "-n", "system", "--messaging"];
    let refused = scene.campanile(args.iter().chain(&[service.url.as_str()]));
    refused.code_is(1);
    refused.says(&["Publish to 'system' namespace is not allowed"]);
    service.stop().says(&["--no-auth: everybody on this machine may"]);
}

#[test]
fn addresses_that_others_reach_need_tokens() {
    let scene = scene();
    let serve = |more: &[&str]| {
        let args = ["serve", "--data", "data", "--listen", "0.0.0.0:0"];
        scene.campanile(args.iter().chain(more))
    };
    let without = serve(&[]);
    without.code_is(1);
    without.says(&["cannot listen on 0.0.0.0:0", "`campanile tokens create"]);
    let open = serve(&["--no-auth"]);
    open.code_is(1);
    open.says(&["cannot listen on 0.0.0.0:0 without tokens", "leave out --no-auth"]);
    done(&scene, &["tokens", "create", "ops", "--right", "admin", "--namespace", "*", "--data", "data"]);
    let service = Service::listening(&scene, "0.0.0.0:0", &[]);
    service.stop().says(&["warning: no TLS"]);
}

#[test]
fn an_address_that_is_taken_and_a_folder_that_is_owned_are_told() {
    let scene = scene();
    let service = Service::start(&scene, &[]);
    let taken = scene.campanile(["serve", "--data", "other", "--listen", service.address()]);
    taken.code_is(1);
    taken.says(&["another process does", "choose another port"]);
    let owned = scene.campanile(["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    owned.code_is(1);
    owned.says(&["data/messaging", "process ", "campanile serve", "data/messaging/socket", "end it"]);
    service.stop().code_is(0);
}

#[test]
fn what_makes_no_sense_ends_with_2() {
    let scene = scene();
    for (args, words) in [
        (&["--listen", "nowhere"][..], "127.0.0.1:8090"),
        (&["--tls-cert", "cert.pem"], "--tls-key"),
        (&["--tx-max-lifetime", "forever"], "unlimited"),
        (&["--max-publish-bytes", "0"], "one byte"),
        (&["--min-free-bytes", "lots"], "256MiB"),
        (&["--durability", "maybe"], "relaxed"),
    ] {
        let ended = scene.campanile(["serve", "--data", "data"].iter().chain(args));
        ended.code_is(2);
        ended.says(&[words]);
    }
    assert!(scene.names().is_empty(), "{:?}", scene.names());
    let missing = scene.campanile([
        "serve",
        "--data",
        "data",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        "cert.pem",
        "--tls-key",
        "key.pem",
    ]);
    missing.code_is(1);
    missing.says(&["cert.pem"]);
}

#[test]
fn a_folder_that_cannot_be_read_is_told() {
    let scene = with_topic();
    let version = std::fs::read(scene.path("data/messaging/version")).unwrap();
    scene.write("data/messaging/version", "something else");
    for args in [&["serve", "--data", "data", "--listen", "127.0.0.1:0"][..], &["topics", "list", "--data", "data"]] {
        let ended = scene.campanile(args);
        ended.code_is(1);
        ended.says(&["error: ", "data/messaging"]);
    }
    scene.write("data/messaging/version", version);
    done(&scene, &["topics", "describe", "alerts", "--data", "data"]);
}

#[test]
fn a_full_disk_is_told_and_readers_are_served() {
    let scene = with_topic();
    done(&scene, &["topics", "publish", "alerts", "before", "--data", "data"]);
    let mut service = Service::start(&scene, &["--min-free-bytes", "1000000GiB"]);
    service.until_says("error: messages are not taken: ");
    let refused = scene.campanile(["topics", "publish", "alerts", "x", "--data", "data"]);
    refused.code_is(1);
    refused.says(&["make room"]);
    assert_eq!(payloads(&scene, "alerts"), ["before"]);
    let ready = service.answer("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    service.stop().code_is(0);
}

#[test]
fn a_page_of_another_site_gets_nothing() {
    let scene = scene();
    let service = Service::start(&scene, &["--no-auth"]);
    let get = |headers: &str| {
        service.answer(&format!("GET /v1/namespaces/system/topics HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n"))
    };
    assert!(get("Host: localhost").starts_with("HTTP/1.1 200"));
    assert!(get("Host: evil.example").starts_with("HTTP/1.1 4"), "a name that was bound to this machine");
    assert!(get("Host: localhost\r\nOrigin: http://evil.example").starts_with("HTTP/1.1 4"));
}

#[test]
fn relaxed_durability_is_said_openly_and_bounds_hold() {
    let scene = with_topic();
    let service = Service::start(&scene, &["--durability", "relaxed", "--max-publish-bytes", "1kB", "--no-auth"]);
    let large = "x".repeat(2_000);
    let refused = scene.campanile(["topics", "publish", "alerts", &large, "--messaging", &service.url]);
    refused.code_is(2);
    done(&scene, &["topics", "publish", "alerts", "small", "--messaging", &service.url]);
    assert_eq!(payloads(&scene, "alerts"), ["small"]);
    service.stop().says(&["--durability relaxed: messages are acknowledged before they are on the disk"]);
}

#[test]
fn tls_is_spoken_with_a_certificate() {
    let scene = with_topic();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    scene.write("cert.pem", made.cert.pem());
    scene.write("key.pem", made.signing_key.serialize_pem());
    let service = Service::start(&scene, &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert!(service.url.starts_with("https://"), "{}", service.url);
    let publish = ["topics", "publish", "alerts", "secret", "--messaging", &service.url, "--token-file", "data/token"];
    let unknown = scene.campanile(publish);
    unknown.code_is(1);
    done(&scene, &[&publish[..], &["--ca-file", "cert.pem"]].concat());
    assert_eq!(payloads(&scene, "alerts"), ["secret"]);
    service.stop().code_is(0);
}
