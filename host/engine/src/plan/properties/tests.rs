use super::*;
use campanile_sdk::Kind;
use serde_json::json;

fn manifest(schema: Value) -> PluginManifest {
    let (name, readme) = ("Bell".to_owned(), String::new());
    PluginManifest { kind: Kind::AlertPublisher, name, widget: Value::Null, schema, readme }
}

#[test]
fn a_publishers_rate_is_its_property_or_the_default_of_that() {
    let rate = manifest(json!({ "properties": {
        "topic": { "type": "string" },
        "maxAlertsPerSecond": { "type": "integer", "default": 100, "x-max-alerts-per-second": true },
    } }));
    assert_eq!(max_alerts_per_second(&rate, &json!({ "maxAlertsPerSecond": 7 })), Some(7.0));
    assert_eq!(max_alerts_per_second(&rate, &json!({ "topic": "t" })), Some(100.0));
    assert_eq!(max_alerts_per_second(&rate, &json!({ "maxAlertsPerSecond": null })), Some(100.0));
    let other = manifest(json!({ "properties": { "maxAlertsPerSecond": { "type": "integer", "default": 100 } } }));
    assert_eq!(max_alerts_per_second(&other, &json!({ "maxAlertsPerSecond": 7 })), None);
}
