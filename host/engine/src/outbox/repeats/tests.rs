#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use campanile_sdk::proxy::AlertOut;

fn alert(id: &str, from: Option<Cause>) -> HeldAlert {
    let alert = AlertOut {
        id: id.to_owned(),
        stage: "ring".to_owned(),
        payload: Vec::new(),
        time_ms: 0,
        group_by: String::new(),
        more: String::new(),
    };
    HeldAlert { from, single: from.is_some(), ..HeldAlert::new(0, alert) }
}

fn repeats(alerts: &[(&str, Option<Cause>)]) -> Repeats {
    let mut repeats = Repeats::default();
    alerts.iter().for_each(|(id, from)| repeats.note(&alert(id, *from)));
    repeats
}

#[test]
fn an_alert_repeats_once() {
    let mut repeats = repeats(&[("a", Some(Cause::Record(0, 7)))]);
    assert!(repeats.take("a"));
    assert!(!repeats.take("a"));
}

#[test]
fn an_alert_of_a_group_does_not_repeat() {
    assert!(!repeats(&[("a", None)]).take("a"));
}

#[test]
fn what_is_behind_a_save_point_is_forgotten_and_the_rest_is_kept_with_it() {
    let all = [
        ("a", Cause::Record(0, 7)),
        ("b", Cause::Record(0, 8)),
        ("c", Cause::Number((0, 0), 1)),
        ("d", Cause::Number((0, 0), 2)),
    ];
    let mut repeats = repeats(&all.map(|(id, from)| (id, Some(from))));
    repeats.saved(|stage, from| {
        assert_eq!(stage, "ring");
        matches!(from, Cause::Record(0, ..=7) | Cause::Number((0, 0), ..=1))
    });
    let mut repeats = Repeats::from_bytes(&repeats.to_bytes()).unwrap();
    assert_eq!(["a", "b", "c", "d"].map(|id| repeats.take(id)), [false, true, false, true]);
}
