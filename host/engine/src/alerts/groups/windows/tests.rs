#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::*;
use serde_json::{Value, json};

fn groups(more: Value) -> Groups {
    let mut spec = json!({
        "groupBy": ["k"],
        "aggregates": [{"name": "n", "function": "count"}, {"name": "avg", "function": "avg", "field": "x"}],
        "window": "10s",
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    Groups::new(&serde_json::from_value(spec).unwrap())
}

fn add(groups: &mut Groups, position: u64, window: i64, key: &str, value: &str) {
    let origin = Origin { split: 0, position, ordinal: 0 };
    groups.add(&[("k", key), ("x", value)][..], origin, Some(window));
}

/// What is published, as `window key=value … #ordinal`, with `partial` where it is.
fn shown(alerts: impl IntoIterator<Item = GroupedAlert>) -> Vec<String> {
    let show = |alert: GroupedAlert| {
        let window = alert.window.map_or("-".to_owned(), |window| window.to_string());
        let pairs: Vec<String> = alert.payload.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        let partial = if alert.partial { " partial" } else { "" };
        format!("{window}{} #{}{partial}", pairs.concat(), alert.ordinal)
    };
    alerts.into_iter().map(show).collect()
}

fn closed(groups: &mut Groups, until: i64) -> Vec<String> {
    let Some(mut closed) = groups.close_until(until) else { return Vec::new() };
    let shown = shown(closed.drain());
    groups.add_counters(&closed);
    shown
}

#[test]
fn each_window_has_groups_of_its_own() {
    let mut groups = groups(json!({}));
    add(&mut groups, 0, 10_000, "a", "1");
    add(&mut groups, 1, 0, "b", "2");
    add(&mut groups, 2, 10_000, "b", "3");
    add(&mut groups, 3, 0, "a", "4");
    add(&mut groups, 4, 0, "b", "4");
    add(&mut groups, 5, -10_000, "a", "5");
    assert_eq!((groups.len(), groups.oldest_window()), (5, Some(-10_000)));
    assert!(!groups.has_early());
    assert_eq!(
        shown(groups.finish()),
        [
            "-10000 k=a n=1 avg=5 #0",
            "0 k=b n=2 avg=3 #0",
            "0 k=a n=1 avg=4 #0",
            "10000 k=a n=1 avg=1 #0",
            "10000 k=b n=1 avg=3 #0"
        ]
    );
    assert_eq!((groups.len(), groups.bytes(), groups.oldest_window()), (0, 0, None));
}

#[test]
fn closed_windows_leave_and_the_others_stay() {
    let mut groups = groups(json!({}));
    for (position, window) in [0, 10_000, 20_000].into_iter().enumerate() {
        add(&mut groups, position as u64, window, "a", "1");
    }
    assert!(groups.close_until(-1).is_none());
    assert_eq!(closed(&mut groups, 10_000), ["0 k=a n=1 avg=1 #0", "10000 k=a n=1 avg=1 #0"]);
    assert_eq!((groups.len(), groups.oldest_window(), groups.alerts()), (1, Some(20_000), 3));
    assert!(groups.close_until(10_000).is_none());
    add(&mut groups, 3, 20_000, "a", "3");
    assert_eq!(closed(&mut groups, i64::MAX), ["20000 k=a n=2 avg=2 #0"]);
    assert_eq!(groups.bytes(), 0);
}

#[test]
fn closing_leaves_alone_what_has_no_window() {
    let mut groups = groups(json!({}));
    groups.add(&[("k", "a")][..], Origin::default(), None);
    assert!(groups.close_until(i64::MAX).is_none());
    assert_eq!((groups.len(), groups.oldest_window()), (1, None));
    assert_eq!(shown(groups.finish()), ["- k=a n=1 #0"]);
}

#[test]
fn windows_of_several_chains_come_together() {
    let (mut one, mut two) = (groups(json!({})), groups(json!({})));
    add(&mut one, 5, 0, "a", "1");
    add(&mut one, 6, 10_000, "a", "1");
    add(&mut two, 3, 0, "b", "2");
    add(&mut two, 4, 0, "a", "3");
    let mut together = one.close_until(0).unwrap();
    assert_eq!(together.merge(two.close_until(0).unwrap()), []);
    assert_eq!(shown(together.finish()), ["0 k=b n=1 avg=2 #0", "0 k=a n=2 avg=2 #0"]);
    assert_eq!((one.len(), two.len()), (1, 0));
    assert_eq!((one.alerts(), two.alerts(), together.alerts()), (2, 2, 0), "alerts are counted where they came");
}

#[test]
fn groups_of_too_few_alerts_are_withheld() {
    let mut groups = groups(json!({"minCount": 2}));
    for (position, key) in ["a", "b", "a", "c"].into_iter().enumerate() {
        add(&mut groups, position as u64, 0, key, "1");
    }
    assert_eq!(closed(&mut groups, 0), ["0 k=a n=2 avg=1 #0"]);
    assert_eq!(groups.withheld(), 2);
}

#[test]
fn groups_that_meet_not_all_conditions_are_withheld() {
    let mut groups = groups(json!({"having": [{"aggregate": "avg", "above": 150}, {"aggregate": "n", "atMost": 2}]}));
    for (position, (key, value)) in [
        ("fast", "151"),
        ("slow", "150"),
        ("many", "200"),
        ("many", "200"),
        ("many", "200"),
        ("none", "word"),
        ("none", ""),
        ("fast", "152"),
    ]
    .into_iter()
    .enumerate()
    {
        add(&mut groups, position as u64, 0, key, value);
    }
    assert_eq!(closed(&mut groups, 0), ["0 k=fast n=2 avg=151.5 #0"]);
    assert_eq!(groups.withheld(), 3);
}

#[test]
fn the_first_alert_of_a_group_is_told_at_once_and_the_whole_at_the_end() {
    let mut groups = groups(json!({"emit": "first"}));
    add(&mut groups, 0, 0, "a", "1");
    add(&mut groups, 1, 0, "b", "5");
    add(&mut groups, 2, 0, "a", "2");
    add(&mut groups, 3, 10_000, "a", "9");
    assert!(groups.has_early());
    assert_eq!(shown(groups.take_early()), ["0 k=a n=1 avg=1 #0", "0 k=b n=1 avg=5 #0", "10000 k=a n=1 avg=9 #0"]);
    assert!(!groups.has_early());
    assert_eq!(closed(&mut groups, 10_000), ["0 k=a n=2 avg=1.5 #1"]);
    assert_eq!(groups.withheld(), 0, "what was told was not withheld");
}

#[test]
fn a_group_is_told_at_once_when_it_first_satisfies() {
    let mut groups = groups(json!({"emit": "first", "minCount": 2, "having": {"aggregate": "avg", "above": 10}}));
    for (position, value) in ["11", "1", "60", "70"].into_iter().enumerate() {
        add(&mut groups, position as u64, 0, "a", value);
    }
    add(&mut groups, 4, 0, "b", "100");
    assert_eq!(shown(groups.take_early()), ["0 k=a n=3 avg=24 #0"]);
    assert_eq!(closed(&mut groups, 0), ["0 k=a n=4 avg=35.5 #1"]);
    assert_eq!(groups.withheld(), 1);
}

#[test]
fn what_several_chains_told_is_told_again_together() {
    let spec = json!({"emit": "first"});
    let (mut one, mut two) = (groups(spec.clone()), groups(spec));
    add(&mut one, 0, 0, "a", "1");
    add(&mut one, 1, 0, "b", "1");
    add(&mut two, 2, 0, "a", "3");
    let mut together = one.close_until(0).unwrap();
    assert_eq!(together.merge(two.close_until(0).unwrap()), []);
    assert_eq!(shown(together.finish()), ["0 k=a n=2 avg=2 #1"]);
    assert_eq!(one.merge(two), []);
    assert_eq!(shown(one.take_early()), ["0 k=a n=1 avg=1 #0", "0 k=b n=1 avg=1 #0", "0 k=a n=1 avg=3 #0"]);
}

#[test]
fn past_a_bound_the_oldest_group_of_the_oldest_window_closes_early() {
    let mut groups = groups(json!({"maxGroups": 2}));
    add(&mut groups, 0, 10_000, "a", "1");
    add(&mut groups, 1, 0, "b", "2");
    add(&mut groups, 2, 10_000, "c", "3");
    add(&mut groups, 3, 0, "d", "4");
    assert_eq!(shown(groups.take_early()), ["0 k=b n=1 avg=2 #0 partial", "0 k=d n=1 avg=4 #0 partial"]);
    assert_eq!((groups.len(), groups.closed_early(), groups.oldest_window()), (2, 2, Some(10_000)));
    let bytes = groups.bytes();
    add(&mut groups, 4, 20_000, "e", "5");
    assert_eq!(shown(groups.take_early()), ["10000 k=a n=1 avg=1 #0 partial"]);
    assert!(groups.bytes() > bytes, "a second window takes room");
}

#[test]
fn what_closes_early_is_withheld_too() {
    let mut groups = groups(json!({"maxGroups": 1, "minCount": 2}));
    for (position, key) in ["a", "a", "b", "c"].into_iter().enumerate() {
        add(&mut groups, position as u64, 0, key, "1");
    }
    assert_eq!(shown(groups.take_early()), ["0 k=a n=2 avg=1 #0 partial"]);
    assert_eq!((groups.closed_early(), groups.withheld()), (2, 1));
}

#[test]
fn a_group_that_comes_again_after_it_closed_early_waits_for_its_window() {
    let mut groups = groups(json!({"emit": "first", "maxGroups": 1}));
    add(&mut groups, 0, 0, "a", "1");
    add(&mut groups, 1, 0, "b", "2");
    add(&mut groups, 2, 0, "a", "3");
    // Told a second time at once, `a` could not be told from the first.
    assert_eq!(
        shown(groups.take_early()),
        ["0 k=a n=1 avg=1 #0", "0 k=b n=1 avg=2 #0"],
        "and what was told in full does not leave again"
    );
    assert_eq!(closed(&mut groups, 0), ["0 k=a n=1 avg=3 #1"]);
    add(&mut groups, 3, 10_000, "a", "4");
    assert_eq!(shown(groups.take_early()), ["10000 k=a n=1 avg=4 #0"], "a later window is told at once again");
}

#[test]
fn a_window_that_is_back_has_room_of_its_own() {
    let mut groups = groups(json!({}));
    for round in 0..3 {
        for window in [0, 10_000, 20_000] {
            add(&mut groups, round, window, "a", "1");
        }
        assert_eq!(closed(&mut groups, 10_000).len(), 2);
        assert_eq!(groups.len(), 1);
    }
    assert_eq!(shown(groups.finish()), ["20000 k=a n=3 avg=1 #0"]);
}
