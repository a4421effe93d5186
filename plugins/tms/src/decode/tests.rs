#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use campanile_sdk::testing::{self, TestLog};
use serde_json::json;

/// Decodes messages of JSON: the records, and what is wrong with the others.
fn decoded(schema: serde_json::Value, messages: &[&[u8]]) -> (Vec<Value>, Vec<String>, TestLog) {
    let (messaging, log) = (testing::messaging(&[]), TestLog::default());
    messaging.add("default", "t", messages);
    let properties = json!({ "topic": "t", "format": "jsonl", "schema": schema });
    let got = testing::source::<crate::source::TmsSource>(properties).messaging(&messaging).log(&log).read().unwrap();
    // Behind the id of the message.
    let why = |error: &testing::TestError| error.message.split_once(": ").unwrap().1.to_owned();
    (got.records, got.errors.iter().map(why).collect(), log)
}

#[test]
fn values_of_every_type_are_read() {
    let schema = json!([
        { "name": "yes", "type": "boolean" }, { "name": "i", "type": "int" }, { "name": "l", "type": "long" },
        { "name": "f", "type": "float" }, { "name": "d", "type": "double" }, { "name": "s", "type": "string" },
        { "name": "b", "type": "bytes" }, { "name": "day", "type": "date" }, { "name": "at", "type": "timestamp" },
        { "name": "m", "type": "decimal", "precision": 10, "scale": 2 },
    ]);
    let message =
        br#" {"yes":true,"i":-7,"l":9223372036854775807,"f":0.5,"d":1e300,"s":"\u00e9","b":"/w==","day":"2026-11-21",
        "at":"2026-11-21T10:02:03.5+01:00","m":"12.5","d":0.1} "#;
    let (records, errors, _) = decoded(schema.clone(), &[message, b"{}"]);
    assert_eq!(errors, [""; 0]);
    let expected = json!({
        "yes": true, "i": -7, "l": i64::MAX, "f": 0.5, "d": 0.1, "s": "é", "b": records[0]["b"], "day": records[0]["day"],
        "at": records[0]["at"], "m": records[0]["m"],
    });
    assert_eq!(records, [expected, json!({})]);
    assert!(["b", "day", "at", "m"].iter().all(|name| !records[0][name].is_null()), "{records:?}");
    let (records, errors, _) =
        decoded(json!([{ "name": "l", "type": "long" }]), &[br#"{"l":12.0}"#, br#"{"l":1e2}"#, br#"{"l":null}"#]);
    assert_eq!((records, errors.len()), (vec![json!({ "l": 12 }), json!({ "l": 100 }), json!({})], 0));
}

#[test]
fn what_does_not_fit_says_why() {
    let schema = json!([
        { "name": "n", "type": "long", "nullable": false }, { "name": "i", "type": "int" }, { "name": "f", "type": "float" },
        { "name": "s", "type": "string" }, { "name": "b", "type": "bytes" }, { "name": "day", "type": "date" },
        { "name": "at", "type": "timestamp" }, { "name": "m", "type": "decimal", "precision": 4, "scale": 2 },
    ]);
    let cases: [(&[u8], &str); 20] = [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"{\"n\":1", "EOF while parsing an object at line 1 column 6"),
        (b"{\"n\":1} x", "trailing characters at line 1 column 9"),
        (b"[1]", "a list where a record in braces is needed"),
        (b"{\"n\":1,\"x\":\"\xff\"}", "invalid unicode code point at line 1 column 13"),
        (b"{\"n\":1,\"s\":\"\\ud800\"}", "unexpected end of hex escape at line 1 column 19"),
        (b"{}", "field `n`: it is missing, and the schema allows no null"),
        (b"{\"n\":null}", "field `n`: null where the schema allows none"),
        (b"{\"n\":\"1\"}", "field `n`: text where long is needed"),
        (b"{\"n\":1.5}", "field `n`: a number with a fraction where long is needed"),
        (b"{\"n\":9223372036854775808}", "field `n`: the number does not fit into long"),
        (b"{\"n\":1,\"i\":2147483648}", "field `i`: the number does not fit into int"),
        (b"{\"n\":1,\"f\":1e39}", "field `f`: the number does not fit into float"),
        (b"{\"n\":1,\"f\":1e400}", "number out of range at line 1 column 16"),
        (b"{\"n\":1,\"s\":[]}", "field `s`: a list where string is needed"),
        (b"{\"n\":1,\"b\":\"x\"}", "field `b`: the text is not base64 with padding"),
        (b"{\"n\":1,\"day\":\"21.11.2026\"}", "field `day`: the text is not a date such as 2026-11-21"),
        (b"{\"n\":1,\"at\":1}", "field `at`: a number where timestamp is needed"),
        (b"{\"n\":1,\"m\":0.001}", "field `m`: the number has more digits behind the point than its decimal keeps"),
        (
            b"{\"n\":1,\"m\":1.0000000000000002}",
            "field `m`: a number of more than 15 digits is not kept exactly: write it as text",
        ),
    ];
    let (records, errors, _) = decoded(schema, &cases.map(|(message, _)| message));
    assert_eq!(records, [Value::Null; 0]);
    for (error, (message, expected)) in errors.iter().zip(cases) {
        assert_eq!(error, expected, "{}", String::from_utf8_lossy(message));
    }
    assert_eq!(errors.len(), cases.len());
}

#[test]
fn nesting_is_bounded() {
    let deep = [b"{\"x\":".as_slice(), &b"[".repeat(100_000), &b"]".repeat(100_000), b"}"].concat();
    let (records, errors, _) = decoded(json!([{ "name": "n", "type": "long" }]), &[&deep, b"{\"n\":1}"]);
    assert_eq!(records, [json!({ "n": 1 })]);
    assert!(errors[0].starts_with("recursion limit exceeded"), "{errors:?}");
}

#[test]
fn unknown_fields_are_counted_and_named_once() {
    let schema = json!([{ "name": "n", "type": "long" }]);
    let (_, _, log) = decoded(schema, &[b"{\"n\":1,\"a\":1,\"b\":2}", b"{\"a\":{}}"]);
    assert_eq!(log.counted("fields.unknown"), 3);
    let expected = "2 3 values of fields that the schema does not have were ignored: `a` (2), `b` (1)";
    assert_eq!(log.messages(), [expected]);
}
