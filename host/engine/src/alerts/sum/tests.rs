use super::*;
use proptest::prelude::*;

fn sum(values: &[f64]) -> Sum {
    let mut sum = Sum::new();
    values.iter().for_each(|&value| sum.add(value));
    sum
}

/// Shewchuk's expansion, rounded as Python's fsum does: exact unless something overflows on the way.
fn reference(values: &[f64]) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for &value in values {
        let mut x = value;
        let mut kept = 0;
        for i in 0..partials.len() {
            let mut y = partials[i];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        partials.truncate(kept);
        partials.push(x);
    }
    let Some(mut high) = partials.pop() else { return 0.0 };
    let mut low = 0.0;
    while let Some(y) = partials.pop() {
        let x = high;
        high = x + y;
        low = y - (high - x);
        if low != 0.0 {
            break;
        }
    }
    if let Some(&next) = partials.last()
        && (low < 0.0) == (next < 0.0)
        && low != 0.0
    {
        let twice = low * 2.0;
        let x = high + twice;
        if twice == x - high {
            high = x;
        }
    }
    high
}

/// Finite doubles whose exponents lie within `exponents`.
fn double(exponents: std::ops::Range<u64>) -> impl Strategy<Value = f64> {
    (any::<bool>(), exponents, any::<u64>(), 0u32..53).prop_map(|(negative, exponent, fraction, short)| {
        let fraction = (fraction & ((1 << 52) - 1)) >> short << short;
        f64::from_bits((negative as u64) << 63 | exponent << 52 | fraction)
    })
}

fn doubles() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        prop::collection::vec(double(0..2030), 0..60),
        prop::collection::vec(double(0..70), 0..60),
        prop::collection::vec(double(1000..1060), 0..60),
        prop::collection::vec(double(900..1150), 0..60),
        prop::collection::vec((-1000i32..1000).prop_map(|n| f64::from(n) / 10.0), 0..60),
    ]
}

#[test]
fn a_sum_is_rounded_once() {
    assert_eq!(Sum::new().result(), Some(0.0));
    assert_eq!(sum(&[0.1; 10]).result(), Some(1.0));
    assert_eq!(sum(&[1e16, 1.0, -1e16]).result(), Some(1.0));
    assert_eq!(sum(&[1e300, 1.0, -1e300, 1e-300]).result(), Some(1.0));
    assert_eq!(sum(&[-1e300, -1.0, 1e300]).result(), Some(-1.0));
    assert_eq!(sum(&[1.0, f64::EPSILON / 2.0]).result(), Some(1.0), "a tie goes to even");
    assert_eq!(sum(&[1.0, f64::EPSILON / 2.0, 1e-300]).result(), Some(1.0 + f64::EPSILON), "no tie");
    assert_eq!(sum(&[-1.0, -f64::EPSILON / 2.0, -1e-300]).result(), Some(-1.0 - f64::EPSILON));
    assert_eq!(sum(&[f64::from_bits(1), f64::from_bits(2)]).result(), Some(f64::from_bits(3)));
    assert_eq!(sum(&[f64::NAN, f64::INFINITY, 2.0]).result(), Some(2.0), "no number of an alert");
}

#[test]
fn an_overflow_on_the_way_does_not_matter() {
    assert_eq!(sum(&[f64::MAX, f64::MAX]).result(), None);
    assert_eq!(sum(&[-f64::MAX, -f64::MAX]).result(), None);
    assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).result(), Some(f64::MAX));
    assert_eq!(sum(&[f64::MAX, f64::MAX, 1.0, -f64::MAX, -f64::MAX]).result(), Some(1.0));
    let half_step = 2f64.powi(970);
    assert_eq!(sum(&[f64::MAX, half_step]).result(), None, "a tie goes to even, which is too large");
    assert_eq!(sum(&[f64::MAX, half_step, -1.0]).result(), Some(f64::MAX));
}

#[test]
fn a_mean_is_correctly_rounded() {
    assert_eq!(sum(&[180.0, 184.0]).mean(2), Some(182.0));
    assert_eq!(sum(&[f64::MAX; 7]).mean(7), Some(f64::MAX));
    assert_eq!(sum(&[f64::from_bits(1); 3]).mean(3), Some(f64::from_bits(1)));
    assert_eq!(sum(&[f64::from_bits(1), 0.0]).mean(2), Some(0.0), "a tie goes to even");
    assert_eq!(sum(&[f64::from_bits(1)]).mean(u64::MAX), Some(0.0));
    assert_eq!(sum(&[1.0, -1.0]).mean(2), Some(0.0));
    assert_eq!(Sum::new().mean(0), None);
}

#[test]
fn usual_sums_stay_small() {
    assert_eq!(size_of::<Sum>(), 24);
    let mut times = Sum::new();
    (0..10_000).for_each(|i| times.add(1_763_731_200_000.0 + f64::from(i) / 1000.0));
    assert_eq!(times.heap_bytes(), 0);
    times.add(1e-200);
    assert!(times.heap_bytes() > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sums_are_correctly_rounded(values in doubles()) {
        prop_assert_eq!(sum(&values).result(), Some(reference(&values)));
    }

    #[test]
    fn narrow_and_wide_agree(values in doubles(), count in 1u64..1_000_000) {
        let mut wide = Sum(State::Wide(Box::default()));
        values.iter().for_each(|&value| wide.add(value));
        let narrow = sum(&values);
        prop_assert_eq!(wide.result().map(f64::to_bits), narrow.result().map(f64::to_bits));
        prop_assert_eq!(wide.mean(count), narrow.mean(count));
    }

    #[test]
    fn order_and_partition_change_nothing(
        (values, shuffled) in doubles().prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
        parts in prop::collection::vec(0usize..5, 60),
    ) {
        let whole = sum(&values);
        let mut sums = vec![Sum::new(); 5];
        for (value, part) in shuffled.iter().zip(parts) {
            sums[part].add(*value);
        }
        let mut merged = Sum::new();
        sums.iter().for_each(|part| merged.merge(part));
        prop_assert_eq!(whole.result().map(f64::to_bits), merged.result().map(f64::to_bits));
        let count = values.len() as u64;
        prop_assert_eq!(whole.mean(count).map(f64::to_bits), merged.mean(count).map(f64::to_bits));
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value(value in double(0..2047), count in 1usize..50) {
        prop_assert_eq!(sum(&vec![value; count]).mean(count as u64), Some(value));
    }

    #[test]
    fn the_mean_lies_between_its_values(values in doubles()) {
        prop_assume!(!values.is_empty());
        let mean = sum(&values).mean(values.len() as u64).unwrap();
        prop_assert!(values.iter().any(|&value| value <= mean) && values.iter().any(|&value| value >= mean));
    }
}
