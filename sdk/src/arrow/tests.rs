#![allow(unsafe_code, reason = "lends batches as a host does")]

use super::*;
use crate::proxy::Incoming;
use crate::shim::columns;
use crate::{Configure, DataType, Limits, Read, SchemaField, Source, Split, StageContext, Transform, testing};
use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{Field, TimeUnit};
use campanile_abi::{BatchV1, Slice};
use serde_json::json;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

fn every_type() -> Schema {
    let field = SchemaField::new;
    Schema::new(vec![
        field("boolean", DataType::Boolean),
        field("int", DataType::Int),
        field("long", DataType::Long).required(),
        field("float", DataType::Float),
        field("double", DataType::Double),
        field("string", DataType::String),
        field("bytes", DataType::Bytes),
        field("date", DataType::Date),
        field("timestamp", DataType::Timestamp),
        field("decimal", DataType::Decimal { precision: 20, scale: 2 }),
        field("list", DataType::List { items: Box::new(field("item", DataType::String)) }),
        field(
            "struct",
            DataType::Struct { fields: vec![field("flag", DataType::Boolean), field("n", DataType::Long).required()] },
        ),
        field("map", DataType::Map { values: Box::new(field("value", DataType::Long)) }),
    ])
}

/// Five rows of every type, the second of them null where it may be.
fn every_value() -> RecordBatch {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a"), None]);
    list.append_null();
    list.append_value([] as [Option<&str>; 0]);
    list.append_value([Some("b"), Some("c")]);
    list.append_value([Some("d")]);
    let names =
        arrow_array::builder::MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut map = MapBuilder::new(Some(names), StringBuilder::new(), Int64Builder::new());
    for row in 0..5 {
        for key in 0..row {
            map.keys().append_value(format!("k{key}"));
            map.values().append_option((key != 1).then_some(row * 10 + key));
        }
        map.append(row != 1).unwrap();
    }
    let inner = vec![
        (
            Arc::new(Field::new("flag", ArrowType::Boolean, true)),
            Arc::new(BooleanArray::from(vec![Some(true), None, None, Some(false), Some(true)])) as ArrayRef,
        ),
        (Arc::new(Field::new("n", ArrowType::Int64, false)), Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]))),
    ];
    let (fields, arrays): (Vec<_>, Vec<_>) = inner.into_iter().unzip();
    let nulls = arrow_buffer::NullBuffer::from(vec![true, false, true, true, true]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true), Some(true)])),
        Arc::new(Int32Array::from(vec![Some(-1), None, Some(3), Some(4), Some(i32::MAX)])),
        Arc::new(Int64Array::from(vec![1, 2, 3, 4, i64::MIN])),
        Arc::new(Float32Array::from(vec![Some(0.5), None, Some(1.5), Some(2.5), Some(3.5)])),
        Arc::new(Float64Array::from(vec![Some(0.1), None, Some(0.2), Some(0.3), Some(0.4)])),
        Arc::new(StringArray::from(vec![Some("ä"), None, Some(""), Some("four"), Some("five")])),
        Arc::new(BinaryArray::from(vec![Some(&b"\xff"[..]), None, Some(b""), Some(b"4"), Some(b"55")])),
        Arc::new(Date32Array::from(vec![Some(0), None, Some(19_782), Some(-1), Some(1)])),
        Arc::new(
            TimestampMicrosecondArray::from(vec![Some(0), None, Some(1), Some(-1), Some(1_000)]).with_timezone("UTC"),
        ),
        Arc::new(
            Decimal128Array::from(vec![Some(-5), None, Some(12_345), Some(0), Some(1)])
                .with_precision_and_scale(20, 2)
                .unwrap(),
        ),
        Arc::new(list.finish()),
        Arc::new(StructArray::new(fields.into(), arrays, Some(nulls))),
        Arc::new(map.finish()),
    ];
    // Builders name inner fields as they like: the columns get the names of the schema.
    let schema = schema(&every_type());
    let columns = columns.into_iter().zip(schema.fields()).map(|(column, field)| {
        let data = column.to_data().into_builder().data_type(field.data_type().clone()).build().unwrap();
        arrow_array::make_array(data)
    });
    RecordBatch::try_new(Arc::new(schema.clone()), columns.collect()).unwrap()
}

