use crate::fixture;
use crate::sink::FileSink;
use crate::source::FileSource;
use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{Int16Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::Float16Type;
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, Float64Array, Int8Array, Int32Array, Int64Array, NullArray,
    PrimitiveArray, RecordBatch, StringArray, StructArray, Time64MicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType as ArrowType, Field};
use campanile_sdk::testing::{Collected, Harness};
use campanile_sdk::{DataType, Result, Schema, SchemaField, testing};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// A source of a file with these rows, so many in a row group.
fn source(batch: &RecordBatch, group_rows: usize, mut more: Value) -> (TempDir, Harness) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    more["format"] = json!("parquet");
    let harness = fixture::source(&path, &more);
    (folder, harness)
}

fn read(batch: &RecordBatch, more: Value) -> Result<Collected> {
    let (_folder, harness) = source(batch, 1_000, more);
    harness.read()
}

fn numbers(rows: i64) -> RecordBatch {
    let texts: StringArray = (0..rows).map(|row| (row % 3 > 0).then(|| format!("row {row}"))).collect();
    batch(vec![("n", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef), ("text", Arc::new(texts))])
}

#[test]
fn the_file_says_its_schema() {
    let got = read(&numbers(3), json!({})).unwrap();
    assert_eq!(
        got.schemas[0],
        Schema::new(vec![SchemaField::new("n", DataType::Long), SchemaField::new("text", DataType::String)])
    );
    assert_eq!(
        got.records,
        [json!({ "n": 0 }), json!({ "n": 1, "text": "row 1" }), json!({ "n": 2, "text": "row 2" })]
    );
    assert_eq!(got.positions, [0, 1, 2]);
}

#[test]
fn a_schema_selects_columns_and_checks_them() {
    let schema = json!([{ "name": "absent", "type": "double" }, { "name": "n", "type": "long" }]);
    let got = read(&numbers(2), json!({ "schema": schema })).unwrap();
    assert_eq!(got.records, [json!({ "n": 0 }), json!({ "n": 1 })]);
    assert_eq!(
        got.alerts[0][1..],
        [("unknown".to_owned(), "2".to_owned()), ("names".to_owned(), "{\"text\": 2}".to_owned())]
    );

    let told = |schema: Value| read(&numbers(2), json!({ "schema": schema })).unwrap_err().to_string();
    let message = told(json!([{ "name": "n", "type": "string" }]));
    assert!(message.ends_with("rows.parquet` is long, where the schema says string"), "{message}");
    let message = told(json!([{ "name": "Text", "type": "string", "nullable": false }]));
    assert!(message.ends_with("which the schema requires (did you mean `text`?)"), "{message}");
}

#[test]
fn fields_stand_in_the_order_of_the_schema() {
    let schema = json!([{ "name": "text", "type": "string" }, { "name": "n", "type": "long" }]);
    let got = read(&numbers(2), json!({ "schema": schema })).unwrap();
    assert_eq!(got.records[1], json!({ "text": "row 1", "n": 1 }));
}

#[test]
fn a_null_where_none_may_be_is_an_error_record() {
    let schema = json!([{ "name": "n", "type": "long" }, { "name": "text", "type": "string", "nullable": false }]);
    let got = read(&numbers(5), json!({ "schema": schema })).unwrap();
    assert_eq!(got.positions, [1, 2, 4]);
    assert_eq!(got.records.len(), 3);
    let told: Vec<_> = got.errors.iter().map(|error| (error.message.as_str(), error.position)).collect();
    let message = "field `text`: null where the schema allows none";
    assert_eq!(told, [(message, Some(0)), (message, Some(3))]);
    assert!(got.errors[0].file.ends_with("rows.parquet"));
}

#[test]
fn reading_goes_on_behind_any_row_in_any_row_group() {
    let (_folder, harness) = source(&numbers(25), 10, json!({}));
    let split = &harness.splits().unwrap()[0];
    let all = harness.read().unwrap().records;
    for position in 0..25 {
        assert_eq!(harness.read_from(split, position).unwrap().records, all[position as usize + 1..]);
    }
    assert!(harness.read_from(split, 100).unwrap().records.is_empty());
    testing::check_contract(&harness, &[]);
    assert_eq!(harness.batch_rows(7).read().unwrap().records, all);
}

