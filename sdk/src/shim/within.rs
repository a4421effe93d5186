//! Searching columns that the host lends.

/// Whether any of these numbers is from `low` to `high`, both included; or, with `inside` false, whether any is not. No
/// number is what is not a number. For loops over the values of a [`Batch`](crate::Batch) that look for few of them.
#[inline(always)]
pub fn any_within(values: &[f64; 16], low: f64, high: f64, inside: bool) -> bool {
    let (any, all) = any_and_all_within(values, low, high);
    if inside { any } else { !all }
}

/// By hand, two numbers at a time: in a library that is optimized for size, the compiler would compare one.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn any_and_all_within(values: &[f64; 16], low: f64, high: f64) -> (bool, bool) {
    use std::arch::x86_64::{
        _mm_and_pd, _mm_cmpge_pd, _mm_cmple_pd, _mm_movemask_pd, _mm_or_pd, _mm_set_pd, _mm_set1_pd, _mm_setzero_pd,
    };
    // SAFETY: SSE2 is part of x86-64.
    unsafe {
        let (low, high) = (_mm_set1_pd(low), _mm_set1_pd(high));
        let within = |pair| _mm_and_pd(_mm_cmpge_pd(pair, low), _mm_cmple_pd(pair, high));
        let (mut any, mut all) = (_mm_setzero_pd(), _mm_set1_pd(f64::from_bits(u64::MAX)));
        for &[a, b, c, d, e, f, g, h] in values.as_chunks::<8>().0 {
            let [ab, cd] = [within(_mm_set_pd(b, a)), within(_mm_set_pd(d, c))];
            let [ef, gh] = [within(_mm_set_pd(f, e)), within(_mm_set_pd(h, g))];
            any = _mm_or_pd(_mm_or_pd(any, _mm_or_pd(ab, cd)), _mm_or_pd(ef, gh));
            all = _mm_and_pd(_mm_and_pd(all, _mm_and_pd(ab, cd)), _mm_and_pd(ef, gh));
        }
        (_mm_movemask_pd(any) != 0, _mm_movemask_pd(all) == 0b11)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn any_and_all_within(values: &[f64; 16], low: f64, high: f64) -> (bool, bool) {
    values
        .iter()
        .map(|&value| (value >= low) & (value <= high))
        .fold((false, true), |(any, all), within| (any | within, all & within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_of_a_block_is_seen() {
        for place in 0..16 {
            for (value, inside) in
                [(5.0, true), (2.0, true), (9.0, true), (1.9, false), (9.1, false), (f64::NAN, false)]
            {
                let mut values = [if inside { 1.0 } else { 5.0 }; 16];
                assert!(!any_within(&values, 2.0, 9.0, inside));
                values[place] = value;
                assert!(any_within(&values, 2.0, 9.0, inside), "{value} at {place}");
            }
        }
    }
}
