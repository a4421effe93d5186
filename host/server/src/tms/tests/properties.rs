//! Properties of topics.

use super::*;

const NO_PROPERTIES: &str = "Invalid topic properties. It must be JSON object with string values.";

#[test]
fn properties_are_read_leniently() {
    for (body, ttl) in [
        ("", "604800"),
        (" \n", "604800"),
        ("{}", "604800"),
        ("[]", "604800"),
        (r#"{"ttl":"5"}"#, "5"),
        (r#"{"ttl":5}"#, "5"),
        (r#"{"ttl":"+5"}"#, "5"),
        (r#"{"ttl":"2147483647"}"#, "2147483647"),
        (r#"[["ttl","5"]]"#, "5"),
        (r#"{"generation":"7"}"#, "604800"),
        (r#"{"generation":-1,"ttl":9}"#, "9"),
    ] {
        let service = Service::new();
        assert_eq!(service.put(TOPIC, body).all(), (200, None, String::new()), "{body}");
        let described = format!(r#"{{"generation":"1","ttl":"{ttl}"}}"#);
        assert_eq!(service.get(TOPIC).text(), (200, described), "{body}");
        assert_eq!(service.put(&format!("{TOPIC}/properties"), body).all(), (200, None, String::new()), "{body}");
    }
}

#[test]
fn properties_that_make_no_sense_are_refused_before_the_topic_is_looked_for() {
    let service = Service::new();
    let zero = "The ttl property must be greater than zero for topic topic:ns.t";
    let number = "The ttl property must be a number greater than zero for topic topic:ns.t";
    let no_generation = "The generation property must be a number other than zero for topic topic:ns.t";
    for (body, text) in [
        (r#"{"ttl":"0"}"#, zero),
        (r#"{"ttl":0}"#, zero),
        (r#"{"ttl":"-1"}"#, zero),
        (r#"{"ttl":-2147483648}"#, zero),
        (r#"{"ttl":"abc"}"#, number),
        (r#"{"ttl":""}"#, number),
        (r#"{"ttl":" 5"}"#, number),
        (r#"{"ttl":2147483648}"#, number),
        (r#"{"ttl":99999999999999999999}"#, number),
        (r#"{"ttl":10.0}"#, number),
        (r#"{"ttl":1e1}"#, number),
        (r#"{"ttl":true}"#, number),
        (r#"{"ttl":"0","generation":"0"}"#, zero),
        (r#"{"generation":"0"}"#, "The generation property must not be zero for topic topic:ns.t"),
        (r#"{"generation":"x"}"#, no_generation),
        (r#"{"generation":2147483648}"#, no_generation),
        (r#"{"ttl":null}"#, NO_PROPERTIES),
        (r#"{"color":null}"#, NO_PROPERTIES),
        (r#"{"ttl":"5","ttl":"6"}"#, NO_PROPERTIES),
        (r#"{"color":"red","color":"red"}"#, NO_PROPERTIES),
        (r#"{"ttl":["5"]}"#, NO_PROPERTIES),
        (r#"{"ttl":{"a":"b"}}"#, NO_PROPERTIES),
        (r#"{"ttl":"5""#, NO_PROPERTIES),
        (r#"{"ttl":"5"} {}"#, NO_PROPERTIES),
        ("null", NO_PROPERTIES),
        ("5", NO_PROPERTIES),
        (r#""ttl""#, NO_PROPERTIES),
        ("[5]", NO_PROPERTIES),
        ("not json", NO_PROPERTIES),
    ] {
        assert_eq!(service.put(TOPIC, body).all(), error(400, text), "{body}");
        let update = service.put(&format!("{TOPIC}/properties"), body);
        assert_eq!(update.all(), error(400, text), "{body}, and the topic is missing");
    }
    assert_eq!(service.put(TOPIC, vec![0xff; 10]).all(), error(400, NO_PROPERTIES));
    let nested = "[".repeat(100_000);
    assert_eq!(service.put(TOPIC, nested).all(), error(400, NO_PROPERTIES));
    assert_eq!(service.get("/v1/namespaces/ns/topics").text(), (200, "[]".to_owned()), "nothing was made");
}

#[test]
fn a_bad_time_to_live_is_told_before_a_topic_that_exists() {
    let service = Service::with_topic();
    let zero = "The ttl property must be greater than zero for topic topic:ns.t";
    assert_eq!(service.put(TOPIC, r#"{"ttl":"0"}"#).all(), error(400, zero));
}

#[test]
fn an_update_replaces_all_properties() {
    let service = Service::new();
    assert_eq!(service.put(TOPIC, r#"{"ttl":"100"}"#).status, 200);
    assert_eq!(service.put(&format!("{TOPIC}/properties"), "{}").status, 200);
    assert_eq!(service.get(TOPIC).text(), (200, r#"{"generation":"1","ttl":"604800"}"#.to_owned()));
}

#[test]
fn what_else_is_said_of_a_topic_is_kept_and_given_back() {
    let service = Service::new();
    assert_eq!(service.put(TOPIC, r#"{"ttl":5,"color":"red","flag":true,"weight":1.5}"#).status, 200);
    let described = r#"{"color":"red","flag":"true","generation":"1","ttl":"5","weight":"1.5"}"#;
    assert_eq!(service.get(TOPIC).text(), (200, described.to_owned()));
    assert_eq!(service.put(&format!("{TOPIC}/properties"), r#"{"a":"b"}"#).status, 200);
    assert_eq!(service.get(TOPIC).text(), (200, r#"{"a":"b","generation":"1","ttl":"604800"}"#.to_owned()));
}
