#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use apache_avro::types::Record;
use apache_avro::writer::datum::GenericDatumWriter;
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage, Timestamp};

fn schema() -> Vec<SchemaField> {
    vec![
        SchemaField::new("user", DataType::String).required(),
        SchemaField::new("bpm", DataType::Double),
        SchemaField::new("n", DataType::Long),
        SchemaField::new("price", DataType::Decimal { precision: 5, scale: 2 }),
        SchemaField::new("at", DataType::Timestamp),
    ]
}

fn message(payload: &[u8], key: Option<&[u8]>) -> OwnedMessage {
    let headers = OwnedHeaders::new().insert(Header { key: "trace", value: Some("7") });
    let (payload, key) = (Some(payload.to_vec()), key.map(<[u8]>::to_vec));
    OwnedMessage::new(payload, key, "readings".to_owned(), Timestamp::CreateTime(1_500), 3, 42, Some(headers))
}

fn push(payload: &str) -> Result<Decoder, String> {
    let mut decoder = Decoder::new(Format::Jsonl, schema(), &Further::default(), None).unwrap();
    decoder.push(&message(payload.as_bytes(), None)).map(|()| decoder)
}

#[test]
fn a_message_of_json_is_a_row() {
    for payload in [
        r#"{"user":"ada","bpm":80.5,"n":9007199254740993,"price":12.3,"at":"1970-01-01T00:00:01Z"}"#,
        r#"{"at":null,"n":12.0,"user":"ada","bpm":80,"price":"12.30"}"#,
        r#" {"user":"ada"} "#,
    ] {
        assert_eq!(push(payload).unwrap().rows(), 1, "{payload}");
    }
}

#[test]
fn what_does_not_fit_is_said_with_its_field_and_leaves_no_row() {
    for (payload, what) in [
        ("{\"user\":\"ada\"", "EOF"),
        ("[1]", "a record in braces"),
        ("5", "a record in braces"),
        ("{\"user\":\"ada\"} x", "trailing"),
        ("{}", "field `user`: it is missing"),
        ("{\"user\":null}", "field `user`: null"),
        ("{\"user\":5}", "field `user`: a number where string is needed"),
        ("{\"user\":\"a\",\"bpm\":\"80\"}", "field `bpm`: text where double is needed"),
        ("{\"user\":\"a\",\"n\":1.5}", "field `n`: a number with a fraction"),
        ("{\"user\":\"a\",\"n\":1e30}", "field `n`: the number does not fit into long"),
        ("{\"user\":\"a\",\"price\":1.234}", "field `price`: the number has more digits"),
        ("{\"user\":\"a\",\"at\":\"noon\"}", "field `at`: the text is not an RFC 3339 time"),
        ("{\"user\":[1,{}]}", "field `user`: a list"),
        ("{\"user\":\"a\",\"more\":\"\\ud800\"}", "escape"),
    ] {
        let why = push(payload).unwrap_err();
        assert!(why.contains(what), "{payload}: {why}");
    }
}

#[test]
fn fields_that_nobody_knows_are_counted() {
    let mut decoder = push(r#"{"more":{"x":[1]},"user":"ada","more2":1}"#).unwrap();
    let (count, words) = decoder.take_unknown().unwrap();
    assert_eq!(count, 2);
    assert!(words.contains("`more` (1), `more2` (1)"), "{words}");
    assert_eq!(decoder.take_unknown(), None);
}

#[test]
fn what_else_a_message_has_becomes_fields_or_says_why_not() {
    let all = [Part::Key, Part::Topic, Part::Partition, Part::Offset, Part::Timestamp, Part::Headers];
    let fields = all.iter().map(|part| (format!("{part:?}"), *part)).collect();
    let further = Further { fields };
    let names: Vec<String> = output(vec![], &further).names().map(str::to_owned).collect();
    assert_eq!(names, ["Key", "Topic", "Partition", "Offset", "Timestamp", "Headers"]);
    let mut decoder = Decoder::new(Format::Text, content(Format::Text, None), &further, None).unwrap();
    decoder.push(&message(b"hello", Some(b"ada"))).unwrap();
    assert_eq!(decoder.positions, [42]);
    assert!(decoder.push(&message(b"hello", Some(&[0xff]))).unwrap_err().contains("key is not UTF-8"));
    assert!(decoder.push(&message(&[b'a', 0xff], None)).unwrap_err().contains("byte 2 is not UTF-8"));
    assert_eq!(decoder.rows(), 1);
    assert_eq!(
        headers_json(&OwnedHeaders::new().insert(Header { key: "a", value: Some("b") })).unwrap(),
        r#"{"a":"b"}"#
    );
}

#[test]
fn a_message_of_avro_is_a_row() {
    let avro = AvroSchema::parse_str(
        r#"{"type":"record","name":"Reading","fields":[
            {"name":"user","type":"string"},
            {"name":"bpm","type":["null","double"]},
            {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}]}"#,
    )
    .unwrap();
    let fields = avro_fields(&avro).unwrap();
    let decimal = DataType::Decimal { precision: 5, scale: 2 };
    let types: Vec<DataType> = fields.fields.iter().map(|field| field.data_type.clone()).collect();
    assert_eq!(types, [DataType::String, DataType::Double, DataType::Timestamp, decimal]);
    assert_eq!(fields.fields.iter().map(|field| field.nullable).collect::<Vec<_>>(), [false, true, false, false]);
    let mut record = Record::new(&avro).unwrap();
    record.put("user", "ada");
    record.put("bpm", Some(80.5));
    record.put("at", apache_avro::types::Value::TimestampMillis(1_500));
    record.put("price", apache_avro::types::Value::Decimal(apache_avro::Decimal::from([0xff, 0x85])));
    let payload = GenericDatumWriter::builder(&avro).build().unwrap().write_value_to_vec(record).unwrap();
    let cells = super::avro::read(&payload, &avro, &fields.fields).unwrap();
    let expected = [Cell::Text("ada".into()), Cell::Real(80.5), Cell::Whole(1_500_000), Cell::Decimal(-123)];
    assert_eq!(cells, expected);
    assert!(super::avro::read(&[payload, vec![0]].concat(), &avro, &fields.fields).unwrap_err().contains("1 bytes"));
    assert!(super::avro::read(&[2], &avro, &fields.fields).is_err());
}
