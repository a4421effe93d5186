use super::*;

fn replace(whereabouts: &mut Whereabouts, key: &str, now: &[u32]) -> (Vec<u32>, bool) {
    let mut before = vec![99];
    let evicted = whereabouts.replace(key.as_bytes(), now, &mut before);
    (before, evicted)
}

#[test]
fn what_was_before_comes_back() {
    let mut whereabouts = Whereabouts::new(10);
    assert_eq!(replace(&mut whereabouts, "a", &[1, 2]), (vec![], false));
    assert_eq!(replace(&mut whereabouts, "a", &[2]), (vec![1, 2], false));
    assert_eq!(replace(&mut whereabouts, "a", &[]), (vec![2], false));
    assert_eq!(replace(&mut whereabouts, "a", &[]), (vec![], false));
}

#[test]
fn keys_outside_of_all_fences_take_no_room() {
    let mut whereabouts = Whereabouts::new(2);
    for key in ["a", "b", "c", "d"] {
        assert_eq!(replace(&mut whereabouts, key, &[]), (vec![], false));
    }
    assert_eq!(whereabouts.len(), 0);
    for key in ["a", "b", "c", "d"] {
        replace(&mut whereabouts, key, &[1]);
        replace(&mut whereabouts, key, &[]);
    }
    assert_eq!((whereabouts.len(), whereabouts.slots.len()), (0, 1), "a slot is used again");
}

#[test]
fn the_key_seen_least_recently_makes_room() {
    let mut whereabouts = Whereabouts::new(3);
    for key in ["a", "b", "c"] {
        assert!(!replace(&mut whereabouts, key, &[7]).1);
    }
    replace(&mut whereabouts, "a", &[7]);
    assert_eq!(replace(&mut whereabouts, "d", &[7]), (vec![], true), "b goes");
    assert_eq!(replace(&mut whereabouts, "a", &[7]).0, [7]);
    assert_eq!(replace(&mut whereabouts, "c", &[]).0, [7], "c leaves from the middle");
    assert_eq!(replace(&mut whereabouts, "b", &[7]), (vec![], false), "there was room again");
    assert_eq!(replace(&mut whereabouts, "e", &[7]), (vec![], true), "d goes");
    assert_eq!(replace(&mut whereabouts, "d", &[]).0, Vec::<u32>::new());
    assert_eq!(replace(&mut whereabouts, "a", &[]).0, [7]);
    assert_eq!(whereabouts.len(), 2);
}

#[test]
fn one_key_is_the_least_that_is_kept() {
    let mut whereabouts = Whereabouts::new(1);
    assert!(!replace(&mut whereabouts, "a", &[1]).1);
    assert!(replace(&mut whereabouts, "b", &[1]).1);
    assert_eq!(replace(&mut whereabouts, "b", &[]).0, [1]);
    assert!(!replace(&mut whereabouts, "a", &[1]).1);
}
