use super::*;
use campanile_sdk::testing::{self, Collected};
use serde_json::{Value, json};

fn read(properties: Value) -> Collected {
    testing::source::<Generator>(properties).read().unwrap()
}

/// The values of one field with this distribution.
fn values(distribution: Value, records: u64) -> Vec<Value> {
    let mut field = distribution;
    field["name"] = "x".into();
    let got = read(json!({ "records": records, "seed": 3, "fields": [field] }));
    got.records.into_iter().map(|mut record| record["x"].take()).collect()
}

fn told(properties: Value) -> Vec<String> {
    let (_, findings) = testing::source::<Generator>(properties).configure().unwrap();
    assert!(findings.iter().all(|finding| finding.is_error() && finding.hint.is_some()));
    findings.iter().map(|finding| format!("{}: {}", finding.path, finding.message)).collect()
}

#[test]
fn a_sequence_grows_by_its_step() {
    assert_eq!(values(json!({ "sequence": {} }), 3), [0, 1, 2]);
    assert_eq!(values(json!({ "sequence": { "start": 10, "step": -5 } }), 4), [10, 5, 0, -5]);
}

#[test]
fn uniform_numbers_stay_in_their_range_and_fill_it() {
    let doubles = values(json!({ "uniform": { "min": -1, "max": 1 } }), 1_000);
    let doubles: Vec<f64> = doubles.iter().filter_map(Value::as_f64).collect();
    assert!(doubles.iter().all(|number| (-1.0..1.0).contains(number)));
    assert!(doubles.iter().any(|&number| number < -0.9) && doubles.iter().any(|&number| number > 0.9));
    let longs = values(json!({ "uniform": { "min": -1, "max": 1, "type": "long" } }), 100);
    assert!([-1, 0, 1].iter().all(|number| longs.contains(&json!(number))));
    assert!(longs.iter().all(|number| (-1..=1).contains(&number.as_i64().unwrap())));
}

#[test]
fn normal_numbers_lie_around_their_mean() {
    let numbers = values(json!({ "normal": { "mean": 80, "deviation": 10 } }), 2_000);
    let near = numbers.iter().filter(|number| (70.0..90.0).contains(&number.as_f64().unwrap())).count();
    assert!((1_280..1_450).contains(&near), "{near} of 2000 within one deviation");
    assert!(values(json!({ "normal": { "mean": 80, "deviation": 0 } }), 5).iter().all(|number| number == 80.0));
}

#[test]
fn a_choice_takes_all_its_values_and_their_type() {
    for (choice, data_type) in [
        (json!(["a", "b"]), "string"),
        (json!([1, 2]), "long"),
        (json!([1, 2.5]), "double"),
        (json!([true, false, null]), "boolean"),
    ] {
        let got = read(json!({ "records": 100, "fields": [{ "name": "x", "choice": choice }] }));
        let field = &got.schemas[0].fields[0];
        assert_eq!(field.data_type.as_str(), data_type);
        assert_eq!(field.nullable, choice.as_array().unwrap().contains(&Value::Null));
        for value in choice.as_array().unwrap() {
            let times = got.records.iter().filter(|record| {
                let made = record.get("x").unwrap_or(&Value::Null);
                made == value || value.as_f64().is_some_and(|value| made.as_f64() == Some(value))
            });
            assert!(times.count() > 10, "{value}");
        }
    }
}

#[test]
fn a_pattern_makes_text() {
    assert!(values(json!({ "pattern": "u{0..3}" }), 50).contains(&json!("u2")));
}

#[test]
fn the_same_seed_makes_the_same_rows_and_another_others() {
    let make = |seed: u64| {
        read(json!({ "records": 50, "seed": seed, "fields": [
            { "name": "a", "uniform": { "min": 0, "max": 1 } }, { "name": "b", "uniform": { "min": 0, "max": 1 } }
        ] }))
        .records
    };
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
    assert!(make(1).iter().all(|record| record["a"] != record["b"]));
}

#[test]
fn a_row_is_the_same_wherever_reading_begins_and_however_it_is_cut() {
    let generator = testing::source::<Generator>(json!({ "records": 20, "fields": [
        { "name": "a", "normal": { "mean": 0, "deviation": 1 } }, { "name": "b", "pattern": "{0..9}-{0..9}" }
    ] }));
    let whole = generator.read().unwrap();
    assert_eq!(whole.positions, (0..20).collect::<Vec<u64>>());
    let splits = generator.splits().unwrap();
    let rest = generator.read_from(&splits[0], 4).unwrap();
    assert_eq!((rest.records, rest.positions), (whole.records[5..].to_vec(), (5..20).collect()));
    assert_eq!(generator.clone().batch_rows(3).read().unwrap().records, whole.records);
    assert!(generator.read_from(&splits[0], 19).unwrap().records.is_empty());
}

