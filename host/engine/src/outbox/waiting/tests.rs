#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use crate::store::InMemoryStore;
use campanile_sdk::proxy::AlertOut;

fn held(sequence: u64, id: &str, stage: &str) -> HeldAlert {
    let payload = vec![("user".to_owned(), id.to_owned())];
    let (stage, id) = (stage.to_owned(), id.to_owned());
    let (group_by, more) = Default::default();
    HeldAlert::new(sequence, AlertOut { id, stage, payload, time_ms: 7, group_by, more })
}

fn publish(store: &InMemoryStore, topic: Topic, messages: Vec<Vec<u8>>) {
    store.write(&Write { publish: vec![(topic, messages)], ..Write::default() }).unwrap();
}

/// Alerts 0 to 4 of `limit`; `bell` has done with two, `mail` with none; 0 and 1 are set aside for `bell`, 0 for `mail`.
fn store() -> InMemoryStore {
    let store = InMemoryStore::new();
    let alerts: Vec<HeldAlert> = (0..5).map(|n| held(n, &format!("a{n}"), "limit")).collect();
    publish(&store, Topic::Alerts, alerts.iter().map(HeldAlert::to_bytes).collect());
    let second = store.read(Topic::Alerts, None, 2).unwrap()[1].id;
    for (publisher, after) in [("bell", Some(second.to_string())), ("mail", None)] {
        let stages = vec!["limit".to_owned()];
        let cursor = Cursor { publisher: publisher.to_owned(), stages, after, ..Cursor::default() };
        let set = vec![(Cursor::name(publisher), cursor.to_bytes()), (NEXT.to_owned(), b"5".to_vec())];
        store.write(&Write { set, ..Write::default() }).unwrap();
    }
    for (publisher, n) in [("bell", 0), ("mail", 0), ("bell", 1)] {
        let (publisher, reason) = (publisher.to_owned(), "no".to_owned());
        let aside = AsideAlert { publisher, reason, time_ms: 9, alert: alerts[n].clone() };
        publish(&store, Topic::Aside, vec![aside.to_bytes()]);
    }
    store
}

fn waiting(store: &InMemoryStore) -> Vec<String> {
    let mut all = Vec::new();
    let kept = KeptAlerts::new(store).unwrap();
    kept.waiting(&mut |kept| {
        all.push(format!("{} {}", kept.publisher, kept.alert.id));
        true
    })
    .unwrap();
    all
}

fn aside(store: &InMemoryStore) -> Vec<String> {
    let mut all = Vec::new();
    let kept = KeptAlerts::new(store).unwrap();
    kept.aside(&mut |kept| {
        assert_eq!((kept.since_ms, kept.reason.as_deref()), (9, Some("no")));
        all.push(format!("{} {}", kept.publisher, kept.alert.id));
        true
    })
    .unwrap();
    all
}

fn ids(ids: &[&str]) -> Selection {
    Selection { ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()), ..Selection::default() }
}

#[test]
fn what_waits_is_told_for_each_publisher() {
    let store = store();
    assert_eq!(
        waiting(&store),
        ["mail a0", "mail a1", "bell a2", "mail a2", "bell a3", "mail a3", "bell a4", "mail a4"]
    );
    assert_eq!(aside(&store), ["bell a0", "mail a0", "bell a1"]);
    let mut seen = 0;
    let kept = KeptAlerts::new(&store).unwrap();
    kept.waiting(&mut |_| {
        seen += 1;
        seen < 3
    })
    .unwrap();
    assert_eq!(seen, 3, "whoever has had enough is not told more");
}

#[test]
fn an_alert_goes_back_for_the_publisher_that_rejected_it_alone_with_its_id_and_a_new_number() {
    let store = store();
    let selection = Selection { publisher: Some("bell".to_owned()), ..ids(&["a0"]) };
    let writes = store.writes();
    assert_eq!(KeptAlerts::new(&store).unwrap().replay(&selection, None), Ok(1));
    assert_eq!(store.writes(), writes + 1, "one atomic step");
    assert_eq!(aside(&store), ["mail a0", "bell a1"]);
    assert_eq!(waiting(&store).last().unwrap(), "bell a0");
    assert_eq!(waiting(&store).len(), 9, "it waits for one of them");
    let last = store.read(Topic::Alerts, None, 10).unwrap().pop().unwrap();
    let alert = HeldAlert::from_bytes(&last.bytes).unwrap();
    assert_eq!((alert.sequence, alert.only.as_deref(), alert.single), (5, Some("bell"), false));
    assert_eq!(store.value(NEXT), Ok(Some(b"6".to_vec())));
}

#[test]
fn alerts_go_back_for_another_publisher_where_one_is_named() {
    let store = store();
    assert_eq!(KeptAlerts::new(&store).unwrap().replay(&Selection::default(), Some("mail")), Ok(3));
    assert!(aside(&store).is_empty());
    assert_eq!(waiting(&store)[8..], ["mail a0", "mail a0", "mail a1"]);
}

#[test]
fn nothing_has_changed_where_the_write_fails() {
    let store = store();
    store.fail_after(0);
    let before = (waiting(&store), aside(&store));
    assert!(KeptAlerts::new(&store).unwrap().replay(&Selection::default(), None).is_err());
    assert!(KeptAlerts::new(&store).unwrap().drop_aside(&Selection::default()).is_err());
    assert!(KeptAlerts::new(&store).unwrap().drop_waiting(None).is_err());
    assert_eq!((waiting(&store), aside(&store)), before);
}

#[test]
fn alerts_that_were_set_aside_are_dropped_for_one_publisher_or_stage() {
    let store = store();
    let stage = Selection { stage: Some("other".to_owned()), ..Selection::default() };
    assert_eq!(KeptAlerts::new(&store).unwrap().drop_aside(&stage), Ok(0));
    let bells = Selection { publisher: Some("bell".to_owned()), ..Selection::default() };
    assert_eq!(KeptAlerts::new(&store).unwrap().drop_aside(&bells), Ok(2));
    assert_eq!(aside(&store), ["mail a0"]);
    assert_eq!(waiting(&store).len(), 8);
}

#[test]
fn what_waits_is_dropped_by_moving_the_publisher_on() {
    let store = store();
    assert_eq!(KeptAlerts::new(&store).unwrap().drop_waiting(Some("mail")), Ok(5));
    assert_eq!(waiting(&store), ["bell a2", "bell a3", "bell a4"]);
    assert_eq!(KeptAlerts::new(&store).unwrap().drop_waiting(None), Ok(3));
    assert!(waiting(&store).is_empty());
    assert_eq!(KeptAlerts::new(&store).unwrap().drop_waiting(None), Ok(0));
}

#[test]
fn an_outbox_that_was_never_counted_is_counted() {
    let store = InMemoryStore::new();
    publish(&store, Topic::Alerts, vec![held(41, "a", "limit").to_bytes()]);
    assert_eq!(KeptAlerts::new(&store).unwrap().next(), Ok(42));
}

#[test]
fn a_message_that_makes_no_sense_is_told_of_and_nothing_changes() {
    let store = store();
    publish(&store, Topic::Aside, vec![b"{}".to_vec()]);
    let error = KeptAlerts::new(&store).unwrap().replay(&Selection::default(), None).unwrap_err();
    assert!(error.to_string().contains("an alert that was set aside cannot be read"), "{error}");
    assert_eq!(waiting(&store).len(), 8);
}
