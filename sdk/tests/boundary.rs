//! What an author may rely on when a plugin is called through the tables of the boundary.

use campanile_sdk::{
    AlertPublisher, Alerts, Configure, DataType, Emit, Emitter, Error, ErrorKind, ErrorRecord, ErrorTransform, Field,
    OutputField, PortId, Record, Result, Row, Schema, SchemaField, Splitter, StageContext, Text, Transform, testing,
};
use serde::Deserialize;
use serde_json::{Value, json};

fn three() -> Vec<Value> {
    vec![json!({ "a": 1.5, "t": "x" }), json!({ "a": 2.5, "t": "y" }), json!({ "t": "z" })]
}

/// Changes fields of some records: those with `a` above 2 get another `a`, and with `twice` stand twice.
#[derive(Deserialize)]
struct Patching {
    twice: bool,
    #[serde(skip)]
    a: Field<f64>,
    #[serde(skip)]
    out: OutputField<f64>,
}

impl Transform for Patching {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.a = stage.input()?.f64("a")?;
        self.out = stage.output()?.f64("a")?;
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        match record.f64(self.a) {
            Some(a) if a > 2.0 => {
                emitter.emit(record.with(self.out, a * 10.0))?;
                if self.twice { emitter.emit(record.with(self.out, None::<f64>)) } else { Ok(()) }
            }
            _ => emitter.emit(record),
        }
    }
}

#[test]
fn only_the_changed_field_of_the_changed_record_differs() {
    let got = testing::transform::<Patching>(json!({ "twice": false })).run(three()).unwrap();
    assert_eq!(got.records, [json!({ "a": 1.5, "t": "x" }), json!({ "a": 25.0, "t": "y" }), json!({ "t": "z" })]);
    assert_eq!(got.calls, 1, "one call a batch");
}

#[test]
fn a_record_may_be_emitted_twice_with_other_values() {
    let got = testing::transform::<Patching>(json!({ "twice": true })).run(three()).unwrap();
    let expected =
        [json!({ "a": 1.5, "t": "x" }), json!({ "a": 25.0, "t": "y" }), json!({ "t": "y" }), json!({ "t": "z" })];
    assert_eq!(got.records, expected);
}

#[test]
fn batches_change_nothing() {
    testing::check_contract(&testing::transform::<Patching>(json!({ "twice": true })), &three());
}

/// Panics where it is told to.
#[derive(Deserialize)]
struct Panicking {
    place: String,
}

/// A payload whose end is a panic too.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's own panic");
    }
}

impl Panicking {
    fn at(&self, place: &str) {
        if self.place == place {
            panic!("in {place}");
        }
        if self.place == format!("{place} with a bomb") {
            std::panic::panic_any(Bomb);
        }
    }
}

impl Transform for Panicking {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.at("configure");
        stage.pass_through()
    }

    fn open(&mut self, _: &mut StageContext<'_>) -> Result<()> {
        self.at("open");
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        if record.row() == 1 {
            self.at("transform");
        }
        emitter.emit(record)
    }

    fn finish(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        self.at("finish");
        Ok(())
    }

    fn close(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        self.at("close");
        Ok(())
    }
}

#[test]
fn a_panic_in_any_entry_is_an_error_that_says_what_and_where() {
    for place in ["configure", "open", "transform", "finish", "close"] {
        let harness = testing::transform::<Panicking>(json!({ "place": place }));
        let error = harness.run(three()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic, "{place}: {error}");
        assert!(error.message().contains(&format!("in {place}")), "{place}: {error}");
        assert!(error.message().contains("boundary.rs:"), "{place}: {error}");
        assert_eq!(error.row(), (place == "transform").then_some(1), "{place}: {error}");
    }
}

#[test]
fn a_panic_whose_payload_panics_when_dropped_is_an_error_like_any_other() {
    for place in ["open with a bomb", "transform with a bomb", "close with a bomb"] {
        let error = testing::transform::<Panicking>(json!({ "place": place })).run(three()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic, "{place}: {error}");
    }
}

/// Cannot reach anybody.
#[derive(Deserialize)]
struct Unreachable {}

impl AlertPublisher for Unreachable {
    fn initialize(&mut self, _: &mut StageContext<'_>) -> Result<()> {
        Err(Error::fatal("nobody there"))
    }

