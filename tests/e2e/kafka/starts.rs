//! Runs that start, and runs that do not: brokers, logins, certificates, topics.

use super::broker::{GUEST, KEY_PASSWORD, USER};
use super::{Broker, by_user, each_once, number, readings, ringing};
use crate::scene;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

/// The longest that a run takes to say why it does not start, with what a busy machine adds to it.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

fn login(protocol: &str, mechanism: &str, (user, password): (&str, &str)) -> Value {
    json!({ "protocol": protocol, "mechanism": mechanism, "username": user, "password": password })
}

fn with(mut properties: Value, name: &str, value: impl Into<Value>) -> Value {
    properties[name] = value.into();
    properties
}

/// A broker, where the plugin was built with TLS and SCRAM too.
fn broker_with_tls() -> Option<Broker> {
    let broker = Broker::shared()?;
    let scene = scene();
    let security = json!({ "protocol": "tls" });
    scene.pipeline(&ringing(with(by_user("a:1", "alerts"), "security", security)));
    let ended = scene.campanile(["validate", "pipeline.json"]);
    if !ended.to_string().contains("not in this build") {
        return Some(broker);
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI builds with --features campanile-kafka/tls");
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(std::io::stderr(), "skipped: built without --features campanile-kafka/tls");
    None
}

/// A few alerts arrive by this listener with this security.
#[track_caller]
fn arrives(broker: &Broker, listener: &str, security: Value) {
    let topic = broker.topic("secured", 1, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..20, 3));
    let properties = with(by_user(&broker.address(listener), &topic), "security", security);
    let report = scene.completes(&ringing(properties));
    assert_eq!(report.metric("bell", "alerts.published"), 20);
    each_once(&broker.messages(&topic, 20), 20, 3);
}

/// The run does not start, and soon says these words.
#[track_caller]
fn does_not_start(properties: Value, words: &[&str]) {
    let scene = scene();
    scene.write("in.jsonl", readings(0..20, 3));
    let (ended, report) = scene.fails_at(&ringing(properties), "bell");
    ended.says(&["error: stage `bell`"]);
    ended.says(words);
    assert!(ended.took() < TOLD_WITHIN, "{ended}");
    assert_eq!(report.metric("in", "records.out"), 0);
}

#[test]
fn plain_is_taken_without_tls() {
    let Some(broker) = Broker::shared() else { return };
    arrives(&broker, "sasl_plaintext", login("sasl_plaintext", "PLAIN", USER));
}

#[test]
fn scram_is_taken_without_tls() {
    let Some(broker) = broker_with_tls() else { return };
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        arrives(&broker, "sasl_plaintext", login("sasl_plaintext", mechanism, USER));
    }
}

#[test]
fn tls_is_taken_with_an_authority_and_a_certificate() {
    let Some(broker) = broker_with_tls() else { return };
    let tls = json!({ "protocol": "tls", "caFile": broker.certificate("ca.pem") });
    arrives(&broker, "tls", tls.clone());
    let mutual = with(tls, "certificateFile", broker.certificate("client.pem"));
    let mutual = with(mutual, "keyFile", broker.certificate("client-locked.key"));
    arrives(&broker, "mutual_tls", with(mutual, "keyPassword", KEY_PASSWORD));
}

#[test]
fn tls_is_taken_with_each_login() {
    let Some(broker) = broker_with_tls() else { return };
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        arrives(&broker, "sasl_tls", with(login("sasl_tls", mechanism, USER), "caFile", broker.certificate("ca.pem")));
    }
}

#[test]
fn a_password_is_a_secret_that_nothing_shows() {
    let Some(broker) = broker_with_tls() else { return };
    let topic = broker.topic("secret", 1, &[]);
    let scene = scene();
    scene.write("in.jsonl", readings(0..20, 3));
    let secret = scene.write("secrets/kafka-password", USER.1);
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let security = login("sasl_plaintext", "SCRAM-SHA-256", (USER.0, "${secret(kafka-password)}"));
    let properties = with(by_user(&broker.address("sasl_plaintext"), &topic), "security", security);
    let ended = scene.run_with(&ringing(properties.clone()), &["--secrets", "secrets"]);
    ended.code_is(0);
    scene.write("secrets/kafka-password", "wrong-but-secret");
    let ended = scene.run_with(&ringing(properties), &["--secrets", "secrets"]);
    ended.code_is(1);
    assert!(!ended.to_string().contains("wrong-but-secret"), "{ended}");
}

#[test]
fn a_login_that_is_refused_fails_the_start() {
    let Some(broker) = broker_with_tls() else { return };
    let topic = broker.topic("refused", 1, &[]);
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let security = login("sasl_plaintext", mechanism, (USER.0, "not-the-password"));
        let properties = with(by_user(&broker.address("sasl_plaintext"), &topic), "security", security);
        does_not_start(properties, &["`security`: the brokers do not take the credentials: ", "Authentication failed"]);
    }
}

