use super::FilePublisher;
use campanile_sdk::Outcome;
use campanile_sdk::testing::{self, Harness, TestAlert};
use serde_json::{Value, json};
use std::path::Path;

fn publisher(path: &Path, mut properties: Value) -> Harness {
    properties["path"] = json!(path);
    testing::alert_publisher::<FilePublisher>(properties)
}

fn alerts() -> Vec<TestAlert> {
    vec![TestAlert::new("too-fast", &[("userid", "u1"), ("heartbeat", "182")]), TestAlert::new("too-fast", &[])]
}

#[test]
fn alerts_are_appended_one_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    for _ in 0..2 {
        let outcomes = publisher(&path, json!({})).publish(&alerts()).unwrap();
        assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[2]["pipelineName"], "test");
    assert_eq!(lines[2]["payload"], json!({ "userid": "u1", "heartbeat": "182" }));
}

#[test]
fn the_format_decides_how_an_alert_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (format, key) in [("envelope", "pipelineName"), ("cdap", "stageName"), ("cloudevents", "specversion")] {
        let path = folder.path().join(format);
        publisher(&path, json!({ "format": format })).publish(&alerts()).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let first: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
        assert!(first.get(key).is_some(), "{first}");
    }
}

#[test]
fn what_a_crash_left_of_a_line_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    let whole = "{\"stageName\":\"a\",\"payload\":{}}\n";
    let long = format!("{{\"stageName\":\"{}", "x".repeat(200_000));
    for torn in [
        "{",
        "\0\0\0",
        "{\"a\":\0\0",
        "{\"stageName\":\"a\",\"payl",
        "{\"stageName\":\"a\",\"payload\":{}",
        long.as_str(),
    ] {
        for before in ["", whole, &whole.repeat(3_000)] {
            std::fs::write(&path, format!("{before}{torn}")).unwrap();
            publisher(&path, json!({})).publish(&[]).unwrap();
            assert!(std::fs::read_to_string(&path).unwrap() == before, "{torn:.40}");
        }
    }
}

#[test]
fn a_last_alert_that_lacks_only_its_line_feed_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    std::fs::write(&path, "{\"a\":1}\n{\"b\":2}").unwrap();
    publisher(&path, json!({ "format": "cdap" })).publish(&alerts()[1..]).unwrap();
    let expected = "{\"a\":1}\n{\"b\":2}\n{\"stageName\":\"too-fast\",\"payload\":{}}\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn a_file_that_does_not_end_with_an_alert_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "dear diary\nI forgot").unwrap();
    let error = publisher(&path, json!({})).publish(&[]).unwrap_err().to_string();
    assert!(error.contains("does not end with an alert: name another file"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear diary\nI forgot");
}

#[test]
fn what_cannot_be_opened_fails_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &str| publisher(&folder.path().join(path), json!({})).publish(&[]).unwrap_err().to_string();
    assert!(message("none/alerts.jsonl").contains("there is no folder"));
    assert!(message("").contains("is a folder: name a file in it"));
    let empty = testing::alert_publisher::<FilePublisher>(json!({ "path": "" }));
    assert_eq!(empty.configure().unwrap().1[0].path, "path");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_tried_again_later() {
    let outcomes = publisher(Path::new("/dev/full"), json!({})).publish(&alerts()).unwrap();
    for outcome in outcomes {
        let Outcome::Retry(reason) = outcome else { panic!("{outcome:?}") };
        assert!(reason.starts_with("cannot append to `/dev/full`: No space left"), "{reason}");
    }
}
