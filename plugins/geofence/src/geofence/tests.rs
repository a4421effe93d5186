use super::*;
use campanile_sdk::{DataType, ErrorKind, Schema, SchemaField, testing};
use serde_json::{Value, json};

const FENCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/geofence/fences.geojson");
const OUTSIDE: (f64, f64) = (45.5, 12.5);
const OLD_TOWN: (f64, f64) = (45.440, 12.340);
const BOTH: (f64, f64) = (45.435, 12.328);
const HARBOUR: (f64, f64) = (45.435, 12.310);
const FAR_HARBOUR: (f64, f64) = (45.450, 12.250);
const COURT: (f64, f64) = (45.434, 12.338);

fn properties() -> Value {
    json!({ "latitude": "lat", "longitude": "lon", "key": "vehicle", "fences": FENCES, "payload": ["driver", "speed"] })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut properties = properties();
    properties[name] = value.into();
    properties
}

fn schema() -> Schema {
    Schema::new(vec![
        SchemaField::new("lat", DataType::Double),
        SchemaField::new("lon", DataType::Double),
        SchemaField::new("vehicle", DataType::Long),
        SchemaField::new("driver", DataType::String),
        SchemaField::new("speed", DataType::Double),
    ])
}

fn at(vehicle: i64, (latitude, longitude): (f64, f64)) -> Value {
    json!({ "lat": latitude, "lon": longitude, "vehicle": vehicle, "driver": "Ada", "speed": 182.0 })
}

fn harness(properties: Value) -> testing::Harness {
    testing::transform::<Geofence>(properties).input(schema())
}

/// Events as `enter old town 7`.
fn events(properties: Value, records: &[Value]) -> Vec<String> {
    let got = harness(properties).run(records.to_vec()).unwrap();
    assert_eq!(got.records.len(), records.len(), "every record passes through");
    let event = |alert: &Vec<(String, String)>| format!("{} {} {}", alert[0].1, alert[1].1, alert[2].1);
    got.alerts.iter().map(event).collect()
}

#[test]
fn the_payload_is_event_fence_key_and_the_fields() {
    let got = harness(properties()).run([at(7, OLD_TOWN)]).unwrap();
    let pairs = [("event", "enter"), ("fence", "old town"), ("vehicle", "7"), ("driver", "Ada"), ("speed", "182")];
    let pairs: Vec<_> = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    assert_eq!(got.alerts, [pairs]);
}

#[test]
fn what_enters_and_leaves_is_told_once() {
    let records = [
        at(7, OUTSIDE),
        at(7, OLD_TOWN),
        at(7, OLD_TOWN),
        at(8, OLD_TOWN),
        at(7, OUTSIDE),
        at(7, OUTSIDE),
        at(7, OLD_TOWN),
        at(8, COURT),
    ];
    let expected = ["enter old town 7", "enter old town 8", "leave old town 7", "enter old town 7", "leave old town 8"];
    assert_eq!(events(properties(), &records), expected);
}

#[test]
fn overlapping_fences_are_entered_and_left_each_by_itself() {
    let records = [at(1, OLD_TOWN), at(1, BOTH), at(1, HARBOUR), at(1, FAR_HARBOUR), at(1, OLD_TOWN)];
    let expected = [
        "enter old town 1",
        "enter harbours 1",
        "leave old town 1",
        // From one part of the harbours to the other: nothing.
        "leave harbours 1",
        "enter old town 1",
    ];
    assert_eq!(events(properties(), &records), expected);
}

#[test]
fn nulls_pass_through_and_change_nothing() {
    let null = |field: &str| {
        let mut record = at(1, OUTSIDE);
        record[field] = Value::Null;
        record
    };
    let mut keyless_and_far = null("vehicle");
    keyless_and_far["lat"] = json!(100.0);
    let records = [at(1, OLD_TOWN), null("lat"), null("lon"), null("vehicle"), keyless_and_far, at(1, OLD_TOWN)];
    assert_eq!(events(properties(), &records), ["enter old town 1"]);
}

#[test]
fn a_null_in_the_payload_is_left_out() {
    let mut record = at(1, OLD_TOWN);
    record["driver"] = Value::Null;
    let got = harness(properties()).run([record]).unwrap();
    assert_eq!(
        got.alerts[0].iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
        ["event", "fence", "vehicle", "speed"]
    );
}

#[test]
fn positions_out_of_range_are_error_records() {
    let records = [at(1, (90.1, 0.0)), at(1, (0.0, -180.5)), at(1, (90.0, 180.0)), at(1, (-90.0, -180.0))];
    let got = harness(properties()).run(records).unwrap();
    assert_eq!((got.records.len(), got.errors.len(), got.alerts.len()), (2, 2, 0));
    assert_eq!(got.errors[0].code, OUT_OF_RANGE);
    assert_eq!(got.errors[0].message, "`lat` is 90.1, where a number from -90 to 90 is needed");
    assert_eq!(got.errors[1].message, "`lon` is -180.5, where a number from -180 to 180 is needed");
    assert_eq!(got.errors[1].record.as_ref().unwrap()["vehicle"], 1);
}

#[test]
fn an_error_record_leaves_the_key_where_it_was() {
    let got = harness(properties()).run([at(1, OLD_TOWN), at(1, (91.0, 0.0)), at(1, OLD_TOWN)]).unwrap();
    assert_eq!((got.alerts.len(), got.errors.len()), (1, 1));
}