#[test]
fn schemas_of_every_type_come_back() {
    let schema = schema(&every_type());
    assert_eq!(from_arrow_schema(&schema).unwrap(), every_type());
    assert_eq!(schema.field(8).data_type(), &ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
}

#[test]
fn a_type_that_we_lack_is_named_with_its_field_and_a_remedy() {
    let told = |field: Field| from_arrow_schema(&arrow_schema::Schema::new(vec![field])).unwrap_err().to_string();
    let small = Field::new("n", ArrowType::Int16, true);
    assert_eq!(told(small.clone()), "field `n` is Int16, which no field holds: cast it to Int32");
    let list = Field::new("outer", ArrowType::List(Arc::new(small)), true);
    assert_eq!(told(list), "field `outer.n` is Int16, which no field holds: cast it to Int32");
    let local = Field::new("at", ArrowType::Timestamp(TimeUnit::Microsecond, None), true);
    assert!(told(local).contains("cast it to Timestamp(µs, \"UTC\")"));
    let words = ArrowType::Dictionary(Box::new(ArrowType::Int8), Box::new(ArrowType::Utf8));
    assert!(told(Field::new("word", words, true)).ends_with("cast it to Utf8"));
    let twice = vec![Field::new("a", ArrowType::Int32, true), Field::new("a", ArrowType::Utf8, true)];
    let error = from_arrow_schema(&arrow_schema::Schema::new(twice)).unwrap_err();
    assert_eq!(error.to_string(), "field `a` stands twice in the schema");
}

/// A host that keeps a batch as long as it is retained, and counts.
struct Lender {
    array: Rc<Incoming>,
    keeps: bool,
}

static RETAINED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn retain(batch: *const BatchV1) -> *mut c_void {
    // SAFETY: the test lends both for the call.
    let lender = unsafe { &*(*batch).owner.cast::<Lender>() };
    if !lender.keeps {
        return std::ptr::null_mut();
    }
    RETAINED.fetch_add(1, SeqCst);
    Box::into_raw(Box::new(lender.array.clone())).cast()
}

extern "C" fn release(token: *mut c_void) {
    RETAINED.fetch_sub(1, SeqCst);
    // SAFETY: a token of `retain`, given back once.
    drop(unsafe { Box::from_raw(token.cast::<Rc<Incoming>>()) });
}

/// What a stage makes of the batch while it is lent; the batch is gone when this returns, unless it was retained.
fn imported(batch: RecordBatch, keeps: bool) -> RecordBatch {
    let schema = from_arrow_schema(batch.schema_ref()).unwrap();
    let lender = Lender { array: Rc::new(Incoming(shim::arrow::export_batch(batch))), keeps };
    let raw = BatchV1 {
        size: std::mem::size_of::<BatchV1>(),
        array: &lender.array.0,
        split: Slice::new(b""),
        positions: std::ptr::null(),
        retain,
        release,
        owner: std::ptr::from_ref(&lender).cast(),
    };
    let mut views = Vec::new();
    // SAFETY: the array is one of this schema, and stays while `lender` does.
    let rows = unsafe { columns::view(&raw, &schema.fields, &mut views) };
    record_batch(&Batch { rows, columns: &views, schema: &schema, raw: Some(&raw) }).unwrap()
}

#[test]
fn a_batch_that_the_host_keeps_is_not_copied_and_outlives_the_call() {
    let batch = every_value();
    let values = batch.column(2).to_data().buffers()[0].as_ptr();
    for part in [batch.clone(), batch.slice(1, 3), batch.slice(4, 1)] {
        let got = imported(part.clone(), true);
        assert_eq!(got, part);
        assert_eq!(RETAINED.load(SeqCst), 1);
        let last = got.column(12).clone();
        drop(got);
        assert_eq!(RETAINED.load(SeqCst), 1, "a column still uses it");
        drop(last);
        assert_eq!(RETAINED.load(SeqCst), 0);
    }
    assert_eq!(imported(batch.clone(), true).column(2).to_data().buffers()[0].as_ptr(), values);
}

#[test]
fn a_batch_that_the_host_does_not_keep_is_copied() {
    let batch = every_value();
    for part in [batch.clone(), batch.slice(1, 3), batch.slice(4, 1), batch.slice(2, 0)] {
        assert_eq!(imported(part.clone(), false), part);
    }
}

#[derive(serde::Deserialize)]
struct Same;

impl Transform for Same {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.pass_through()
    }

    fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let rows: Vec<u32> = (0..batch.len() as u32).collect();
        emit_record_batch_of(emitter, record_batch(batch)?, &rows)
    }
}

