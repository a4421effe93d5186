use super::*;

fn replace(whereabouts: &mut Whereabouts, key: &str, now: &[u32]) -> (Vec<u32>, u64) {
    let mut before = vec![99];
    let evicted = whereabouts.replace(key.as_bytes(), now, &mut before);
    (before, evicted)
}

#[test]
fn what_was_before_comes_back() {
    let mut whereabouts = Whereabouts::new(10, usize::MAX);
    assert_eq!(replace(&mut whereabouts, "a", &[1, 2]), (vec![], 0));
    assert_eq!(replace(&mut whereabouts, "a", &[2]), (vec![1, 2], 0));
    assert_eq!(replace(&mut whereabouts, "a", &[]), (vec![2], 0));
    assert_eq!(replace(&mut whereabouts, "a", &[]), (vec![], 0));
}

#[test]
fn keys_outside_of_all_fences_take_no_room() {
    let mut whereabouts = Whereabouts::new(2, usize::MAX);
    for key in ["a", "b", "c", "d"] {
        assert_eq!(replace(&mut whereabouts, key, &[]), (vec![], 0));
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
    let mut whereabouts = Whereabouts::new(3, usize::MAX);
    for key in ["a", "b", "c"] {
        assert_eq!(replace(&mut whereabouts, key, &[7]).1, 0);
    }
    replace(&mut whereabouts, "a", &[7]);
    assert_eq!(replace(&mut whereabouts, "d", &[7]), (vec![], 1), "b goes");
    assert_eq!(replace(&mut whereabouts, "a", &[7]).0, [7]);
    assert_eq!(replace(&mut whereabouts, "c", &[]).0, [7], "c leaves from the middle");
    assert_eq!(replace(&mut whereabouts, "b", &[7]), (vec![], 0), "there was room again");
    assert_eq!(replace(&mut whereabouts, "e", &[7]), (vec![], 1), "d goes");
    assert_eq!(replace(&mut whereabouts, "d", &[]).0, Vec::<u32>::new());
    assert_eq!(replace(&mut whereabouts, "a", &[]).0, [7]);
    assert_eq!(whereabouts.len(), 2);
}

#[test]
fn one_key_is_the_least_that_is_kept() {
    let mut whereabouts = Whereabouts::new(1, usize::MAX);
    assert_eq!(replace(&mut whereabouts, "a", &[1]).1, 0);
    assert_eq!(replace(&mut whereabouts, "b", &[1]).1, 1);
    assert_eq!(replace(&mut whereabouts, "b", &[]).0, [1]);
    assert_eq!(replace(&mut whereabouts, "a", &[1]).1, 0);
}

#[test]
fn what_a_save_point_could_not_hold_is_forgotten() {
    let long = "k".repeat(100);
    let two = 2 * saved_bytes(long.as_bytes(), &[1]);
    let mut whereabouts = Whereabouts::new(100, two);
    let key = |number: usize| format!("{number}{}", &long[1..]);
    assert_eq!((0..2).map(|number| replace(&mut whereabouts, &key(number), &[1]).1).sum::<u64>(), 0);
    assert_eq!(replace(&mut whereabouts, &key(1), &[1, 2]).1, 1, "more fences take more room: 0 goes");
    assert_eq!(replace(&mut whereabouts, &key(1), &[1]).1, 0);
    assert_eq!(replace(&mut whereabouts, &key(2), &[1]).1, 0, "the room of 0 is free");
    assert_eq!(replace(&mut whereabouts, &key(2), &[]).1, 0);
    assert_eq!(replace(&mut whereabouts, &"k".repeat(1_000), &[1]), (vec![], 1), "the newest key stays");
    assert_eq!(whereabouts.len(), 1);
}

#[test]
fn keys_are_listed_from_the_one_seen_least_recently_on() {
    let mut whereabouts = Whereabouts::new(3, usize::MAX);
    assert_eq!(whereabouts.iter().count(), 0);
    for (key, fence) in [("a", 1), ("b", 2), ("c", 3), ("a", 4)] {
        replace(&mut whereabouts, key, &[fence]);
    }
    let there: Vec<_> = whereabouts.iter().collect();
    assert_eq!(there, [(&b"b"[..], &[2][..]), (b"c", &[3]), (b"a", &[4])]);
}
