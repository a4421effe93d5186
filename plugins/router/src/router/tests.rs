use super::*;
use campanile_sdk::testing::{self, Collected};
use campanile_sdk::{Schema, SchemaField};
use serde_json::{Value, json};

/// Routes records with these values of `x`.
fn route(properties: Value, data_type: DataType, values: &[Value]) -> Collected {
    let mut properties = properties;
    properties["field"] = "x".into();
    let schema = Schema::new(vec![SchemaField::new("x", data_type)]);
    let records = values.iter().map(|value| json!({ "x": value }));
    testing::splitter::<Router>(properties).input(schema).run(records).unwrap()
}

fn values(got: &Collected, port: &str) -> Vec<Value> {
    got.port(port).iter().map(|record| record["x"].clone()).collect()
}

fn told(properties: Value) -> Vec<String> {
    let schema = Schema::new(vec![
        SchemaField::new("country", DataType::String),
        SchemaField::new("n", DataType::Long),
        SchemaField::new("on", DataType::Boolean),
        SchemaField::new("many", DataType::List { items: Box::new(SchemaField::new("", DataType::Long)) }),
    ]);
    let (_, findings) = testing::splitter::<Router>(properties).input(schema).configure().unwrap();
    assert!(findings.iter().all(|finding| finding.is_error() && finding.hint.is_some()));
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn each_value_leads_to_its_port() {
    let properties = json!({ "ports": { "europe": ["DE", "FR"], "asia": ["JP"] }, "otherwise": "rest" });
    let got = route(properties, DataType::String, &["JP", "DE", "US", "FR"].map(Value::from));
    assert_eq!(values(&got, "europe"), ["DE", "FR"]);
    assert_eq!(values(&got, "asia"), ["JP"]);
    assert_eq!(values(&got, "rest"), ["US"]);
    assert!(got.errors.is_empty());
}

#[test]
fn a_record_without_a_port_is_an_error_record() {
    let got = route(json!({ "ports": { "a": ["x"] } }), DataType::String, &[json!("x"), json!("y"), Value::Null]);
    assert_eq!(values(&got, "a"), ["x"]);
    let errors: Vec<(i32, &str)> = got.errors.iter().map(|error| (error.code, error.message.as_str())).collect();
    let messages =
        [(1, "field `x` with the value `y` leads to no port"), (1, "field `x` is null and leads to no port")];
    assert_eq!(errors, messages);
}

#[test]
fn a_null_goes_to_the_port_for_others() {
    let got = route(json!({ "ports": { "a": ["x"] }, "otherwise": "a" }), DataType::String, &[Value::Null]);
    assert_eq!(got.port("a").len(), 1);
}

#[test]
fn numbers_are_the_same_however_they_are_written() {
    let ports = json!({ "ports": { "five": ["5"], "six": [6.0], "seven": ["7.0"] }, "otherwise": "rest" });
    for data_type in [DataType::Int, DataType::Long, DataType::Float, DataType::Double] {
        let got = route(ports.clone(), data_type, &[5, 6, 7, 8].map(Value::from));
        let counts = ["five", "six", "seven", "rest"].map(|port| got.port(port).len());
        assert_eq!(counts, [1; 4]);
    }
    let got = route(json!({ "ports": { "zero": [-0.0] } }), DataType::Double, &[json!(0.0), json!(-0.0)]);
    assert_eq!(got.port("zero").len(), 2);
    let got = route(json!({ "ports": { "tenth": [0.1] } }), DataType::Float, &[json!(0.1)]);
    assert_eq!(got.port("tenth").len(), 1);
}

#[test]
fn text_is_compared_as_text() {
    let got = route(
        json!({ "ports": { "five": [5] }, "otherwise": "rest" }),
        DataType::String,
        &["5", "5.0"].map(Value::from),
    );
    assert_eq!(values(&got, "five"), ["5"]);
    assert_eq!(values(&got, "rest"), ["5.0"]);
}

#[test]
fn booleans_and_dates_lead_to_ports_too() {
    let got = route(
        json!({ "ports": { "yes": [true], "no": ["false"] } }),
        DataType::Boolean,
        &[true, false].map(Value::from),
    );
    assert_eq!((got.port("yes").len(), got.port("no").len()), (1, 1));
    let got = route(json!({ "ports": { "first": ["1970-01-02"] } }), DataType::Date, &[json!(1)]);
    assert_eq!(got.port("first").len(), 1);
}

#[test]
fn a_value_in_two_ports_is_found_in_whatever_way_it_is_written() {
    assert_eq!(
        told(json!({ "field": "n", "ports": { "a": [5, 5], "b": ["5.0"] } })),
        ["ports: `5.0` leads to port `a` and to port `b` (list it in one of them)"]
    );
}

#[test]
fn values_that_never_occur_are_found() {
    assert_eq!(
        told(json!({ "field": "n", "ports": { "a": ["many", 5.5, true] } })),
        [
            "ports: port `a` lists `many`, but field `n` is of type long (write a whole number)",
            "ports: port `a` lists `5.5`, but field `n` is of type long (write a whole number)",
            "ports: port `a` lists `true`, but field `n` is of type long (write a whole number)",
        ]
    );
    assert_eq!(told(json!({ "field": "on", "ports": { "a": ["yes"] } })).len(), 1);
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    assert_eq!(
        told(json!({ "field": "city", "ports": { "a": [], "": ["x"] } })),
        [
            "field: there is no field `city` (the fields are `country`, `n`, `on`)",
            "ports: the name of a port is empty (give it a name)",
            "ports: no value leads to port `a` (list its values, or name it as `otherwise`)",
        ]
    );
    assert_eq!(told(json!({ "field": "country", "ports": {} })).len(), 1);
    assert_eq!(told(json!({ "field": "many", "ports": { "a": [1] } })).len(), 1);
}

#[test]
fn the_ports_are_those_of_the_properties() {
    let schema = Schema::new(vec![SchemaField::new("x", DataType::Long)]);
    let properties = json!({ "field": "x", "ports": { "b": [1], "a": [2] }, "otherwise": "c" });
    let (ports, _) = testing::splitter::<Router>(properties).input(schema).configure().unwrap();
    assert_eq!(ports.iter().map(|port| port.port.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn the_example_runs_and_the_contract_is_kept() {
    let example: Value = serde_json::from_str(include_str!("../../router/example.json")).unwrap();
    let router = testing::splitter::<Router>(example["plugin"]["properties"].clone());
    let records = ["DE", "JP", "FR", "US"].map(|country| json!({ "country": country }));
    let got = router.run(records.clone()).unwrap();
    assert_eq!(got.port("europe").len(), 2);
    testing::check_contract(&router, &records);
}
