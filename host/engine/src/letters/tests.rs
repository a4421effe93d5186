#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use crate::store::{InMemoryStore, Write};
use serde_json::json;

fn store(letters: &[Value]) -> InMemoryStore {
    let store = InMemoryStore::new();
    let messages = letters.iter().map(|letter| letter.to_string().into_bytes()).collect();
    store.write(&Write { publish: vec![(Topic::Errors, messages)], ..Write::default() }).unwrap();
    store
}

fn all(store: &InMemoryStore) -> Vec<Letter> {
    let mut all = Vec::new();
    KeptLetters::new(store)
        .each(&mut |letter| {
            all.push(letter);
            true
        })
        .unwrap();
    all
}

#[test]
fn a_letter_tells_what_it_holds() {
    let position = json!({ "file": "in.jsonl", "line": 2, "offset": 10 });
    let store = store(&[
        json!({ "runId": "r", "timeMs": 5, "stageName": "in", "errorCode": 3, "errorMessage": "no", "raw": "oops", "rawEncoding": "utf8", "position": position }),
        json!({ "stageName": "in", "raw": "//79", "rawEncoding": "base64", "position": { "offset": 4 } }),
        json!({ "stageName": "cast", "record": { "id": 1 } }),
    ]);
    let letters = all(&store);
    let first = &letters[0];
    assert_eq!((first.run(), first.time_ms(), first.stage(), first.code()), ("r", 5, "in", 3));
    assert_eq!(
        (first.message(), first.place().as_str(), first.raw().unwrap().as_slice()),
        ("no", "in.jsonl:2", &b"oops"[..])
    );
    assert_eq!((letters[1].raw(), letters[1].place().as_str()), (Some(vec![0xff, 0xfe, 0xfd]), "position 4"));
    assert_eq!((letters[2].raw(), letters[2].record()), (None, Some(&json!({ "id": 1 }))));
}

#[test]
fn letters_that_are_removed_leave_the_others_in_order() {
    let store = store(&(0..10).map(|n| json!({ "n": n })).collect::<Vec<_>>());
    let odd = all(&store).iter().filter(|letter| letter.json["n"].as_u64().unwrap() % 2 == 1).map(|l| l.id).collect();
    KeptLetters::new(&store).remove(&odd).unwrap();
    let left: Vec<Value> = all(&store).into_iter().map(|letter| letter.json["n"].clone()).collect();
    assert_eq!(left, [0, 2, 4, 6, 8].map(Value::from));
    let writes = store.writes();
    KeptLetters::new(&store).remove(&HashSet::new()).unwrap();
    assert_eq!(store.writes(), writes, "nothing is written for nothing");
}

#[test]
fn short_ids_are_those_of_messages() {
    let id = MessageId::new(1_764_000_000_000, 3);
    assert_eq!(short_id(id), format!("{:x}-3", 1_764_000_000_000_u64));
    for text in [short_id(id), id.to_string()] {
        assert_eq!(parse_id(&text), Some(id), "{text}");
    }
    for wrong in ["", "-", "x-1", "1-", "1-70000", "12"] {
        assert_eq!(parse_id(wrong), None, "{wrong}");
    }
    let mut stored = id;
    stored.0[19] = 1;
    assert_eq!(parse_id(&short_id(stored)), Some(stored), "one that a transaction stored");
}