#[test]
fn narrow_types_are_read_as_those_that_hold_them() {
    let halves: PrimitiveArray<Float16Type> =
        PrimitiveArray::<arrow_array::types::Float32Type>::from(vec![0.5]).unary(arrow_half);
    let uuid = FixedSizeBinaryArray::try_from_iter([[b'f', b'o', b'o']].into_iter()).unwrap();
    let rows = batch(vec![
        ("i8", Arc::new(Int8Array::from(vec![-1])) as ArrayRef),
        ("u16", Arc::new(UInt16Array::from(vec![u16::MAX]))),
        ("u32", Arc::new(UInt32Array::from(vec![u32::MAX]))),
        ("u64", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        ("f16", Arc::new(halves)),
        ("fixed", Arc::new(uuid)),
        ("ms", Arc::new(TimestampMillisecondArray::from(vec![1_716_200_000_123]).with_timezone("+02:00"))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![-1]))),
        ("none", Arc::new(NullArray::new(1))),
    ]);
    let got = read(&rows, json!({})).unwrap();
    assert_eq!(
        got.records,
        [json!({
            "i8": -1, "u16": 65_535, "u32": 4_294_967_295_u32, "u64": "18446744073709551615", "f16": 0.5, "fixed": "Zm9v",
            "ms": "2024-05-20T10:13:20.123Z", "ns": "1969-12-31T23:59:59.999999Z"
        })]
    );
    let words: Vec<_> = got.schemas[0].fields.iter().map(|field| field.data_type.as_str()).collect();
    assert_eq!(words, ["int", "int", "long", "decimal", "float", "bytes", "timestamp", "timestamp", "string"]);
}

fn arrow_half(value: f32) -> <Float16Type as arrow_array::ArrowPrimitiveType>::Native {
    <Float16Type as arrow_array::ArrowPrimitiveType>::Native::from_f32(value)
}

#[test]
fn a_type_that_no_field_holds_is_told_unless_it_is_left_out() {
    let times: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![1]));
    let rows = batch(vec![("time", times), ("n", Arc::new(Int32Array::from(vec![7])))]);
    let message = read(&rows, json!({})).unwrap_err().to_string();
    assert!(message.contains("leave it out by giving a schema: field `time` is Time64"), "{message}");
    let got = read(&rows, json!({ "schema": [{ "name": "n", "type": "int" }] })).unwrap();
    assert_eq!(got.records, [json!({ "n": 7 })]);
}