#[test]
fn an_authority_that_nobody_knows_fails_the_start() {
    let Some(broker) = broker_with_tls() else { return };
    let topic = broker.topic("unknown-ca", 1, &[]);
    for authority in [json!(broker.certificate("unknown-ca.pem")), Value::Null] {
        let security = with(json!({ "protocol": "tls" }), "caFile", authority);
        let properties = with(by_user(&broker.address("tls"), &topic), "security", security);
        does_not_start(
            properties,
            &["`security`: no TLS with the brokers: ", "certificate verify failed", "security.caFile"],
        );
    }
}

#[test]
fn files_that_are_not_there_fail_the_start() {
    let Some(broker) = broker_with_tls() else { return };
    let security = json!({ "protocol": "tls", "caFile": "no/such.pem" });
    let properties = with(by_user(&broker.address("tls"), "alerts"), "security", security);
    does_not_start(properties, &["security.caFile: cannot read `no/such.pem`: No such file or directory"]);
    // A file that is no certificate.
    let security = json!({ "protocol": "tls", "caFile": broker.certificate("openssl.log") });
    let properties = with(by_user(&broker.address("tls"), "alerts"), "security", security);
    does_not_start(properties, &["cannot make a producer for Kafka", "security.caFile"]);
}

#[test]
fn a_broker_that_asks_for_a_certificate_and_gets_none_fails_the_start() {
    let Some(broker) = broker_with_tls() else { return };
    let topic = broker.topic("no-certificate", 1, &[]);
    let security = json!({ "protocol": "tls", "caFile": broker.certificate("ca.pem") });
    does_not_start(with(by_user(&broker.address("mutual_tls"), &topic), "security", security), &[]);
}

#[test]
fn a_topic_that_is_not_ours_to_write_fails_the_start() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.topic("forbidden", 1, &[]);
    broker.allow(USER.0, &topic);
    let security = login("sasl_plaintext", "PLAIN", GUEST);
    let properties = with(by_user(&broker.address("sasl_plaintext"), &topic), "security", security);
    does_not_start(properties, &["`topic`: not allowed to write to ", "Topic authorization failed"]);
    arrives(&broker, "sasl_plaintext", login("sasl_plaintext", "PLAIN", GUEST));
}

#[test]
fn a_topic_that_is_not_there_fails_the_start_or_is_created() {
    let Some(broker) = Broker::shared() else { return };
    let topic = broker.unused("created");
    let properties = by_user(&broker.plaintext(), &topic);
    does_not_start(properties.clone(), &["`topic`: ", "does not exist: create it", "autoCreateTopic"]);

    let scene = scene();
    scene.write("in.jsonl", readings(0..20, 3));
    let properties = with(with(properties, "autoCreateTopic", true), "partitions", 3);
    // The second time it is there.
    for _ in 0..2 {
        scene.completes(&ringing(properties.clone()));
    }
    let described = broker.describe(&topic);
    assert!(described.contains("PartitionCount: 3"), "{described}");
    let messages = broker.messages(&topic, 40);
    assert_eq!(messages.iter().map(number).sum::<u64>(), 2 * (0..20).sum::<u64>());

    let other = with(by_user(&broker.plaintext(), &broker.unused("too-many")), "autoCreateTopic", true);
    let words = ["`autoCreateTopic`: ", "cannot be created: ", "replication factor"];
    does_not_start(with(other, "replicationFactor", 3), &words);
}

#[test]
fn a_broker_that_is_not_there_fails_the_start() {
    // The port of discard, where nothing listens.
    does_not_start(
        by_user("127.0.0.1:9", "alerts"),
        &["`brokers`: cannot reach topic `alerts` at `127.0.0.1:9`", "refused"],
    );
}

#[test]
fn what_is_wrong_with_properties_is_told_before_a_run() {
    let scene = scene();
    let properties = json!({
        "brokers": "localhost", "topic": "no topic", "partitions": 0, "principal": "me@REALM", "keytabLocation": "a.keytab",
        "security": { "protocol": "sasl_tls" }, "producerProperties": { "no.such": 1 },
    });
    scene.pipeline(&ringing(properties));
    let ended = scene.campanile(["validate", "pipeline.json"]);
    ended.code_is(2);
    ended.says(&[
        "`localhost` is no broker",
        "`no topic` is no name of a topic",
        "properties.partitions",
        "properties.security.mechanism",
        "properties.security.username",
        "properties.security.password",
        "No such configuration property: \"no.such\"",
        "properties.principal: Kerberos is not built in",
        "properties.keytabLocation: Kerberos is not built in",
    ]);
}
