#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;

fn partition(number: i32) -> Partition {
    Partition { topic: "readings-of-1".to_owned(), number }
}

#[test]
fn a_partition_is_found_by_the_id_of_its_split() {
    assert_eq!(Partition::of("readings-of-1-12"), Some(partition(12)));
    assert_eq!(partition(12).to_string(), "readings-of-1-12");
    assert_eq!(Partition::of("readings"), None);
}

#[test]
fn a_partition_leaves_when_its_reader_has_saved_and_closed() {
    let group = Group::default();
    group.assign(vec![partition(0), partition(1)]);
    let assignment = group.open_reader(&partition(0));
    assert!(group.begin(&partition(0), assignment, (5, 0), || Ok::<(), ()>(())).unwrap());
    std::thread::scope(|scope| {
        let revoked = scope.spawn(|| group.revoke(&[partition(0)], Duration::from_secs(60)));
        while group.holds(&partition(0), assignment) {
            std::thread::yield_now();
        }
        assert_eq!(group.partitions(), [partition(1)], "it is not named any more");
        assert_eq!(group.offsets(), BTreeMap::from([(partition(0), 5)]), "what was read of it is still to be saved");
        group.close_reader(&partition(0), assignment);
        assert_eq!(revoked.join().unwrap(), (vec![partition(0)], false));
    });
    assert!(group.offsets().is_empty());
}

#[test]
fn who_reads_for_too_long_is_waited_for_no_longer_and_comes_before_the_next() {
    let group = Group::default();
    group.assign(vec![partition(0)]);
    let before = group.open_reader(&partition(0));
    assert_eq!(group.revoke(&[partition(0)], Duration::ZERO), (vec![], true));
    group.assign(vec![partition(0)]);
    assert!(!group.holds(&partition(0), before));
    assert!(group.partitions().is_empty(), "its reader has to go first");
    group.read_up_to(&partition(0), before, 9, false);
    assert!(group.offsets().is_empty(), "what is read for an assignment that is over counts for no other");
    group.close_reader(&partition(0), before);
    assert_eq!(group.partitions(), [partition(0)]);
}

#[test]
fn what_a_transaction_wrote_out_is_not_taken_back() {
    let group = Group::default();
    group.assign(vec![partition(0)]);
    let assignment = group.open_reader(&partition(0));
    group.begin(&partition(0), assignment, (100, 200), || Ok::<(), ()>(())).unwrap();
    group.read_up_to(&partition(0), assignment, 150, false);
    assert_eq!(group.offsets()[&partition(0)], 200);
    group.read_up_to(&partition(0), assignment, 250, false);
    assert_eq!(group.offsets()[&partition(0)], 250);
    group.note_end("readings-of-1", 0, 260);
    assert_eq!(group.lag(), 10);
}