#[test]
fn a_forgotten_key_enters_again() {
    let records = [at(1, OLD_TOWN), at(2, OLD_TOWN), at(1, OLD_TOWN), at(2, OUTSIDE), at(1, OUTSIDE)];
    let expected = ["enter old town 1", "enter old town 2", "enter old town 1", "leave old town 1"];
    assert_eq!(events(with("maxKeys", 1), &records), expected);
}

#[test]
fn it_keeps_the_contract() {
    let records = [at(1, OLD_TOWN), at(1, (91.0, 0.0)), at(2, BOTH), at(1, OUTSIDE), at(2, HARBOUR), at(1, BOTH)];
    testing::check_contract(&testing::transform::<Geofence>(properties()), &records);
}

#[test]
fn wrong_properties_are_findings() {
    let findings = |properties: Value| {
        let (_, findings) = harness(properties).configure().unwrap();
        findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(findings(properties()).is_empty());
    assert!(findings(with("fences", "/nowhere")).is_empty(), "`configure` opens nothing");
    let mut wrong = json!({ "latitude": "driver", "longitude": "x", "key": "y", "fences": "", "maxKeys": 0 });
    wrong["payload"] = json!(["z", "speed", "speed"]);
    let found = findings(wrong);
    for (found, start) in found.iter().zip([
        "latitude: field `driver` is of type string, where a number is needed",
        "longitude: there is no field `x`",
        "key: there is no field `y`",
        "payload: there is no field `z`",
        "payload: alerts carry `speed` already",
        "fences: the path",
        "maxKeys: no key",
    ]) {
        assert!(found.starts_with(start), "{found}\nis not\n{start}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn the_names_of_the_plugin_are_no_fields_of_the_payload() {
    let input = Schema::new(vec![
        SchemaField::new("lat", DataType::Double),
        SchemaField::new("event", DataType::Double),
        SchemaField::new("fence", DataType::String),
    ]);
    let properties =
        json!({ "latitude": "lat", "longitude": "lat", "key": "fence", "fences": FENCES, "payload": ["event"] });
    let (_, findings) = testing::transform::<Geofence>(properties).input(input).configure().unwrap();
    assert_eq!(findings.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(), ["key", "payload"]);
}

#[test]
fn a_file_that_cannot_be_read_keeps_the_run_from_starting() {
    let error = harness(with("fences", "/nowhere/at-all.geojson")).run([]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let error = harness(with("nameProperty", "title")).run([]).unwrap_err();
    assert!(error.to_string().contains("feature 1 has no property `title` (it has `name`)"), "{error}");
}

#[test]
fn the_example_is_valid() {
    let example: Value = serde_json::from_str(include_str!("../../geofence/example.json")).unwrap();
    serde_json::from_value::<Geofence>(example["plugin"]["properties"].clone()).unwrap();
}

/// Two things on their way through the fences.
fn walk() -> Vec<Value> {
    vec![
        at(1, OLD_TOWN),
        at(2, BOTH),
        at(1, (91.0, 0.0)),
        at(1, BOTH),
        at(2, HARBOUR),
        at(3, OLD_TOWN),
        at(1, OUTSIDE),
        at(2, FAR_HARBOUR),
        at(2, OUTSIDE),
        at(3, COURT),
    ]
}

#[test]
fn a_run_that_is_cut_anywhere_and_resumed_raises_the_same_alerts() {
    testing::check_restored(&harness(properties()), &walk());
}

#[test]
fn what_was_forgotten_before_a_save_point_stays_forgotten() {
    testing::check_restored(&harness(with("maxKeys", 1)), &walk());
}

/// A file of fences of the test's own: squares of one degree, from these longitudes on.
fn squares(name: &str, squares: &[(&str, f64)]) -> String {
    let features: Vec<_> = squares
        .iter()
        .map(|(name, west)| {
            let ring = [[*west, 0.0], [west + 1.0, 0.0], [west + 1.0, 1.0], [*west, 1.0], [*west, 0.0]];
            let geometry = json!({ "type": "Polygon", "coordinates": [ring] });
            json!({ "type": "Feature", "properties": { "name": name }, "geometry": geometry })
        })
        .collect();
    let path = std::env::temp_dir().join(format!("campanile-geofence-{}-{name}.geojson", std::process::id()));
    std::fs::write(&path, json!({ "type": "FeatureCollection", "features": features }).to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_that_was_changed_is_taken_as_it_is_now() {
    let (old, new) = (squares("old", &[("a", 10.0), ("b", 20.0)]), squares("new", &[("c", 30.0), ("b", 20.0)]));
    let saved = harness(with("fences", old.as_str())).saved([at(1, (0.5, 10.5)), at(2, (0.5, 20.5))], []).unwrap();
    let log = testing::TestLog::default();
    let resumed = harness(with("fences", new.as_str())).log(&log).resumed(&saved);
    let got = resumed.run([at(1, OUTSIDE), at(2, OUTSIDE)]).unwrap();
    assert_eq!(got.alerts.len(), 1, "{:?}", got.alerts);
    assert_eq!(got.alerts[0][0].1, "leave");
    assert_eq!(got.alerts[0][1].1, "b");
    let messages = log.messages();
    assert!(messages.iter().any(|message| message.contains("has no fence `a` any more")), "{messages:?}");
    for path in [old, new] {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_state_that_cannot_be_read_keeps_the_run_from_being_resumed() {
    let error = harness(properties()).restored(b"\x07").run([]).unwrap_err();
    assert!(error.to_string().contains("or start the run anew"), "{error}");
}
