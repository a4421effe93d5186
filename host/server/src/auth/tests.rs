#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;
use crate::testing::{House, text};
use axum::http::Request as HttpRequest;
use tempfile::TempDir;

/// A data folder with tokens, by what they may do.
struct Keys {
    _folder: TempDir,
    tokens: Arc<Tokens>,
    secrets: Vec<(&'static str, String)>,
}

impl Keys {
    fn new() -> Keys {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Arc::new(Tokens::of(folder.path()));
        let grant = |namespace: &str, right| Grant { namespace: namespace.to_owned(), right };
        let made = [
            ("root", vec![grant("*", Right::Admin)]),
            ("reader", vec![grant("default", Right::Read)]),
            ("publisher", vec![grant("default", Right::Publish)]),
            ("admin", vec![grant("default", Right::Admin)]),
            ("both", vec![grant("default", Right::Read), grant("other", Right::Publish)]),
            ("everywhere", vec![grant("*", Right::Publish)]),
        ];
        let secrets = made.iter().map(|(name, grants)| (*name, tokens.create(name, grants).unwrap())).collect();
        Keys { _folder: folder, tokens, secrets }
    }

    fn header(&self, who: &str) -> Option<String> {
        match who {
            "nobody" => None,
            "stranger" => Some("Bearer cmpn_this-is-not-known-here".to_owned()),
            "basic" => Some("Basic dXNlcjpwYXNz".to_owned()),
            who => self.secrets.iter().find(|(name, _)| *name == who).map(|(_, secret)| format!("Bearer {secret}")),
        }
    }
}

fn ask(door: &Door, keys: &Keys, who: &str, method: &str, path: &str) -> u16 {
    let mut request = HttpRequest::builder().method(method).uri(path).header("host", "localhost:8090");
    if let Some(header) = keys.header(who) {
        request = request.header("authorization", header);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    check(door, &parts.method, &parts.uri, &parts.headers).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
}

#[test]
fn each_token_does_what_its_rights_say_and_nothing_else() {
    let keys = Keys::new();
    let open = Door::Open(Arc::clone(&keys.tokens));
    let loopback = Door::Loopback(Some(Arc::clone(&keys.tokens)));
    let topic = "/v1/namespaces/default/topics/t";
    // method, path below the topic, who, status on loopback, status elsewhere
    let table = [
        ("GET", "", "nobody", 200, 401),
        ("GET", "/messages", "nobody", 200, 401),
        ("POST", "/poll", "nobody", 200, 401),
        ("POST", "/publish", "nobody", 401, 401),
        ("POST", "/store", "nobody", 401, 401),
        ("POST", "/rollback", "nobody", 401, 401),
        ("POST", "/messages", "nobody", 401, 401),
        ("PUT", "", "nobody", 401, 401),
        ("PUT", "/properties", "nobody", 401, 401),
        ("DELETE", "", "nobody", 401, 401),
        ("PATCH", "/anything", "nobody", 401, 401),
        ("GET", "", "stranger", 401, 401),
        ("POST", "/publish", "stranger", 401, 401),
        ("POST", "/publish", "basic", 401, 401),
        ("GET", "", "reader", 200, 200),
        ("POST", "/poll", "reader", 200, 200),
        ("POST", "/poll/", "reader", 200, 200),
        ("POST", "/publish", "reader", 403, 403),
        ("PUT", "", "reader", 403, 403),
        ("GET", "", "publisher", 200, 403),
        ("POST", "/poll", "publisher", 200, 403),
        ("POST", "/publish", "publisher", 200, 200),
        ("POST", "/publish/", "publisher", 200, 200),
        ("POST", "/store", "publisher", 200, 200),
        ("POST", "/rollback", "publisher", 200, 200),
        ("POST", "/messages", "publisher", 200, 200),
        ("POST", "/properties", "publisher", 403, 403),
        ("PUT", "", "publisher", 403, 403),
        ("DELETE", "", "publisher", 403, 403),
        ("GET", "", "admin", 200, 200),
        ("POST", "/publish", "admin", 200, 200),
        ("PUT", "", "admin", 200, 200),
        ("DELETE", "", "admin", 200, 200),
        ("DELETE", "", "root", 200, 200),
        ("GET", "", "both", 200, 200),
        ("POST", "/publish", "both", 403, 403),
        ("POST", "/publish", "everywhere", 200, 200),
        ("PUT", "", "everywhere", 403, 403),
    ];
    for (method, rest, who, here, elsewhere) in table {
        let path = format!("{topic}{rest}");
        assert_eq!(ask(&loopback, &keys, who, method, &path), here, "{who}: {method} {path} on loopback");
        assert_eq!(ask(&open, &keys, who, method, &path), elsewhere, "{who}: {method} {path} elsewhere");
        assert_eq!(ask(&Door::Loopback(None), &keys, who, method, &path), 200, "{who}: {method} {path} without tokens");
        assert_eq!(ask(&Door::Owner, &keys, who, method, &path), 200, "{who}: {method} {path} on the socket");
    }
}

#[test]
fn rights_end_with_their_namespace() {
    let keys = Keys::new();
    let open = Door::Open(Arc::clone(&keys.tokens));
    for (who, method, path, status) in [
        ("admin", "PUT", "/v1/namespaces/other/topics/t", 403),
        ("admin", "PUT", "/v1/namespaces/default2/topics/t", 403),
        ("admin", "PUT", "/v1/namespaces/%64efault/topics/t", 200),
        ("both", "POST", "/v1/namespaces/other/topics/t/publish", 200),
        ("both", "GET", "/v1/namespaces/other/topics", 403),
        ("reader", "GET", "/v3/namespaces/default/programs/status", 200),
        ("reader", "GET", "/v3/namespaces/other/programs/status", 403),
        ("reader", "GET", "/v1/namespaces/*/topics", 403),
        ("nobody", "GET", "/healthz", 401),
        ("publisher", "GET", "/healthz", 200),
        ("publisher", "POST", "/api/v1/pipelines", 403),
        ("everywhere", "POST", "/api/v1/pipelines", 403),
        ("root", "POST", "/api/v1/pipelines", 200),
    ] {
        assert_eq!(ask(&open, &keys, who, method, path), status, "{who}: {method} {path}");
    }
}

#[test]
fn only_the_socket_writes_the_namespace_system() {
    let keys = Keys::new();
    let doors =
        [Door::Open(Arc::clone(&keys.tokens)), Door::Loopback(Some(Arc::clone(&keys.tokens))), Door::Loopback(None)];
    let writes = [
        ("POST", "/v1/namespaces/system/topics/audit/publish"),
        ("POST", "/v1/namespaces/%73ystem/topics/audit/publish"),
        ("POST", "/v1/namespaces/system/topics/audit/store"),
        ("POST", "/v1/namespaces/system/topics/audit/rollback"),
        ("POST", "/v1/namespaces/system/topics/audit/messages"),
        ("PUT", "/v1/namespaces/system/topics/audit"),
        ("DELETE", "/v1/namespaces/system/topics/audit"),
    ];
    for (method, path) in writes {
        for door in &doors {
            assert_eq!(ask(door, &keys, "root", method, path), 403, "{method} {path} through {door:?}");
        }
        assert_eq!(ask(&Door::Owner, &keys, "nobody", method, path), 200, "{method} {path} on the socket");
    }
    for door in &doors {
        assert_eq!(ask(door, &keys, "root", "GET", "/v1/namespaces/system/topics"), 200);
        assert_eq!(ask(door, &keys, "root", "POST", "/v1/namespaces/system/topics/audit/poll"), 200);
    }
}

#[test]
fn a_page_elsewhere_is_not_answered() {
    let tokens = Door::Loopback(None);
    let ask = |door: &Door, uri: &str, host: Option<&str>, origin: Option<&str>| {
        let mut request = HttpRequest::get(uri);
        for (name, value) in [("host", host), ("origin", origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(door, &parts.method, &parts.uri, &parts.headers).map_or_else(|refusal| refusal.code, |()| "ok")
    };
    let path = "/v1/namespaces/default/topics";
    for (host, origin, outcome) in [
        (Some("localhost:8090"), None, "ok"),
        (Some("LOCALHOST"), None, "ok"),
        (Some("127.0.0.1:8090"), None, "ok"),
        (Some("127.8.9.10:1"), None, "ok"),
        (Some("[::1]:8090"), None, "ok"),
        (None, None, "host-refused"),
        (Some(""), None, "host-refused"),
        (Some("rebound.example:8090"), None, "host-refused"),
        (Some("localhost.example"), None, "host-refused"),
        (Some("127.0.0.1.example"), None, "host-refused"),
        (Some("192.168.1.7:8090"), None, "host-refused"),
        (Some("localhost:8090"), Some("http://localhost:8090"), "ok"),
        (Some("localhost:8090"), Some("https://localhost:8090"), "ok"),
        (Some("localhost:8090"), Some("http://localhost:3000"), "origin-refused"),
        (Some("localhost:8090"), Some("http://127.0.0.1:8090"), "origin-refused"),
        (Some("localhost:8090"), Some("https://page.example"), "origin-refused"),
        (Some("localhost:8090"), Some("null"), "origin-refused"),
        (Some("localhost:8090"), Some("file://localhost:8090"), "origin-refused"),
    ] {
        assert_eq!(ask(&tokens, path, host, origin), outcome, "Host {host:?}, Origin {origin:?}");
    }
    assert_eq!(ask(&tokens, "http://rebound.example/v1/", Some("localhost"), None), "host-refused");
    // The socket is opened by its owner, never by a browser.
    assert_eq!(ask(&Door::Owner, path, None, None), "ok");
}

#[test]
fn a_token_that_was_revoked_ends_at_once() {
    let keys = Keys::new();
    let open = Door::Open(Arc::clone(&keys.tokens));
    assert_eq!(ask(&open, &keys, "reader", "GET", "/v1/namespaces/default/topics"), 200);
    // As another process does.
    assert!(Tokens::of(keys._folder.path()).revoke("reader").unwrap());
    assert_eq!(ask(&open, &keys, "reader", "GET", "/v1/namespaces/default/topics"), 401);
}

#[test]
fn tokens_that_cannot_be_read_let_nobody_in() {
    let keys = Keys::new();
    std::fs::write(keys._folder.path().join("tokens.json"), "{ no json").unwrap();
    let open = Door::Open(Arc::clone(&keys.tokens));
    assert_eq!(ask(&open, &keys, "root", "GET", "/v1/namespaces/default/topics"), 500);
    assert_eq!(ask(&open, &keys, "nobody", "GET", "/v1/namespaces/default/topics"), 401);
}

#[tokio::test]
async fn a_refusal_speaks_as_its_path_does() {
    let keys = Keys::new();
    let house = House::with(crate::Limits::default(), Door::Open(Arc::clone(&keys.tokens)));
    let request = |path: &str, who: &str| {
        let mut request = HttpRequest::post(path).header("host", "tower.example");
        if let Some(header) = keys.header(who) {
            request = request.header("authorization", header);
        }
        request.body(Body::empty()).unwrap()
    };
    let response = house.answer(request("/v1/namespaces/default/topics/alerts/publish", "nobody")).await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"campanile\"");
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert!(text(response).await.contains("Authorization: Bearer TOKEN"));

    let response = house.answer(request("/v1/namespaces/system/topics/audit/publish", "root")).await;
    assert_eq!(response.status(), 403);
    assert_eq!(text(response).await, "Publish to 'system' namespace is not allowed");

    let (status, body) = house.json(request("/v1/namespaces/default/topics/alerts/messages", "reader")).await;
    assert_eq!((status.as_u16(), body["error"]["code"].as_str()), (403, Some("right-missing")));
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("campanile tokens create NAME --right publish --namespace default"), "{message}");
}