/// A list of small numbers, a struct with a time, a map.
fn nested() -> RecordBatch {
    let mut list = ListBuilder::new(Int16Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    list.append_value([]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v");
    map.append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
    let times = TimestampMillisecondArray::from(vec![Some(0), None, Some(1)]).with_timezone("UTC");
    let inner = StructArray::from(vec![
        (field("at", times_type()), Arc::new(times) as ArrayRef),
        (field("ok", ArrowType::Boolean), Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
    ]);
    batch(vec![
        ("list", Arc::new(list.finish()) as ArrayRef),
        ("inner", Arc::new(inner)),
        ("map", Arc::new(map.finish())),
        ("d", Arc::new(Float64Array::from(vec![0.1, 0.2, 0.3]))),
    ])
}

fn times_type() -> ArrowType {
    ArrowType::Timestamp(arrow_schema::TimeUnit::Millisecond, Some("UTC".into()))
}

#[test]
fn nested_types_pass_through() {
    let got = read(&nested(), json!({})).unwrap();
    assert_eq!(
        got.records,
        [
            json!({ "list": [1, null], "inner": { "at": "1970-01-01T00:00:00.000Z", "ok": true }, "map": { "k": "v" }, "d": 0.1 }),
            json!({ "inner": { "at": null, "ok": false }, "map": {}, "d": 0.2 }),
            json!({ "list": [], "inner": { "at": "1970-01-01T00:00:00.001Z", "ok": null }, "d": 0.3 })
        ]
    );
}

#[test]
fn what_is_no_whole_parquet_file_is_told_at_open_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let (whole_folder, _) = source(&numbers(10), 10, json!({}));
    let whole = std::fs::read(whole_folder.path().join("rows.parquet")).unwrap();
    for content in [&b""[..], b"{\"a\":1}\n", &whole[..whole.len() / 2], &whole[..whole.len() - 1]] {
        std::fs::write(&path, content).unwrap();
        for more in [
            json!({ "format": "parquet" }),
            json!({ "format": "parquet", "schema": [{ "name": "n", "type": "long" }] }),
        ] {
            let message = fixture::source(&path, &more).read().unwrap_err().to_string();
            assert!(message.contains("rows.parquet` is no parquet file, or not a whole one"), "{message}");
        }
    }
    let message = fixture::source(&folder.path().join("none"), &json!({ "format": "parquet" })).read().unwrap_err();
    assert!(message.to_string().contains("none` cannot be opened: "));
}

#[test]
fn a_page_that_is_broken_names_the_row() {
    let (folder, harness) = source(&numbers(10), 10, json!({}));
    let path = folder.path().join("rows.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..40].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let message = harness.read().unwrap_err().to_string();
    assert!(message.contains("rows.parquet` cannot be read from its row 0 on"), "{message}");
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let more = json!({ "format": "parquet" });
    let schema = Schema::new(vec![
        SchemaField::new("n", DataType::Long).required(),
        SchemaField::new("text", DataType::String),
        SchemaField::new("d", DataType::Double),
        SchemaField::new("b", DataType::Boolean),
    ]);
    let records = [
        json!({ "n": i64::MAX, "text": "ä", "d": 0.1, "b": true }),
        json!({ "n": 2 }),
        json!({ "n": 3, "text": "", "d": 182.0, "b": false }),
    ];
    fixture::sink(&path, &more).input(schema.clone()).batch_rows(2).run(records.clone()).unwrap();
    let got = fixture::source(&path, &more).read().unwrap();
    assert_eq!((got.records.as_slice(), &got.schemas[0]), (&records[..], &schema));
    fixture::sink(&path, &more).input(schema.clone()).run([]).unwrap();
    let got = fixture::source(&path, &more).read().unwrap();
    assert!(got.records.is_empty() && got.schemas[0] == schema);
}

#[test]
fn nested_types_are_written() {
    let (_folder, harness) = source(&nested(), 10, json!({}));
    let read = harness.read().unwrap();
    // What the reader makes of the file is what a sink gets.
    let columns = nested().columns().iter().map(|column| super::types::convert(column).unwrap()).collect();
    let fields = super::types::fields_as(nested().schema().fields());
    let rows = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let more = json!({ "format": "parquet" });
    fixture::sink(&path, &more).run_record_batches([rows.clone(), rows.slice(1, 2)]).unwrap();
    let got = fixture::source(&path, &more).read().unwrap();
    assert_eq!(got.records[..3], read.records);
    assert_eq!(got.records[3..], read.records[1..]);
}

#[test]
fn what_parquet_cannot_hold_is_a_finding() {
    let decimal = SchemaField::new("d", DataType::Decimal { precision: 5, scale: -2 });
    let empty = SchemaField::new("s", DataType::Struct { fields: Vec::new() });
    let list = SchemaField::new("list", DataType::List { items: Box::new(empty) });
    let findings = super::check(&Schema::new(vec![decimal, list]), "schema");
    let told: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "field `d` is a decimal of scale -2, which parquet cannot hold",
            "field `list.s` is a struct without fields, which parquet cannot hold"
        ]
    );
}

#[test]
fn standard_input_and_compressed_files_are_findings() {
    for (path, hint) in [("-", "name a file"), ("rows.parquet.gz", "name a file without .gz or .zst")] {
        let properties = json!({ "path": path, "format": "parquet" });
        let (_, read) = testing::source::<FileSource>(properties.clone()).configure().unwrap();
        let schema = Schema::new(vec![SchemaField::new("n", DataType::Long)]);
        let (_, written) = testing::sink::<FileSink>(properties).input(schema).configure().unwrap();
        for findings in [read, written] {
            let told: Vec<_> =
                findings.iter().map(|finding| (finding.path.as_str(), finding.hint.as_deref())).collect();
            assert_eq!(told, [("path", Some(hint))]);
        }
    }
}

#[test]
fn a_file_of_another_schema_fails_the_start() {
    let (folder, _) = source(&numbers(3), 10, json!({}));
    let properties =
        |schema: Value| json!({ "path": folder.path().join("*.parquet"), "format": "parquet", "schema": schema });
    let open = |schema: Value| testing::source::<FileSource>(properties(schema)).splits().map(|splits| splits.len());
    assert_eq!(open(json!([{ "name": "n", "type": "long" }])).unwrap(), 1);
    let message = open(json!([{ "name": "n", "type": "int" }])).unwrap_err().to_string();
    assert!(message.ends_with("is long, where the schema says int"), "{message}");
}

#[test]
fn reading_goes_on_behind_a_row_that_is_null_where_it_must_not_be() {
    let schema = json!([{ "name": "n", "type": "long" }, { "name": "text", "type": "string", "nullable": false }]);
    let (_folder, harness) = source(&numbers(10), 4, json!({ "schema": schema }));
    let all = harness.read().unwrap();
    assert_eq!((all.records.len(), all.errors.len()), (6, 4));
    let split = &harness.splits().unwrap()[0];
    for position in 0..10 {
        let rest = harness.read_from(split, position).unwrap();
        let behind = all.positions.iter().filter(|&&other| other > position).count();
        assert_eq!(rest.records, all.records[6 - behind..]);
        assert!(rest.errors.iter().eq(all.errors.iter().filter(|error| error.position.unwrap() > position)));
    }
}