#[test]
fn many_records_are_split_without_gap_or_overlap() {
    let generator =
        testing::source::<Generator>(json!({ "records": 65_539, "fields": [{ "name": "x", "sequence": {} }] }));
    assert_eq!(generator.splits().unwrap().len(), 8);
    let got = generator.read().unwrap();
    assert_eq!(got.positions, (0..65_539).collect::<Vec<u64>>());
    assert!(got.records.iter().zip(0..).all(|(record, number)| record["x"] == number));
}

#[test]
fn few_records_or_a_rate_make_one_split() {
    let splits = |properties| testing::source::<Generator>(properties).splits().unwrap().len();
    let fields = json!([{ "name": "x", "sequence": {} }]);
    assert_eq!(splits(json!({ "records": 10, "fields": fields })), 1);
    assert_eq!(splits(json!({ "records": 1_000_000, "rate": 5, "fields": fields })), 1);
    assert_eq!(splits(json!({ "fields": fields })), 1);
}

#[test]
fn no_records_are_none() {
    assert!(read(json!({ "records": 0, "fields": [{ "name": "x", "sequence": {} }] })).records.is_empty());
}

#[test]
fn a_rate_leaves_the_source_idle_until_the_next_record() {
    // One record is there at once, the next in a quarter of an hour.
    let begun = std::time::Instant::now();
    let got = read(json!({ "records": 10, "rate": 0.001, "fields": [{ "name": "x", "sequence": {} }] }));
    assert_eq!(got.records.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "it waits a little, not for the next record");
}

#[test]
fn without_a_number_of_records_there_is_no_end() {
    let got = testing::source::<Generator>(json!({ "fields": [{ "name": "x", "sequence": {} }] })).stop_after(3).read();
    assert!(got.unwrap().records.len() >= 3 * 8_192);
}

#[test]
fn batches_stay_within_their_bytes() {
    let long = "x".repeat(100_000);
    let got = read(json!({ "records": 30, "fields": [{ "name": "x", "choice": [long] }] }));
    assert_eq!(got.calls, 3);
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    assert_eq!(
        told(json!({ "rate": 0, "fields": [
            { "name": "a" },
            { "name": "b", "sequence": {}, "pattern": "x" },
            { "name": "c", "uniform": { "min": 2, "max": 1 } },
            { "name": "d", "uniform": { "min": 0.5, "max": 1, "type": "long" } },
            { "name": "e", "normal": { "mean": 0, "deviation": -1 } },
            { "name": "f", "choice": [1, "x"] },
            { "name": "g", "choice": [null] },
            { "name": "h", "pattern": "{0..0}" },
            { "name": "", "sequence": {} },
            { "name": "i", "sequence": {} },
            { "name": "i", "sequence": {} },
        ] })),
        [
            "rate: 0 records a second are none",
            "fields[0]: field `a` needs exactly one distribution",
            "fields[1]: field `b` needs exactly one distribution",
            "fields[2]: field `c`: `min` 2 is greater than `max` 1",
            "fields[3]: field `d`: `min` 0.5 and `max` 1 are not both whole numbers up to 2^53",
            "fields[4]: field `e`: `deviation` -1 is less than 0",
            "fields[5]: field `f`: `choice` has values of different types",
            "fields[6]: field `g`: `choice` has no value",
            "fields[7]: field `h`: the range `{0..0}` is empty",
            "fields[8]: the name of the field is empty",
            "fields[10]: there are two fields `i`",
        ]
    );
    assert_eq!(told(json!({ "fields": [] })), ["fields: there is no field"]);
}

#[test]
fn the_example_runs_and_the_contract_is_kept() {
    let example: Value = serde_json::from_str(include_str!("../../generator/example.json")).unwrap();
    let mut properties = example["plugin"]["properties"].clone();
    properties["records"] = 100.into();
    let generator = testing::source::<Generator>(properties);
    assert_eq!(generator.read().unwrap().records.len(), 100);
    testing::check_contract(&generator, &[]);
}
