use super::*;
use campanile_engine::outbox::{AsideAlert, HeldAlert, KeptAlerts, Selection};
use serde_json::json;

/// Bytes of one alert that was set aside, about.
const ALERT_BYTES: usize = 64 << 10;
/// More than is written anew in one step.
const LOG_BYTES: usize = 72 << 20;

fn aside(n: usize) -> Vec<u8> {
    let payload = json!([["text", "x".repeat(ALERT_BYTES)]]);
    let alert = json!({ "sequence": 0, "id": n.to_string(), "stageName": "limit", "payload": payload, "timeMs": n });
    let publisher = ["bell", "mail"][n % 2];
    let aside = json!({ "publisher": publisher, "reason": "no", "timeMs": n, "alert": alert });
    aside.to_string().into_bytes()
}

#[test]
fn a_log_of_many_steps_is_handed_back_each_alert_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::open(folder.path()).unwrap();
    let all: Vec<usize> = (0..LOG_BYTES / ALERT_BYTES).collect();
    // Published at once they are cut off at once, or not at all.
    for piece in all.chunks(7) {
        let publish = vec![(Topic::Aside, piece.iter().map(|n| aside(*n)).collect())];
        store.write(&Write { publish, ..Write::default() }).unwrap();
    }
    let bells = Selection { publisher: Some("bell".to_owned()), ..Selection::default() };
    let replayed = KeptAlerts::new(&store).unwrap().replay(&bells, None).unwrap();
    store.clean().unwrap();
    let left = |topic: Topic, id: fn(&[u8]) -> String| {
        let (mut after, mut ids) = (None, Vec::new());
        loop {
            let read = store.read(topic, after, 100).unwrap();
            let Some(last) = read.last() else { return ids };
            after = Some(last.id);
            ids.extend(read.iter().map(|stored| id(&stored.bytes).parse::<usize>().unwrap()));
        }
    };
    let alerts = left(Topic::Alerts, |bytes| HeldAlert::from_bytes(bytes).unwrap().id);
    let stay = left(Topic::Aside, |bytes| AsideAlert::from_bytes(bytes).unwrap().alert.id);
    let (even, odd): (Vec<usize>, Vec<usize>) = all.iter().partition(|n| *n % 2 == 0);
    assert_eq!((alerts, stay, replayed as usize), (even.clone(), odd, even.len()));
}

#[test]
fn stores_are_found_by_what_lies_in_them_and_none_is_made() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(folders_in(data.path()).unwrap(), []);
    let path = folder_in(data.path(), "clinic", "heart-rate", "2");
    drop(RunStore::open(&path).unwrap());
    // A folder that somebody made is no store.
    std::fs::create_dir_all(folder_in(data.path(), "clinic", "other", "1")).unwrap();
    std::fs::write(data.path().join("pipelines/notes.txt"), "mine").unwrap();
    let found = folders_in(data.path()).unwrap();
    let [folder] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((folder.to_string().as_str(), &folder.path), ("clinic/heart-rate/2", &path));
    let Ok(Opened::Store(held)) = RunStore::open_existing(folder) else { panic!("it is free") };
    let Ok(Opened::Held(owner)) = RunStore::open_existing(folder) else { panic!("it is held") };
    assert_eq!(owner.process, Some(std::process::id()));
    drop(held);
    std::fs::remove_dir_all(&path).unwrap();
    assert!(RunStore::open_existing(folder).is_err() && !path.exists());
}
