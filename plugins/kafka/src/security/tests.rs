#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use serde_json::{Value, json};

fn security(properties: Value) -> Security {
    serde_json::from_value(properties).unwrap()
}

fn paths(properties: Value, tls: bool) -> Vec<String> {
    security(properties).check_for_build(tls).into_iter().map(|finding| finding.path).collect()
}

fn login(protocol: &str, mechanism: &str) -> Value {
    json!({ "protocol": protocol, "mechanism": mechanism, "username": "u", "password": "p" })
}

#[test]
fn what_is_said_is_what_librdkafka_gets() {
    let folder = std::env::temp_dir().join(format!("campanile-security-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| {
        let path = folder.join(name);
        std::fs::write(&path, "").unwrap();
        path.display().to_string()
    };
    let (ca, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let mut all = login("sasl_tls", "SCRAM-SHA-512");
    all["caFile"] = json!(ca);
    all["certificateFile"] = json!(certificate);
    all["keyFile"] = json!(key);
    all["keyPassword"] = json!("k");
    let all = security(all);
    assert_eq!(all.check_for_build(true), []);
    let mut config = ClientConfig::new();
    all.apply(&mut config).unwrap();
    for (name, value) in [
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "u"),
        ("sasl.password", "p"),
        ("ssl.ca.location", &ca),
        ("ssl.certificate.location", &certificate),
        ("ssl.key.location", &key),
        ("ssl.key.password", "k"),
    ] {
        assert_eq!(config.get(name), Some(value), "{name}");
        assert!(all.sets(name), "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();

    let mut config = ClientConfig::new();
    Security::default().apply(&mut config).unwrap();
    assert!(config.config_map().is_empty(), "nothing said, nothing set");
}

#[test]
fn fields_need_their_partners() {
    for (properties, wrong) in [
        (json!({}), vec![]),
        (login("sasl_tls", "PLAIN"), vec![]),
        (json!({ "protocol": "tls" }), vec![]),
        (json!({ "protocol": "sasl_tls" }), vec!["security.mechanism", "security.username", "security.password"]),
        (
            json!({ "protocol": "sasl_tls", "mechanism": "PLAIN", "username": "", "password": "p" }),
            vec!["security.username"],
        ),
        (json!({ "username": "u", "password": "p" }), vec!["security.username", "security.password"]),
        (
            json!({ "protocol": "sasl_plaintext", "mechanism": "SCRAM-SHA-256", "username": "u", "password": "p",
            "caFile": "ca.pem" }),
            vec!["security.caFile"],
        ),
        (json!({ "protocol": "tls", "caFile": "" }), vec!["security.caFile"]),
        (json!({ "protocol": "tls", "keyFile": "k" }), vec!["security.certificateFile"]),
        (json!({ "protocol": "tls", "certificateFile": "c" }), vec!["security.keyFile"]),
        (json!({ "protocol": "tls", "keyPassword": "p" }), vec!["security.keyFile"]),
    ] {
        assert_eq!(paths(properties.clone(), true), wrong, "{properties}");
    }
    let readable = security(login("sasl_plaintext", "PLAIN")).check_for_build(true);
    assert!(matches!(&readable[..], [finding] if !finding.is_error()), "{readable:?}");
}

#[test]
fn a_build_without_tls_says_which_one_has_it() {
    let findings = security(login("sasl_tls", "SCRAM-SHA-256")).check_for_build(false);
    let all: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        all,
        [
            "security.protocol: `sasl_tls` needs TLS, which is not in this build (use a build with the feature `tls` of \
             campanile-kafka, as releases have it)",
            "security.mechanism: `SCRAM-SHA-256` is not in this build (use a build with the feature `tls` of \
             campanile-kafka, as releases have it)",
        ]
    );
    assert_eq!(paths(json!({ "protocol": "tls" }), false), ["security.protocol"]);
    assert!(security(login("sasl_plaintext", "PLAIN")).check_for_build(false).iter().all(|found| !found.is_error()));
}

#[test]
fn files_that_are_not_there_are_told_all_at_once() {
    let files = json!({ "protocol": "tls", "caFile": "no/ca.pem", "certificateFile": "no/c.pem", "keyFile": "/" });
    let error = security(files).apply(&mut ClientConfig::new()).unwrap_err();
    let all: Vec<_> = error.all_findings().iter().map(ToString::to_string).collect();
    assert_eq!(
        all,
        [
            "security.caFile: cannot read `no/ca.pem`: No such file or directory (os error 2)",
            "security.certificateFile: cannot read `no/c.pem`: No such file or directory (os error 2)",
            "security.keyFile: cannot read `/`: it is no file",
        ]
    );
}

#[test]
fn what_is_not_known_is_no_security() {
    for wrong in [json!({ "protocol": "ssl" }), json!({ "mechanism": "GSSAPI" }), json!({ "passwort": "p" })] {
        assert!(serde_json::from_value::<Security>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn kerberos_is_refused_with_the_reason() {
    assert_eq!(refuse_kerberos(None, Some("")), []);
    let findings = refuse_kerberos(Some("me@REALM"), Some("/etc/my.keytab"));
    let all: Vec<_> = findings.iter().map(ToString::to_string).collect();
    let reason =
        "Kerberos is not built in: this would do nothing (leave it out, and log in by `security` with PLAIN or SCRAM)";
    assert_eq!(all, [format!("principal: {reason}"), format!("keytabLocation: {reason}")]);
}