    fn publish(&mut self, _: &mut Alerts<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_before_any_batch_names_no_row() {
    let error = testing::alert_publisher::<Unreachable>(json!({})).publish(&[]).unwrap_err();
    assert_eq!((error.message(), error.row()), ("nobody there", None));
}

/// Makes many records of one.
#[derive(Deserialize)]
struct Exploding {
    n: i64,
    #[serde(skip)]
    number: OutputField<i64>,
}

impl Transform for Exploding {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let mut schema = stage.input()?.schema().clone();
        schema.fields.push(SchemaField::new("number", DataType::Long));
        stage.set_output(schema);
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.number = stage.output()?.i64("number")?;
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        (0..self.n).try_for_each(|number| emitter.emit(record.with(self.number, number)))
    }
}

#[test]
fn a_stage_that_makes_many_records_hands_them_on_in_pieces() {
    let got = testing::transform::<Exploding>(json!({ "n": 20_000 })).run([json!({ "a": 1 })]).unwrap();
    assert_eq!(got.records.len(), 20_000);
    assert_eq!(got.records[19_999], json!({ "a": 1, "number": 19_999 }));
    assert!(got.calls >= 3, "{} calls", got.calls);
}

#[test]
fn a_stage_that_is_told_to_stop_stops() {
    let harness = testing::transform::<Exploding>(json!({ "n": 1_000_000 })).stop_after(1);
    let got = harness.run([json!({ "a": 1 })]).unwrap();
    assert!(got.records.len() < 30_000, "{} records", got.records.len());
}

/// Emits records that come from nowhere, at the end.
#[derive(Deserialize)]
struct Summing {
    #[serde(skip)]
    a: Field<f64>,
    #[serde(skip)]
    sum: f64,
    #[serde(skip)]
    out: (OutputField<f64>, OutputField<Text>),
}

impl Transform for Summing {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.a = stage.input()?.f64("a")?;
        self.out = (stage.output()?.f64("a")?, stage.output()?.text("t")?);
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        match record.f64(self.a) {
            Some(a) => self.sum += a,
            None => return Err(Error::record(7, "no `a`")),
        }
        emitter.emit_alert((("sum", self.sum), ("note", None::<&str>)))
    }

    fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        emitter.emit(Row::new().with(self.out.0, self.sum).with(self.out.1, "sum"))?;
        emitter.emit(Row::new().with(self.out.1, "end"))
    }
}

#[test]
fn records_made_new_have_null_where_nothing_was_set() {
    let got = testing::transform::<Summing>(json!({})).run(three()).unwrap();
    assert_eq!(got.records, [json!({ "a": 4.0, "t": "sum" }), json!({ "t": "end" })]);
}

#[test]
fn a_record_error_makes_an_error_record_and_the_rest_goes_on() {
    let got = testing::transform::<Summing>(json!({})).run(three()).unwrap();
    assert_eq!(got.errors.len(), 1);
    let error = &got.errors[0];
    assert_eq!((error.code, error.message.as_str()), (7, "no `a`"));
    assert_eq!(error.record, Some(json!({ "t": "z" })));
}

#[test]
fn a_value_that_is_null_leaves_its_pair_out_of_the_payload() {
    let got = testing::transform::<Summing>(json!({})).run(three()).unwrap();
    let pair = |value: &str| vec![("sum".to_owned(), value.to_owned())];
    assert_eq!(got.alerts, [pair("1.5"), pair("4")]);
}

/// Sends records by a field, one of which has another schema.
#[derive(Deserialize)]
struct Sorting {
    #[serde(skip)]
    t: Field<Text>,
    #[serde(skip)]
    ports: (PortId, PortId),
}

impl Splitter for Sorting {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let schema = stage.input()?.schema().clone();
        stage.add_port("x", schema);
        stage.add_port("rest", Schema::new(vec![SchemaField::new("t", DataType::String)]));
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.t = stage.input()?.text("t")?;
        self.ports = (stage.port("x")?, stage.port("rest")?);
        Ok(())
    }

    fn split(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let port = if record.text(self.t) == Some("x") { self.ports.0 } else { self.ports.1 };
        emitter.emit_to(port, record)
    }
}

#[test]
fn a_splitter_gives_each_port_its_records_in_its_schema() {
    let got = testing::splitter::<Sorting>(json!({})).run(three()).unwrap();
    assert_eq!(got.port("x"), [json!({ "a": 1.5, "t": "x" })]);
    assert_eq!(got.port("rest"), [json!({ "t": "y" }), json!({ "t": "z" })]);
}

/// Puts an error's message into the record.
#[derive(Deserialize)]
struct Explaining {
    #[serde(skip)]
    out: OutputField<Text>,
}

impl ErrorTransform for Explaining {
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.out = stage.output()?.text("t")?;
        Ok(())
    }

    fn transform(&mut self, error: &ErrorRecord<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let message = format!("{} in {}", error.message, error.stage);
        emitter.emit(error.record.with(self.out, message))
    }
}

#[test]
fn an_error_transform_sees_record_message_and_stage() {
    let got = testing::error_transform::<Explaining>(json!({}))
        .run_errors([(json!({ "a": 1.0, "t": "x" }), 3, "bad"), (json!({ "t": "y" }), 4, "worse")])
        .unwrap();
    let expected = [json!({ "a": 1.0, "t": "bad in failing" }), json!({ "t": "worse in failing" })];
    assert_eq!(got.records, expected);
}

#[test]
fn a_field_that_is_not_there_or_of_another_type_is_told_with_what_there_is() {
    let harness = testing::transform::<Summing>(json!({}));
    let error = harness.run([json!({ "b": 1 })]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("there is no field `a` (the fields are `b`)"), "{error}");
    let error = harness.run([json!({ "a": "text", "t": "x" })]).unwrap_err();
    assert!(error.to_string().contains("field `a` is of type string, where a number is needed"), "{error}");
}

#[test]
fn the_manifest_names_the_revision_of_the_boundary() {
    let build: campanile_sdk::Build = serde_json::from_slice(campanile_sdk::__private::BUILD).unwrap();
    assert_eq!(build.abi, campanile_abi::ABI_REVISION);
    assert!(!build.rustc.is_empty() && !build.target.is_empty(), "{build:?}");
}
