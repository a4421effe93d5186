use super::*;
use crate::whereabouts::saved_bytes;

fn town() -> Whereabouts {
    let mut whereabouts = Whereabouts::new(10, usize::MAX);
    for (key, inside) in [("7", &[0][..]), ("8", &[0, 1]), ("9", &[1])] {
        whereabouts.replace(key.as_bytes(), inside, &mut Vec::new());
    }
    whereabouts
}

fn state() -> Vec<u8> {
    Saved::new("vehicle", vec!["old town", "harbours"], &town()).write().unwrap()
}

/// Where the keys are that were saved, with fences as they are now, and how many were forgotten.
fn restored(fences: &[Option<u32>], max_keys: usize) -> (Vec<(String, Vec<u32>)>, u64) {
    let state = state();
    let mut whereabouts = Whereabouts::new(max_keys, usize::MAX);
    let forgotten = Saved::read(&state, "vehicle").unwrap().restore(fences, &mut whereabouts).unwrap();
    let there = whereabouts.iter().map(|(key, inside)| (String::from_utf8_lossy(key).into_owned(), inside.to_vec()));
    (there.collect(), forgotten)
}

fn at(key: &str, inside: &[u32]) -> (String, Vec<u32>) {
    (key.to_owned(), inside.to_vec())
}

#[test]
fn what_was_saved_comes_back_in_its_order() {
    assert_eq!(restored(&[Some(0), Some(1)], 10), (vec![at("7", &[0]), at("8", &[0, 1]), at("9", &[1])], 0));
}

#[test]
fn fences_that_moved_in_the_file_are_found_and_those_that_are_gone_are_left() {
    assert_eq!(restored(&[Some(5), Some(2)], 10).0, [at("7", &[5]), at("8", &[2, 5]), at("9", &[2])]);
    assert_eq!(restored(&[None, Some(0)], 10).0, [at("8", &[0]), at("9", &[0])]);
}

#[test]
fn with_less_room_the_keys_seen_last_are_kept() {
    assert_eq!(restored(&[Some(0), Some(1)], 1), (vec![at("9", &[1])], 2));
}

#[test]
fn a_state_takes_no_more_than_is_counted_for_it() {
    let keys: usize = town().iter().map(|(key, inside)| saved_bytes(key, inside)).sum();
    assert!(state().len() <= named_bytes("vehicle", ["old town", "harbours"].into_iter()) + keys);
}

#[test]
fn the_format_stays_as_it_is() {
    let expected = b"\x01\x07vehicle\x02\x08old town\x08harbours\x03\x017\x01\x00\x018\x02\x00\x01\x019\x01\x01";
    assert_eq!(state(), expected);
}

#[test]
fn a_state_that_cannot_be_read_says_what_to_do() {
    let error = |state: &[u8], key: &str| Saved::read(state, key).unwrap_err().to_string();
    for cut in 0..state().len() {
        assert!(error(&state()[..cut], "vehicle").contains("is damaged ("), "cut at {cut}");
    }
    let longer = [state(), vec![0]].concat();
    assert!(error(&longer, "vehicle").contains("there are 1 bytes behind its end): start the run anew"));
    let mut later = state();
    later[0] = 2;
    assert!(
        error(&later, "vehicle").contains("is of version 2, where this Geofence reads version 1: use the Geofence")
    );
    assert!(error(&state(), "driver").contains("with `key` set to `vehicle`, and now it is `driver`: set it back"));
    let state = state();
    let saved = Saved::read(&state, "vehicle").unwrap();
    let few = saved.restore(&[Some(0)], &mut Whereabouts::new(1, 0)).unwrap_err();
    assert!(few.to_string().contains("there is no fence 1"), "{few}");
}
