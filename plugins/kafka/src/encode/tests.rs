#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use campanile_sdk::{DataType, Schema, SchemaField};

fn schema() -> Schema {
    Schema::new(vec![SchemaField::new("user", DataType::String), SchemaField::new("n", DataType::Long)])
}

#[test]
fn a_field_that_records_lack_has_to_be_nullable_in_avro() {
    let avro = |more: &str| {
        let text = format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"user","type":["null","string"]}},{{"name":"x","type":{more}}}]}}"#
        );
        AvroSchema::parse_str(&text).unwrap()
    };
    let schema = schema();
    let writer = |more: &str| avro::Writer::new(avro(more), Input::new(&schema));
    assert!(writer(r#"["null","long"]"#).is_ok());
    assert!(writer(r#""long""#).unwrap_err().to_string().contains("records lack"));
}

#[test]
fn text_is_of_one_field() {
    let schema = schema();
    let encoder = |field: Option<&str>| Encoder::new(Format::Text, field, None, Input::new(&schema));
    assert!(encoder(Some("user")).is_ok());
    assert!(encoder(None).is_err());
}
