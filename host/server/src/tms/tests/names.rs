//! Paths, methods, and the names in them.

use super::*;

#[test]
fn names_with_other_characters_are_refused_before_all_else() {
    let service = Service::new();
    let topic = |name| format!("Invalid topic ID: {name}. Should only contain alphanumeric characters and _ or -.");
    let namespace = |name| format!("Invalid namespace ID: {name}. Should only contain alphanumeric characters or _.");
    for (path, text) in [
        ("/v1/namespaces/ns/topics/a.b", topic("a.b")),
        ("/v1/namespaces/ns/topics/%2e%2e", topic("..")),
        ("/v1/namespaces/ns/topics/a%20b", topic("a b")),
        ("/v1/namespaces/ns/topics/%C3%A4", topic("ä")),
        ("/v1/namespaces/ns/topics/a%00", topic("a\0")),
        ("/v1/namespaces/n-s/topics/a", namespace("n-s")),
        ("/v1/namespaces/n.s/topics/a.b", namespace("n.s")),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            assert_eq!(service.call(method, path, &[], "garbage").all(), error(400, &text), "{method} {path}");
        }
        for action in ["publish", "store", "poll", "rollback"] {
            // Neither the content type nor the body is looked at.
            let answer = service.call("POST", &format!("{path}/{action}"), &[], "garbage");
            assert_eq!(answer.all(), error(400, &text), "{action} {path}");
        }
        assert_eq!(service.put(&format!("{path}/properties"), "garbage").all(), error(400, &text), "{path}");
    }
    assert_eq!(service.get("/v1/namespaces/n-s/topics").all(), error(400, &namespace("n-s")));
    assert_eq!(service.get("/v1/namespaces/nobody/topics").all(), (200, Some(JSON), "[]".to_owned()));
}

#[test]
fn unknown_paths_are_404_and_wrong_methods_405_with_the_path() {
    let service = Service::with_topic();
    for path in [
        "/v1/nothing",
        "/v1/namespaces/ns",
        "/v1/namespaces/ns/topics/t/nothing",
        "/v1/namespaces/ns/topics/t/publish/more?x=1",
        "/v1/namespaces/ns/topics/a%2Fb",
        "/v1/namespaces/n%2Fs/topics",
        "/v1/namespaces/ns/topics/..%2Ft/poll",
    ] {
        let text = format!("Problem accessing: {path}. Reason: Not Found");
        let method = if path.ends_with("poll") { "POST" } else { "GET" };
        assert_eq!(service.call(method, path, &[], "").all(), (404, None, text));
    }
    for (method, path) in [
        ("POST", TOPIC.to_owned()),
        ("PATCH", TOPIC.to_owned()),
        ("PUT", "/v1/namespaces/ns/topics".to_owned()),
        ("GET", format!("{TOPIC}/properties")),
        ("GET", format!("{TOPIC}/publish?a=b")),
        ("PUT", format!("{TOPIC}/store")),
        ("DELETE", format!("{TOPIC}/rollback")),
        ("GET", format!("{TOPIC}/poll")),
    ] {
        assert_eq!(service.call(method, &path, &[], "").all(), (405, None, path.clone()), "{method} {path}");
    }
    assert_eq!(
        service.call("HEAD", TOPIC, &[], "").all(),
        (405, None, String::new()),
        "the answer to HEAD has no body"
    );
}

#[test]
fn a_slash_at_the_end_means_nothing() {
    let service = Service::with_topic();
    assert_eq!(service.get(&format!("{TOPIC}/")).status, 200);
    assert_eq!(service.get("/v1/namespaces/ns/topics/").text(), (200, r#"["t"]"#.to_owned()));
    assert_eq!(service.post(&format!("{TOPIC}/publish/"), publish_request(None, &["m"])).status, 200);
}

#[test]
fn topics_are_listed_by_their_keys() {
    let service = Service::new();
    let names = ["a1", "B10", "-", "z", "a", "_", "A", "b", "a-", "1", "aa", "a_", "B9"];
    for name in names {
        assert_eq!(service.put(&format!("/v1/namespaces/ns/topics/{name}"), "").status, 200);
    }
    assert_eq!(service.put("/v1/namespaces/other/topics/x", "").status, 200);
    let listed = r#"["-","1","A","B10","B9","_","a-","a1","a","a_","aa","b","z"]"#;
    assert_eq!(service.get("/v1/namespaces/ns/topics").all(), (200, Some(JSON), listed.to_owned()));
}

#[test]
fn a_topic_without_end_is_described_without_time_to_live() {
    let service = Service::new();
    let topic = campanile_messaging::TopicId::new("ns", "t").unwrap();
    service.messaging.create_topic(&topic, None).unwrap();
    assert_eq!(service.get(TOPIC).all(), (200, Some(JSON), r#"{"generation":"1"}"#.to_owned()));
}

#[test]
fn the_content_type_is_avro_to_the_letter() {
    let service = Service::with_topic();
    let refused = error(400, "Only avro/binary content type is supported.");
    for action in ["publish", "store", "poll"] {
        let path = format!("{TOPIC}/{action}");
        for given in ["avro/binary; charset=utf-8", "AVRO/BINARY", "application/json", " "] {
            assert_eq!(service.call("POST", &path, &[("content-type", given)], "").all(), refused, "{action} {given}");
        }
        assert_eq!(service.call("POST", &path, &[], "garbage").all(), refused, "{action}");
        let missing = format!("/v1/namespaces/ns/topics/missing/{action}");
        assert_eq!(service.call("POST", &missing, &[], "").all(), refused, "it comes before the topic");
    }
}
