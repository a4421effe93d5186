#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

fn long(field: i16, value: i64) -> Vec<u8> {
    [&[I64][..], &field.to_be_bytes(), &value.to_be_bytes()].concat()
}

fn longs(field: i16, values: &[i64]) -> Vec<u8> {
    let mut bytes = [&[LIST][..], &field.to_be_bytes(), &[I64], &(values.len() as i32).to_be_bytes()].concat();
    values.iter().for_each(|value| bytes.extend(value.to_be_bytes()));
    bytes
}

fn int(field: i16, value: i32) -> Vec<u8> {
    [&[I32][..], &field.to_be_bytes(), &value.to_be_bytes()].concat()
}

/// A transaction as Tephra writes it: all fields, in order.
fn whole() -> Vec<u8> {
    [
        long(1, 30),
        long(2, 29),
        longs(3, &[7, 8]),
        longs(4, &[20, i64::MAX]),
        long(5, 20),
        int(6, 1),
        long(7, 31),
        longs(8, &[31]),
        int(9, 1),
        vec![STOP],
    ]
    .concat()
}

#[test]
fn reads_what_tephra_writes() {
    let expected = Transaction {
        read_pointer: 29,
        write_pointer: 31,
        checkpoint_write_pointers: vec![31],
        in_progress: vec![20, i64::MAX],
        invalid: vec![7, 8],
    };
    assert_eq!(transaction(&whole()), Ok(expected.clone()));
    assert_eq!(transaction(&[whole(), vec![1, 2, 3]].concat()), Ok(expected), "what follows is ignored");
}

#[test]
fn fields_that_mean_nothing_here_are_skipped() {
    let strange = [
        vec![BOOL, 0, 20, 1],
        vec![BYTE, 0, 21, 1],
        vec![I16, 0, 22, 0, 1],
        [&[DOUBLE, 0, 23][..], &[0; 8]].concat(),
        vec![STRING, 0, 24, 0, 0, 0, 2, b'h', b'i'],
        vec![STRUCT, 0, 25, BYTE, 0, 1, 9, STOP],
        vec![LIST, 0, 26, BYTE, 0, 0, 0, 2, 1, 2],
        vec![SET, 0, 27, STRING, 0, 0, 0, 1, 0, 0, 0, 0],
        vec![MAP, 0, 28, BYTE, I16, 0, 0, 0, 1, 5, 0, 6],
        // Known by number, of another type than it should have.
        int(7, 5),
        whole(),
    ]
    .concat();
    assert_eq!(transaction(&strange), transaction(&whole()));
}

#[test]
fn a_part_of_a_transaction_is_none() {
    let whole = whole();
    for length in 0..whole.len() {
        let found = transaction(&whole[..length]);
        assert!(matches!(found, Err(Garbage::Short | Garbage::List(_))), "{length} bytes: {found:?}");
    }
}

#[test]
fn garbage_is_told_apart_without_room_for_what_it_claims() {
    let list = |kind: u8, count: i32| [&[LIST, 0, 3, kind][..], &count.to_be_bytes(), &[0; 8]].concat();
    let nested = [STRUCT, 0, 1].repeat(1000);
    for (bytes, why) in [
        (vec![STOP], Garbage::NoReadPointer),
        (list(I64, i32::MAX), Garbage::List(i32::MAX)),
        (list(I64, 2), Garbage::List(2)),
        (list(I64, -1), Garbage::List(-1)),
        (list(BYTE, 1), Garbage::Type(BYTE)),
        (vec![99, 0, 1], Garbage::Type(99)),
        (vec![STRING, 0, 1, 0x7f, 0xff, 0xff, 0xff], Garbage::List(i32::MAX)),
        (nested, Garbage::Deep),
    ] {
        assert_eq!(transaction(&bytes), Err(why), "{bytes:?}");
    }
}

proptest::proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = transaction(&bytes);
    }
}
