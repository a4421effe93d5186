use super::*;

/// Keys of sixteen bytes whose hashes are all the same.
fn colliding(hasher: Hasher, count: u64) -> Vec<Vec<u8>> {
    let keys: Vec<Vec<u8>> = (0..count).map(|number| hasher.key_with_state(number, 42)).collect();
    assert!(keys.iter().all(|key| hasher.hash(key) == hasher.hash(&keys[0])));
    keys
}

#[test]
fn groups_whose_hashes_collide_are_told_apart() {
    let origin = |position| Origin { position, ..Origin::default() };
    for closed in 0..4 {
        let mut table = Table::new(Hasher::new(), Vec::new().into());
        let keys = colliding(table.hasher, 4);
        let slots: Vec<usize> = keys.iter().map(|key| table.slot(key, origin(0))).collect();
        assert_eq!(slots, [0, 1, 2, 3]);
        table.order.rotate_left(closed);
        assert_eq!(table.close_oldest(|group| group.key.to_vec()), Some(keys[closed].clone()));
        for (slot, key) in keys.iter().enumerate().filter(|(slot, _)| *slot != closed) {
            assert_eq!(table.slot(key, origin(1)), slot);
        }
        assert_eq!(table.len(), 3);
        assert_eq!(table.slot(&keys[closed], origin(1)), closed, "the free slot is used again");
        while table.close_oldest(|_| ()).is_some() {}
        assert!(table.heads.is_empty() && table.bytes == 0);
    }
}