#[test]
fn every_type_goes_through_a_transform() {
    let batch = every_value();
    let harness = testing::transform::<Same>(json!(null));
    let got = harness.run_record_batches([batch.clone(), batch.slice(3, 2)]).unwrap();
    assert_eq!(got.records.len(), 7);
    assert_eq!(
        got.records[0],
        json!({
            "boolean": true, "int": -1, "long": 1, "float": 0.5, "double": 0.1, "string": "ä", "bytes": "/w==",
            "date": "1970-01-01", "timestamp": "1970-01-01T00:00:00.000Z", "decimal": "-0.05", "list": ["a", null],
            "struct": { "flag": true, "n": 1 }, "map": {}
        })
    );
    assert_eq!(got.records[1], json!({ "long": 2 }));
    assert_eq!(got.records[2]["struct"], json!({ "flag": null, "n": 3 }));
    assert_eq!(got.records[2]["list"], json!([]));
    assert_eq!(got.records[3]["map"], json!({ "k0": 30, "k1": null, "k2": 32 }));
    assert_eq!(got.records[3..5], got.records[5..7]);
}

#[derive(serde::Deserialize)]
struct Counts {
    rows: usize,
    wrong: String,
}

impl Source for Counts {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        stage.set_output(Schema::new(vec![SchemaField::new("n", DataType::Long).required()]));
        Ok(())
    }

    fn open(&mut self, _: &mut StageContext<'_>) -> Result<()> {
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        Ok(vec![Split::new("all")])
    }

    fn begin(&mut self, _: &Split, _: Option<u64>) -> Result<()> {
        Ok(())
    }

    fn read(&mut self, _: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let longs = Arc::new(Int64Array::from_iter_values(0..self.rows as i64));
        let (name, column): (&str, ArrayRef) = match self.wrong.as_str() {
            "type" => ("n", Arc::new(Int32Array::from(vec![1; self.rows]))),
            "null" => ("n", Arc::new(Int64Array::from(vec![None; self.rows]))),
            "name" => ("m", longs),
            _ => ("n", longs),
        };
        let mut positions: Vec<u64> = (0..self.rows as u64).map(|row| row * 10).collect();
        if self.wrong == "positions" {
            positions.pop();
        }
        emit_record_batch(emitter, RecordBatch::try_from_iter([(name, column)])?, &positions)?;
        Ok(Read::End)
    }
}

fn counted(rows: usize, wrong: &str) -> Result<testing::Collected> {
    testing::source::<Counts>(json!({ "rows": rows, "wrong": wrong })).read()
}

#[test]
fn a_large_batch_is_handed_on_in_pieces_with_its_positions() {
    let rows = MAX_BATCH_ROWS + 2;
    let got = counted(rows, "").unwrap();
    assert_eq!((got.records.len(), got.calls), (rows, 2));
    assert_eq!(got.positions.last(), Some(&(10 * (rows as u64 - 1))));
    assert_eq!(got.records.last(), Some(&json!({ "n": rows - 1 })));
    assert_eq!(counted(0, "").unwrap().calls, 0);
}

#[test]
fn a_batch_that_is_not_what_was_declared_is_an_error() {
    let told = |wrong| counted(2, wrong).unwrap_err().to_string();
    assert_eq!(told("type"), "column `n` is Int32, where Int64 is needed: cast it");
    assert_eq!(told("null"), "column `n` holds nulls, which the output's schema rules out");
    assert_eq!(told("name"), "column `m` where the output has `n`");
    assert_eq!(told("positions"), "1 positions for 2 rows");
}
