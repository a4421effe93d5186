use super::*;
use serde_json::json;
use std::path::PathBuf;

/// A file that goes with its test.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, text: &str) -> TestFile {
        let folder = std::env::temp_dir().join(format!("campanile-geofence-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("fences.geojson"), text).unwrap();
        TestFile(folder)
    }

    fn read(&self) -> Result<FenceFile> {
        FenceFile::read(&self.0.join("fences.geojson"), "name")
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn square(low: f64, high: f64) -> JsonValue {
    json!([[low, low], [high, low], [high, high], [low, high], [low, low]])
}

fn feature(properties: JsonValue, kind: &str, coordinates: JsonValue) -> JsonValue {
    json!({ "type": "Feature", "properties": properties, "geometry": { "type": kind, "coordinates": coordinates } })
}

fn names(file: &FenceFile) -> Vec<&str> {
    file.fences.iter().map(|fence| fence.name.as_str()).collect()
}

#[test]
fn collections_features_and_bare_geometries_are_read() {
    let polygon = feature(json!({ "name": "a" }), "Polygon", json!([square(0.0, 4.0), square(1.0, 2.0)]));
    let multi = feature(json!({ "name": 7 }), "MultiPolygon", json!([[square(5.0, 6.0)], [square(8.0, 9.0)]]));
    let collection = json!({ "type": "FeatureCollection", "features": [polygon, multi] });
    let file = TestFile::new("collection", &format!("\u{feff}{collection}")).read().unwrap();
    assert_eq!(names(&file), ["a", "7"]);
    assert!(file.fences[0].contains([3.0, 3.0]) && !file.fences[0].contains([1.5, 1.5]));
    assert!(file.fences[1].contains([5.5, 5.5]) && file.fences[1].contains([8.5, 8.5]));
    assert!(!file.fences[1].contains([7.0, 7.0]), "in the box around both, in neither");
    assert!(file.warnings.is_empty());

    let file = TestFile::new("feature", &polygon.to_string()).read().unwrap();
    assert_eq!(names(&file), ["a"]);
    let file = TestFile::new("geometry", &polygon["geometry"].to_string()).read().unwrap();
    assert_eq!(names(&file), ["fences"], "named as the file");
}

#[test]
fn features_of_one_name_are_one_fence() {
    let part = |low, high| feature(json!({ "name": "a" }), "Polygon", json!([square(low, high)]));
    let collection = json!({ "type": "FeatureCollection", "features": [part(0.0, 1.0), part(5.0, 6.0)] });
    let file = TestFile::new("same-name", &collection.to_string()).read().unwrap();
    assert_eq!(names(&file), ["a"]);
    assert!(file.fences[0].contains([0.5, 0.5]) && file.fences[0].contains([5.5, 5.5]));
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_feature() {
    let open = json!([[[0, 0], [1, 0], [1, 1], [0, 1]]]);
    let features = json!([
        feature(json!({ "name": "fine" }), "Polygon", json!([square(0.0, 1.0)])),
        feature(json!({ "NAME": "x", "id": 3 }), "Polygon", json!([square(0.0, 1.0)])),
        feature(json!({ "name": " " }), "Polygon", open),
        feature(json!({ "name": "point" }), "Point", json!([0, 0])),
        { "type": "Feature", "properties": { "name": "nowhere" }, "geometry": null },
        feature(json!({ "name": "swapped" }), "MultiPolygon", json!([[square(0.0, 1.0)], [square(0.0, 100.0)]])),
        feature(json!({ "name": "broken" }), "Polygon", json!("none")),
        feature(json!({ "name": "thin" }), "Polygon", json!([[[0, 0], [1, 1], [0, 0]]])),
        feature(json!({ "name": "flat" }), "Polygon", json!([[[0], [1], [1], [0]]])),
        feature(json!({ "name": "ringless" }), "Polygon", json!([])),
        feature(json!({ "name": "empty" }), "MultiPolygon", json!([])),
    ]);
    let file = TestFile::new("wrong", &json!({ "type": "FeatureCollection", "features": features }).to_string());
    let error = file.read().unwrap_err();
    assert_eq!(error.kind(), campanile_sdk::ErrorKind::Config);
    let expected = [
        "feature 1 has no property `name` (it has `NAME`, `id`): add it, or set `nameProperty`",
        "feature 2 has no text in its property `name`: a fence needs a name",
        "feature 2, ring 0: it is not closed: repeat its first position at its end",
        "feature 3 is a Point, where a Polygon or MultiPolygon is needed",
        "feature 4 has no geometry: give it a Polygon or MultiPolygon",
        "feature 5, polygon 1, ring 0: position 2 is [100, 100]",
        "feature 6 cannot be read: ",
        "feature 7, ring 0: it has 3 positions, where at least 4 are needed",
        "feature 8, ring 0: position 0 needs a longitude and a latitude",
        "feature 9 is a Polygon without rings: leave it out",
        "feature 10 is a MultiPolygon without polygons: leave it out",
    ];
    let found: Vec<String> = error.all_findings().iter().map(ToString::to_string).collect();
    for (expected, found) in expected.iter().zip(&found) {
        let place = format!("fences: `{}`: ", file.0.join("fences.geojson").display());
        let found = found.strip_prefix(&place).unwrap_or_else(|| panic!("{found} names property and file"));
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_thousand_problems_are_not_told_one_by_one() {
    let features: Vec<_> = (0..1_000).map(|_| feature(json!({}), "Polygon", json!([square(0.0, 1.0)]))).collect();
    let text = json!({ "type": "FeatureCollection", "features": features }).to_string();
    let error = TestFile::new("many", &text).read().unwrap_err();
    assert_eq!(error.all_findings().len(), MAX_PROBLEMS + 1);
    assert!(error.to_string().ends_with("and 980 problems more"), "{error}");
}

#[test]
fn what_is_no_geojson_is_refused() {
    for (name, text, message) in [
        ("text", "fences", "is not JSON"),
        ("array", "[]", "neither a FeatureCollection nor a Feature nor a geometry"),
        ("object", "{}", "neither a FeatureCollection nor a Feature nor a geometry"),
        ("features", r#"{"type": "FeatureCollection"}"#, "the FeatureCollection has no array `features`"),
        ("empty", r#"{"type": "FeatureCollection", "features": []}"#, "it holds no fences"),
    ] {
        let error = TestFile::new(name, text).read().unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    let error = FenceFile::read(Path::new("/nowhere/at-all.geojson"), "name").unwrap_err();
    assert!(error.to_string().contains("cannot read the fences in `/nowhere/at-all.geojson`"), "{error}");
}

#[test]
fn a_fence_around_half_the_world_is_a_warning() {
    let ring = json!([[-170, 0], [170, 0], [170, 10], [-170, 10], [-170, 0]]);
    let text = feature(json!({ "name": "pacific" }), "Polygon", json!([ring])).to_string();
    let file = TestFile::new("wide", &text).read().unwrap();
    assert!(file.warnings[0].starts_with("feature 0 spans 340 degrees of longitude"), "{:?}", file.warnings);
    assert!(file.fences[0].contains([0.0, 5.0]), "as it is written");
}
