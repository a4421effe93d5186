#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;

#[test]
fn messages_are_texts_or_objects_alone_or_in_an_array() {
    let cases: [(&str, &[&[u8]]); 9] = [
        (r#""one""#, &[b"one"]),
        (r#"["one"]"#, &[b"one"]),
        (r#"["one","","\u00e9\n"]"#, &[b"one", b"", "é\n".as_bytes()]),
        (r#"{"payload":"one"}"#, &[b"one"]),
        (r#"[{"payload":"one"},"two",{"payloadBase64":"AP8="}]"#, &[b"one", b"two", b"\x00\xff"]),
        (r#"{"payloadBase64":""}"#, &[b""]),
        (r#"{"pay\u006coad":"o\u006ee"}"#, &[b"one"]),
        ("[]", &[]),
        (" [ ] ", &[]),
    ];
    for (body, expected) in cases {
        let payloads = Payloads::parse(body.as_bytes()).unwrap();
        assert_eq!(payloads.slices(), expected, "{body}");
    }
}

#[test]
fn anything_else_is_refused_with_a_reason() {
    for (body, why) in [
        ("", "EOF"),
        ("[", "EOF"),
        ("[\"a\",]", "trailing comma"),
        ("[\"a\"] x", "trailing characters"),
        ("7", "invalid type: integer"),
        ("[null]", "invalid type: null"),
        ("[[\"a\"]]", "invalid type: sequence"),
        ("{}", "without `payload`"),
        ("[\"a\",{}]", "without `payload`"),
        (r#"{"payload":7}"#, "invalid type: integer"),
        (r#"{"payload":{"a":"b"}}"#, "invalid type: map"),
        (r#"{"payload":"a","payloadBase64":""}"#, "one member"),
        (r#"{"payload":"a","payload":"b"}"#, "one member"),
        (r#"{"text":"a"}"#, "unknown field `text`"),
        (r#"{"payloadBase64":"?"}"#, "`payloadBase64`"),
        ("\"\\ud800\"", "hex escape"),
    ] {
        let error = Payloads::parse(body.as_bytes()).unwrap_err();
        assert!(error.message().contains(why), "{body}: {}", error.message());
    }
    assert!(Payloads::parse(b"[\"\xff\"]").is_err());
    // Deep nesting ends the parser's patience, not the stack.
    assert!(Payloads::parse("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn more_messages_than_one_request_may_have_are_refused() {
    let body = |count: usize| format!("[{}\"\"]", "\"\",".repeat(count - 1));
    assert_eq!(Payloads::parse(body(MAX_MESSAGES).as_bytes()).unwrap().ends.len(), MAX_MESSAGES);
    let error = Payloads::parse(body(MAX_MESSAGES + 1).as_bytes()).unwrap_err();
    assert!(error.message().contains("1048576 messages"), "{}", error.message());
}

#[test]
fn a_producer_and_its_sequence_belong_together() {
    let query = |producer: Option<&str>, sequence: Option<&str>| {
        PublishQuery { producer: producer.map(str::to_owned), sequence: sequence.map(str::to_owned) }.producer()
    };
    assert_eq!(query(None, None).unwrap(), None);
    assert_eq!(query(Some("p"), Some("0")).unwrap(), Some(("p".to_owned(), 0)));
    for (producer, sequence) in [(Some("p"), None), (None, Some("1")), (Some("p"), Some("-1")), (Some("p"), Some("x"))]
    {
        assert!(query(producer, sequence).is_err(), "{producer:?} {sequence:?}");
    }
}
