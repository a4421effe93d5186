use super::*;

#[test]
fn carries_come_in_time() {
    for integer in [i128::MAX, -i128::MAX] {
        for exponent in [-1074, -1050, 3, 860] {
            let mut unit = Wide::default();
            unit.add(integer, exponent);
            let mut wide = Wide::default();
            for _ in 0..16 {
                wide.add(integer, exponent);
                // As if it were added again, as often as can be without a carry.
                for (chunk, unit) in wide.chunks.iter_mut().zip(unit.chunks) {
                    *chunk = chunk.checked_add(unit * i64::from(ADDITIONS - 1)).unwrap();
                }
                wide.additions += ADDITIONS - 1;
            }
            let expected = 2f64.powi(127 + i32::from(exponent)) * 16.0 * f64::from(ADDITIONS);
            assert_eq!(wide.exact().round().map(f64::abs), Some(expected));
            assert_eq!(wide.exact().negative, integer < 0);
        }
    }
}

#[test]
fn the_largest_sums_have_room() {
    let mut wide = Wide::default();
    wide.add(i128::MAX, 1023);
    wide.add(i128::MAX, 1023);
    assert_eq!(wide.exact().round(), None);
    wide.add(-i128::MAX, 1023);
    wide.add(-i128::MAX, 1023);
    wide.add(-1, -1074);
    assert_eq!(wide.exact().round(), Some(-f64::from_bits(1)));
}
