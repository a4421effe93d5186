use super::*;
use serde_json::{Value, json};

fn checked(properties: Value) -> Checked {
    serde_json::from_value::<ProducerProperties>(properties).unwrap().check()
}

fn config(properties: Value) -> ClientConfig {
    let checked = checked(properties);
    assert_eq!(checked.findings, []);
    checked.config("a:1", "bell", Services::default())
}

#[test]
fn what_is_said_overrides_what_is_not() {
    let config = config(json!({ "linger.ms": 9, "socket.keepalive.enable": true, "compression.type": "gzip" }));
    for (name, value) in [
        ("linger.ms", "9"),
        ("socket.keepalive.enable", "true"),
        ("compression.type", "gzip"),
        ("message.timeout.ms", "120000"),
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("bootstrap.servers", "a:1"),
        ("client.id", "bell"),
    ] {
        assert_eq!(config.get(name), Some(value), "{name}");
    }
}

#[test]
fn text_is_read_as_cdap_writes_it() {
    let config = config(json!("linger.ms:7 , client.id : a:b ,"));
    assert_eq!((config.get("linger.ms"), config.get("client.id")), (Some("7"), Some("a:b")));
    assert_eq!(checked(json!("")).values.len(), 0);
    assert!(checked(json!("linger.ms")).findings[0].message.contains("has no colon"));
}

#[test]
fn other_names_are_the_same_property() {
    let found = checked(json!({ "delivery.timeout.ms": 1_000, "queue.buffering.max.ms": 1 }));
    assert_eq!(found.message_timeout(), Duration::from_secs(1));
    let config = found.config("a:1", "bell", Services::default());
    assert_eq!((config.get("linger.ms"), config.get("message.timeout.ms")), (Some("1"), Some("1000")));
    let twice = checked(json!({ "linger.ms": 1, "queue.buffering.max.ms": 2 }));
    assert!(twice.findings[0].message.contains("set twice"));
}

#[test]
fn what_keeps_alerts_safe_stays() {
    for fine in [json!({ "acks": "all" }), json!({ "acks": -1 }), json!({ "enable.idempotence": true })] {
        assert_eq!(checked(fine).findings, []);
    }
    for wrong in [
        json!({ "acks": 1 }),
        json!({ "request.required.acks": 0 }),
        json!({ "enable.idempotence": "false" }),
        json!({ "bootstrap.servers": "b:1" }),
        json!({ "transactional.id": "x" }),
        json!({ "plugin.library.paths": "/tmp/mine.so" }),
        json!({ "message.timeout.ms": 0 }),
        json!({ "message.timeout.ms": 300_001 }),
        json!({ "message.timeout.ms": "soon" }),
        json!({ "producer.type": "sync" }),
        json!({ "linger.ms": "soon" }),
        json!({ "client.id": "a\u{0}b" }),
    ] {
        let findings = checked(wrong.clone()).findings;
        assert_eq!(findings.len(), 1, "{wrong}");
        assert_eq!(findings[0].path, "producerProperties");
    }
}

#[test]
fn findings_come_all_at_once_and_show_no_secret() {
    let found = checked(json!({ "acks": 1, "linger.ms": "x", "no.such": 1, "sasl.password": "hunter2\u{0}" }));
    assert_eq!(found.findings.len(), 4);
    let all = found.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(!all.contains("hunter2"), "{all}");
    assert!(all.contains("No such configuration property: \"no.such\""), "{all}");
}

#[test]
fn what_security_sets_is_set_there_alone() {
    let security = json!({ "protocol": "sasl_plaintext", "mechanism": "PLAIN", "username": "u", "password": "p" });
    let security = serde_json::from_value(security).unwrap();
    let properties = json!({ "sasl.mechanism": "PLAIN", "sasl.username": "v", "linger.ms": 1 });
    let properties = serde_json::from_value::<ProducerProperties>(properties).unwrap();
    let found: Vec<_> = properties.check_with(&security).findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "producerProperties: `sasl.mechanisms` is set by the property `security`",
            "producerProperties: `sasl.username` is set by the property `security`",
        ]
    );
    assert_eq!(properties.check_with(&Security::default()).findings, []);
}
